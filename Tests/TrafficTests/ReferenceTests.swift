import Clicks
import JSON
import Platform
import ReferenceLoad
import Testing
import Traffic

/// The clients of the reference design's load against a small server, without sockets: an honest one is never accused, whatever is
/// lost on the way, and each dishonest one is found.
@Suite struct ReferenceTests {
  private static let secret = Array("a secret of the tests".utf8)

  private struct Result {
    var comparison: Comparison
    var expected: Int
    var violations: [String]
    var progress: ReferenceProgress
    var server: HonestServer
    var isFound: Bool { comparison.lost + comparison.double > 0 || !violations.isEmpty }
  }

  private static var options: ReferenceOptions {
    var options = ReferenceOptions()
    options.ads = 40
    options.length = 300_000
    (options.lifetime, options.horizon, options.lateness) = (60_000, 15_000, 60_000)
    (options.repeated, options.untimed, options.bursts) = (0.2, 0.3, 0.05)
    (options.robots, options.prefetches, options.heads, options.forged) = (0.05, 0.05, 0.05, 0.05)
    return options
  }

  private static func id(_ ad: Int) -> AdID {
    AdID(String(decoding: ReferenceOptions.name(UInt32(ad)), as: UTF8.self))!
  }

  /// Traffic of `length` ms. `losses`: out of 100 requests, so many each are lost before and after the server has decided.
  private func run(
    seed: UInt64, losses: Int, fault: HonestServer.Fault? = nil, recounts: Bool = true
  ) -> Result {
    let options = Self.options
    let time = TestTime(1_795_453_190_000 + Int64(seed))
    let end = time.wall() + options.length
    var generator = SplitMix64(seed: seed &* 31)
    let mix = ReferenceMix(options, kid: nil, secret: Self.secret, time: time, seed: seed)
    let server = HonestServer(
      secret: Self.secret, ads: (0...options.ads).map(Self.id), horizon: options.horizon, fault: fault)
    var pending: [(plan: RequestPlan, outcome: Outcome)] = []
    var isStopped = false
    while true {
      time.advance(Int64(generator.below(150)))
      if time.wall() >= end, !isStopped {
        isStopped = true
        mix.stop()
      }
      if pending.count < 8, generator.below(2) == 0 {
        var plan = RequestPlan()
        switch mix.next(into: &plan) {
        case .done: break
        case .idle: continue
        case .ready:
          func decide() -> Outcome {
            server.answer(
              isHead: plan.method == .head, isPrefetch: plan.purpose != .none, isRobot: plan.isRobot,
              target: String(decoding: plan.target, as: UTF8.self), at: time.wall())
          }
          switch generator.below(100) {
          case 0..<losses: pending.append((plan, .noAnswer))
          case losses..<2 * losses:
            _ = decide()
            pending.append((plan, .noAnswer))
          default: pending.append((plan, decide()))
          }
          continue
        }
        if pending.isEmpty { break }
      }
      guard !pending.isEmpty else { continue }
      let one = pending.remove(at: generator.below(pending.count))
      mix.finished(tag: one.plan.tag, outcome: one.outcome, latency: 1)
    }
    if recounts { server.recount() }
    var expected = mix.counted
    expected.sort()
    var comparison = Comparison(expected)
    for (key, clicks) in server.table.sorted(by: { $0.key < $1.key }) where clicks > 0 {
      comparison.add(
        AdCount(ad: ReferenceOptions.ad(key.ad.text.utf8)!, minute: key.minute, clicks: clicks))
    }
    comparison.end(below: UInt32(options.ads + 1))
    return Result(
      comparison: comparison, expected: expected.total, violations: mix.violations, progress: mix.progress(),
      server: server)
  }

