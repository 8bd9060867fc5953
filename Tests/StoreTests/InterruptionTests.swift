import Clicks
import Simulation
import Store
import StoreHarness
import Testing

/// A merge may take minutes within its budget; a server that is told to stop does not wait for it.
@Suite struct InterruptionTests {
  @Test func aMergeThatIsCalledOffLeavesTheStoreAsItWas() throws {
    let options = Scenario.options
    let machine = SimulatedMachine(seed: 8)
    let store = try Store.open(machine.environment, Run.path, options: options)
    let shard = store.shards[0]
    var sent: UInt64 = 0
    for _ in 0..<options.segmentFanIn {
      let batch = (0..<41 as Range<UInt64>).map {
        ClickRequest(
          identity: ClickIdentity(
            ad: AdKey(rawValue: $0 % 3), impression: ImpressionID(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: sent + $0)))
      }
      sent += 41
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
      machine.time.advance(milliseconds: 125_000)
      try shard.maintenance.perform(.sealLog)
      shard.maintain()
    }
    let files = shard.state.files
    let merges = shard.maintenance.counters.merges

    shard.core.interruption.request()
    #expect(throws: ShardError.cancelled(shard.core.directory)) { try shard.maintenance.perform(.compact) }
    #expect(!shard.maintenance.turn())
    #expect(shard.state.files == files)
    #expect(shard.maintenance.counters.merges == merges && shard.maintenance.counters.failures == 0)
    shard.close()

    // The next opening finds everything, and merges.
    let next = try Store.open(machine.environment, Run.path, options: options)
    #expect(next.shards[0].live.summary.clicks == sent)
    try next.shards[0].maintenance.perform(.compact)
    #expect(next.shards[0].maintenance.counters.merges > 0)
    #expect(try Contents(machine.environment, Run.path).inconsistent == [])
  }
}
