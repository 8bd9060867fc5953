import Clicks
import Shards
import Simulation
import Testing

/// Which ads are busy, and when that makes them hot.
@Suite struct HotPolicyTests {
  private func ad(_ number: Int) -> AdKey { AdKey(rawValue: UInt64(number)) }

  /// A counter is never above the true count, and never below it by more than the window's clicks over half the capacity.
  @Test(arguments: Seeds.list(20))
  func theSketchIsALowerBoundWithinItsError(_ seed: Seed) {
    var generator = seed.generator
    let capacity = 64
    var sketch = HeavyHitters(capacity: capacity)
    for _ in 0..<3 {
      var counts: [AdKey: Int] = [:]
      let clicks = 20_000
      for _ in 0..<clicks {
        let key = ad(generator.small(in: 0...100_000))
        counts[key, default: 0] += 1
        sketch.add(key)
      }
      let found = sketch.heaviest(atLeast: 1)
      #expect(found.count <= capacity && sketch.count == found.count, "\(seed)")
      let kept = Dictionary(uniqueKeysWithValues: found.map { ($0.ad, $0.clicks) })
      for (key, count) in counts {
        let counter = kept[key] ?? 0
        #expect(counter <= count && counter >= count - 2 * clicks / capacity, "\(seed): \(key) \(counter) of \(count)")
      }
      #expect(zip(found, found.dropFirst()).allSatisfy { $0.clicks >= $1.clicks })
      sketch.removeAll()
      #expect(sketch.heaviest(atLeast: 0).isEmpty)
    }
  }

  @Test func anAdTurnsHotAboveTheThresholdAndColdWellBelowIt() {
    var judge = HotJudge(HotPolicy(threshold: 1_000))
    let key = ad(1)
    var now: Int64 = 0
    func look(_ rate: Double) -> HotJudge.Turn {
      now += 1_000
      let turn = judge.look(rate > 0 ? [key: rate] : [:], now: now)
      judge.turned(turn)
      return turn
    }
    // One look is not enough, and one below starts anew.
    #expect(look(5_000).isEmpty && look(999).isEmpty && look(1_000).isEmpty)
    #expect(look(1_000).hot == [key] && look(1_000).isEmpty)
    // Between the bounds it stays hot for ever.
    for _ in 0..<200 { #expect(look(500).isEmpty) }
    // A minute below, without a break.
    for _ in 0..<60 { #expect(look(499).isEmpty) }
    #expect(look(500).isEmpty)
    for _ in 0..<60 { #expect(look(0).isEmpty) }
    #expect(look(0).cold == [key])
    #expect(judge.rates.isEmpty && look(0).isEmpty)
  }

  @Test func aZeroThresholdTurnsEverythingCold() {
    var judge = HotJudge(HotPolicy(threshold: 0), hot: [ad(1), ad(2)])
    let turn = judge.look([ad(3): 1e9], now: 0)
    #expect(turn.cold == [ad(1), ad(2)] && turn.hot.isEmpty)
    judge.turned(turn)
    #expect(judge.look([ad(3): 1e9], now: 1).isEmpty)
  }

  @Test func thereAreOnlySoManyHotAds() {
    var policy = HotPolicy(threshold: 10)
    policy.limit = 5
    var judge = HotJudge(policy)
    let rates = Dictionary(uniqueKeysWithValues: (0..<9).map { (ad($0), 100.0) })
    _ = judge.look(rates, now: 1)
    let turn = judge.look(rates, now: 2)
    #expect(turn.hot.count == 5)
    judge.turned(turn)
    #expect(judge.look(rates, now: 3).isEmpty)
  }

  @Test func reportsAreSummedAndGrowOld() {
    let reports = HotReports(3)
    reports.put(0, [ad(1): 10, ad(2): 1], at: 1_000)
    reports.put(2, [ad(1): 5], at: 2_000)
    #expect(reports.sum(at: 2_500) == [ad(1): 15, ad(2): 1])
    reports.put(0, [ad(1): 20], at: 2_600)
    #expect(reports.sum(at: 3_000) == [ad(1): 25])
    #expect(reports.sum(at: 5_100) == [ad(1): 20] && reports.sum(at: 9_000).isEmpty)
  }

  @Test func aMeterReportsRates() {
    let reports = HotReports(1)
    var meter = HotMeter(0, reports, HotPolicy(threshold: 100))
    meter.turn(10_000)
    for i in 0..<600 { meter.add(ad(i < 500 ? 1 : i)) }
    meter.turn(10_999)
    #expect(reports.sum(at: 10_999).isEmpty)
    meter.turn(12_000)
    #expect(reports.sum(at: 12_000) == [ad(1): 250])
    meter.turn(13_000)
    #expect(reports.sum(at: 13_000).isEmpty)
  }

  // MARK: - Intervals

  @Test func intervalsBeginAndEndAtTheBorder() throws {
    let empty = RouteTable(shards: 2)
    let key = ad(1)
    let (began, done, _) = empty.changed(HotJudge.Turn(hot: [key]), from: 1_000)
    let hot = try #require(began)
    #expect(hot.hot == [key: [HotInterval(start: 1_000)]] && done.hot == [key] && hot.version == 1)
    // It cannot end before it begins, and what ends ahead may go on.
    let short = try #require(hot.changed(HotJudge.Turn(cold: [key]), from: 1_000).table)
    #expect(short.hot == [key: [HotInterval(start: 1_000, end: 1_001)]])
    let ended = try #require(hot.changed(HotJudge.Turn(cold: [key]), from: 5_000).table)
    #expect(ended.hot == [key: [HotInterval(start: 1_000, end: 5_000)]])
    #expect(ended.changed(HotJudge.Turn(hot: [key]), from: 5_000).table?.hot == hot.hot)
    #expect(
      ended.changed(HotJudge.Turn(hot: [key]), from: 5_001).table?.hot
        == [key: [HotInterval(start: 1_000, end: 5_000), HotInterval(start: 5_001)]])
    #expect(empty.changed(HotJudge.Turn(cold: [key]), from: 0).table == nil)
  }

  @Test func aFullFileTakesNoMoreIntervals() throws {
    let many = (0..<64).map { number in
      let intervals = (0..<1_024).map { HotInterval(start: Int64($0) * 10, end: Int64($0) * 10 + 5) }
      return (ad(number), intervals)
    }
    let full = RouteTable(shards: 2, version: 1, hot: Dictionary(uniqueKeysWithValues: many))
    let (table, done, refused) = full.changed(HotJudge.Turn(hot: [ad(1), ad(99)]), from: 1_000_000)
    #expect(table == nil && done.isEmpty && refused == 2)
    // What ends ahead may still go on.
    #expect(full.changed(HotJudge.Turn(hot: [ad(1), ad(99)]), from: 10_235).done.hot == [ad(1)])
  }
}
