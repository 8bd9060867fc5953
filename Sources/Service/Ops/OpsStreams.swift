import Catalog
import HTTP
import Platform
import Synchronization

// Streams of the operations page: the summary once a second. One thread asks for it, the catalog's makes it, which knows the names
// of ads, and loops pass it on. A client that does not read misses summaries, and takes no more memory.

/// A client of summaries.
final class OpsStream: Sendable {
  private struct State {
    var isOnItsWay = false
    var hasLeft = false
  }

  /// By which it was opened: it ends with it.
  let grant: Grant
  let exchange: Exchange
  let loop: EventLoop
  let began: Int64
  private let state = Mutex(State())

  init(_ grant: Grant, _ exchange: Exchange, _ loop: EventLoop, began: Int64) {
    self.grant = grant
    self.exchange = exchange
    self.loop = loop
    self.began = began
  }

  /// The client has gone.
  func leave() { state.withLock { $0.hasLeft = true } }

  var hasLeft: Bool { state.withLock { $0.hasLeft } }

  /// Sends an event, unless the last one is still on its way.
  func send(_ event: [UInt8]) {
    let isFree = state.withLock { state in
      defer { state.isOnItsWay = true }
      return !state.isOnItsWay && !state.hasLeft
    }
    guard isFree else { return }
    loop.submit { [self] loop in
      let fate = unsafe event.withUnsafeBytes { unsafe loop.sendPiece(exchange, $0) }
      state.withLock { state in
        state.isOnItsWay = false
        if fate == .gone { state.hasLeft = true }
      }
    }
  }

  func end() {
    loop.submit { [exchange] loop in
      (loop.requestHandler as? LoopHandler)?.opsStreams[exchange] = nil
      loop.endAnswer(exchange)
    }
  }
}

/// The streams that are open. Any thread may use it.
final class OpsStreams: Sendable {
  /// Streams at once; one more is refused.
  static let limit = 16

  private let context: ServiceContext
  private let open = Mutex<[OpsStream]>([])

  init(_ context: ServiceContext) { self.context = context }

  /// Takes a stream in; false where there is no place.
  func add(_ stream: OpsStream) -> Bool {
    open.withLock { open in
      open.removeAll { $0.hasLeft }
      guard open.count < Self.limit else { return false }
      open.append(stream)
      return true
    }
  }

  /// Ends the streams that are over, and sends the others what there is to say.
  func serve() {
    let now = context.environment.time.monotonic()
    let streams = open.withLock { $0 }
    guard !streams.isEmpty else { return }
    let over = streams.filter { stream in
      stream.hasLeft || context.isStopping || now - stream.began >= context.settings.streamLifetime
        || !context.tokens.works(stream.grant)
    }
    for stream in over where !stream.hasLeft { stream.end() }
    let rest = open.withLock { open in
      open.removeAll { stream in over.contains { $0 === stream } }
      return open
    }
    guard !rest.isEmpty else { return }
    _ = context.catalog.submit(as: .part) { state in
      guard let summary = try? state.api.summary() else { return }
      let event = Array("event: summary\ndata: ".utf8) + summary.encoded() + Array("\n\n".utf8)
      for stream in rest { stream.send(event) }
    }
  }
}

extension LoopHandler {
  /// Begins to answer with summaries.
  func openSummaries(_ grant: Grant, _ id: String, _ exchange: Exchange, _ loop: EventLoop) {
    guard !context.isStopping, let board = context.operationsBoard else {
      return respond(Problem.stopping.response(requestID: id), exchange, loop)
    }
    let stream = OpsStream(grant, exchange, loop, began: context.environment.time.monotonic())
    guard board.streams.add(stream) else {
      return respond(Problem.tooManyStreams.response(requestID: id), exchange, loop)
    }
    tickets[exchange] = nil
    let goesOn = loop.beginAnswer(exchange) { writer in
      writer.begin(200)
      writer.headerLines("Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n")
    }
    guard goesOn else { return stream.leave() }
    opsStreams[exchange] = stream
    stream.send(Array("retry: 2000\n\n".utf8))
  }
}
