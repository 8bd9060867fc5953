import Catalog
import HTTP
import Synchronization

// The line to one client of server-sent events, between the thread that has something to say and the loop that has the connection:
//
//   publisher: piece on its way ─▶ loop: taken │ full │ gone ─▶ publisher: next piece
//
//   invariant: at most one piece is on its way
//
// A piece that the connection has no room for is not kept here: whoever sent it says later what holds then. So a slow client gets
// fewer events, never old ones, and takes no more memory.

/// Why a stream has come to its end, as its last event says.
enum StreamEnd: String, Sendable {
  /// The token, the session or the share link by which it was opened works no longer.
  case token, session, share
  /// Its ad is gone, or no longer in reach.
  case ad
  /// It has been open as long as a stream may be: the client opens another one.
  case lifetime
  /// The service stops: the client opens another one.
  case stopping
  /// Counts could not be read.
  case failed

  /// What has ended, where `grant` works no longer.
  init(of grant: Grant) {
    self = grant.shareID != nil ? .share : grant.sessionID != nil ? .session : .token
  }

  var event: [UInt8] { Array("event: end\ndata: {\"reason\":\"\(rawValue)\"}\n\n".utf8) }
}

/// The line to one client. Any thread may use it, but only one sends.
final class StreamLine: Sendable {
  /// By which it was opened: it ends with it.
  let grant: Grant
  let exchange: Exchange
  let loop: EventLoop
  /// Monotonic time, ns.
  let began: Int64
  /// Silence after which a comment tells that the stream is alive, ns.
  private let keepAlive: Int64
  /// Called on the loop's thread when the stream has been ended from here.
  private let ended: @Sendable () -> Void

  private struct State {
    var isOnItsWay = false
    var fate: PieceFate?
    var hasLeft = false
    var lastWrite: Int64
    var checked: Int64 = 0
  }

  private let state: Mutex<State>

  init(
    _ grant: Grant, _ exchange: Exchange, _ loop: EventLoop, now: Int64, keepAlive: Int64,
    ended: @escaping @Sendable () -> Void
  ) {
    self.grant = grant
    self.exchange = exchange
    self.loop = loop
    self.keepAlive = keepAlive
    self.ended = ended
    began = now
    state = Mutex(State(lastWrite: now))
  }

  // MARK: The loop's side

  /// The client has gone.
  func leave() { state.withLock { $0.hasLeft = true } }

  // MARK: The publisher's side

  /// Whether nothing can be sent any more.
  var hasLeft: Bool { state.withLock { $0.hasLeft } }

  /// Whether it is time to look whether its grant works: once a second, or where tokens have changed.
  func isToBeChecked(_ now: Int64) -> Bool {
    state.withLock { state in
      guard now - state.checked >= 1_000_000_000 else { return false }
      state.checked = now
      return true
    }
  }

  /// What became of the last piece.
  enum Settled {
    /// It is on its way still.
    case busy
    case free(PieceFate?)
  }

  /// Takes in what became of the last piece, once.
  func settle() -> Settled {
    state.withLock { state in
      if state.isOnItsWay { return .busy }
      defer { state.fate = nil }
      if case .gone? = state.fate { state.hasLeft = true }
      return .free(state.fate)
    }
  }

  /// Sends a piece. The line is free.
  func send(_ text: [UInt8], _ now: Int64) {
    state.withLock { state in
      state.lastWrite = now
      state.isOnItsWay = true
    }
    loop.submit { [self] loop in
      let fate = unsafe text.withUnsafeBytes { unsafe loop.sendPiece(exchange, $0) }
      state.withLock { state in
        state.isOnItsWay = false
        state.fate = fate
      }
    }
  }

  /// Says that the stream is alive where it has been silent for long. The line is free.
  func breathe(_ now: Int64) {
    if state.withLock({ now - $0.lastWrite >= keepAlive }) { send(Array(": \n\n".utf8), now) }
  }

  /// Ends the stream, and says why.
  func end(_ reason: StreamEnd) {
    loop.submit { [exchange, ended] loop in
      _ = unsafe reason.event.withUnsafeBytes { unsafe loop.sendPiece(exchange, $0) }
      loop.endAnswer(exchange)
      ended()
    }
  }
}
