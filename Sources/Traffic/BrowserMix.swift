import Clicks
import Platform
import Synchronization

/// Browsers as they are: most click once, some twice, some at once on several connections; some only look (HEAD,
/// prefetch), some forge; what gets no answer is sent again with the same id until an answer settles it.
///
/// A source of requests and the observer of their outcomes in one: it writes each send into the ledger before it goes out.
/// The same options and seed give the same script; ids carry the time and so differ. Safe from any thread, so that a
/// table can be shown while it runs.
package final class BrowserMix: RequestSource, Observer, Sendable {
  /// The book of this traffic.
  package let ledger: Ledger
  /// The ads that must be in the server's catalog.
  package let catalog: [AdEntry]
  /// The viral ad, unless it has no part in the options.
  package let viral: AdID?
  private let state: Mutex<MixState>

  /// - Parameters:
  ///   - kid: the key id named in links; nil leaves it out.
  ///   - secret: the signing key's text as bytes.
  ///   - seed: to be printed by the caller.
  package init(
    _ options: MixOptions, kid: String? = nil, secret: [UInt8], time: any TimeSource, seed: UInt64,
    ledgerFile: LedgerFile? = nil
  ) {
    let book = Ledger(time: time, file: ledgerFile)
    let names = AdNames(options)
    let numbers = names.ids.map { book.ad($0) }
    ledger = book
    catalog = names.catalog
    viral = options.viral > 0 ? names.ids[names.viral] : nil
    state = Mutex(
      MixState(
        options, names, numbers, book, LinkMinter(kid: kid, secret: secret, time: time, seed: ~seed), time, seed))
  }

  package func next(into plan: inout RequestPlan) -> Supply {
    state.withLock { $0.next(into: &plan) }
  }

  package func finished(tag: UInt64, outcome: Outcome, latency: Int64) {
    state.withLock { $0.finished(tag, outcome, latency) }
  }

  /// Starts no new impression from now on; what is unknown is still retried. The run then ends by itself.
  package func stopNew() { state.withLock { $0.stopNew() } }

  /// From now on the viral ad gets this part of the clicks.
  package func setViral(_ share: Double) { state.withLock { $0.setViral(share) } }

  /// Sends what is unknown again, in the next run: for impressions that were left alone so far.
  package func retryUnknown() {
    let unknown = ledger.retryUnknown()
    state.withLock { $0.retry(unknown) }
  }

  /// Outcomes so far. The caller adds the client's statistics.
  package func report() -> LoadReport { state.withLock { $0.report } }

  /// Scripted requests given out so far, and retries.
  package var progress: (scripted: Int, retried: Int) { state.withLock { ($0.scripted, $0.retried) } }
}

/// The ads of a mix: active by rank, then the viral, the paused and the unknown ones.
private struct AdNames {
  var ids: [AdID] = []
  let active: Int
  var viral: Int { active }
  var paused: Range<Int> { active + 1..<active + 4 }
  var unknown: Range<Int> { active + 4..<active + 8 }

  init(_ options: MixOptions) {
    precondition(1...1_000_000 ~= options.ads, "\(options.ads) ads")
    active = options.ads
    for rank in 1...options.ads { ids.append(Self.id("\(options.prefix)-\(rank)")) }
    ids.append(Self.id("\(options.prefix)-viral"))
    for i in 1...3 { ids.append(Self.id("\(options.prefix)-paused-\(i)")) }
    for i in 1...4 { ids.append(Self.id("\(options.prefix)-nobody-\(i)")) }
  }

  var catalog: [AdEntry] {
    (0..<unknown.lowerBound).map { AdEntry(id: ids[$0], isPaused: paused.contains($0)) }
  }

  private static func id(_ text: String) -> AdID {
    guard let id = AdID(text) else { preconditionFailure("\(text) is no ad id") }
    return id
  }
}

/// The script, one request at a time.
private struct MixState {
  private var options: MixOptions
  private let names: AdNames
  private let adTexts: [[UInt8]]
  private let adNumbers: [Ledger.Ad]
  private let zipf: Zipf
  private let ledger: Ledger
  private let minter: LinkMinter
  private let time: any TimeSource
  private var generator: SplitMix64

  private(set) var report = LoadReport()
  private(set) var scripted = 0
  private(set) var retried = 0
  private var remaining: Int
  private var inFlight = 0
  /// Impressions clicked at least once, for repeats.
  private var clicked: [Ledger.Reference] = []
  /// Clicks that follow at once: the rest of a burst, the click after a prefetch.
  private var soon: [Ledger.Reference] = []
  private var retries: [Retry] = []
  private var tries: [Ledger.Reference: Int] = [:]

  private struct Retry {
    var of: Ledger.Reference
    /// Monotonic ns.
    var notBefore: Int64
  }

  init(
    _ options: MixOptions, _ names: AdNames, _ adNumbers: [Ledger.Ad], _ ledger: Ledger, _ minter: LinkMinter,
    _ time: any TimeSource, _ seed: UInt64
  ) {
    self.options = options
    self.names = names
    self.adNumbers = adNumbers
    self.ledger = ledger
    self.minter = minter
    self.time = time
    adTexts = names.ids.map { Array($0.text.utf8) }
    zipf = Zipf(count: options.ads, exponent: options.exponent)
    generator = SplitMix64(seed: seed)
    remaining = options.total
  }

