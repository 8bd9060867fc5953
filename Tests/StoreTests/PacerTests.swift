import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A merge may take minutes; what cannot wait is done between two of its pieces.
@Suite struct PacerTests {
  @Test func aMergeLetsMinutesClose() throws {
    var options = Scenario.options
    options.recountPause = 4
    let machine = SimulatedMachine(seed: 8)
    let store = try Store.open(machine.environment, Run.path, options: options)
    let shard = store.shards[0]
    var sent: UInt64 = 0
    func commit(_ count: UInt64) throws {
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
      try commit(41)
      machine.time.advance(milliseconds: 125_000)
      try shard.maintenance.perform(.sealLog)
      shard.maintain()
    }
    let before = shard.maintenance.counters
    // Each call takes the disk a while, and clicks go on.
    machine.disk.onOperation = { _ in machine.time.advance(milliseconds: 20_000) }
    try commit(5)
    let closed = shard.state.closedThrough
    let segments = shard.live.version.segments.count
    try shard.maintenance.perform(.compact)
    machine.disk.onOperation = nil
    let after = shard.maintenance.counters
    #expect(shard.live.version.segments.count < segments && after.merges > before.merges)
    // One comes before the merges; the others in their pauses.
    #expect(after.checkpoints > before.checkpoints + 1 && shard.state.closedThrough > closed)
    #expect(shard.live.summary.rows == 0 && after.failures == 0)
    shard.close()
    #expect(try Contents(machine.environment, Run.path).inconsistent == [])
  }

  @Test func aTurnWaitsForWhatWasAskedFor() throws {
    var options = Scenario.options
    options.recountPause = 1
    let machine = SimulatedMachine(seed: 9)
    let store = try Store.open(machine.environment, Run.path, options: options)
    let shard = store.shards[0]
    if shard.slots.needsPreparation { try shard.slots.prepare() }
    let batch = (0..<9 as Range<UInt64>).map {
      ClickRequest(identity: ClickIdentity(ad: AdKey(rawValue: $0), impression: ImpressionID(high: $0, low: 1)))
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid) }
    machine.time.advance(milliseconds: 400_000)
    var asked = 0
    try shard.maintenance.recount(.deep(nil)) {
      asked += 1
      // The clicks that come now are due; the thread that takes turns leaves them to the recount's own pauses.
      machine.time.advance(milliseconds: 400_000)
      #expect(!shard.maintenance.turn())
      return true
    }
    #expect(asked > 0)
    #expect(shard.maintenance.turn() || shard.maintenance.counters.failures == 0)
    shard.close()
  }
}
