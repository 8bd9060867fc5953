import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// Verdicts beside the counts (R17).
@Suite struct VerdictTests {
  @Test func verdictsReachTheirTablesWithTheMinute() throws {
    try Seeds.run(10) { seed in
      var generator = seed.generator
      let machine = SimulatedMachine(seed: generator.next())
      let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
      let shard = store.shards[0]
      var reference: [VerdictCounts.Key: UInt64] = [:]
      for _ in 0..<12 {
        let now = Minute(containing: store.clock.now()).index
        var part: [VerdictCounts.Key: UInt64] = [:]
        for _ in 0..<generator.small(in: 0...20) {
          // Some come a minute or a day late.
          let late = generator.pick([0, 0, 1, 9, 1_440] as [Int64])
          let key = VerdictCounts.Key(
            ad: AdKey(rawValue: UInt64(generator.small(in: 0...4))), minute: now - late,
            verdict: generator.pick([.duplicate, .expired, .badSignature]))
          part[key, default: 0] += UInt64(1 + generator.small(in: 0...5))
        }
        for (key, count) in part { reference[key, default: 0] += count }
        shard.core.verdicts.add(part)
        machine.time.advance(milliseconds: Int64(generator.small(in: 0...200_000)))
        while shard.upkeep.turn() {}
      }
      machine.time.advance(milliseconds: 300_000)
      try shard.upkeep.settle()

      let again = try Store.open(machine.crashed(.nothing).environment, Run.path, options: Scenario.options)
      for open in [shard, again.shards[0]] {
        for (key, count) in reference {
          let number = try #require(open.state.tables.first { $0.value == key.verdict.table }?.key)
          let minute = Minute(index: key.minute)
          let rows = try open.live.external(number, of: key.ad, from: minute, to: Minute(index: key.minute + 1))
          #expect(rows.map(\.value) == [count], "\(seed)")
        }
        #expect(open.position == 0)
      }
    }
  }
}
