// Bodies and answers that come in pieces.
//
//   body:    begin ─▶ receive … ─▶ end            false from begin or receive ─▶ not read ─▶ resume
//   answer:  beginAnswer ─▶ sendPiece … ─▶ endAnswer         .full from sendPiece ─▶ not taken; try again later
//                    ╰──── abandoned ────╯                  the other side has gone
//
// Memory: a body takes one input buffer whatever its size, an answer at most `streamLimit` and one piece.

/// What became of a piece of an answer.
package enum PieceFate: Sendable {
  /// It is on its way.
  case taken
  /// Too much waits for this client; the piece was not taken.
  case full
  /// There is nobody to take it any more.
  case gone
}

extension EventLoop {
  // MARK: - Bodies

  /// The exchange of the newest request of `index`.
  func newest(_ index: Int) -> Exchange {
    Exchange(index: UInt32(index), generation: slab[index].generation, sequence: slab[index].next &- 1)
  }

  /// A head has announced a body that its handler wants in pieces.
  func beginBody(_ index: Int) {
    let head = slab[index].parser.head
    let exchange = number(index, isHead: head.method == .head, isOld: head.minorVersion == 0)
    core.value.statistics.requests += 1
    slab[index].isStreaming = true
    slab[index].pieceDeadline = core.value.now + settings.bodyTimeout
    let wantsMore = handler.begin(request(index), exchange, on: self)
    slab[index].input.consume(slab[index].parser.bodyStart)
    slab[index].parser.beginPieces()
    // Unless it was answered at once.
    guard slab[index].isStreaming else { return }
    slab[index].isPaused = !wantsMore
    // A client that has begun its body does not wait.
    slab[index].owesContinue = head.expectsContinue && slab[index].input.count == 0
    payContinue(index)
  }

  /// Hands over the pieces at hand. True where the body has ended and bytes behind it may be the next request.
  func passBody(_ index: Int) -> Bool {
    if slab[index].isPaused { return false }
    let exchange = newest(index)
    while true {
      let base = unsafe slab[index].input.base
      let count = slab[index].input.count
      switch unsafe slab[index].parser.nextPiece(base, count: count, limits: settings.headLimits) {
      case .data(let start, let size):
        earn(index, size)
        slab[index].owesContinue = false
        let piece = unsafe UnsafeRawBufferPointer(start: base + start, count: size)
        let wantsMore = unsafe handler.receive(piece, exchange, on: self)
        // It was answered: the rest is dropped.
        guard slab[index].isStreaming else { return false }
        if !wantsMore, !slab[index].parser.isAtEnd {
          slab[index].isPaused = true
          dropPieces(index)
          return false
        }
      case .more:
        dropPieces(index)
        return false
      case .complete:
        dropPieces(index)
        if !slab[index].parser.head.keepsAlive || core.value.isStopping && slab[index].input.count == 0 {
          slab[index].isLast = true
        }
        slab[index].isStreaming = false
        slab[index].parser = RequestParser()
        slab[index].reading = .nothing
        handler.end(exchange, on: self)
        return true
      case .failed(let status):
        reject(index, status)
        return false
      }
    }
  }

  /// Drops the bytes that were handed over.
  private func dropPieces(_ index: Int) {
    slab[index].input.consume(slab[index].parser.position)
    slab[index].input.rewind()
    slab[index].parser.position = 0
  }

  /// A piece earns its sender time at `minBodyRate`, up to the longest silence.
  func earn(_ index: Int, _ bytes: Int) {
    let earned = Int64(bytes) * 1_000_000_000 / Int64(settings.minBodyRate)
    slab[index].pieceDeadline = min(core.value.now + settings.bodyTimeout, slab[index].pieceDeadline + earned)
  }

  /// The handler of a streamed body takes pieces again. Does nothing where it did not stop, or the exchange is stale.
  package func resume(_ exchange: Exchange) {
    guard isOpen(exchange) else { return }
    let index = Int(exchange.index)
    guard slab[index].isPaused, exchange == newest(index) else { return }
    slab[index].isPaused = false
    // Its sender could not be faster than it was let.
    slab[index].pieceDeadline = core.value.now + settings.bodyTimeout
    payContinue(index)
    process(index)
  }

  /// A streamed body is answered before its end: the rest is dropped, and the connection with it.
  func cutBody(_ index: Int) {
    slab[index].isStreaming = false
    slab[index].isPaused = false
    slab[index].owesContinue = false
    slab[index].isLast = true
    slab[index].lingers = true
  }

  /// Tells the handler that what came in pieces on `index` will not come to its end.
  func abandon(_ index: Int) {
    slab[index].isDead = true
    if slab[index].isStreaming || slab[index].isHeld { handler.abandoned(newest(index), on: self) }
    slab[index].isStreaming = false
    slab[index].isHeld = false
    var sequence = slab[index].oldest
    while sequence != slab[index].next, slab[index].openBits != 0 {
      if slab[index].openBits & Connection.bit(sequence) != 0 {
        slab[index].openBits &= ~Connection.bit(sequence)
        handler.abandoned(
          Exchange(index: UInt32(index), generation: slab[index].generation, sequence: sequence), on: self)
      }
      sequence &+= 1
    }
  }

