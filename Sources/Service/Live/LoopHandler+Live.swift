import Catalog
import HTTP

extension LoopHandler {
  /// Begins to answer with the live points that `query` asks for.
  func openStream(_ query: LiveQuery, _ grant: Grant, _ id: String, _ exchange: Exchange, _ loop: EventLoop) {
    if context.isStopping { return respond(Problem.stopping.response(requestID: id), exchange, loop) }
    guard live.enter() else { return respond(Problem.tooManyStreams.response(requestID: id), exchange, loop) }
    let fields = originFields(of: exchange)
    let goesOn = loop.beginAnswer(exchange) { writer in
      writer.extraFields = fields
      writer.begin(200)
      // A gateway in front must not wait for more before it passes an event on.
      writer.headerLines("Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n")
    }
    guard goesOn else { return live.leave() }
    // Who loses the connection comes back after a second.
    let greeting: StaticString = "retry: 1000\n\n"
    _ = unsafe loop.sendPiece(
      exchange, UnsafeRawBufferPointer(start: greeting.utf8Start, count: greeting.utf8CodeUnitCount))
    let stream = LiveStream(
      query, grant, exchange, loop, now: context.environment.time.monotonic(),
      keepAlive: context.settings.streamKeepAlive
    ) { [self] in
      liveStreams[exchange] = nil
    }
    liveStreams[exchange] = stream
    live.add(stream)
  }
}

extension Problem {
  /// 503: as many streams are open as there may be.
  static let tooManyStreams = Problem(
    503, "overloaded", "The server is overloaded", "as many streams are open as there may be; try again",
    headers: [("Retry-After", "5")])
}
