// One connection: plain memory in a slab, no references, so that the loop counts none.
//
// Requests are numbered. `oldest ..< next` are those without an answer on its way, at most 64, so their flags are bits
// of words, at `sequence & 63`. Answers leave in the order of the requests: the answer to `oldest` goes to `output`,
// one to a later request is parked until its turn comes.

/// An answer that came before an earlier one.
@safe struct ParkedAnswer {
  var sequence: UInt32
  var output: OutputBuffer
  var next: UnsafeMutablePointer<ParkedAnswer>?
}

@safe struct Connection {
  /// What the read deadline is for.
  enum Reading: UInt8 { case nothing, idle, head, body }

  /// -1: a free place.
  var descriptor: Int32 = -1
  var generation: UInt32 = 0
  var listenerTag = 0
  var input = InputBuffer()
  var output = OutputBuffer()
  var parser = RequestParser()
  /// Number of the next request, and of the oldest one without an answer.
  var next: UInt32 = 0
  var oldest: UInt32 = 0
  /// By request: it was HEAD; it was HTTP/1.0; it is answered (and its answer parked).
  var headBits: UInt64 = 0
  var oldBits: UInt64 = 0
  var answeredBits: UInt64 = 0
  /// By request: its answer is under way in pieces.
  var openBits: UInt64 = 0
  var parked: UnsafeMutablePointer<ParkedAnswer>?
  /// Ends of the time limits.
  var readDeadline = Int64.max
  var writeDeadline = Int64.max
  /// When the sender of a body has used up its time; every piece earns some.
  var pieceDeadline = Int64.max
  /// Bytes of the current body that have earned time.
  var bodyReceived = 0
  /// The readiness that epoll reports.
  var interest: UInt32 = 0
  /// The window of time in which the connection last sent a request; see `EventLoop.activity`.
  var window: Int64 = -1
  var reading = Reading.nothing
  /// The place is on the list of those to settle at the end of the turn.
  var isTouched = false
  /// No request follows the ones at hand.
  var isLast = false
  /// The client has said its last byte.
  var isEnded = false
  /// No other request is taken on before the newest one is answered, whose handler hears what becomes of the client.
  var isHeld = false
  /// The client has closed its sending side while it is not read.
  var hasHungUp = false
  /// The number of the listener that it came by.
  var listener: UInt8 = 0
  /// There are bytes, but no room for more requests or output.
  var isBlocked = false
  /// The body of the newest request goes to the handler in pieces, and is not all there.
  var isStreaming = false
  /// The handler takes no more pieces for now, so the connection is not read.
  var isPaused = false
  /// A 100 is owed to the request whose body is awaited.
  var owesContinue = false
  /// The socket took less than all.
  var isFull = false
  /// The client may still be sending when we are through, so it gets time to read the answer.
  var lingers = false
  /// The last answer is out and the sending side closed; what comes is dropped.
  var isLingering = false
  /// To be closed now.
  var isDead = false

  /// Requests without an answer on its way.
  var inFlight: Int { Int(next &- oldest) }

  /// The bit of `sequence` in the words of flags.
  @inline(__always)
  static func bit(_ sequence: UInt32) -> UInt64 { 1 << UInt64(sequence & 63) }
}
