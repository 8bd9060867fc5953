import Clicks
import Platform
import Query
import Shards
import Simulation
import Store
import StoreHarness
import Testing

/// The heaviest of all ads, by a scan of the rows: what reading every ad for itself finds, whatever the range and wherever the rows are.
@Suite struct HeaviestAdsTests {
  @Test func aScanFindsWhatReadingEveryAdFinds() throws {
    try Seeds.run(25) { seed in
      var generator = seed.generator
      let machine = SimulatedMachine(seed: generator.next())
      let shards = generator.pick([1, 2, 3])
      let store = try Store.open(machine.environment, "/data", shards: shards, options: Scenario.options)
      var impression: UInt64 = 0
      // Half of the ads may be in any shard, the others are at home.
      let ads = (1...12).map { AdKey(rawValue: UInt64($0) &* 0x9E37_79B9_7F4A_7C15) }
      let routes = RouteTable(
        shards: shards, hot: Dictionary(uniqueKeysWithValues: ads.prefix(6).map { ($0, [HotInterval(start: 0)]) }))
      for _ in 0..<generator.small(in: 3...14) {
        let now = store.clock.now()
        for (number, shard) in store.shards.enumerated() {
          let own = ads.filter { routes.shards(holding: $0).contains(number) }
          let batch = (0..<generator.small(in: 0...40)).map { _ in
            impression += 1
            let late = generator.pick([0, 0, 60_000, 3_600_000, 86_400_000] as [Int64])
            return ClickRequest(
              identity: ClickIdentity(
                ad: generator.pick(own), impression: ImpressionID(high: impression, low: 1)), eventTime: now - late)
          }
          shard.commit(batch.span) { _, _ in }
        }
        machine.time.advance(milliseconds: Int64(generator.small(in: 0...40_000_000)))
        for shard in store.shards { while shard.maintenance.turn() {} }
        if generator.small(in: 0...3) == 0 { for shard in store.shards { try shard.maintenance.settle() } }
      }
      let board = generator.small(in: 0...1) == 0 ? RouteBoard(RouteBoard.Routes(routes)) : nil
      let tables = ShardTables(store.shards.map(\.live), routes: board)
      let last = Minute(containing: store.clock.now()).index + 1
      for _ in 0..<20 {
        let width = Int64(generator.pick([10, 90, 1_500, 20_000] as [Int64]))
        let from = Minute(index: last - Int64(generator.small(in: 0...4_000)) - width)
        let to = Minute(index: from.index + width)
        var due: [AdKey: UInt64] = [:]
        for ad in ads {
          let parts = try tables.series(of: ad, from: from, to: to, in: BucketGrid(.month))
          due[ad] = parts.flatMap(\.series.points).reduce(0) { $0 + $1.clicks }
        }
        let limit = generator.small(in: 1...14)
        let found = try tables.heaviest(from: from, to: to, limit: limit)
        let order = due.filter { $0.value > 0 }.sorted {
          $0.value != $1.value ? $0.value > $1.value : $0.key.rawValue < $1.key.rawValue
        }
        guard found.exactFrom == nil else { continue }
        #expect(found.ads.map(\.ad) == order.prefix(limit).map(\.key), "\(seed)")
        #expect(found.ads.map(\.clicks) == order.prefix(limit).map(\.value), "\(seed)")
        #expect(found.total == due.values.reduce(0, +), "\(seed)")
      }
      let known = Set(store.shards.flatMap { $0.live.adKeys }).subtracting([VerdictCounts.other.rawValue])
      #expect(try tables.heaviest(from: Minute(index: 0), to: Minute(index: last), limit: 1).count == known.count)
    }
  }
}
