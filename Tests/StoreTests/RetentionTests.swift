import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// What is too old goes, and what must stay stays.
@Suite struct RetentionTests {
  private static let day: Int64 = 86_400_000

  private static func options() -> ShardOptions {
    var options = Scenario.options
    options.rawRetention = 2 * day
    options.minuteRetention = 5 * day
    options.dedupHorizon = 60_000
    options.runTiers = [60, 1_440]
    return options
  }

  @Test func hoursAndDaysOutliveMinutesAndRaw() throws {
    let machine = SimulatedMachine(seed: 4)
    let store = try Store.open(machine.environment, Run.path, options: Self.options())
    let shard = store.shards[0]
    let ad = AdKey(rawValue: 7)
    let first = Minute(containing: store.clock.now())
    var sent: UInt64 = 0
    for _ in 0..<10 {
      sent += 1
      let request = ClickRequest(
        identity: ClickIdentity(ad: ad, impression: ImpressionID(high: sent, low: sent)),
        eventTime: ClickRequest.onReceipt)
      let batch = [request]
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
      machine.time.advance(milliseconds: Self.day)
      try shard.maintenance.settle()
      shard.maintain()
    }
    let now = Minute(containing: store.clock.now())
    let state = shard.state
    let version = shard.live.version
    // Raw: two days; their sums are BASE rows.
    #expect(state.retired >= 7 && state.retired < sent)
    #expect(version.segments.first.map { $0.summary.positions.lowerBound } ?? state.sealed == state.retired)
    #expect(try version.table(.base).series(of: 0, in: 0..<now.index).reduce(0) { $0 + $1.count } == state.retired)
    // Minutes: five days; hours and days: all of them.
    let minutes = try shard.live.series(of: ad, from: first, to: now).points
    #expect(minutes.count < 10 && minutes.count >= 4)
    #expect(minutes.allSatisfy { $0.minute.index >= state.minutesFrom })
    let days = try version.table(.days).series(of: 0, in: 0..<(now.index / 1_440))
    let hours = try version.table(.hours).series(of: 0, in: 0..<(now.index / 60))
    #expect(days.count >= 9 && days.allSatisfy { $0.count == 1 })
    #expect(hours.count == days.count && hours.allSatisfy { $0.count == 1 })

    // Derived again, it is the same, and what minutes cannot give any more is kept.
    try shard.maintenance.rebuildRuns()
    #expect(try shard.live.series(of: ad, from: first, to: now).points.map(\.minute) == minutes.map(\.minute))
    #expect(try shard.live.version.table(.days).series(of: 0, in: 0..<(now.index / 1_440)) == days)
    #expect(try shard.live.version.table(.hours).series(of: 0, in: 0..<(now.index / 60)) == hours)
  }

  @Test func anOldImportStaysAsLongAsItWasWrittenLately() throws {
    let machine = SimulatedMachine(seed: 5)
    let store = try Store.open(machine.environment, Run.path, options: Self.options())
    let shard = store.shards[0]
    let old = store.clock.now() - 300 * Self.day
    let batch = [
      ClickRequest(
        identity: ClickIdentity(ad: AdKey(rawValue: 1), impression: ImpressionID(high: 1, low: 1)), eventTime: old)
    ]
    shard.commit(batch.span) { #expect($1.verdict == .valid) }
    machine.time.advance(milliseconds: Self.day)
    try shard.maintenance.settle()
    let minute = Minute(containing: old)
    let to = Minute(index: minute.index + 1)
    #expect(try shard.live.series(of: AdKey(rawValue: 1), from: minute, to: to).points.count == 1)
    machine.time.advance(milliseconds: 6 * Self.day)
    try shard.maintenance.settle()
    #expect(try shard.live.series(of: AdKey(rawValue: 1), from: minute, to: to).points.isEmpty)
  }
}
