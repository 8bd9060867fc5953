import Clicks
import Platform
import Testing
import Traffic

/// The browsers against the forty-line server, without sockets: requests and answers are lost, delayed and reordered by a
/// seed. An honest server must pass whatever is lost; each dishonest one must be found out.
@Suite struct MixTests {
  private static let secret = Array("a secret of the tests".utf8)

  private struct Result {
    var mix: BrowserMix
    var server: HonestServer
    var differences: [Difference]
    var violations: [Violation]
    var isFound: Bool { !differences.isEmpty || !violations.isEmpty }
  }

  private struct Pending {
    var plan: RequestPlan
    var outcome: Outcome?
  }

  /// Runs a whole mix. `losses`: out of 100 requests, so many each are lost before and after the server has decided.
  private func run(
    seed: UInt64, total: Int = 1000, losses: Int, retries: Double = 1, fault: HonestServer.Fault? = nil
  ) -> Result {
    let time = TestTime(1_795_453_190_000 + Int64(seed))
    var generator = SplitMix64(seed: seed &* 31)
    var options = MixOptions()
    options.total = total
    options.ads = 1 + generator.below(60)
    options.repeats = 0.1
    options.bursts = 0.05
    options.forged = 0.05
    options.heads = 0.05
    options.robots = 0.05
    options.pausedAds = 0.05
    options.retries = retries
    let mix = BrowserMix(options, secret: Self.secret, time: time, seed: seed)
    let server = HonestServer(secret: Self.secret, catalog: mix.catalog, fault: fault)
    var pending: [Pending] = []
    /// Lost by the client, and still on its way to the server.
    var ghosts: [RequestPlan] = []
    func decide(_ plan: RequestPlan) -> Outcome {
      server.answer(
        isHead: plan.method == .head, isPrefetch: plan.purpose != .none, isRobot: plan.isRobot,
        target: String(decoding: plan.target, as: UTF8.self), at: time.wall())
    }
    var isDone = false
    while !isDone || !pending.isEmpty {
      time.advance(Int64(generator.below(200)))
      if !ghosts.isEmpty, generator.below(4) == 0 { _ = decide(ghosts.remove(at: generator.below(ghosts.count))) }
      if !isDone, pending.count < 16, generator.below(2) == 0 {
        var plan = RequestPlan()
        switch mix.next(into: &plan) {
        case .ready: pending.append(Pending(plan: plan))
        case .idle: break
        case .done: isDone = true
        }
        continue
      }
      guard !pending.isEmpty else { continue }
      let place = generator.below(pending.count)
      var one = pending[place]
      if let outcome = one.outcome {
        pending.remove(at: place)
        mix.finished(tag: one.plan.tag, outcome: outcome, latency: 1)
        continue
      }
      switch generator.below(100) {
      case 0..<losses:
        // Lost on the way there: for good, or to arrive when the client has long given up.
        one.outcome = .noAnswer
        if generator.below(2) == 0 { ghosts.append(one.plan) }
      case losses..<2 * losses:
        _ = decide(one.plan)
        one.outcome = .noAnswer
      case 2 * losses..<3 * losses where one.plan.method == .get && one.plan.purpose == .none:
        // Its batch took too long: `unknown`, for what would have been counted or was a repeat.
        let decided = decide(one.plan)
        let isCounted = decided.verdict == .valid || decided.verdict == .duplicate
        one.outcome = isCounted ? Outcome(status: 302, verdict: .unknown) : decided
      default: one.outcome = decide(one.plan)
      }
      pending[place] = one
    }
    for ghost in ghosts { _ = decide(ghost) }
    return Result(
      mix: mix, server: server, differences: mix.ledger.compare(server.table),
      violations: mix.ledger.violations().first)
  }

