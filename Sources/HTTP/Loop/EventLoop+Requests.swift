import Glibc

// From bytes to requests to answers: all in memory but the one receive.

extension EventLoop {
  /// Takes what the client has sent, in one call, and goes on with it.
  func receive(_ index: Int) {
    touch(index)
    let connection = slab[index].descriptor
    let least = slab[index].isStreaming ? InputBuffer.leastStreamRoom : InputBuffer.leastRoom
    let room = unsafe slab[index].input.room(blocks, &slab[index].parser, least: least)
    let count = unsafe recv(connection, room.baseAddress, room.count, 0)
    if count < 0 {
      if errno != EAGAIN && errno != EINTR { slab[index].isDead = true }
      return
    }
    core.value.statistics.bytesIn += count
    if slab[index].isLingering {
      if count == 0 { slab[index].isDead = true }
      return
    }
    if count == 0 {
      slab[index].isEnded = true
    } else {
      slab[index].input.received(count)
    }
    process(index)
  }

  /// Parses and hands over all requests at hand, as far as there is room for their answers.
  func process(_ index: Int) {
    touch(index)
    loop: while !slab[index].isLast, !slab[index].isDead, slab[index].input.count > 0 {
      if slab[index].isStreaming {
        if passBody(index) { continue loop }
        break loop
      }
      if !hasRoom(index) {
        slab[index].isBlocked = true
        return
      }
      switch parse(index) {
      case .needMore: break loop
      case .head:
        if let status = judgeBody(index) { return reject(index, status) }
      case .complete: handOver(index)
      case .failed(let status): return reject(index, status)
      }
    }
    if slab[index].isEnded { endOfClient(index) }
  }

  /// The client has said its last byte: what it began and did not finish is refused.
  private func endOfClient(_ index: Int) {
    if slab[index].isStreaming { return reject(index, 400) }
    // Nobody who waits for a stream closes the sending side before it ends; the client has gone.
    if slab[index].openBits != 0 { slab[index].isDead = true }
    slab[index].isLast = true
    noteHangUp(index)
  }

  /// The client has closed its sending side: it may have gone, or wait for what it asked.
  func noteHangUp(_ index: Int) {
    touch(index)
    guard slab[index].isHeld, !slab[index].hasHungUp else { return }
    slab[index].hasHungUp = true
    handler.hungUp(newest(index), on: self)
  }

  /// Whether another request of `index` may be taken on.
  func hasRoom(_ index: Int) -> Bool {
    guard slab[index].inFlight < settings.pipelineDepth, !slab[index].isHeld else { return false }
    guard unsafe slab[index].parked != nil else { return slab[index].output.count <= settings.outputLimit }
    return slab[index].output.count + parkedBytes(index) <= settings.outputLimit
  }

  /// Takes on no other request of its connection before `exchange`, its newest one, is answered: what is asked for may be
  /// large, and a client must take it before it asks for more. Its handler hears of it when the client closes its sending
  /// side (`hungUp`) or has gone (`abandoned`). True where it has closed its sending side already.
  package func hold(_ exchange: Exchange) -> Bool {
    let index = Int(exchange.index)
    guard isOpen(exchange), exchange == newest(index) else { return false }
    slab[index].isHeld = true
    return slab[index].isEnded || slab[index].hasHungUp
  }

  /// The newest request of `index` is answered, or its answer has begun.
  @inline(__always)
  func letGo(_ index: Int, _ sequence: UInt32) {
    if slab[index].isHeld, sequence &+ 1 == slab[index].next { slab[index].isHeld = false }
  }

  private func parse(_ index: Int) -> ParserStep {
    let base = unsafe slab[index].input.base
    let fields = unsafe slab[index].input.fields
    let count = slab[index].input.count
    return unsafe slab[index].parser.advance(base, count: count, fields: fields, limits: settings.headLimits)
  }

  func request(_ index: Int) -> Request {
    unsafe Request(
      base: slab[index].input.base, fields: slab[index].input.fields, parser: slab[index].parser,
      descriptor: slab[index].descriptor, listenerTag: slab[index].listenerTag)
  }