  // MARK: Next request

  mutating func next(into plan: inout RequestPlan) -> Supply {
    if let again = dueRetry() {
      retried += 1
      click(again, into: &plan)
      return .ready
    }
    guard remaining > 0 else { return inFlight == 0 && retries.isEmpty ? .done : .idle }
    remaining -= 1
    scripted += 1
    if let follower = soon.popLast() {
      click(follower, into: &plan)
    } else {
      script(&plan)
    }
    return .ready
  }

  private mutating func script(_ plan: inout RequestPlan) {
    var point = generator.unit()
    /// Whether the point lies in the next `share` of the line from 0 to 1.
    func falls(_ share: Double) -> Bool {
      point -= share
      return point < 0
    }
    if falls(options.repeats), !clicked.isEmpty {
      return click(clicked[generator.below(clicked.count)], into: &plan)
    }
    if falls(options.bursts) {
      let one = showing(activeAd())
      for _ in 0...generator.below(3) { soon.append(one) }
      return click(one, into: &plan)
    }
    if falls(options.forged) {
      let fault = generator.below(2) == 0 ? LinkFault.forgedSignature : .wrongKey
      return send(showing(activeAd(), thenClick: true), .forged, fault: fault, into: &plan)
    }
    if falls(options.truncated) {
      return send(showing(activeAd(), thenClick: true), .truncated, fault: .truncatedSignature, into: &plan)
    }
    if falls(options.malformed) {
      let faults: [LinkFault] = [.missingAd, .missingImpression, .missingSignature]
      return send(showing(activeAd()), .malformed, fault: faults[generator.below(3)], into: &plan)
    }
    if falls(options.unknownAds) {
      return send(showing(names.unknown.lowerBound + generator.below(names.unknown.count)), .unknownAd, into: &plan)
    }
    if falls(options.pausedAds) {
      return send(showing(names.paused.lowerBound + generator.below(names.paused.count)), .pausedAd, into: &plan)
    }
    if falls(options.heads) {
      plan.method = .head
      return send(showing(activeAd(), thenClick: true), .head, into: &plan)
    }
    if falls(options.prefetches) {
      let purposes = RequestPlan.Purpose.allCases
      plan.purpose = purposes[1 + generator.below(purposes.count - 1)]
      return send(showing(activeAd(), thenClick: true), .prefetch, into: &plan)
    }
    if falls(options.robots) {
      plan.isRobot = true
      return send(showing(activeAd(), thenClick: true), .robot, into: &plan)
    }
    let untimed = falls(options.untimed)
    click(showing(activeAd(), untimed: untimed), into: &plan)
  }

  private mutating func activeAd() -> Int {
    generator.unit() < options.viral ? names.viral : zipf.sample(&generator)
  }

  /// A new impression of the ad; half of those that are to be clicked later really are.
  private mutating func showing(_ ad: Int, untimed: Bool = false, thenClick: Bool = false) -> Ledger.Reference {
    let id = untimed ? minter.randomImpression() : minter.impression()
    let reference = ledger.add(id, ad: adNumbers[ad])
    if thenClick, generator.below(2) == 0 { soon.append(reference) }
    return reference
  }

  private mutating func click(_ reference: Ledger.Reference, into plan: inout RequestPlan) {
    send(reference, .click, into: &plan)
    if options.repeats > 0 { clicked.append(reference) }
  }

  private mutating func send(
    _ reference: Ledger.Reference, _ intent: Intent, fault: LinkFault = .none, into plan: inout RequestPlan
  ) {
    let (id, ad) = ledger.impression(reference)
    let form = generator.below(8) == 0 ? IdentityForm.plain : .uuid
    minter.append(ad: adTexts[Int(ad.index)], impression: id, form: form, fault: fault, to: &plan.target)
    plan.tag = ledger.sent(reference, intent)
    inFlight += 1
  }

  // MARK: Outcomes

  mutating func finished(_ tag: UInt64, _ outcome: Outcome, _ latency: Int64) {
    inFlight -= 1
    report.record(outcome, latency: latency)
    let (reference, _, needsRetry) = ledger.finished(tag, outcome)
    // A redirect without a verdict will not get one by being sent again.
    let isAnswered = outcome.verdict == nil && 200..<400 ~= outcome.status
    if needsRetry, !isAnswered, generator.unit() < options.retries { retry([reference]) }
  }

  /// Lines the impressions up to be sent again, the later the more often they were.
  mutating func retry(_ references: [Ledger.Reference]) {
    for reference in references {
      let before = tries[reference, default: 0]
      guard before < options.attempts else { continue }
      tries[reference] = before + 1
      let wait = min(Int64(before) * 10_000_000, 500_000_000)
      retries.append(Retry(of: reference, notBefore: time.monotonic() + wait))
    }
  }

  private mutating func dueRetry() -> Ledger.Reference? {
    guard !retries.isEmpty else { return nil }
    let now = time.monotonic()
    guard let place = retries.firstIndex(where: { $0.notBefore <= now }) else { return nil }
    retries.swapAt(place, retries.count - 1)
    return retries.removeLast().of
  }

  mutating func setViral(_ share: Double) { options.viral = share }

  mutating func stopNew() {
    remaining = 0
    soon = []
  }
}
