import CPlatform
import Glibc

// The end of a turn: for each connection that was touched, the kernel learns what has become of it.

extension EventLoop {
  /// Settles all that was touched.
  func settleTouched() {
    for position in 0..<touched.count { settle(touched[position]) }
    touched.removeAll()
  }

  private func settle(_ index: Int) {
    slab[index].isTouched = false
    guard slab[index].descriptor >= 0 else { return }
    if slab[index].output.count > 0, !slab[index].isFull, !slab[index].isDead { transmit(index) }
    if slab[index].isDead { return closeConnection(index) }
    if slab[index].isBlocked, hasRoom(index) {
      slab[index].isBlocked = false
      resumed.append(index)
    } else if slab[index].isLast, slab[index].inFlight == 0, slab[index].output.count == 0 {
      if slab[index].isEnded || !(slab[index].lingers || slab[index].input.count > 0) {
        return closeConnection(index)
      }
      linger(index)
    }
    if slab[index].input.count == 0, !slab[index].isStreaming { slab[index].input.release(blocks) }
    setInterest(index)
    setDeadline(index)
  }

  /// Sends what waits, in one call.
  private func transmit(_ index: Int) {
    let bytes = unsafe slab[index].output.bytes
    let count = unsafe send(slab[index].descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    core.value.statistics.sends += 1
    if count < 0 {
      if errno == EAGAIN || errno == EINTR { slab[index].isFull = true } else { slab[index].isDead = true }
    } else {
      core.value.statistics.bytesOut += count
      slab[index].isFull = count < bytes.count
      slab[index].output.consume(count, blocks)
      slab[index].writeDeadline = .max
    }
    if slab[index].isFull {
      if slab[index].writeDeadline == .max { slab[index].writeDeadline = core.value.now + settings.sendTimeout }
    }
  }

  /// The last answer is out, but closing now could destroy it on its way, since unread bytes turn the close into a
  /// reset (RFC 9112, 9.6): close the sending side, then drop what comes until the client closes too.
  private func linger(_ index: Int) {
    if slab[index].isLingering { return }
    slab[index].isLingering = true
    shutdown(slab[index].descriptor, Int32(SHUT_WR))
    slab[index].input.release(blocks)
    slab[index].parser = RequestParser()
    slab[index].readDeadline = core.value.now + settings.lingerTimeout
  }

  private func setInterest(_ index: Int) {
    var wanted: UInt32 = 0
    if slab[index].isLingering || !(slab[index].isEnded || slab[index].isLast || slab[index].isBlocked) {
      if !slab[index].isPaused { wanted |= Epoll.input }
    }
    if slab[index].isHeld, slab[index].isBlocked, !slab[index].hasHungUp { wanted |= Epoll.readHangUp }
    if slab[index].output.count > 0 { wanted |= Epoll.output }
    if wanted == slab[index].interest { return }
    slab[index].interest = wanted
    let token = Self.token(index, slab[index].generation)
    if tally_epoll_control(epoll, Epoll.modify, slab[index].descriptor, wanted, token) < 0 { closeConnection(index) }
  }

  // MARK: Time limits

  private func setDeadline(_ index: Int) {
    if slab[index].descriptor < 0 { return }
    if !slab[index].isLingering { setReadDeadline(index) }
    deadlines[index] = min(slab[index].readDeadline, slab[index].writeDeadline)
    idleUntil[index] = slab[index].reading == .idle && !slab[index].isLingering ? slab[index].readDeadline : .max
  }

  private func setReadDeadline(_ index: Int) {
    let now = core.value.now
    if slab[index].isLast || slab[index].isBlocked || slab[index].isEnded || slab[index].isPaused {
      slab[index].reading = .nothing
      slab[index].readDeadline = .max
    } else if slab[index].isStreaming {
      slab[index].reading = .body
      slab[index].readDeadline = slab[index].pieceDeadline
    } else if slab[index].parser.isBeforeFirstByte(of: slab[index].input.count) {
      let waits = slab[index].inFlight == 0 && slab[index].output.count == 0
      slab[index].reading = waits ? .idle : .nothing
      slab[index].readDeadline = waits ? now + settings.idleTimeout + nextIdleTurn() : .max
    } else if !slab[index].parser.hasHead {
      // From the first byte on: later ones do not move it.
      if slab[index].reading != .head { slab[index].readDeadline = now + settings.headerTimeout }
      slab[index].reading = .head
    } else {
      if slab[index].reading != .body {
        slab[index].pieceDeadline = now + settings.bodyTimeout
        slab[index].bodyReceived = 0
      }
      slab[index].reading = .body
      let taken = slab[index].parser.bodyCount + slab[index].parser.bodySkipped
      let received = max(slab[index].input.count - slab[index].parser.bodyStart, taken)
      earn(index, max(0, received - slab[index].bodyReceived))
      slab[index].bodyReceived = max(received, slab[index].bodyReceived)
      slab[index].readDeadline = slab[index].pieceDeadline
    }
  }

  /// Some nanoseconds that grow from one connection to the next, so that among those which fall idle in one turn the first
  /// goes first.
  private func nextIdleTurn() -> Int64 {
    core.value.idleTurns &+= 1
    return Int64(core.value.idleTurns & 0xFFFF)
  }

  /// Ends what has overrun its time.
  func checkDeadlines() {
    let now = core.value.now
    core.value.nextCheck = now + settings.checkInterval
    if core.value.acceptsPaused { resumeAccepts() }
    for index in 0..<core.value.highWater where deadlines[index] <= now { expire(index) }
    settleTouched()
  }

  private func expire(_ index: Int) {
    touch(index)
    if slab[index].writeDeadline <= core.value.now {
      core.value.statistics.sendTimeouts += 1
      // What the kernel still holds for this client is dropped with it.
      var reset = linger_t(l_onoff: 1, l_linger: 0)
      let size = socklen_t(MemoryLayout<linger_t>.size)
      unsafe setsockopt(slab[index].descriptor, SOL_SOCKET, SO_LINGER, &reset, size)
      slab[index].isDead = true
    } else if slab[index].isLingering {
      slab[index].isDead = true
    } else if slab[index].reading == .idle {
      core.value.statistics.idleTimeouts += 1
      slab[index].isDead = true
    } else {
      reject(index, 408)
    }
  }

  /// Forgets connection `index`; exchanges that name it are stale from here on.
  func closeConnection(_ index: Int) {
    close(slab[index].descriptor)
    if slab[index].isStreaming || slab[index].openBits != 0 || slab[index].isHeld { abandon(index) }
    slab[index].input.release(blocks)
    slab[index].output.release(blocks)
    while let answer = unsafe slab[index].parked {
      unsafe slab[index].parked = answer.pointee.next
      unsafe answer.pointee.output.release(blocks)
      unsafe answer.deallocate()
    }
    openBy[Int(slab[index].listener)] -= 1
    var fresh = Connection()
    fresh.generation = slab[index].generation &+ 1
    fresh.isTouched = slab[index].isTouched
    slab[index] = fresh
    deadlines[index] = .max
    idleUntil[index] = .max
    free.append(index)
    core.value.statistics.open -= 1
  }

  // MARK: Stopping

  func beginStop(_ drain: Int64) {
    if core.value.isStopping { return }
    core.value.isStopping = true
    core.value.stopDeadline = core.value.now + max(0, drain)
    for number in listeners.indices { acceptAll(number) }
    closeListeners()
    core.value.acceptsPaused = false
    for index in 0..<core.value.highWater where slab[index].descriptor >= 0 {
      // A request may have arrived that nobody has looked at yet.
      if slab[index].interest & Epoll.input != 0, !slab[index].isLingering, !slab[index].isDead { receive(index) }
      // A body that comes in pieces may come to its end; its handler knows that the service stops.
      if !slab[index].isBlocked, !slab[index].isStreaming, slab[index].input.count == 0 { slab[index].isLast = true }
      touch(index)
    }
  }
}

private typealias linger_t = Glibc.linger
