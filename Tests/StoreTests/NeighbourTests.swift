import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// One thread drives the background of all shards: the merge of one may not keep the minutes of another from closing.
@Suite struct NeighbourTests {
  @Test func aMergeLetsOtherShardsClose() throws {
    var options = Scenario.options
    options.budget = WorkBudget(bytesPerSecond: 1 << 50)
    let machine = SimulatedMachine(seed: 8)
    let store = try Store.open(machine.environment, Run.path, shards: 2, options: options)
    var sent: UInt64 = 0
    func commit(_ shard: Shard, _ count: UInt64) throws {
      let batch = (0..<count).map { number in
        ClickRequest(
          identity: ClickIdentity(
            ad: AdKey(rawValue: number % 3),
            impression: ImpressionID(high: (sent + number) &* 0x9E37_79B9_7F4A_7C15, low: sent + number)))
      }
      sent += count
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
    }
    for _ in 0..<options.segmentFanIn {
      try commit(store.shards[0], 41)
      machine.time.advance(milliseconds: 125_000)
      try store.shards[0].upkeep.perform(.sealLog)
      store.shards[0].maintain()
    }
    try commit(store.shards[1], 5)
    machine.time.advance(milliseconds: 300_000)
    let before = store.shards[1].state.closedThrough
    // Each call takes the disk a while, so that the merge pauses.
    machine.disk.onOperation = { _ in machine.time.advance(milliseconds: 200) }
    try store.shards[0].upkeep.perform(.compact)
    machine.disk.onOperation = nil
    #expect(store.shards[0].upkeep.counters.merges > 0)
    #expect(store.shards[1].state.closedThrough > before)
    #expect(store.shards[1].live.summary.rows == 0)
    for shard in store.shards { shard.close() }
  }
}
