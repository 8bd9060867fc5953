import Clicks
import Platform
import Simulation
import Store

/// Event time and identities over their lifetime, against a model that shares no code with the store: clicks of browsers and
/// of feeds, on time, late and from the future, repeated after any time and through another door, while the background
/// seals and closes, the wall clock jumps by up to ten years, and the process restarts, is killed or loses power.
///
///     id that can be minted by now, or      counts once for ever, also where its first copy came long before the time in
///     any id of a feed                      its bits
///     other id from a browser               age < TTL: duplicate; age ≥ TTL + 1 s: counted again; between: either
///     minutes closed                        exactly those that the watermark of the model has passed by the lateness
///     the table                             the fold of what was answered `valid`
package enum EventTimeCampaign {
  private static let timeToLive: Int64 = 2_000
  private static let idleAfter: Int64 = 5_000
  private static let lateness: Int64 = 120_000

  /// One history of `steps` steps.
  package static func run(seed: UInt64, steps: Int = 300) -> Findings {
    var history = History(seed: seed)
    for _ in 0..<steps where history.findings.violations.isEmpty { history.step() }
    history.end()
    history.findings.runs += 1
    return history.findings
  }

  private struct Known {
    var request: ClickRequest
    /// Running time of the newest copy that was counted.
    var running: Int64
    /// Event times of all that were counted.
    var times: Set<Int64>
  }

  private struct History {
    var findings = Findings()
    private let seed: UInt64
    private var generator: SeededGenerator
    private var machine: SimulatedMachine
    private var store: Store?
    private var running: Int64 = 0
    private var known: [Known] = []
    private var rows: [Row: UInt64] = [:]
    /// The watermark, when it was moved, and what it has closed.
    private var watermark = Int64.min
    private var movedAt: Int64 = 0
    private var closed = Int64.min
    /// The last event time given on receipt, and when, in this life.
    private var lastReceipt: (time: Int64, monotonic: Int64)?
    /// The latest time of receipt.
    private var newestReceipt = Int64.min

    init(seed: UInt64) {
      self.seed = seed
      generator = SeededGenerator(seed: seed)
      machine = SimulatedMachine(seed: seed)
      open()
    }

    private var shard: Shard? { store?.shards[0] }
    private var now: Int64 { shard?.core.clock.now() ?? 0 }
    private var monotonic: Int64 { machine.time.monotonic() / 1_000_000 }

    private mutating func report(_ fault: String) { findings.violations.append("seed \(seed): \(fault)") }

    mutating func step() {
      switch generator.next() % 24 {
      case 0:
        let scale: Int64 = generator.pick([1_000, 60_000, 3_600_000, 86_400_000, 315_360_000_000])
        let jump: Int64 = generator.edge(in: -1...1) * scale
        // From 1990 to 2090: event times before 1970 are refused at the doors.
        let years: ClosedRange<Int64> = 631_152_000_000...3_786_912_000_000
        if years.contains(machine.time.wall() + jump) { machine.time.jumpWall(milliseconds: jump) }
      case 1: restart()
      case 2: wait(generator.edge(in: 0...600_000))
      case 3, 4: wait(generator.edge(in: 0...20_000))
      case 5...7: work()
      case 8:
        do { try shard?.maintenance.settle() } catch { report("settle: \(error)") }
        checkClosed()
      case 9...15: send((0..<(1 + generator.small(in: 0...20))).map { _ in fresh() })
      case 16...21: send((0..<(1 + generator.small(in: 0...10))).map { _ in again() })
      default:
        // A batch with its own repeats, from several doors.
        let first = fresh()
        send([first, again(), first, fresh(), first])
      }
    }

    private mutating func wait(_ milliseconds: Int64) {
      machine.time.advance(milliseconds: milliseconds)
      running += milliseconds
      shard?.maintain()
    }

    private mutating func work() {
      guard let shard else { return }
      if shard.slots.needsPreparation { try? shard.slots.prepare() }
      var steps = 0
      while shard.maintenance.turn(), steps < 500 { steps += 1 }
      if steps == 500 { report("the background finds no end") }
      shard.maintain()
      checkClosed()
    }

    // MARK: Clicks

    private mutating func fresh() -> ClickRequest {
      let number = UInt64(known.count) << 8 | UInt64(generator.small(in: 0...255))
      let source = UInt16(generator.small(in: 0...2))
      let late: Int64 = generator.edge(in: 0...172_800_000)
      let future: Int64 = generator.edge(in: 0...300_000)
      let distance: Int64 = generator.pick([0, 0, -late, future])
      let time = source == 0 ? ClickRequest.onReceipt : now + distance
      var impression = ImpressionID(high: seed &* 0x9E37_79B9_7F4A_7C15, low: number << 1)
      if !generator.oneIn(3) {
        let event = source == 0 ? now : time
        let old: Int64 = generator.edge(in: 0...86_400_000)
        let ahead: Int64 = generator.edge(in: 0...60_000)
        let age: Int64 = generator.pick([0, old, -ahead])
        impression = ImpressionID.version7(at: max(0, event - age), random: (generator.next(), generator.next()))
      }
      if generator.oneIn(5) { impression = lookalike() }
      return ClickRequest(
        identity: ClickIdentity(ad: AdKey(rawValue: number % 5), impression: impression), eventTime: time,
        source: source)
    }

    /// Bits that look like a UUID of version 7 and are none: their time is still to come, or of any year.
    private mutating func lookalike() -> ImpressionID {
      let soon: Int64 = generator.edge(in: 60_001...700_000)
      let later: Int64 = generator.edge(in: 60_001...5_000_000)
      let any = Int64(generator.next() >> 16)
      let time: Int64 = generator.pick([now + soon, now + soon, now + later, any, 0, 1 << 48 - 1])
      return .version7(at: time, random: (generator.next(), generator.next()))
    }

    private mutating func again() -> ClickRequest {
      guard let old = known.randomElement(using: &generator) else { return fresh() }
      var request = old.request
      // Some come through another door.
      if generator.oneIn(3) {
        request.source = UInt16(generator.small(in: 0...2))
        request.eventTime = request.source == 0 ? ClickRequest.onReceipt : now
      }
      return request
    }

    private mutating func send(_ batch: [ClickRequest]) {
      guard let shard else { return }
      if shard.slots.needsPreparation { try? shard.slots.prepare() }
      machine.time.advance(milliseconds: 1)
      running += 1
      let received = now
      checkReceipt(received)
      var answers = [ClickAnswer](repeating: ClickAnswer(.unknown), count: batch.count)
      shard.commit(batch.span) { answers[$0] = $1 }
      var moved = Int64.min
      for (request, answer) in zip(batch, answers) {
        let event = request.eventTime == ClickRequest.onReceipt ? received : request.eventTime
        judge(request, answer, event, received)
        if answer.verdict == .valid { moved = max(moved, min(event, received)) }
      }
      newestReceipt = max(newestReceipt, received)
      if moved > watermark {
        watermark = moved
        movedAt = monotonic
      }
    }

    /// What the answer should have been; takes it into the model.
    private mutating func judge(
      _ request: ClickRequest, _ answer: ClickAnswer, _ event: Int64, _ received: Int64
    ) {
      let index = known.lastIndex { $0.request.identity == request.identity }
      // By the clock the id can be minted, or could be by a clock that was set back since.
      let time = request.identity.impression.timeInBits.flatMap { $0 >= 1_577_836_800_000 ? $0 : nil } ?? .max
      let isMinted = time <= received + 60_000
      let isPlain = request.source == 0 && !isMinted && time > newestReceipt + 60_000
      let mayBePlain = request.source == 0 && !isMinted
      let name = "\(request.identity.impression), source \(request.source)"
      switch (answer.verdict, index) {
      case (.valid, nil):
        if answer.eventTime != event { report("\(name): counted at \(answer.eventTime), not \(event)") }
        known.append(Known(request: request, running: running, times: [event]))
        rows[Row(ad: request.identity.ad, minute: Minute(containing: event)), default: 0] += 1
      case (.valid, .some(let index)):
        let age = running - known[index].running
        guard mayBePlain, age >= timeToLive else { return report("\(name): counted again after \(age) ms") }
        known[index].running = running
        known[index].times.insert(event)
        rows[Row(ad: request.identity.ad, minute: Minute(containing: event)), default: 0] += 1
      case (.duplicate, nil): report("\(name): a duplicate of nothing")
      case (.duplicate, .some(let index)):
        let age = running - known[index].running
        if isPlain, age >= timeToLive + 1_000 { report("\(name): still a duplicate after \(age) ms") }
        if !known[index].times.contains(answer.eventTime) {
          report("\(name): a duplicate with the time \(answer.eventTime)")
        }
      default: report("\(name): answered \(answer.verdict.name) (\(shard!.condition.state))")
      }
    }

    /// Between two batches of one life the clock moves with the monotonic one, a tenth more or less.
    private mutating func checkReceipt(_ received: Int64) {
      if let last = lastReceipt {
        let elapsed = monotonic - last.monotonic
        let change = received - last.time
        if change < elapsed * 9 / 10 - 1 || change > elapsed * 11 / 10 + 1 {
          report("the clock moved by \(change) ms in \(elapsed)")
        }
      }
      lastReceipt = (received, monotonic)
    }

    // MARK: Time

    /// The minutes that the store has closed are those that the model has.
    private mutating func checkClosed() {
      guard let shard else { return }
      if monotonic - movedAt >= idleAfter { watermark = max(watermark, now) }
      if watermark > .min { closed = max(closed, Minute(containing: watermark - lateness).index) }
      let found = shard.live.summary.closedThrough.index
      if found != closed, isRecording {
        report("minutes before \(Minute(index: found)) are closed, due are those before \(Minute(index: closed))")
      }
    }

    private var isRecording: Bool {
      if case .recording = shard?.condition.state { true } else { false }
    }

    // MARK: Lives

    private mutating func restart() {
      // A click just before makes the recorded running time exact.
      send([fresh()])
      let seen = shard?.live.summary.closedThrough.index ?? .min
      switch generator.next() % 3 {
      case 0: shard?.close()
      case 1: machine = machine.crashed(generator.oneIn(2) ? .nothing : .everything)
      default: break
      }
      store = nil
      machine.time.advance(milliseconds: generator.edge(in: 0...100_000))
      open()
      findings.recoveries += 1
      guard let shard else { return }
      if shard.live.summary.closedThrough.index != seen { report("another life has closed other minutes") }
      // What the log still has says how far event time was; no more than that is known.
      let restored = shard.core.watermark.value(at: now)
      if restored > watermark { report("the watermark went from \(watermark) to \(restored)") }
      watermark = restored
    }

    private mutating func open() {
      var options = Scenario.options
      options.dedupHorizon = timeToLive
      options.idleAfter = idleAfter
      options.allowedLateness = lateness
      options.rawRetention = 1_000 * 365 * 86_400_000
      options.minuteRetention = options.rawRetention
      options.acceptClock = true
      lastReceipt = nil
      movedAt = monotonic
      do { store = try Store.open(machine.environment, Run.path, options: options) } catch {
        report("does not open: \(error)")
      }
    }

    mutating func end() {
      guard findings.violations.isEmpty else { return }
      work()
      do {
        let found = try Contents(machine.environment, Run.path)
        if found.rows != rows { report("the table differs from the fold of what was answered") }
        findings.violations += found.inconsistent.map { "seed \(seed): \($0)" }
      } catch { report("the store cannot be read: \(error)") }
    }
  }
}
