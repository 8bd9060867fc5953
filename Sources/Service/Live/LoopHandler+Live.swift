import Catalog
import HTTP
import Query

extension LoopHandler {
  /// Begins to answer with the live points that `query` asks for.
  func openStream(_ query: LiveQuery, _ grant: Grant, _ id: String, _ exchange: Exchange, _ loop: EventLoop) {
    if context.isStopping { return respond(Problem.stopping.response(requestID: id), exchange, loop) }
    guard live.enter() else { return respond(Problem.tooManyStreams.response(requestID: id), exchange, loop) }
    // Who loses the connection comes back after a second.
    guard let line = openLine(grant, exchange, loop, Array("retry: 1000\n\n".utf8)) else { return live.leave() }
    live.add(.ad(query, line))
  }

  /// Lets a query worker find out how the stream over several ads begins that `call` asks for, and begins it.
  func watch(_ call: APIRequest, _ grant: Grant, _ exchange: Exchange, _ loop: EventLoop) {
    let ticket = Ticket()
    tickets[exchange] = ticket
    if loop.hold(exchange) { ticket.hangUp() }
    let version = live.catalogVersion
    let ahead = context.settings.eventTimes.maxFuture
    let entry = QueryQueue.Entry(
      ticket: ticket,
      compute: { [self] in
        do throws(Problem) {
          var start = try context.desk.watch(call, grant, ahead: ahead)
          start.catalogVersion = version
          loop.submit { [self, start] loop in openWatch(start, grant, call.requestID, exchange, loop) }
        } catch { send(error.response(requestID: call.requestID), exchange, loop) }
      },
      refuse: { [self] in send(Problem.overloaded.response(requestID: call.requestID), exchange, loop) })
    if !context.queries.submit(grant.owner, entry) {
      respond(Problem.overloaded.response(requestID: call.requestID), exchange, loop)
    }
  }

  /// Begins to answer with the live points of several ads.
  func openWatch(_ start: WatchStart, _ grant: Grant, _ id: String, _ exchange: Exchange, _ loop: EventLoop) {
    if context.isStopping { return respond(Problem.stopping.response(requestID: id), exchange, loop) }
    guard live.enter(start.key, ads: start.ads.count) else {
      return respond(Problem.tooManyStreams.response(requestID: id), exchange, loop)
    }
    guard let line = openLine(grant, exchange, loop, Array("retry: 2000\n\n".utf8) + start.opening) else {
      return live.leave(start.key)
    }
    live.add(.watch(start, line))
  }

  /// Begins an answer of server-sent events with `greeting`; nil where nobody wants them any more.
  private func openLine(
    _ grant: Grant, _ exchange: Exchange, _ loop: EventLoop, _ greeting: [UInt8]
  ) -> StreamLine? {
    tickets[exchange] = nil
    let fields = originFields(of: exchange)
    let goesOn = loop.beginAnswer(exchange) { writer in
      writer.extraFields = fields
      writer.begin(200)
      // A gateway in front must not wait for more before it passes an event on.
      writer.headerLines("Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n")
    }
    guard goesOn else { return nil }
    _ = unsafe greeting.withUnsafeBytes { unsafe loop.sendPiece(exchange, $0) }
    let line = StreamLine(
      grant, exchange, loop, now: context.environment.time.monotonic(), keepAlive: context.settings.streamKeepAlive
    ) { [self] in
      liveStreams[exchange] = nil
    }
    liveStreams[exchange] = line
    return line
  }
}

extension Problem {
  /// 503: as many streams are open as there may be.
  static let tooManyStreams = Problem(
    503, "overloaded", "The server is overloaded",
    "as many streams are open as there may be, or they watch as many ads as they may; try again",
    headers: [("Retry-After", "5")])
}
