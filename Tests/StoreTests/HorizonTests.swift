import ClickLog
import Clicks
import Simulation
import Store
import StoreHarness
import Testing

@Suite struct HorizonTests {
  @Test func repeatsAroundTheTimeToLive() throws {
    var restarts = 0
    try Seeds.run(60) { seed in
      let findings = HorizonCampaign.run(seed: seed.value)
      restarts += findings.recoveries
      #expect(findings.violations == [], "\(seed)")
    }
    print("Horizon: \(restarts) restarts")
  }

  /// Each click is in another frame, most of them in slots left long ago, so the answer comes from the log.
  @Test func aRepeatFromFarBackGivesTheFirstTime() throws {
    let machine = SimulatedMachine(seed: 8)
    var store: Store? = try Store.open(machine.environment, "/data", options: Scenario.options)
    var times: [Int64] = []
    func send(_ number: Int) -> ClickAnswer {
      let shard = store!.shards[0]
      if shard.slots.needsPreparation { try? shard.slots.prepare() }
      machine.time.advance(milliseconds: 7)
      let identity = ClickIdentity(ad: AdKey(rawValue: 1), impression: ImpressionID(high: 0, low: UInt64(number)))
      let batch = [ClickRequest(identity: identity)]
      var got = ClickAnswer(.unknown)
      shard.commit(batch.span) { got = $1 }
      return got
    }
    for number in 0..<200 {
      let answer = send(number)
      #expect(answer.verdict == .valid)
      times.append(answer.eventTime)
    }
    #expect(store!.shards[0].state.extents.count > 10)
    for life in 0..<3 {
      for number in 0..<200 {
        #expect(send(number) == ClickAnswer(.duplicate, eventTime: times[number]), "life \(life)")
      }
      store = nil
      store = try Store.open(machine.environment, "/data", options: Scenario.options)
    }
  }

  /// A record that rots under a running store must not turn a repeat into a new click.
  @Test func aRepeatOfARottenRecordIsNotCounted() throws {
    let machine = SimulatedMachine(seed: 9)
    var store = try Store.open(machine.environment, "/data", options: Scenario.options)
    let identity = ClickIdentity(ad: AdKey(rawValue: 1), impression: ImpressionID(high: 2, low: 3))
    func send() -> Verdict {
      let batch = [ClickRequest(identity: identity)]
      var got = ClickAnswer(.unknown)
      store.shards[0].commit(batch.span) { got = $1 }
      return got.verdict
    }
    #expect(send() == .valid)
    #expect(send() == .duplicate)
    // What this process wrote is in its memory; the next one reads it, from where it was copied to.
    store = try Store.open(machine.environment, "/data", options: Scenario.options)
    #expect(send() == .duplicate)
    let extent = try #require(store.shards[0].state.extents.first)
    #expect(extent.firstPosition == 0)
    let slot = "data/shard-00/log/\(SlotHeader.name(extent.slot))"
    let record = 4096 + 80
    for offset in [record + 3, record + 15, record + 16, record + 37, record + 39] {
      machine.disk.flip(bit: 5, ofByte: offset, in: slot)
      #expect(send() == .unrecorded, "byte \(offset)")
      machine.disk.flip(bit: 5, ofByte: offset, in: slot)
    }
    #expect(send() == .duplicate)
    #expect(store.shards[0].condition.counters.readErrors == 5)
    let error = store.shards[0].condition.readError ?? ""
    #expect(error.contains("/data/shard-00/log: the click at position 0 is not the one"), "\(error)")
  }
}
