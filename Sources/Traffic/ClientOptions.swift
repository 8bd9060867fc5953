import Platform
import Synchronization

/// How a client drives its connections.
package struct ClientOptions: Sendable {
  /// Connections, 1...20,000.
  package var connections = 64
  /// Requests in flight on one connection, 1...1,024.
  package var depth = 1
  /// Requests a second over all connections, whether or not the earlier ones are answered; nil sends the next request
  /// when the last one of its connection is answered.
  package var rate: Double?
  /// Whether a connection is used again after an answer.
  package var keepAlive = true
  /// Nothing new is sent after this many nanoseconds; nil leaves the end to the source.
  package var duration: Int64?
  /// A request that is older than this (ns) is given up and its connection closed.
  package var answerTimeout: Int64 = 10_000_000_000
  /// Time before a lost connection is made again (ns): doubled by each failure from the first to the last.
  package var backoff: ClosedRange<Int64> = 5_000_000...500_000_000
  /// Without any connection for this long (ns), the run ends as unreachable.
  package var giveUpAfter: Int64 = 10_000_000_000
  /// Further header lines of each request, each without its line end.
  package var headers = ["User-Agent: tally-load", "Accept: */*"]

  package init() {}
}

/// The handle by which other threads steer a running client.
package final class ClientControl: Sendable {
  private let stopping = Atomic<Bool>(false)
  private let target: Mutex<ServerAddress>

  package init(_ address: ServerAddress) { target = Mutex(address) }

  /// Nothing new is sent from now on; what is in flight is awaited.
  package func stop() { stopping.store(true, ordering: .relaxed) }
  package var isStopped: Bool { stopping.load(ordering: .relaxed) }

  /// Where connections go that are made from now on: a server that came back may listen elsewhere.
  package var address: ServerAddress {
    get { target.withLock { $0 } }
    set { target.withLock { $0 = newValue } }
  }
}

/// What a client's run came to, apart from the outcomes.
package struct ClientStatistics: Sendable, Equatable {
  /// Requests handed to the kernel, at least in part.
  package var requests = 0
  /// Connections made; lost while requests were in flight or idle; refused or failed attempts.
  package var connected = 0
  package var lost = 0
  package var refused = 0
  package var bytesSent = 0
  package var bytesReceived = 0
  /// Nanoseconds from the first attempt to connect to the last outcome.
  package var elapsed: Int64 = 0
  /// Whether the run ended because nothing answered.
  package var unreachable = false

  package init() {}
}
