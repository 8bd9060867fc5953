import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

@Suite struct EventTimeTests {
  @Test func historiesAgreeWithTheModel() throws {
    var all = Findings()
    try Seeds.run(120) { seed in
      let findings = EventTimeCampaign.run(seed: seed.value)
      all = all + findings
      #expect(findings.violations == [], "\(seed)")
    }
    print("Event time: \(all)")
  }

  @Test func importsGoOnWhereTheyWere() throws {
    var all = Findings()
    try Seeds.run(60) { seed in
      let findings = ProgressCampaign.run(seed: seed.value)
      all = all + findings
      #expect(findings.violations == [], "\(seed)")
    }
    print("Progress: \(all)")
    #expect(all.crashPoints > 100)
    #expect(all.attempts.neverDone == [])
  }

  // MARK: - The watermark

  @Test func theWatermarkIsTheNewestClickButNotTheFuture() {
    let time = SimulatedTime()
    let watermark = Watermark(.min, idleAfter: 10_000, time: time)
    let now = time.wall()
    watermark.note(now - 7_000, at: now)
    #expect(watermark.value(at: now) == now - 7_000)
    watermark.note(now - 9_000, at: now)
    #expect(watermark.value(at: now) == now - 7_000)
    watermark.note(now + 240_000, at: now)
    #expect(watermark.value(at: now) == now)
    time.advance(milliseconds: 9_999)
    #expect(watermark.value(at: now + 9_999) == now)
    time.advance(milliseconds: 1)
    #expect(watermark.value(at: now + 10_000) == now + 10_000)
    #expect(watermark.value(at: now) == now + 10_000)
  }

  @Test func clicksOfThePastDoNotStopTheHeartbeat() {
    let time = SimulatedTime()
    let watermark = Watermark(time.wall(), idleAfter: 10_000, time: time)
    for _ in 0..<10 {
      time.advance(milliseconds: 1_000)
      watermark.note(1_000, at: time.wall())
    }
    #expect(watermark.value(at: time.wall()) == time.wall())
  }

  // MARK: - Checkpoints

  /// Clicks of a feed that lags close nothing, and are on disk in time all the same.
  @Test func countsGoToDiskWhereNoMinuteCloses() throws {
    let machine = SimulatedMachine(seed: 3)
    let store = try Store.open(machine.environment, "/data", options: Scenario.options)
    let shard = store.shards[0]
    func send(_ low: UInt64, minutesAgo: Int64) {
      let batch = [
        ClickRequest(
          identity: ClickIdentity(ad: AdKey(rawValue: 1), impression: ImpressionID(high: 1, low: low)),
          eventTime: store.clock.now() - minutesAgo * 60_000, source: 1)
      ]
      if shard.slots.needsPreparation { try? shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
    }
    for i in 0..<20 {
      machine.time.advance(milliseconds: 4_000)
      send(UInt64(i), minutesAgo: 60)
      while shard.maintenance.turn() {}
    }
    // The feed sets the pace: nothing younger than it is closed.
    let closed = shard.live.summary.closedThrough
    #expect(closed.start <= store.clock.now() - 62 * 60_000 && shard.state.applied >= 10)
    // A browser takes over; the feed is late then, and counted.
    send(100, minutesAgo: 0)
    while shard.maintenance.turn() {}
    #expect(shard.live.summary.closedThrough.start > store.clock.now() - 4 * 60_000)
    send(101, minutesAgo: 60)
    #expect(shard.condition.counters.late == 1)
    machine.time.advance(milliseconds: 61_000)
    while shard.maintenance.turn() {}
    #expect(shard.state.applied == shard.position)
    #expect(try shard.live.rows().reduce(0) { $0 + $1.clicks } == 22)
  }
}
