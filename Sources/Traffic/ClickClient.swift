import CPlatform
import Glibc
import Platform

/// Browsers by the hundred from one thread: keep-alive connections over one epoll, so that the machine's time is left to
/// the server under test.
///
/// A turn: send what may be sent, sleep until something is readable or due, read everything that is ready, report it.
/// In a closed loop a connection sends its next request when it has room. In an open loop request k is due at
/// start + k / rate whatever the answers do, and its latency counts from there, so that a server that stands still is
/// charged for all the requests it kept waiting (no coordinated omission).
///
/// Each request a source gives out is sent at once and reported exactly once: with its answer, or with
/// `Outcome.noAnswer` when the connection is lost or `answerTimeout` is over. No request is sent twice by the client;
/// that is the source's to decide. In steady state a request costs one send and one receive and allocates nothing.
package struct ClickClient: ~Copyable {
  private let options: ClientOptions
  private let control: ClientControl
  private let poll: Int32
  private var connections: [Connection]
  /// Connections that can take a request, first come first served; each stands in it at most once.
  private var queue: [Int32]
  private var queueStart = 0
  private var queued = 0
  private var plan = RequestPlan()
  private var scratch: [UInt8] = []
  private var received: [UInt8]
  /// What follows the target, for each purpose, and for a robot.
  private var suffixes: [[UInt8]] = []
  private var statistics = ClientStatistics()
  private var inFlight = 0
  private var openCount = 0
  private var lastContact: Int64 = 0

  private static let eventBatch = 512
  private static let receiveSize = 64 << 10
  private static let millisecond: Int64 = 1_000_000

  /// A client that has not connected yet.
  package static func make(_ options: ClientOptions, _ control: ClientControl) throws(SystemError) -> ClickClient {
    let poll = tally_epoll_create()
    if poll < 0 { throw SystemError("epoll_create1", "client", code: -poll) }
    return ClickClient(options, control, poll)
  }

  private init(_ options: ClientOptions, _ control: ClientControl, _ poll: Int32) {
    precondition(1...20_000 ~= options.connections, "\(options.connections) connections")
    precondition(1...1024 ~= options.depth, "\(options.depth) requests in flight")
    precondition(options.rate ?? 1 > 0, "a rate that is not above zero")
    self.options = options
    self.control = control
    self.poll = poll
    connections = Array(repeating: Connection(depth: options.depth), count: options.connections)
    queue = Array(repeating: 0, count: options.connections)
    received = Array(repeating: 0, count: Self.receiveSize)
  }

  deinit {
    for connection in connections where connection.descriptor >= 0 { close(connection.descriptor) }
    close(poll)
  }

  /// Sends until the source is done, the time is over, somebody stops it or nothing can be reached; then awaits what is in
  /// flight. May be called again: connections are kept.
  package mutating func run(source: any RequestSource, observer: any Observer) throws(SystemError) -> ClientStatistics {
    let start = tally_monotonic_ns()
    statistics = ClientStatistics()
    lastContact = start
    prepareSuffixes()
    var pace = Pace(rate: options.rate, start: start)
    var events = [UInt32](repeating: 0, count: Self.eventBatch)
    var data = [UInt64](repeating: 0, count: Self.eventBatch)
    var nextSweep = start
    var isDone = false

    while true {
      var now = tally_monotonic_ns()
      if control.isStopped || options.duration.map({ now - start >= $0 }) ?? false { isDone = true }
      if now >= nextSweep {
        sweep(now, observer)
        nextSweep = now + 5 * Self.millisecond
        if openCount == 0 && now - lastContact > options.giveUpAfter {
          statistics.unreachable = true
          isDone = true
        }
      }
      var isIdle = false
      if !isDone {
        switch send(now, &pace, source, observer) {
        case .ready: break
        case .idle: isIdle = true
        case .done: isDone = true
        }
      }
      if isDone && inFlight == 0 { break }

      var wait = nextSweep - now
      if isIdle { wait = min(wait, Self.millisecond) }
      if !isDone, queued > 0, let due = pace.nextDue { wait = min(wait, due - tally_monotonic_ns()) }
      let ready = unsafe events.withUnsafeMutableBufferPointer { events in
        unsafe data.withUnsafeMutableBufferPointer { data in
          unsafe tally_epoll_wait_ns(
            poll, events.baseAddress, data.baseAddress, Int32(Self.eventBatch), max(0, wait))
        }
      }
      if ready < 0 { throw SystemError("epoll_pwait2", "client", code: -ready) }
      now = tally_monotonic_ns()
      for i in 0..<Int(ready) {
        let index = Int(data[i] & 0xFFFF_FFFF)
        if connections[index].generation == UInt32(data[i] >> 32) { handle(index, events[i], now, observer) }
      }
    }
    statistics.elapsed = tally_monotonic_ns() - start
    return statistics
  }

  // MARK: Sending

  private mutating func prepareSuffixes() {
    let address = control.address
    func suffix(_ line: String, _ headers: [String]) -> [UInt8] {
      var text = " HTTP/1.1\r\nHost: \(address)\r\n" + line
      for line in headers { text += line + "\r\n" }
      if !options.keepAlive { text += "Connection: close\r\n" }
      return Array((text + "\r\n").utf8)
    }
    suffixes = RequestPlan.Purpose.allCases.map { suffix($0.line, options.headers) }
    suffixes.append(suffix(RequestPlan.robotLine, options.headers.filter { !$0.hasPrefix("User-Agent:") }))
  }

  /// Gives each connection with room what it may send now.
  private mutating func send(
    _ now: Int64, _ pace: inout Pace, _ source: any RequestSource, _ observer: any Observer
  ) -> Supply {
    pace.advance(to: now)
    var turns = queued
    while turns > 0, pace.mayIssue {
      turns -= 1
      let index = Int(queue[queueStart])
      queueStart = queueStart + 1 == queue.count ? 0 : queueStart + 1
      queued -= 1
      connections[index].isQueued = false
      guard connections[index].hasRoom else { continue }
      let supply = fill(index, &pace, source)
      if !scratch.isEmpty { flush(index, observer) }
      enqueue(index)
      if supply == .idle { pace.skip() }
      if supply != .ready { return supply }
    }
    return .ready
  }

  /// Writes requests for one connection into `scratch`, as many as it has room for and the pace allows.
  private mutating func fill(_ index: Int, _ pace: inout Pace, _ source: any RequestSource) -> Supply {
    scratch.removeAll(keepingCapacity: true)
    while connections[index].inFlight < options.depth, pace.mayIssue {
      plan.tag = 0
      plan.method = .get
      plan.purpose = .none
      plan.isRobot = false
      plan.target.removeAll(keepingCapacity: true)
      let supply = source.next(into: &plan)
      guard supply == .ready else { return supply }
      let sent = tally_monotonic_ns()
      let intended = pace.issue() ?? sent
      scratch.append(contentsOf: plan.method == .head ? Text.head : Text.get)
      scratch.append(contentsOf: plan.target)
      scratch.append(contentsOf: plan.isRobot ? suffixes[suffixes.count - 1] : suffixes[Int(plan.purpose.rawValue)])
      connections[index].push(
        .init(tag: plan.tag, intended: intended, sent: sent, isHead: plan.method == .head))
      inFlight += 1
      statistics.requests += 1
    }
    return .ready
  }

  /// Sends `scratch`, keeping what the kernel does not take.
  private mutating func flush(_ index: Int, _ observer: any Observer) {
    let descriptor = connections[index].descriptor
    let n = unsafe scratch.withUnsafeBytes { unsafe Self.write(descriptor, $0) }
    if n < 0 { return lose(index, tally_monotonic_ns(), observer) }
    statistics.bytesSent += n
    if n < scratch.count {
      connections[index].unsent = Array(scratch[n...])
      connections[index].unsentFrom = 0
      watch(index, Event.modify, Event.readable | Event.writable)
    }
  }

  private mutating func flushUnsent(_ index: Int, _ now: Int64, _ observer: any Observer) {
    let descriptor = connections[index].descriptor
    let from = connections[index].unsentFrom
    let n = unsafe connections[index].unsent.withUnsafeBytes { bytes in
      unsafe Self.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[from...]))
    }
    if n < 0 { return lose(index, now, observer) }
    statistics.bytesSent += n
    connections[index].unsentFrom += n
    if connections[index].unsentFrom == connections[index].unsent.count {
      connections[index].unsent = []
      watch(index, Event.modify, Event.readable)
      enqueue(index)
    }
  }

  /// Bytes taken by the kernel, or -1 where the connection is lost.
  private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    let n = unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    if n >= 0 { return n }
    return errno == EAGAIN || errno == EINTR ? 0 : -1
  }

  // MARK: Receiving

  private mutating func handle(_ index: Int, _ events: UInt32, _ now: Int64, _ observer: any Observer) {
    switch connections[index].state {
    case .waiting: break
    case .connecting:
      var failure: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      let asked = unsafe getsockopt(connections[index].descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
      if asked != 0 || failure != 0 || events & Event.hangUp != 0 { return refuse(index, now) }
      watch(index, Event.modify, Event.readable)
      opened(index, now)
    case .open:
      if events & Event.writable != 0, !connections[index].unsent.isEmpty { flushUnsent(index, now, observer) }
      if events & (Event.readable | Event.failed | Event.hangUp) != 0, connections[index].isOpen {
        receive(index, now, observer)
      }
    }
  }

  private mutating func receive(_ index: Int, _ now: Int64, _ observer: any Observer) {
    let descriptor = connections[index].descriptor
    let n = unsafe received.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
    if n < 0, errno == EAGAIN || errno == EINTR { return }
    guard n > 0 else { return lose(index, now, observer) }
    statistics.bytesReceived += n
    lastContact = now
    // The bytes are lent out of `self` while they are read, since reading changes it.
    let isUsable: Bool
    var bytes: [UInt8] = []
    if connections[index].partial.isEmpty {
      swap(&bytes, &received)
      isUsable = read(index, bytes.span, n, now, observer)
      swap(&bytes, &received)
    } else {
      swap(&bytes, &connections[index].partial)
      bytes.append(contentsOf: received[..<n])
      isUsable = read(index, bytes.span, bytes.count, now, observer)
    }
    if isUsable { enqueue(index) } else { lose(index, now, observer) }
  }

  /// Reports each answer in the first `count` bytes. False where the connection is of no use any more.
  private mutating func read(
    _ index: Int, _ bytes: Span<UInt8>, _ count: Int, _ now: Int64, _ observer: any Observer
  ) -> Bool {
    let bytes = bytes.extracting(..<count)
    var at = 0
    while true {
      let skipped = min(connections[index].skip, count - at)
      connections[index].skip -= skipped
      at += skipped
      if at == count { return true }
      // Bytes that nothing asked for: the server and we no longer agree where answers begin.
      guard connections[index].inFlight > 0 else { return false }
      switch ResponseHead.parse(bytes, from: at, toHead: connections[index].oldestFlight.isHead) {
      case .incomplete:
        connections[index].partial.reserveCapacity(count - at)
        for i in at..<count { connections[index].partial.append(bytes[i]) }
        return true
      case .broken: return false
      case .head(let head):
        at += head.length
        if head.outcome.status < 200 { continue }
        let flight = connections[index].pop()
        inFlight -= 1
        connections[index].backoff = 0
        observer.finished(tag: flight.tag, outcome: head.outcome, latency: now - flight.intended)
        if head.closes || !options.keepAlive { return false }
        connections[index].skip = head.body ?? 0
      }
    }
  }

  // MARK: Connections

  private mutating func enqueue(_ index: Int) {
    guard connections[index].hasRoom, !connections[index].isQueued else { return }
    connections[index].isQueued = true
    let place = queueStart + queued
    queue[place < queue.count ? place : place - queue.count] = Int32(index)
    queued += 1
  }

  private mutating func opened(_ index: Int, _ now: Int64) {
    connections[index].state = .open
    openCount += 1
    statistics.connected += 1
    lastContact = now
    enqueue(index)
  }

  /// Connects what is due, and gives up what has been owed an answer for too long.
  private mutating func sweep(_ now: Int64, _ observer: any Observer) {
    for index in connections.indices {
      switch connections[index].state {
      case .waiting(let until): if until <= now { connect(index, now) }
      case .connecting, .open:
        if connections[index].inFlight > 0, now - connections[index].oldestFlight.sent > options.answerTimeout {
          lose(index, now, observer)
        }
      }
    }
  }

  private mutating func connect(_ index: Int, _ now: Int64) {
    do throws(SystemError) {
      connections[index].descriptor = try control.address.connect()
    } catch {
      return refuse(index, now)
    }
    connections[index].generation &+= 1
    connections[index].state = .connecting
    watch(index, Event.add, Event.writable)
  }

  private mutating func watch(_ index: Int, _ operation: Int32, _ events: UInt32) {
    let data = UInt64(connections[index].generation) << 32 | UInt64(index)
    _ = tally_epoll_control(poll, operation, connections[index].descriptor, events, data)
  }

  /// An attempt to connect failed: try again, later each time.
  private mutating func refuse(_ index: Int, _ now: Int64) {
    statistics.refused += 1
    let wait = max(options.backoff.lowerBound, min(connections[index].backoff, options.backoff.upperBound))
    reset(index, until: now + wait)
    connections[index].backoff = min(wait * 2, options.backoff.upperBound)
  }

  /// The connection is of no use any more: what it owes is not answered. After an answer the next one is made at once.
  private mutating func lose(_ index: Int, _ now: Int64, _ observer: any Observer) {
    let isOrderly = connections[index].inFlight == 0
    if options.keepAlive || !isOrderly { statistics.lost += 1 }
    openCount -= 1
    while connections[index].inFlight > 0 {
      let flight = connections[index].pop()
      inFlight -= 1
      observer.finished(tag: flight.tag, outcome: .noAnswer, latency: now - flight.intended)
    }
    let wait = isOrderly && connections[index].backoff == 0 ? 0 : options.backoff.lowerBound
    connections[index].backoff = max(connections[index].backoff, options.backoff.lowerBound)
    reset(index, until: now + wait)
    if wait == 0 { connect(index, now) }
  }

  private mutating func reset(_ index: Int, until: Int64) {
    if connections[index].descriptor >= 0 { close(connections[index].descriptor) }
    connections[index].descriptor = -1
    connections[index].state = .waiting(until: until)
    connections[index].skip = 0
    connections[index].partial = []
    connections[index].unsent = []
  }

  private enum Text {
    static let get = Array("GET ".utf8)
    static let head = Array("HEAD ".utf8)
  }

  /// The numbers of epoll(7).
  private enum Event {
    static let readable: UInt32 = 1
    static let writable: UInt32 = 4
    static let failed: UInt32 = 8
    static let hangUp: UInt32 = 16
    static let add: Int32 = 1
    static let modify: Int32 = 3
  }
}

/// When requests are due. Without a rate, always.
private struct Pace {
  private let interval: Double?
  private let start: Int64
  private var due = Int.max
  private var issued = 0

  init(rate: Double?, start: Int64) {
    interval = rate.map { 1e9 / $0 }
    self.start = start
  }

  /// Counts what is due by `now`.
  mutating func advance(to now: Int64) {
    if let interval { due = Int(Double(now - start) / interval) + 1 }
  }

  var mayIssue: Bool { issued < due }

  /// Takes the next due request, and says when it was to be sent.
  mutating func issue() -> Int64? {
    defer { issued += 1 }
    return interval.map { start + Int64(Double(issued) * $0) }
  }

  /// Lets what is due pass: there was nothing to send.
  mutating func skip() { if interval != nil { issued = max(issued, due) } }

  /// When the next request is due, where there is a rate.
  var nextDue: Int64? { interval.map { start + Int64(Double(issued) * $0) } }
}