  /// A head has announced a body: nil, or the status to refuse it with. Tells a client that waits to go on.
  private func judgeBody(_ index: Int) -> Int? {
    if let refusal = handler.refusal(of: request(index)) {
      refuseBody(index, refusal)
      return nil
    }
    let limit = handler.limit(for: request(index))
    let skips = limit > 0 && handler.skipsBody(of: request(index))
    if let status = slab[index].parser.acceptBody(limit: limit, skips: skips) { return status }
    if limit > 0, !skips, handler.streams(request(index)) {
      beginBody(index)
      return nil
    }
    guard slab[index].parser.head.expectsContinue else { return nil }
    if limit <= 0 { return 413 }
    // A client that has begun its body does not wait.
    if slab[index].input.count == slab[index].parser.bodyStart {
      slab[index].owesContinue = true
      payContinue(index)
    }
    return nil
  }

  /// Answers the request whose head announces a body that nobody wants to read: the connection's last answer.
  private func refuseBody(_ index: Int, _ write: (inout ResponseWriter) -> Void) {
    slab[index].isLast = true
    slab[index].lingers = true
    let head = slab[index].parser.head
    let exchange = number(index, isHead: head.method == .head, isOld: head.minorVersion == 0)
    core.value.statistics.requests += 1
    respond(exchange, write)
  }

