import Catalog
import HTTP

// The loop's part of the batch door: a place, a token, then pieces to a worker and its answer to the client.

extension LoopHandler {
  func streams(_ head: borrowing Request) -> Bool { Self.isBatch(head) }

  static func isBatch(_ head: borrowing Request) -> Bool {
    head.method == .post && head.pathEquals("/api/v1/clicks")
  }

  /// A batch without a body is one without lines.
  func emptyBatch(_ head: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
    _ = begin(head, exchange, on: loop)
    end(exchange, on: loop)
  }

  func begin(_ head: borrowing Request, _ exchange: Exchange, on loop: EventLoop) -> Bool {
    let id = Asker.givenID(head) ?? nextRequestID()
    let call: APIRequest
    let token: String
    let isGzip: Bool
    do throws(Problem) {
      try checkHost(head)
      call = try APIRequest(head, isAdmin: head.listenerTag == Self.adminTag, requestID: id)
      token = try admit(call.method, call.credentials, to: Route.find(call).route).tokenID
      guard let coding = RecordType.isGzip(call.contentEncoding) else { throw .encodedBody }
      isGzip = coding
      if context.isStopping { throw .stopping }
      try door.enter(token)
    } catch {
      respond(error.response(requestID: id), exchange, loop)
      return false
    }
    let limit = UInt64(context.settings.maxBatch)
    let batch = Batch(exchange: exchange, loop: loop, requestID: id, isGzip: isGzip, limit: limit) { [self] response in
      loop.submit { [self] loop in finishBatch(exchange, response, loop) }
    }
    batches[exchange] = OpenBatch(batch: batch, token: token)
    let asked = context.catalog.submit { [self] state in
      let answer = Result { () throws(Problem) in try state.api.admit(call) }
      loop.submit { [self] loop in admitted(batch, answer, loop) }
    }
    if !asked { finishBatch(exchange, Problem.overloaded.response(requestID: id), loop) }
    // Nobody's bytes are taken before it is known whose they are.
    return false
  }

  private func admitted(_ batch: Batch, _ answer: Result<(grant: Grant, terms: BatchTerms), Problem>, _ loop: EventLoop)
  {
    guard batches[batch.exchange] != nil else { return }
    switch answer {
    case .failure(let problem):
      finishBatch(batch.exchange, problem.response(requestID: batch.requestID), loop)
    case .success(let admitted):
      (batch.grant, batch.terms) = admitted
      batches[batch.exchange]?.worker = door.assign(batch)
      loop.resume(batch.exchange)
    }
  }

  func receive(_ piece: UnsafeRawBufferPointer, _ exchange: Exchange, on loop: EventLoop) -> Bool {
    guard let open = batches[exchange] else { return true }
    let wantsMore = unsafe open.batch.append(piece, door.pool)
    open.worker?.bell.ring()
    return wantsMore
  }

  func end(_ exchange: Exchange, on loop: EventLoop) {
    guard let open = batches[exchange] else { return }
    open.batch.end()
    open.worker?.bell.ring()
  }

  func abandoned(_ exchange: Exchange, on loop: EventLoop) {
    origins[exchange] = nil
    if let stream = opsStreams.removeValue(forKey: exchange) { stream.leave() }
    if let stream = liveStreams.removeValue(forKey: exchange) { stream.leave() }
    if let ticket = tickets.removeValue(forKey: exchange) { ticket.leave() }
    guard let open = batches.removeValue(forKey: exchange) else { return }
    open.batch.abort()
    open.worker?.bell.ring()
    door.leave(open.token)
  }

  private func finishBatch(_ exchange: Exchange, _ response: APIResponse, _ loop: EventLoop) {
    guard let open = batches.removeValue(forKey: exchange) else { return }
    door.leave(open.token)
    respond(response, exchange, loop)
  }
}

/// A batch as its loop remembers it.
struct OpenBatch {
  var batch: Batch
  /// Whose place it has.
  var token: String
  /// Who reads it; nil until it is admitted.
  var worker: BatchWorker?
}