  @Test(arguments: [0, 3, 20]) func anHonestServerIsNeverAccused(losses: Int) {
    for seed: UInt64 in 1...6 {
      let result = run(seed: seed, losses: losses)
      #expect(result.comparison.lost == 0 && result.comparison.double == 0, "seed \(seed): \(result.comparison.faults)")
      #expect(result.violations == [] && result.progress.uncertain == 0, "seed \(seed)")
      #expect(result.expected == result.comparison.clicks && result.expected > 300, "seed \(seed)")
      #expect(result.progress.repeats > 20 && result.progress.behindHorizon > 20, "seed \(seed)")
      #expect(
        result.progress.validBehindHorizon > 10 && (losses == 0) == (result.progress.retries == 0), "seed \(seed)")
      let report = result.progress.report
      for verdict: Verdict in [.valid, .duplicate, .bot, .prefetch, .head, .badSignature] {
        #expect(report.count(verdict) > 5, "seed \(seed): \(verdict)")
      }
    }
  }

  /// No ad of this traffic is paused.
  @Test(arguments: HonestServer.Fault.allCases.filter { $0 != .countsPausedSilently })
  func aDishonestServerIsFound(fault: HonestServer.Fault) {
    for seed: UInt64 in 1...3 {
      for losses in [0, 3] {
        let result = run(seed: seed, losses: losses, fault: fault)
        #expect(result.server.faults > 0, "seed \(seed): \(fault) never struck")
        #expect(result.isFound, "seed \(seed), losses \(losses): \(fault) was not noticed")
      }
    }
  }

  @Test func repeatsBehindTheHorizonAreTheRecounts() {
    for seed: UInt64 in 1...3 {
      let result = run(seed: seed, losses: 0, recounts: false)
      #expect(result.comparison.double == result.progress.validBehindHorizon, "seed \(seed)")
      #expect(result.comparison.lost == 0 && result.comparison.double > 0 && result.violations == [], "seed \(seed)")
    }
  }

  @Test func theViralAdHasItsTime() {
    let options = Self.options
    let time = TestTime()
    let mix = ReferenceMix(options, kid: nil, secret: Self.secret, time: time, seed: 5)
    var shares: [Double] = []
    for _ in 0..<10 {
      var viral = 0
      for _ in 0..<2_000 {
        var plan = RequestPlan()
        guard case .ready = mix.next(into: &plan) else { continue }
        if String(decoding: plan.target, as: UTF8.self).contains("adId=ad-00000040&") { viral += 1 }
        mix.finished(tag: plan.tag, outcome: Outcome(status: 404), latency: 1)
      }
      shares.append(Double(viral) / 2_000)
      time.advance(options.length / 10)
    }
    #expect(shares.enumerated().allSatisfy { ($1 > 0.2) == (3...4 ~= $0) && ($1 < 0.1) != (3...4 ~= $0) }, "\(shares)")
  }

  /// Against dictionaries, from printed seeds.
  @Test func comparisonsFindEachDifference() {
    for seed: UInt64 in 1...200 {
      var generator = SplitMix64(seed: seed)
      let start: Int64 = 1_795_453_200_000
      var due: [AdMinute: Int] = [:]
      var expected = CountedClicks(from: start)
      for _ in 0..<generator.below(60) {
        let (ad, minute) = (generator.below(6), Int64(generator.below(4)))
        expected.add(UInt32(ad), at: start + minute * 60_000 + Int64(generator.below(60_000)))
        due[AdMinute(Self.id(ad), Minute(index: Minute(containing: start).index + minute)), default: 0] += 1
      }
      expected.sort()
      var counts = due
      for _ in 0..<generator.below(5) {
        let key = AdMinute(
          Self.id(generator.below(8)), Minute(index: Minute(containing: start).index + Int64(generator.below(5))))
        counts[key] = max(0, counts[key, default: 0] + generator.below(5) - 2)
      }
      var comparison = Comparison(expected)
      var ended = 0
      for (key, clicks) in counts.sorted(by: { $0.key < $1.key }) where clicks > 0 {
        let ad = ReferenceOptions.ad(key.ad.text.utf8)!
        if ended < Int(ad), generator.below(2) == 0 {
          ended = Int(ad)
          comparison.end(below: ad)
        }
        comparison.add(AdCount(ad: ad, minute: key.minute, clicks: clicks))
      }
      comparison.end(below: 9)
      let keys = Set(due.keys).union(counts.keys)
      let differences = keys.map { counts[$0, default: 0] - due[$0, default: 0] }
      #expect(comparison.double == differences.reduce(0) { $0 + max(0, $1) }, "seed \(seed)")
      #expect(comparison.lost == differences.reduce(0) { $0 + max(0, -$1) }, "seed \(seed)")
      #expect(comparison.clicks == counts.values.reduce(0, +), "seed \(seed)")
      #expect(comparison.faults.count == differences.count { $0 != 0 }, "seed \(seed)")
    }
  }

  @Test func aBatchHasWhatItSays() throws {
    let options = Self.options
    let now: Int64 = 1_795_453_200_000
    for isYoung in [false, true] {
      var generator = SplitMix64(seed: 3)
      let minter = LinkMinter(secret: Self.secret, time: TestTime(now), seed: 4)
      let batch = LateBatch(
        options, Zipf(count: options.ads, exponent: 1), minter, now: now, isYoung: isYoung, &generator)
      let times = try batch.lines.split(separator: 0x0A).map { try #require(JSONReader.read($0)["time"]?.integer) }
      let ages = times.map { now - Int64($0) }
      #expect(ages.count == options.batchLines + options.batchTooOld + options.batchForged)
      #expect(batch.clicks.map { now - $0.time } == Array(ages.prefix(options.batchLines)))
      let most = isYoung ? options.lateness / 3 : options.lateness - 40_000
      #expect(ages.prefix(options.batchLines).allSatisfy { options.lateness / 15..<most ~= $0 })
      #expect(ages.count { $0 > options.lateness } == options.batchTooOld)
    }
    let refused = ["too-old": options.batchTooOld, "bad-signature": options.batchForged]
    func fault(_ accepted: Int, _ duplicate: Int, _ refused: [String: Int], isFirst: Bool, isCertain: Bool = true)
      -> Bool
    {
      LateAnswer(accepted: accepted, duplicate: duplicate, refused: refused)
        .fault(options, isFirst: isFirst, isCertain: isCertain) != nil
    }
    #expect(!fault(400, 0, refused, isFirst: true) && fault(399, 0, refused, isFirst: true))
    #expect(fault(399, 1, refused, isFirst: true) && !fault(399, 1, refused, isFirst: true, isCertain: false))
    #expect(fault(400, 0, [:], isFirst: true) && fault(1, 399, refused, isFirst: false))
    #expect(!fault(0, 400, refused, isFirst: false))
  }

  @Test func pagesOfCountsAreRead() throws {
    let head = "adId,minute,clicks,status,credits\r\n"
    var (counts, unreconciled): ([AdCount], Int) = ([], 0)
    func parse(_ text: String) throws { try ServedCounts.parse(Array(text.utf8), &unreconciled) { counts.append($0) } }
    try parse(
      head + "ad-00000012,2026-12-01T01:22:00Z,7,reconciled,0\r\nad-09999999,2026-12-01T01:23:00Z,1,closed,0\r\n")
    let minute = Minute(containing: Timestamp.parse("2026-12-01T01:22:00Z")!)
    #expect(
      counts == [
        AdCount(ad: 12, minute: minute, clicks: 7),
        AdCount(ad: 9_999_999, minute: Minute(index: minute.index + 1), clicks: 1),
      ])
    #expect(unreconciled == 1)
    for wrong in [
      "{}", head + "42,2026-12-01T01:22:00Z,7,reconciled,0", head + "ad-00000012,now,7,reconciled,0",
      head + "ad-00000012,2026-12-01T01:22:00Z,,reconciled,0", head + "ad-00000012,2026-12-01T01:22:00Z,7",
    ] { #expect(throws: (any Error).self, "\(wrong)") { try parse(wrong) } }
  }

  @Test func namesAreInTheOrderOfTheirNumbers() {
    let numbers: [UInt32] = [0, 9, 10, 123_456, 9_999_999, 10_000_000, 99_999_999]
    let names = numbers.map { ReferenceOptions.name($0) }
    #expect(names.map { ReferenceOptions.ad($0) } == numbers)
    #expect(zip(names, names.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    #expect(ReferenceOptions.ad("ad-1".utf8) == nil && ReferenceOptions.ad("ad-0000001x".utf8) == nil)
  }
}