  /// Writes the 100 that is owed, once no earlier request waits for its answer.
  func payContinue(_ index: Int) {
    // A streamed request has its number before its body.
    guard slab[index].owesContinue, !slab[index].isPaused,
      slab[index].inFlight == (slab[index].isStreaming ? 1 : 0)
    else { return }
    slab[index].owesContinue = false
    let text: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
    unsafe slab[index].output.append(
      UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), blocks)
  }

  /// A request is complete: number it and let the handler have it.
  private func handOver(_ index: Int) {
    let end = slab[index].parser.position
    slab[index].owesContinue = false
    let isRest = slab[index].input.count > end
    if !slab[index].parser.head.keepsAlive || core.value.isStopping && !isRest { slab[index].isLast = true }
    let exchange = number(
      index, isHead: slab[index].parser.head.method == .head, isOld: slab[index].parser.head.minorVersion == 0)
    core.value.statistics.requests += 1
    core.value.activity.note(&slab[index].window)
    handler.handle(request(index), exchange, on: self)
    slab[index].input.consume(end)
    slab[index].parser = RequestParser()
    slab[index].reading = .nothing
  }

  /// Gives the next request of `index` its number.
  func number(_ index: Int, isHead: Bool, isOld: Bool) -> Exchange {
    let sequence = slab[index].next
    let bit = Connection.bit(sequence)
    slab[index].next = sequence &+ 1
    slab[index].answeredBits &= ~bit
    slab[index].openBits &= ~bit
    if isHead { slab[index].headBits |= bit } else { slab[index].headBits &= ~bit }
    if isOld { slab[index].oldBits |= bit } else { slab[index].oldBits &= ~bit }
    return Exchange(index: UInt32(index), generation: slab[index].generation, sequence: sequence)
  }

  /// Refuses what `index` is sending; nothing behind it can be trusted, so this is the connection's last answer.
  func reject(_ index: Int, _ status: Int) {
    core.value.statistics.rejected.count(status)
    if slab[index].isStreaming {
      // The request has its number already; its answer is this one.
      let exchange = newest(index)
      respond(exchange) { handler.refuse(exchange, status, &$0) }
      return handler.abandoned(exchange, on: self)
    }
    slab[index].isLast = true
    slab[index].lingers = true
    slab[index].owesContinue = false
    guard slab[index].parser.hasTarget else {
      let exchange = number(index, isHead: false, isOld: false)
      respond(exchange) { handler.refuse(status, &$0) }
      return touch(index)
    }
    let exchange = number(index, isHead: slab[index].parser.head.method == .head, isOld: false)
    respond(exchange) { handler.refuse(request(index), status, &$0) }
    touch(index)
  }

  /// Answers `exchange`: `build` writes the answer, which leaves at the end of the turn, behind the answers to earlier
  /// requests of its connection. Does nothing for an exchange whose connection has gone, or that is answered already.
  /// `build` must not answer another one.
  package func respond(_ exchange: Exchange, _ build: (inout ResponseWriter) -> Void) {
    let index = Int(exchange.index)
    let bit = Connection.bit(exchange.sequence)
    guard isOpen(exchange), slab[index].openBits & bit == 0 else {
      core.value.statistics.staleAnswers += 1
      return
    }
    if slab[index].isStreaming, exchange.sequence &+ 1 == slab[index].next { cutBody(index) }
    letGo(index, exchange.sequence)
    precondition(!core.value.isWriting, "an answer is written inside another one")
    core.value.isWriting = true
    let isHead = slab[index].headBits & bit != 0
    let isOld = slab[index].oldBits & bit != 0
    let closes = slab[index].isLast && exchange.sequence &+ 1 == slab[index].next
    if exchange.sequence == slab[index].oldest {
      unsafe withUnsafeMutablePointer(to: &slab[index].output) { unsafe write($0, isHead, closes, isOld, build) }
      slab[index].oldest &+= 1
      if unsafe slab[index].parked != nil { unparkReady(index) }
      payContinue(index)
    } else {
      let answer = UnsafeMutablePointer<ParkedAnswer>.allocate(capacity: 1)
      unsafe answer.initialize(
        to: ParkedAnswer(sequence: exchange.sequence, output: OutputBuffer(), next: slab[index].parked))
      unsafe withUnsafeMutablePointer(to: &answer.pointee.output) { unsafe write($0, isHead, closes, isOld, build) }
      unsafe slab[index].parked = answer
      slab[index].answeredBits |= bit
    }
    core.value.isWriting = false
    touch(index)
  }

  /// Whether `exchange` waits for an answer, or for the rest of one.
  @inline(__always)
  func isOpen(_ exchange: Exchange) -> Bool {
    let index = Int(exchange.index)
    return index < core.value.highWater && slab[index].generation == exchange.generation && !slab[index].isDead
      && exchange.sequence &- slab[index].oldest < slab[index].next &- slab[index].oldest
      && slab[index].answeredBits & Connection.bit(exchange.sequence) == 0
  }

  private func write(
    _ output: UnsafeMutablePointer<OutputBuffer>, _ isHead: Bool, _ closes: Bool, _ isOld: Bool,
    _ build: (inout ResponseWriter) -> Void
  ) {
    let line = unsafe UnsafeRawBufferPointer(start: date.pointer, count: date.capacity)
    var writer = unsafe ResponseWriter(
      output: output, blocks: blocks, date: line, isHead: isHead, closes: closes, isOld: isOld)
    build(&writer)
    writer.finish()
  }

  /// Moves the parked answers whose turn has come to the output, and what there is of one that comes in pieces.
  func unparkReady(_ index: Int) {
    while slab[index].inFlight > 0, slab[index].answeredBits & Connection.bit(slab[index].oldest) != 0 {
      let sequence = slab[index].oldest
      let answer = unsafe unlink(index, sequence)
      unsafe slab[index].output.append(answer.pointee.output.bytes, blocks)
      unsafe answer.pointee.output.release(blocks)
      unsafe answer.deallocate()
      slab[index].answeredBits &= ~Connection.bit(sequence)
      slab[index].oldest = sequence &+ 1
    }
    if slab[index].openBits != 0 { unparkOpen(index) }
  }

  func unlink(_ index: Int, _ sequence: UInt32) -> UnsafeMutablePointer<ParkedAnswer> {
    var before: UnsafeMutablePointer<ParkedAnswer>?
    var answer = unsafe slab[index].parked
    while let found = unsafe answer {
      if unsafe found.pointee.sequence == sequence {
        if let before = unsafe before {
          unsafe before.pointee.next = found.pointee.next
        } else {
          unsafe slab[index].parked = found.pointee.next
        }
        return unsafe found
      }
      unsafe before = found
      unsafe answer = found.pointee.next
    }
    preconditionFailure("an answer is marked as parked and is not")
  }
}
