import Clicks
import Glibc
import Platform
import Synchronization
import Traffic

// Browsers of the reference design, for hours: what they have done is summed up and forgotten, so that memory holds the clicks to come
// and one number for each that counts.
//
//   shown ─▶ sent ─▶ answered ──────────────────────────────▶ no repeat to come: forgotten, counted by its minute
//              ▲        │ unknown                  ▲
//              └────────┘         repeats, seconds to 20 minutes later
//
// A repeat of an id without a minting time that comes behind the dedup horizon may be answered `valid` as well as `duplicate`: the
// recount takes it away. So the ledger is told nothing of it, and the impression counts where it did. Every other answer is the
// ledger's to judge.

/// What became of the traffic so far.
package struct ReferenceProgress: Sendable {
  /// All outcomes, and those since they were asked for last.
  package var report = LoadReport()
  package var window = LoadReport()
  /// Repeats that came behind the horizon, and those of them that were answered `valid`.
  package var behindHorizon = 0
  package var validBehindHorizon = 0
  /// Repeats of impressions that have a minting time, or came inside the horizon.
  package var repeats = 0
  /// Sends again of what had no answer.
  package var retries = 0
  /// Impressions of which nobody knows whether they count.
  package var uncertain = 0
  /// Answers to repeats behind the horizon that no honest server gives.
  package var faults: [String] = []

  package init() {}
}

/// The browsers: source of requests and observer of outcomes. Safe from any thread.
package final class ReferenceMix: RequestSource, Observer, Sendable {
  private let state: Mutex<State>
  private let ledger: Ledger

  /// - Parameters:
  ///   - kid: the key id named in links.
  ///   - secret: the signing key's text as bytes.
  ///   - seed: to be printed by the caller.
  package init(_ options: ReferenceOptions, kid: String?, secret: [UInt8], time: any TimeSource, seed: UInt64) {
    ledger = Ledger(time: time)
    let minter = LinkMinter(kid: kid, secret: secret, time: time, seed: ~seed)
    state = Mutex(State(options, ledger, minter, time, seed))
  }

  package func next(into plan: inout RequestPlan) -> Supply { state.withLock { $0.next(into: &plan) } }

  package func finished(tag: UInt64, outcome: Outcome, latency: Int64) {
    state.withLock { $0.finished(tag, outcome, latency) }
  }

  /// Shows nothing new and repeats nothing from now on; what is unknown is still sent again. The run then ends by itself.
  package func stop() { state.withLock { $0.stop() } }

  /// A click that came by another way than a browser's counts once at this time, ms.
  package func count(_ ad: UInt32, at time: Int64) { state.withLock { $0.counted.add(ad, at: time) } }

  /// What became of the traffic; `window` begins anew.
  package func progress() -> ReferenceProgress {
    state.withLock { state in
      defer { state.progress.window = LoadReport() }
      return state.progress
    }
  }

  /// What the table must say of what is settled so far.
  package var counted: CountedClicks { state.withLock { $0.counted } }

  /// The answers that no honest server gives, in words; to be read when all sends have ended.
  package var violations: [String] {
    let found = ledger.violations()
    let more = found.count > found.first.count ? ["and \(found.count - found.first.count) more violations"] : []
    return found.first.map(\.description) + more + progress().faults
  }
}

/// The script, one request at a time.
private struct State {
  var progress = ReferenceProgress()
  var counted: CountedClicks

  private let options: ReferenceOptions
  private let ledger: Ledger
  /// One ad for all in the ledger: an impression's own stands beside it.
  private let anyAd: Ledger.Ad
  private let minter: LinkMinter
  private let time: any TimeSource
  private let start: Int64
  private var generator: SplitMix64
  private let zipf: Zipf

  /// By the ledger's number.
  private var shown: [Shown] = []
  private var inFlight = 0
  private var isStopped = false
  /// Clicks to come, by the second in which they are due: a ring.
  private var due: [[Ledger.Reference]]
  private var second: Int64
  private var ready: [Ledger.Reference] = []
  private var retries: [(of: Ledger.Reference, notBefore: Int64)] = []

  /// An impression that may be sent again.
  private struct Shown {
    var ad: UInt32 = 0
    var isTimed = true
    /// Sends that are owed an answer, and clicks to come.
    var inFlight: UInt8 = 0
    var toCome: UInt8 = 0
    /// Whether it is to be sent again for want of an answer.
    var isRetried = false
    /// Whether its repeats have been planned.
    var isPlanned = false
    /// When it was shown, and when it was counted first, ms.
    var shownAt: Int64 = 0
    var countedAt: Int64?
    /// Its own number, once a send has ended.
    var reference: Ledger.Reference?
  }

