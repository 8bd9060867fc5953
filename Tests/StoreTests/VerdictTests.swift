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
        while shard.maintenance.turn() {}
      }
      machine.time.advance(milliseconds: 300_000)
      try shard.maintenance.settle()

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

  /// A stranger who names a million ads takes the room of a few thousand, and nobody else's (R23).
  @Test(arguments: [Verdict.badSignature, .prefetch])
  func requestsWithoutSignatureHaveABound(_ unsigned: Verdict) throws {
    let machine = SimulatedMachine(seed: 3)
    let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
    let shard = store.shards[0]
    let verdicts = shard.core.verdicts
    let minute = Minute(containing: store.clock.now()).index
    func key(_ ad: Int, _ verdict: Verdict, _ minute: Int64) -> VerdictCounts.Key {
      VerdictCounts.Key(ad: AdKey(rawValue: UInt64(ad) &* 0x9E37_79B9_7F4A_7C15), minute: minute, verdict: verdict)
    }
    var signed = 0
    for part in 0..<250 {
      var counts: [VerdictCounts.Key: UInt64] = [:]
      for ad in part * 4_000..<(part + 1) * 4_000 { counts[key(ad, unsigned, minute + Int64(part % 2))] = 2 }
      // Links that are signed are told by ad, before and behind the bound.
      for ad in 0..<40 { counts[key(part * 40 + ad, .duplicate, minute)] = 1 }
      signed += 40
      verdicts.add(counts)
      #expect(verdicts.entries <= 2 * (VerdictCounts.unsignedLimit + 1) + signed)
    }
    #expect(verdicts.entries == 2 * (VerdictCounts.unsignedLimit + 1) + signed && verdicts.left == 0)
    let folded = UInt64(2_000_000 - 2 * 2 * VerdictCounts.unsignedLimit)
    #expect(verdicts.folded == folded)
    // One that has a place keeps it.
    verdicts.add([key(0, unsigned, minute): 5])
    #expect(verdicts.folded == folded)

    machine.time.advance(milliseconds: 600_000)
    try shard.maintenance.settle()
    #expect(verdicts.entries == 0)
    func rows(_ verdict: Verdict, _ ad: AdKey) throws -> [UInt64] {
      let number = try #require(shard.state.tables.first { $0.value == verdict.table }?.key)
      let (from, to) = (Minute(index: minute), Minute(index: minute + 2))
      return try shard.live.external(number, of: ad, from: from, to: to).map(\.value)
    }
    #expect(try rows(unsigned, VerdictCounts.other).reduce(0, +) == folded)
    #expect(try rows(unsigned, key(0, unsigned, minute).ad) == [7])
    for ad in [0, 5_000, 9_999] { #expect(try rows(.duplicate, key(ad, .duplicate, minute).ad) == [1]) }
    // A later minute has a bound of its own.
    verdicts.add([key(1, unsigned, minute + 12): 1])
    #expect(verdicts.folded == folded && verdicts.entries == 1)
  }
}