  // MARK: - Answers

  /// Begins an answer whose body comes in pieces; `build` writes its head, without a body. False where no piece will be
  /// wanted: the client has gone, or asked for the head alone, which it has then. A client that closes its sending side
  /// while such an answer is under way counts as gone.
  package func beginAnswer(_ exchange: Exchange, _ build: (inout ResponseWriter) -> Void) -> Bool {
    let index = Int(exchange.index)
    let bit = Connection.bit(exchange.sequence)
    guard isOpen(exchange), slab[index].openBits & bit == 0 else {
      core.value.statistics.staleAnswers += 1
      return false
    }
    if slab[index].headBits & bit != 0 {
      respond(exchange) { writer in
        build(&writer)
        writer.openBody()
      }
      return false
    }
    if slab[index].isStreaming, exchange == newest(index) { cutBody(index) }
    letGo(index, exchange.sequence)
    let isOld = slab[index].oldBits & bit != 0
    if isOld { slab[index].isLast = true }
    let closes = slab[index].isLast && exchange.sequence &+ 1 == slab[index].next
    precondition(!core.value.isWriting, "an answer is written inside another one")
    core.value.isWriting = true
    if exchange.sequence != slab[index].oldest {
      let answer = UnsafeMutablePointer<ParkedAnswer>.allocate(capacity: 1)
      unsafe answer.initialize(
        to: ParkedAnswer(sequence: exchange.sequence, output: OutputBuffer(), next: slab[index].parked))
      unsafe slab[index].parked = answer
    }
    unsafe withOutput(of: exchange) { output in
      let line = unsafe UnsafeRawBufferPointer(start: date.pointer, count: date.capacity)
      var writer = unsafe ResponseWriter(
        output: output, blocks: blocks, date: line, isHead: false, closes: closes, isOld: isOld)
      build(&writer)
      writer.openBody()
    }
    core.value.isWriting = false
    slab[index].openBits |= bit
    touch(index)
    return true
  }

  /// Sends a piece of an answer that was begun; it leaves at the end of the turn.
  package func sendPiece(_ exchange: Exchange, _ piece: UnsafeRawBufferPointer) -> PieceFate {
    let index = Int(exchange.index)
    let bit = Connection.bit(exchange.sequence)
    guard isOpen(exchange), slab[index].openBits & bit != 0 else { return .gone }
    if piece.count == 0 { return .taken }
    let isChunked = slab[index].oldBits & bit == 0
    let isTaken = unsafe withOutput(of: exchange) { output in
      if unsafe output.pointee.count > settings.streamLimit { return false }
      if isChunked {
        unsafe output.pointee.appendHexadecimal(piece.count, blocks)
        unsafe output.pointee.append("\r\n", blocks)
      }
      unsafe output.pointee.append(piece, blocks)
      if isChunked { unsafe output.pointee.append("\r\n", blocks) }
      return true
    }
    touch(index)
    return isTaken ? .taken : .full
  }

  /// Ends an answer that was begun.
  package func endAnswer(_ exchange: Exchange) {
    let index = Int(exchange.index)
    let bit = Connection.bit(exchange.sequence)
    guard isOpen(exchange), slab[index].openBits & bit != 0 else { return }
    if slab[index].oldBits & bit == 0 {
      unsafe withOutput(of: exchange) { unsafe $0.pointee.append("0\r\n\r\n", blocks) }
    }
    slab[index].openBits &= ~bit
    if exchange.sequence == slab[index].oldest {
      slab[index].oldest &+= 1
      if unsafe slab[index].parked != nil { unparkReady(index) }
      payContinue(index)
    } else {
      slab[index].answeredBits |= bit
    }
    touch(index)
  }

  /// Calls `body` with where the answer of `exchange` is written: the connection's output where it is its turn, else memory
  /// of its own.
  private func withOutput<T>(of exchange: Exchange, _ body: (UnsafeMutablePointer<OutputBuffer>) -> T) -> T {
    let index = Int(exchange.index)
    if exchange.sequence == slab[index].oldest {
      return unsafe withUnsafeMutablePointer(to: &slab[index].output) { unsafe body($0) }
    }
    var answer = unsafe slab[index].parked
    while let found = unsafe answer {
      if unsafe found.pointee.sequence == exchange.sequence {
        return unsafe withUnsafeMutablePointer(to: &found.pointee.output) { unsafe body($0) }
      }
      unsafe answer = found.pointee.next
    }
    preconditionFailure("an answer is under way and is not parked")
  }

  /// The turn of an answer in pieces has come: what there is of it goes to the output, the rest will follow there.
  func unparkOpen(_ index: Int) {
    let sequence = slab[index].oldest
    guard slab[index].inFlight > 0, slab[index].openBits & Connection.bit(sequence) != 0 else { return }
    let answer = unsafe unlink(index, sequence)
    unsafe slab[index].output.append(answer.pointee.output.bytes, blocks)
    unsafe answer.pointee.output.release(blocks)
    unsafe answer.deallocate()
  }
}