  /// Marks the tag of a repeat behind the horizon, of which the ledger does not know.
  private static let behindHorizon: UInt64 = 1 << 63

  init(
    _ options: ReferenceOptions, _ ledger: Ledger, _ minter: LinkMinter, _ time: any TimeSource, _ seed: UInt64
  ) {
    self.options = options
    self.ledger = ledger
    self.minter = minter
    self.time = time
    anyAd = ledger.ad(AdID("any")!)
    zipf = Zipf(count: options.ads, exponent: options.exponent)
    generator = SplitMix64(seed: seed)
    start = time.wall()
    second = start / 1_000
    // Late clicks are of before the start.
    counted = CountedClicks(from: start - options.lateness - 120_000)
    due = Array(repeating: [], count: Int(options.lifetime / 1_000) + 60)
  }

  // MARK: - Next request

  mutating func next(into plan: inout RequestPlan) -> Supply {
    let now = time.wall()
    if let place = retries.firstIndex(where: { $0.notBefore <= now }) {
      retries.swapAt(place, retries.count - 1)
      let one = retries.removeLast().of
      shown[Int(one.index)].isRetried = false
      progress.retries += 1
      send(one, .click, into: &plan)
      return .ready
    }
    guard !isStopped else { return inFlight == 0 && retries.isEmpty ? .done : .idle }
    turn(to: now)
    while let one = ready.popLast() {
      let i = Int(one.index)
      shown[i].toCome -= 1
      // Behind its lifetime it would rightly be refused.
      if shown[i].isTimed, now - shown[i].shownAt > options.lifetime - max(10_000, options.lifetime / 20) {
        conclude(one)
        continue
      }
      clickAgain(one, now, into: &plan)
      return .ready
    }
    script(now, &plan)
    return .ready
  }

  /// Takes the clicks of the seconds that have come.
  private mutating func turn(to now: Int64) {
    while second < now / 1_000 {
      second += 1
      let place = Int(second) % due.count
      ready += due[place]
      due[place] = []
    }
  }

  private mutating func script(_ now: Int64, _ plan: inout RequestPlan) {
    var point = generator.unit()
    /// Whether the point lies in the next `share` of the line from 0 to 1.
    func falls(_ share: Double) -> Bool {
      point -= share
      return point < 0
    }
    if falls(options.robots) {
      plan.isRobot = true
      return send(show(now, thenClick: true), .robot, into: &plan)
    }
    if falls(options.prefetches) {
      let purposes = RequestPlan.Purpose.allCases
      plan.purpose = purposes[1 + generator.below(purposes.count - 1)]
      return send(show(now, thenClick: true), .prefetch, into: &plan)
    }
    if falls(options.heads) {
      plan.method = .head
      return send(show(now, thenClick: true), .head, into: &plan)
    }
    if falls(options.forged) {
      return send(show(now, thenClick: true), .forged, fault: .forgedSignature, into: &plan)
    }
    if falls(options.bursts) {
      let one = show(now)
      let more = 1 + generator.below(3)
      shown[Int(one.index)].toCome += UInt8(more)
      for _ in 0..<more { ready.append(one) }
      return send(one, .click, into: &plan)
    }
    send(show(now, isTimed: !falls(options.untimed)), .click, into: &plan)
  }

  /// A new impression; half of those that are to be clicked later really are.
  private mutating func show(_ now: Int64, isTimed: Bool = true, thenClick: Bool = false) -> Ledger.Reference {
    let one = ledger.add(isTimed ? minter.impression() : minter.randomImpression(), ad: anyAd)
    let i = Int(one.index)
    if i == shown.count { shown.append(Shown()) }
    shown[i] = Shown(ad: ad(now), isTimed: isTimed, shownAt: now)
    if thenClick, generator.below(2) == 0 { plan(one, in: 1_000 + Int64(generator.below(3_000))) }
    return one
  }

  private mutating func ad(_ now: Int64) -> UInt32 {
    let part = Double(now - start) / Double(max(1, options.length))
    let viral = options.viralTime.contains(part) ? options.viral : options.viralRest
    return UInt32(generator.unit() < viral ? options.ads : zipf.sample(&generator))
  }

  /// The impression is clicked (again) after `delay` ms.
  private mutating func plan(_ one: Ledger.Reference, in delay: Int64) {
    let at = max(second + 1, (time.wall() + delay) / 1_000 + 1)
    guard at - second < due.count else { return }
    due[Int(at) % due.count].append(one)
    shown[Int(one.index)].toCome += 1
  }

