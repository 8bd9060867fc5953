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

  /// A merge takes its file's number before the checkpoints in its pauses take theirs, and is listed behind them.
  @Test(arguments: [3, 5, 16]) func aMergeLetsItsOwnShardClose(fanIn: Int) throws {
    var options = Scenario.options
    options.budget = WorkBudget(bytesPerSecond: 1 << 50)
    (options.segmentFanIn, options.patchFanIn) = (fanIn, 2)
    let machine = SimulatedMachine(seed: 9)
    let store = try Store.open(machine.environment, Run.path, shards: 1, options: options)
    let shard = store.shards[0]
    var sent: UInt64 = 0
    func commit(_ count: UInt64, minutesAhead: Int64 = 0) throws {
      let batch = (0..<count).map { number in
        ClickRequest(
          identity: ClickIdentity(
            ad: AdKey(rawValue: sent + number),
            impression: ImpressionID(high: (sent + number) &* 0x9E37_79B9_7F4A_7C15, low: sent + number)),
          eventTime: machine.time.wall() + minutesAhead * 60_000)
      }
      sent += count
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
    }
    for _ in 0..<4 {
      for _ in 0..<fanIn {
        try commit(41)
        machine.time.advance(milliseconds: 125_000)
        try shard.upkeep.perform(.sealLog)
        shard.maintain()
      }
      // They close one after the other while files are merged.
      for ahead in 0..<5 { try commit(7, minutesAhead: Int64(ahead)) }
      machine.disk.onOperation = { _ in machine.time.advance(milliseconds: 3_000) }
      try shard.upkeep.perform(.compact)
      machine.disk.onOperation = nil
    }
    #expect(shard.upkeep.counters.merges > 0)
    let position = shard.position
    shard.close()
    let again = try Store.open(machine.environment, Run.path, shards: 1, options: options)
    #expect(again.shards[0].position == position && position == sent)
    again.shards[0].close()
  }
}
