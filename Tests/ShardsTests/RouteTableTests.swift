import Clicks
import Shards
import Simulation
import Testing

/// Where clicks go, as a pure function.
@Suite struct RouteTableTests {
  private func identity(_ ad: UInt64, _ id: ImpressionID) -> ClickIdentity {
    ClickIdentity(ad: AdKey(rawValue: ad), impression: id)
  }

  /// What is on disk was placed by these: they can never change (Formats/routes.md).
  @Test func theFunctionIsTheOneThatIsWrittenDown() {
    let ids = [
      ImpressionID(high: 0, low: 0), ImpressionID(high: 1, low: 2),
      ImpressionID(high: 0x0190_1234_5678_7ABC, low: 0x8000_0000_0000_0001),
    ]
    for (shards, homes, spread) in [
      (2, [0, 1, 0, 1, 0], [0, 1, 0]), (4, [0, 2, 0, 3, 1], [0, 2, 0]), (64, [0, 45, 14, 62, 25], [0, 35, 10]),
    ] {
      let table = RouteTable(shards: shards)
      let keys: [UInt64] = [0, 1, 2, 0x73475CB40A568E8D, 0xFFFF_FFFF_FFFF_FFFF]
      #expect(keys.map { table.home(of: AdKey(rawValue: $0)) } == homes, "\(shards)")
      #expect(ids.map { table.spread($0) } == spread, "\(shards)")
    }
  }

  @Test(arguments: [1, 2, 3, 4, 7, 16])
  func adsAndImpressionsAreSpreadEvenly(_ shards: Int) {
    var generator = SeededGenerator(seed: UInt64(shards))
    let table = RouteTable(shards: shards)
    let count = 20_000 * shards
    var homes = [Int](repeating: 0, count: shards)
    var parts = homes
    var minted = homes
    for i in 0..<count {
      // Small numbers too: a key is a hash, but nothing here relies on that.
      homes[table.home(of: AdKey(rawValue: UInt64(i)))] += 1
      parts[table.spread(ImpressionID(high: 0, low: UInt64(i)))] += 1
      let random = (generator.next(), generator.next())
      minted[table.spread(.version7(at: Int64(1_750_000_000_000 + i / 50), random: random))] += 1
    }
    for shares in [homes, parts, minted] {
      for share in shares { #expect(abs(share - 20_000) < 1_000, "\(shares)") }
    }
  }

  @Test func onlyImpressionsMintedInsideAnIntervalAreSpread() {
    let ad = AdKey(rawValue: 7)
    let table = RouteTable(
      shards: 8, version: 1, hot: [ad: [HotInterval(start: 1_000, end: 2_000), HotInterval(start: 5_000)]])
    var seen: [Set<Int>] = [[], []]
    for minted: Int64 in [0, 999, 1_000, 1_999, 2_000, 4_999, 5_000, 9_999] {
      let isHot = 1_000..<2_000 ~= minted || minted >= 5_000
      #expect(table.isHot(ad, minted: minted) == isHot)
      for low in 0..<100 as Range<UInt64> {
        let click = identity(7, .version7(at: minted, random: (low, low &* 0x9E37_79B9_7F4A_7C15)))
        #expect(table.route(click) == (isHot ? table.spread(click.impression) : table.home(of: ad)))
        seen[isHot ? 1 : 0].insert(table.route(click))
        // Another ad's impression, and one without a time, stay at home.
        #expect(table.route(identity(8, click.impression)) == table.home(of: AdKey(rawValue: 8)))
        #expect(table.route(identity(7, ImpressionID(high: low, low: 0))) == table.home(of: ad))
      }
    }
    #expect(seen[0].count == 1 && seen[1].count == 8)
    #expect(table.shards(holding: ad) == 0..<8 && table.spreadFrom(ad) == 1_000 - RouteTable.mintTolerance)
    let other = AdKey(rawValue: 8)
    #expect(table.shards(holding: other) == table.home(of: other)..<(table.home(of: other) + 1))
    #expect(table.spreadFrom(other) == nil)
  }

  /// The first difference is what comparing the routes one minting time after the other finds.
  @Test(arguments: Seeds.list(4))
  func theFirstDifferenceIsFound(_ seed: Seed) {
    var generator = seed.generator
    func table(_ version: UInt64) -> RouteTable {
      var hot: [AdKey: [HotInterval]] = [:]
      for ad in 0..<3 as Range<UInt64> where generator.oneIn(2) {
        var intervals: [HotInterval] = []
        var at = Int64(generator.small(in: 0...6))
        while at < 20 {
          let end = at + 1 + Int64(generator.small(in: 0...8))
          intervals.append(HotInterval(start: at, end: end > 24 ? .max : end))
          if end > 24 { break }
          at = end + 1 + Int64(generator.small(in: 0...8))
        }
        if !intervals.isEmpty { hot[AdKey(rawValue: ad)] = intervals }
      }
      return RouteTable(shards: 4, version: version, hot: hot)
    }
    for _ in 0..<500 {
      let (a, b) = (table(1), table(2))
      let due = (0..<40 as Range<Int64>).first { minted in
        (0..<3 as Range<UInt64>).contains { number in
          let ad = AdKey(rawValue: number)
          return a.isHot(ad, minted: minted) != b.isHot(ad, minted: minted)
        }
      }
      #expect(
        a.firstDifference(from: b) == due && b.firstDifference(from: a) == due, "\(seed): \(a.hot) \(b.hot)")
      #expect(a.firstDifference(from: a) == nil)
    }
  }

  @Test func aCommitterTakesWhatIsItsOwnAndDecided() {
    let ad = AdKey(rawValue: 7)
    let table = RouteTable(shards: 2, version: 1, hot: [ad: [HotInterval(start: 1_000)]])
    let routes = RouteBoard.Routes(table, decidedThrough: 3_000)
    for low in 0..<50 as Range<UInt64> {
      for minted: Int64 in [500, 1_500, 2_999, 3_000, 9_000] {
        let click = identity(7, .version7(at: minted, random: (0, low << 2)))
        for shard in 0..<2 {
          switch routes.admit(click, to: shard) {
          case .here: #expect(minted < 3_000 && table.route(click) == shard)
          case .elsewhere: #expect(minted < 3_000 && table.route(click) != shard)
          case .undecided(let time): #expect(minted >= 3_000 && time == minted)
          }
        }
      }
      let timeless = identity(7, ImpressionID(high: 0, low: low))
      if case .here = routes.admit(timeless, to: table.home(of: ad)) {} else { #expect(Bool(false)) }
    }
  }
}