  /// Plans the repeats of an impression that counts now.
  private mutating func planRepeats(_ one: Ledger.Reference) {
    let i = Int(one.index)
    guard !isStopped, !shown[i].isPlanned, generator.unit() < (shown[i].isTimed ? options.repeated : 0.5) else {
      return
    }
    shown[i].isPlanned = true
    let longest = Double(options.lifetime)
    for _ in 0...generator.below(3) {
      if shown[i].isTimed {
        // As many in the first seconds as in the last minutes.
        plan(one, in: Int64(1_000 * pow(longest / 1_000, generator.unit())))
      } else if generator.below(2) == 0 {
        plan(one, in: 1_000 + Int64(generator.unit() * Double(options.horizon) * 0.8))
      } else {
        let least = Double(options.horizon) + 5_000
        plan(one, in: Int64(least + generator.unit() * max(0, longest - least)))
      }
    }
  }

  private mutating func clickAgain(_ one: Ledger.Reference, _ now: Int64, into plan: inout RequestPlan) {
    let i = Int(one.index)
    // A clock that differs by seconds, or a server that stood still, may put it on either side.
    if !shown[i].isTimed, let first = shown[i].countedAt, now - first > options.horizon - 5_000 {
      progress.behindHorizon += 1
      write(one, .none, into: &plan)
      plan.tag = Self.behindHorizon | UInt64(one.index)
      return
    }
    if shown[i].countedAt != nil { progress.repeats += 1 }
    send(one, .click, into: &plan)
  }

  private mutating func send(
    _ one: Ledger.Reference, _ intent: Intent, fault: LinkFault = .none, into plan: inout RequestPlan
  ) {
    write(one, fault, into: &plan)
    plan.tag = ledger.sent(one, intent)
  }

  private mutating func write(_ one: Ledger.Reference, _ fault: LinkFault, into plan: inout RequestPlan) {
    let form = generator.below(8) == 0 ? IdentityForm.plain : .uuid
    let name = ReferenceOptions.name(shown[Int(one.index)].ad)
    minter.append(ad: name, impression: ledger.impression(one).id, form: form, fault: fault, to: &plan.target)
    shown[Int(one.index)].inFlight += 1
    inFlight += 1
  }

  // MARK: - Outcomes

  mutating func finished(_ tag: UInt64, _ outcome: Outcome, _ latency: Int64) {
    inFlight -= 1
    progress.report.record(outcome, latency: latency)
    progress.window.record(outcome, latency: latency)
    guard tag & Self.behindHorizon == 0 else {
      return finishedBehindHorizon(Int(tag & ~Self.behindHorizon), outcome)
    }
    let (one, _, needsRetry) = ledger.finished(tag, outcome)
    let i = Int(one.index)
    shown[i].inFlight -= 1
    shown[i].reference = one
    if outcome.verdict == .valid || outcome.verdict == .duplicate {
      shown[i].countedAt = shown[i].countedAt ?? outcome.eventTime ?? time.wall()
      planRepeats(one)
    }
    if needsRetry, !shown[i].isRetried {
      shown[i].isRetried = true
      retries.append((one, time.wall() + 100))
    }
    conclude(one)
  }

  private mutating func finishedBehindHorizon(_ i: Int, _ outcome: Outcome) {
    shown[i].inFlight -= 1
    switch (outcome.status, outcome.verdict) {
    case (302, .valid): progress.validBehindHorizon += 1
    case (302, .duplicate), (302, .unknown), (302, .unrecorded), (0, _), (500..., nil): break
    default:
      if progress.faults.count < 20 {
        progress.faults.append(
          "a repeat behind the horizon was answered \(outcome.status) \(outcome.verdict?.name ?? "")")
      }
    }
    conclude(shown[i].reference!)
  }

  /// Forgets the impression where nothing is to come, and counts it.
  private mutating func conclude(_ one: Ledger.Reference) {
    let state = shown[Int(one.index)]
    guard state.inFlight == 0, state.toCome == 0, !state.isRetried else { return }
    switch ledger.forget(one) {
    case .counted(let time): counted.add(state.ad, at: time)
    case .uncounted: break
    case .uncertain: progress.uncertain += 1
    }
  }

  mutating func stop() {
    isStopped = true
    let waiting = due.joined() + ready
    due = due.map { _ in [] }
    ready = []
    for one in waiting {
      shown[Int(one.index)].toCome -= 1
      conclude(one)
    }
  }
}
