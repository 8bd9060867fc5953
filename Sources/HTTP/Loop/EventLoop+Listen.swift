import CPlatform
import Glibc
import Platform

/// An open listening socket. `tag` tells requests of one listener from those of another.
struct Listener {
  var descriptor: Int32
  var tag: Int
  /// Whether the kernel hands connections over with their first bytes, so that these are read at once.
  var isDeferred: Bool
  /// Connections that it may have open.
  var limit: Int
}

extension EventLoop {
  /// Listens at `address`; requests that come by it carry `tag`. Returns the bound address, whose port is a free one
  /// where `address` says 0. At most 100 listeners. Before `run`.
  package func listen(
    at address: SocketAddress, tag: Int, options: ListenerOptions = ListenerOptions()
  ) throws(SystemError) -> SocketAddress {
    precondition(listeners.count < Self.listenerLimit)
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, kind, 0)
    if descriptor < 0 { throw SystemError("socket", address.description, code: errno) }
    do throws(SystemError) {
      try Self.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, address)
      if options.sharesPort { try Self.set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1, address) }
      if address.family == AF_INET6 { try Self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, address) }
      // Accepted sockets inherit it.
      try Self.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1, address)
      if options.deferAccept > 0 {
        try Self.set(descriptor, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, Int32(clamping: options.deferAccept), address)
      }
      let bound = unsafe address.withPointer { unsafe bind(descriptor, $0, address.length) < 0 ? errno : 0 }
      if bound != 0 { throw SystemError("bind", address.description, code: bound) }
      if Glibc.listen(descriptor, Int32(clamping: options.backlog)) < 0 {
        throw SystemError("listen", address.description, code: errno)
      }
      let code = tally_epoll_control(
        epoll, Epoll.add, descriptor, Epoll.input, Self.firstListener + UInt64(listeners.count))
      if code < 0 { throw SystemError("epoll_ctl", address.description, code: -code) }
    } catch {
      close(descriptor)
      throw error
    }
    let limit = options.connections ?? settings.maxConnections
    listeners.append(
      Listener(descriptor: descriptor, tag: tag, isDeferred: options.deferAccept > 0, limit: limit))
    return SocketAddress.local(of: descriptor) ?? address
  }

  private static func set(
    _ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32, _ address: SocketAddress
  ) throws(SystemError) {
    var value = value
    let size = socklen_t(MemoryLayout<Int32>.size)
    if unsafe setsockopt(descriptor, level, option, &value, size) < 0 {
      throw SystemError("setsockopt", address.description, code: errno)
    }
  }

  func closeListeners() {
    for listener in listeners { close(listener.descriptor) }
    listeners = []
  }

  /// Accepts what waits at listener `number`, at most 256 a turn, and at most 16 for which others have to go: looking for
  /// those takes a while.
  func acceptAll(_ number: Int) {
    guard number < listeners.count else { return }
    let listener = listeners[number]
    let before = core.value.statistics.madeRoom
    var someAreIdle = true
    var opened = 0
    for _ in 0..<256 where core.value.statistics.madeRoom < before + 16 {
      // What this turn has opened counts as idle once it is settled, so it is settled first and the kernel keeps the rest:
      // otherwise many at once would have the last of them refused while the first ones say nothing.
      if opened > 0, openBy[number] >= listener.limit, longestIdle(number) == nil { return }
      let descriptor = tally_accept(listener.descriptor, nil, nil)
      switch -descriptor {
      case _ where descriptor >= 0:
        if openBy[number] >= listener.limit, someAreIdle { someAreIdle = makeRoom(number) }
        if openBy[number] < listener.limit, let index = open(descriptor, number) {
          opened += 1
          if listener.isDeferred { receive(index) }
        } else {
          refuse(descriptor)
        }
      case EAGAIN: return
      // The client gave up, or a network error that belongs to one connection alone (accept(2)).
      case EINTR, ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
        ENETUNREACH:
        continue
      case EMFILE, ENFILE:
        if makeRoom(number) { continue }
        if opened > 0 { return }
        guard shedOne(listener.descriptor) else { return pauseAccepts() }
      default: return pauseAccepts()
      }
    }
  }

  /// Out of descriptors: gives the spare one up to accept one connection and close it, so that its client learns at
  /// once. False where even that fails.
  private func shedOne(_ listener: Int32) -> Bool {
    guard core.value.spare >= 0 else { return false }
    close(core.value.spare)
    let descriptor = tally_accept(listener, nil, nil)
    if descriptor >= 0 {
      close(descriptor)
      core.value.statistics.refused += 1
    }
    core.value.spare = unsafe tally_open("/dev/null", O_RDONLY, 0)
    return descriptor >= 0
  }

  /// The kernel is out of something: accept nothing until the next look at the deadlines, instead of spinning.
  private func pauseAccepts() {
    core.value.acceptsPaused = true
    watchListeners(0)
  }

  func resumeAccepts() {
    core.value.acceptsPaused = false
    if core.value.spare < 0 { core.value.spare = unsafe tally_open("/dev/null", O_RDONLY, 0) }
    watchListeners(Epoll.input)
  }

  private func watchListeners(_ events: UInt32) {
    for (number, listener) in listeners.enumerated() {
      _ = tally_epoll_control(
        epoll, Epoll.modify, listener.descriptor, events, Self.firstListener + UInt64(number))
    }
  }

  /// Closes the connection of listener `number` that has been idle longest; false where none is idle. One whose next request
  /// has come, though nobody has read it, is not.
  private func makeRoom(_ number: Int) -> Bool {
    while let index = longestIdle(number) {
      idleUntil[index] = .max
      let peek = Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)
      var byte: UInt8 = 0
      if unsafe recv(slab[index].descriptor, &byte, 1, peek) > 0 { continue }
      closeConnection(index)
      core.value.statistics.madeRoom += 1
      return true
    }
    return false
  }

  private func longestIdle(_ number: Int) -> Int? {
    var found: Int?
    var earliest = Int64.max
    for index in 0..<core.value.highWater where idleUntil[index] < earliest {
      guard slab[index].descriptor >= 0, slab[index].listener == number else { continue }
      (found, earliest) = (index, idleUntil[index])
    }
    return found
  }

  /// Takes an accepted connection of listener `number` in and returns its place; nil where there is none.
  private func open(_ descriptor: Int32, _ number: Int) -> Int? {
    var place = free.removeLast()
    if place == nil, core.value.highWater < slab.capacity {
      slab.initialize(core.value.highWater)
      place = core.value.highWater
      core.value.highWater += 1
    }
    guard let index = place else { return nil }
    let token = Self.token(index, slab[index].generation)
    if tally_epoll_control(epoll, Epoll.add, descriptor, Epoll.input, token) < 0 {
      free.append(index)
      return nil
    }
    slab[index].descriptor = descriptor
    slab[index].listenerTag = listeners[number].tag
    slab[index].listener = UInt8(number)
    openBy[number] += 1
    slab[index].interest = Epoll.input
    core.value.statistics.accepted += 1
    core.value.statistics.open += 1
    touch(index)
    return index
  }

  private func refuse(_ descriptor: Int32) {
    close(descriptor)
    core.value.statistics.refused += 1
  }
}
