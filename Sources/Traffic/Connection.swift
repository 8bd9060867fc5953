/// One of the client's connections. Its requests in flight are answered in order, so they form a ring.
struct Connection {
  enum State {
    /// No socket; to be connected again at a time (monotonic ns).
    case waiting(until: Int64)
    /// The socket is not yet known to be connected.
    case connecting
    case open
  }

  var state = State.waiting(until: 0)
  var descriptor: Int32 = -1
  /// Counts the sockets this connection has had: an event of an earlier one is told by it.
  var generation: UInt32 = 0
  /// Nanoseconds to wait after the next loss.
  var backoff: Int64 = 0
  /// Whether it stands in the queue of those that can take a request.
  var isQueued = false
  /// Bytes of a body still to be skipped.
  var skip = 0
  /// The beginning of an answer whose head is not complete.
  var partial: [UInt8] = []
  /// What the kernel did not take yet, from `unsentFrom` on.
  var unsent: [UInt8] = []
  var unsentFrom = 0

  /// The ring of requests in flight: oldest first.
  private var flights: [Flight]
  private var oldest = 0
  private(set) var inFlight = 0

  /// A request that is owed an answer.
  struct Flight {
    var tag: UInt64 = 0
    /// When it was to be sent, monotonic ns: what its latency is measured from.
    var intended: Int64 = 0
    /// When it was sent: what its time limit is measured from.
    var sent: Int64 = 0
    var isHead = false
  }

  init(depth: Int) { flights = Array(repeating: Flight(), count: depth) }

  var isOpen: Bool { if case .open = state { true } else { false } }
  /// Whether a request may be sent now.
  var hasRoom: Bool { isOpen && inFlight < flights.count && unsent.isEmpty }

  var oldestFlight: Flight { flights[oldest] }

  mutating func push(_ flight: Flight) {
    precondition(inFlight < flights.count)
    let place = oldest + inFlight
    flights[place < flights.count ? place : place - flights.count] = flight
    inFlight += 1
  }

  mutating func pop() -> Flight {
    precondition(inFlight > 0)
    let flight = flights[oldest]
    oldest = oldest + 1 == flights.count ? 0 : oldest + 1
    inFlight -= 1
    return flight
  }
}