  @Test(arguments: [0, 2, 20], [1.0, 0.5, 0.0])
  func anHonestServerIsNeverAccused(losses: Int, retries: Double) {
    for seed: UInt64 in 1...6 {
      let result = run(seed: seed, losses: losses, retries: retries)
      #expect(result.differences == [] && result.violations == [], "seed \(seed)")
      let expected = result.mix.ledger.expectation()
      #expect(expected.isExact == (losses == 0 || retries == 1), "seed \(seed)")
      #expect(expected.total ~= result.server.table.values.reduce(0, +))
      let report = result.mix.report()
      #expect(report.answered + report.unanswered == result.mix.progress.scripted + result.mix.progress.retried)
      #expect(result.mix.progress.scripted == 1000)
    }
  }

  @Test(arguments: HonestServer.Fault.allCases)
  func aDishonestServerIsFound(fault: HonestServer.Fault) {
    for seed: UInt64 in 1...3 {
      for losses in [0, 3] {
        let result = run(seed: seed, losses: losses, fault: fault)
        #expect(result.server.faults > 0, "seed \(seed): \(fault) never struck")
        #expect(result.isFound, "seed \(seed), losses \(losses): \(fault) was not noticed")
      }
    }
  }

  @Test func whatWasLeftUnknownCanBeSettledLater() {
    let result = run(seed: 3, losses: 10, retries: 0)
    let mix = result.mix
    #expect(!mix.ledger.expectation().isExact)
    mix.retryUnknown()
    var plan = RequestPlan()
    while true {
      plan.target = []
      guard mix.next(into: &plan) == .ready else { break }
      let target = String(decoding: plan.target, as: UTF8.self)
      let outcome = result.server.answer(isHead: false, isPrefetch: false, target: target, at: 1_795_453_900_000)
      // The table gets what the retry counts; its time is far from the ledger's clock, which is not the matter here.
      mix.finished(tag: plan.tag, outcome: outcome, latency: 1)
    }
    #expect(mix.ledger.expectation().isExact)
    #expect(mix.ledger.compare(result.server.table) == [])
  }

  @Test func theScriptHasEverythingInItsShare() {
    let result = run(seed: 11, total: 20_000, losses: 0)
    let report = result.mix.report()
    for verdict: Verdict in [
      .valid, .duplicate, .prefetch, .head, .bot, .badSignature, .paused, .unknownAd, .malformed,
    ] {
      #expect(report.count(verdict) > 100, "\(verdict)")
    }
    #expect(report.answered == 20_000 && report.withoutVerdict == 0)
    let viral = result.server.table.filter { $0.key.ad.text == "ad-viral" }.values.reduce(0, +)
    #expect(0.18...0.22 ~= Double(viral) / Double(report.count(.valid)))
  }

  @Test func theSameSeedGivesTheSameScript() {
    func script(_ seed: UInt64) -> [String] {
      let mix = BrowserMix(MixOptions(), kid: "k1", secret: Self.secret, time: TestTime(), seed: seed)
      var plan = RequestPlan()
      return (0..<300).map { _ in
        plan = RequestPlan()
        #expect(mix.next(into: &plan) == .ready)
        return "\(plan.method) \(plan.purpose) \(String(decoding: plan.target, as: UTF8.self))"
      }
    }
    #expect(script(5) == script(5))
    #expect(script(5) != script(6))
    #expect(script(5)[0].hasSuffix("&kid=k1"))
  }

  @Test func stoppingEndsAnEndlessMix() {
    var options = MixOptions()
    options.total = .max
    let mix = BrowserMix(options, secret: Self.secret, time: TestTime(), seed: 1)
    var tags: [UInt64] = []
    var plan = RequestPlan()
    for _ in 0..<100 {
      plan = RequestPlan()
      #expect(mix.next(into: &plan) == .ready)
      tags.append(plan.tag)
    }
    mix.stopNew()
    #expect(mix.next(into: &plan) == .idle)
    for tag in tags { mix.finished(tag: tag, outcome: Outcome(status: 404), latency: 1) }
    #expect(mix.next(into: &plan) == .done)
  }
}
