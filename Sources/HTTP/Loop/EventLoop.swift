import CPlatform
import Glibc
import Platform

// One thread, one epoll instance, many connections. A turn:
//
//   sleep in epoll ─▶ pace ─▶ mailbox ─▶ blocked connections that have room again ─▶ accept, receive, parse, handle
//                 ─▶ handler.turn ─▶ settle: one send for each connection touched, then close, re-arm, deadline
//
// Everything before `settle` changes memory only; `settle` brings the kernel up to it, once for each connection and turn.
// The mailbox comes before any receive, so a request never overtakes work submitted before it was sent.
//
// Invariant: the loop never sleeps while bytes at hand could be parsed. A connection stops parsing only for want of
// bytes (then epoll wakes it) or of room (then it is `isBlocked`, and whoever makes room touches it, so that `settle`
// puts it on the `resumed` list, which forbids sleep).

/// An HTTP/1.1 server on one thread. Everything but `submit` and `stop` is called on the thread that calls `run`, or
/// before it runs.
package final class EventLoop: @unchecked Sendable {
  package let settings: LoopSettings
  let handler: any RequestHandler
  let time: any TimeSource
  let mailbox: Mailbox
  let epoll: Int32
  let slab: Slab
  let blocks = BlockPool()
  /// The nearer of a connection's two deadlines, side by side, so that a look at all of them is cheap.
  let deadlines: FixedArray<Int64>
  /// When an idle connection would be closed, the longest idle one first; `Int64.max` for all others.
  let idleUntil: FixedArray<Int64>
  /// Open connections by listener.
  let openBy = FixedArray<Int>(repeating: 0, count: EventLoop.listenerLimit)
  let budget: BufferBudget
  /// Free places, places to settle, and places to parse again.
  let free: PlaceList
  let touched: PlaceList
  let resumed: PlaceList
  let core: Cell<Core>
  let date = FixedArray<UInt8>(repeating: 0, count: HTTPDate.lineCount)
  private let events = FixedArray<UInt32>(repeating: 0, count: 512)
  private let tokens = FixedArray<UInt64>(repeating: 0, count: 512)
  var listeners: [Listener] = []

  /// What changes while the loop runs.
  struct Core {
    var statistics = LoopStatistics()
    /// Monotonic nanoseconds when the turn began.
    var now: Int64 = 0
    var nextCheck: Int64 = 0
    /// Places below this one have been used.
    var highWater = 0
    var activity = Activity()
    /// Memory of connections that the budget knows of.
    var reported = 0
    var dateSecond: Int64 = -1
    /// A descriptor kept back, so that one more connection can be accepted and closed when there are none left.
    var spare: Int32 = -1
    var acceptsPaused = false
    var idleTurns: UInt64 = 0
    var isWriting = false
    var isStopping = false
    var stopDeadline = Int64.max
  }

  /// A loop without listeners. `handler` is kept until the loop goes. Loops that share a `budget` share its bound. Who has to wake
  /// the loop before it is made brings its `mailbox`, which is of this loop alone.
  package init(
    handler: any RequestHandler, settings: LoopSettings = LoopSettings(), budget: BufferBudget = BufferBudget(),
    mailbox given: Mailbox? = nil, time: any TimeSource = KernelTime()
  ) throws(SystemError) {
    settings.check()
    let descriptor = tally_epoll_create()
    if descriptor < 0 { throw SystemError("epoll_create1", "event loop", code: -descriptor) }
    let mailbox: Mailbox
    do throws(SystemError) {
      if let given { mailbox = given } else { mailbox = try Mailbox() }
      let code = tally_epoll_control(
        descriptor, Epoll.add, mailbox.descriptor, Epoll.input, EventLoop.mailboxToken)
      if code < 0 { throw SystemError("epoll_ctl", "mailbox", code: -code) }
    } catch {
      close(descriptor)
      throw error
    }
    self.settings = settings
    self.handler = handler
    self.time = time
    self.mailbox = mailbox
    epoll = descriptor
    self.budget = budget
    let capacity = settings.maxConnections + settings.extraConnections
    slab = Slab(capacity: capacity)
    deadlines = FixedArray(repeating: Int64.max, count: capacity)
    idleUntil = FixedArray(repeating: Int64.max, count: capacity)
    free = PlaceList(capacity: capacity)
    touched = PlaceList(capacity: capacity)
    resumed = PlaceList(capacity: capacity)
    core = Cell(Core())
    core.value.spare = unsafe tally_open("/dev/null", O_RDONLY, 0)
    core.value.now = time.monotonic()
  }

  deinit {
    closeListeners()
    for index in 0..<core.value.highWater where slab[index].descriptor >= 0 { closeConnection(index) }
    if core.value.spare >= 0 { close(core.value.spare) }
    close(epoll)
    budget.move(by: -core.value.reported)
    openBy.destroy()
    idleUntil.destroy()
    slab.destroy()
    blocks.destroy()
    deadlines.destroy()
    free.destroy()
    touched.destroy()
    resumed.destroy()
    core.destroy()
    date.destroy()
    events.destroy()
    tokens.destroy()
  }

  // MARK: For everybody

  /// Lets the loop do `work` on its thread, at the start of its next turn, before it reads any socket. From any thread.
  /// Work submitted after `run` has returned is not done.
  package func submit(_ work: @escaping @Sendable (EventLoop) -> Void) { mailbox.submit(work) }

  /// Ends the loop: listeners close, idle connections close, requests at hand are answered with `Connection: close`;
  /// after `drain` nanoseconds what is left is cut. From any thread.
  package func stop(drain: Int64) { mailbox.submit { $0.beginStop(drain) } }

  // MARK: On the loop's thread

  /// What was given to `init`.
  package var requestHandler: any RequestHandler { handler }

  /// The counters so far.
  package var statistics: LoopStatistics { core.value.statistics }

  /// Monotonic nanoseconds when the current turn began.
  package var now: Int64 { core.value.now }

  /// Serves until `stop`.
  package func run() {
    while !isThrough { turn() }
    closeListeners()
    for index in 0..<core.value.highWater where slab[index].descriptor >= 0 { closeConnection(index) }
    touched.removeAll()
    resumed.removeAll()
  }

  private var isThrough: Bool {
    core.value.isStopping && (core.value.statistics.open == 0 || core.value.now >= core.value.stopDeadline)
  }

  private func turn() {
    var count = poll(waitTime())
    let (ready, isRung) = look(count)
    // What other threads bring does not wait.
    if ready > 0, !isRung {
      let active = core.value.activity.estimate(open: core.value.statistics.open)
      let pause = handler.pace(ready: ready, active: max(active, ready))
      if pause > 0 {
        tally_wait_readable_ns(mailbox.descriptor, pause)
        count = poll(0)
        _ = look(count)
      }
    }
    core.value.now = time.monotonic()
    core.value.statistics.turns += 1
    core.value.activity.advance(to: core.value.now)
    refreshDate()

    for work in mailbox.take() { work(self) }
    for position in 0..<resumed.count { process(resumed[position]) }
    resumed.removeAll()
    for event in 0..<count { dispatch(tokens[event], events[event]) }
    handler.turn(on: self)
    settleTouched()
    if core.value.now >= core.value.nextCheck { checkDeadlines() }
    accountMemory()
  }

  /// How long the loop may sleep now.
  private func waitTime() -> Int64 {
    if resumed.count > 0 || core.value.isStopping && core.value.statistics.open == 0 { return 0 }
    let wait = handler.nextWait()
    if wait == 0 { return 0 }
    var limit = Int64.max
    if core.value.statistics.open > 0 || core.value.acceptsPaused { limit = core.value.nextCheck }
    if core.value.isStopping { limit = min(limit, core.value.stopDeadline) }
    if limit == .max { return wait }
    let rest = max(0, limit - time.monotonic())
    return wait < 0 ? rest : min(wait, rest)
  }

  private func poll(_ wait: Int64) -> Int {
    let count = unsafe tally_epoll_wait_ns(epoll, events.pointer, tokens.pointer, Int32(events.capacity), wait)
    precondition(count >= 0, "epoll_pwait2 failed with errno \(-count)")
    return Int(count)
  }

  /// How many of the first `count` events are connections that can be read, and whether the mailbox is one, which is quietened.
  private func look(_ count: Int) -> (ready: Int, isRung: Bool) {
    var ready = 0
    var isRung = false
    for event in 0..<count {
      let place = tokens[event] & 0xFFFF_FFFF
      if tokens[event] == Self.mailboxToken {
        mailbox.quieten()
        isRung = true
      } else if place < Self.firstListener, events[event] & Epoll.input != 0 {
        ready += 1
      }
    }
    return (ready, isRung)
  }

  private func dispatch(_ token: UInt64, _ ready: UInt32) {
    if token == Self.mailboxToken { return }
    let place = token & 0xFFFF_FFFF
    if place >= Self.firstListener {
      acceptAll(Int(place - Self.firstListener))
      return
    }
    let index = Int(place)
    guard slab[index].descriptor >= 0, slab[index].generation == UInt32(token >> 32) else { return }
    if ready & Epoll.output != 0 {
      slab[index].isFull = false
      touch(index)
    }
    if ready & Epoll.input != 0, slab[index].interest & Epoll.input != 0 {
      receive(index)
    } else if ready & (Epoll.error | Epoll.hangUp) != 0 {
      slab[index].isDead = true
      touch(index)
    } else if ready & Epoll.readHangUp != 0, slab[index].interest & Epoll.readHangUp != 0 {
      noteHangUp(index)
    }
  }

  /// Puts `index` on the list of those to settle at the end of the turn.
  @inline(__always)
  func touch(_ index: Int) {
    if slab[index].isTouched { return }
    slab[index].isTouched = true
    touched.append(index)
  }

  private func refreshDate() {
    let second = time.wall() / 1000
    if second == core.value.dateSecond { return }
    core.value.dateSecond = second
    var position = 0
    for byte in "Date: \(HTTPDate.format(second))\r\n".utf8 {
      date[position] = byte
      position += 1
    }
  }

  // MARK: Tokens of epoll: the generation above, the place below; the highest places are no connections.

  static let mailboxToken: UInt64 = 0xFFFF_FFFF_FFFF_FFFF
  static let firstListener: UInt64 = 0xFFFF_FF00
  static let listenerLimit = 100

  static func token(_ index: Int, _ generation: UInt32) -> UInt64 {
    UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
  }
}

/// About how many connections are in use: those that sent a request in the last whole window of 100 ms or in the
/// current one, whichever are more. An open connection without requests does not count, for nothing will come of it.
struct Activity {
  private static let width: Int64 = 100_000_000
  private(set) var window: Int64 = 0
  private var current = 0
  private var previous = 0

  /// Moves to the window of `now`.
  mutating func advance(to now: Int64) {
    let window = now / Self.width
    if window == self.window { return }
    previous = window == self.window + 1 ? current : 0
    current = 0
    self.window = window
  }

  /// Takes note of a request on a connection whose last one was in `last`.
  mutating func note(_ last: inout Int64) {
    if last == window { return }
    last = window
    current += 1
  }

  func estimate(open: Int) -> Int { min(open, max(current, previous)) }
}
