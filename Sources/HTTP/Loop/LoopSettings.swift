/// The limits of an event loop. Durations are nanoseconds, sizes bytes.
package struct LoopSettings: Sendable {
  /// Open connections of a listener that does not name another number. For one more the longest idle one is closed; where
  /// none is idle the new one is closed at once, and counted as refused.
  package var maxConnections = 8192
  /// Open connections beyond these, for listeners with a number of their own.
  package var extraConnections = 0
  /// A request's head, from its first byte to the empty line, at most 1 MiB. Beyond it: 431, or 414 while in the target.
  package var headLimit = 16 << 10
  /// A request's target. Beyond it: 414.
  package var targetLimit = 8 << 10
  /// Field lines of a request, at most 128. Beyond it: 431.
  package var fieldLimit = 100
  /// Requests of one connection that wait for their answers, 1…64. Beyond it the connection is not read.
  package var pipelineDepth = 64
  /// Unsent bytes of one connection, with the memory of answers whose turn has not come. Beyond it the connection is not read; a single answer may be larger.
  package var outputLimit = 1 << 20
  /// Unsent bytes of one answer that comes in pieces. Beyond it no piece is taken.
  package var streamLimit = 64 << 10
  /// From a head's first byte to its last. Beyond it: 408.
  package var headerTimeout: Int64 = 10_000_000_000
  /// For a body: what its sender has at first, and at most at any time; each byte earns some at `minBodyRate`. So it is the
  /// longest silence. Beyond it: 408.
  package var bodyTimeout: Int64 = 10_000_000_000
  /// Bytes a second that a body's sender must reach on average.
  package var minBodyRate = 1024
  /// Between requests, and before the first. Beyond it the connection is closed.
  package var idleTimeout: Int64 = 75_000_000_000
  /// For a client to take some of the bytes that wait for it. Beyond it the connection is cut.
  package var sendTimeout: Int64 = 30_000_000_000
  /// After a last answer, for the client to read it and close.
  package var lingerTimeout: Int64 = 2_000_000_000

  /// The defaults.
  package init() {}

  /// Traps on a setting out of its range: what users give is checked where they give it.
  func check() {
    precondition(maxConnections >= 1 && maxConnections <= 1 << 24 && 0...65_536 ~= extraConnections)
    precondition(headLimit >= 64 && headLimit <= 1 << 20 && targetLimit >= 1 && targetLimit <= headLimit)
    precondition(fieldLimit >= 1 && fieldLimit <= InputBuffer.fieldCapacity)
    precondition(pipelineDepth >= 1 && pipelineDepth <= 64 && outputLimit >= 1 && minBodyRate >= 1)
    precondition(streamLimit >= 1)
    for timeout in timeouts { precondition(timeout > 0 && timeout <= 86_400_000_000_000) }
  }

  var headLimits: HeadLimits { HeadLimits(head: headLimit, target: targetLimit, fields: fieldLimit) }

  /// Nanoseconds between two looks at the deadlines: a second, less where a timeout is short.
  var checkInterval: Int64 { max(5_000_000, min(1_000_000_000, timeouts.min()! / 4)) }

  private var timeouts: [Int64] { [headerTimeout, bodyTimeout, idleTimeout, sendTimeout, lingerTimeout] }
}

/// How a listener is opened.
package struct ListenerOptions: Sendable {
  /// Several loops (and processes of the same user) share the port; the kernel spreads connections over them. Off, a
  /// port that is taken is an error.
  package var sharesPort = false
  /// Seconds for which the kernel keeps a new connection back until its first bytes are there; 0: not at all.
  package var deferAccept = 0
  /// Open connections; nil for those of the loop's settings. All listeners of a loop must find room in its `maxConnections`
  /// and `extraConnections` together.
  package var connections: Int?
  /// Connections that the kernel queues.
  package var backlog = 1024

  /// The defaults.
  package init() {}
}
