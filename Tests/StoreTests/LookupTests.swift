import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// Clicks that the dedup index no longer knows are found in the segments (R5).
@Suite struct LookupTests {
  private let machine = SimulatedMachine(seed: 21)
  private let store: Store

  init() throws {
    var options = Scenario.options
    options.dedupHorizon = 2_000
    options.rawRetention = 90 * 86_400_000
    store = try Store.open(machine.environment, "/data", options: options)
  }

  private func send(_ impression: ImpressionID, source: Click.Source = .browser, at time: Int64? = nil) -> ClickAnswer {
    machine.time.advance(milliseconds: 1)
    let batch = [
      ClickRequest(
        identity: ClickIdentity(ad: AdKey(rawValue: 9), impression: impression),
        eventTime: time ?? ClickRequest.onReceipt, source: source.rawValue)
    ]
    var got = ClickAnswer(.unknown)
    let shard = store.shards[0]
    if shard.slots.needsPreparation { try? shard.slots.prepare() }
    shard.commit(batch.span) { got = $1 }
    return got
  }

  private func settle(after milliseconds: Int64) throws {
    machine.time.advance(milliseconds: milliseconds)
    try store.shards[0].maintenance.settle()
    store.shards[0].maintain()
  }

  private var counters: ShardCounters { store.shards[0].condition.counters }

  @Test func aTimedIDCountsOnceOverItsLifetime() throws {
    let id = ImpressionID.version7(at: machine.time.wall() - 1_000, random: (1, 2))
    let first = send(id)
    #expect(first.verdict == .valid)
    try settle(after: 20 * 3_600_000)
    #expect(counters.dedupKeys == 0)
    #expect(send(id) == ClickAnswer(.duplicate, eventTime: first.eventTime))
    #expect(counters.lookups == 1 && counters.lookupHits == 1)
    // One that is minted now cannot be in what the index has forgotten.
    #expect(send(.version7(at: machine.time.wall(), random: (3, 4))).verdict == .valid)
    #expect(counters.lookups == 1)
  }

  @Test func aFeedsIDCountsOnceAsLongAsRawClicksAreKept() throws {
    let id = ImpressionID(high: 5, low: 6)
    let time = machine.time.wall() - 3_600_000
    #expect(send(id, source: .batch, at: time).verdict == .valid)
    try settle(after: 40 * 86_400_000)
    #expect(send(id, source: .batch, at: time) == ClickAnswer(.duplicate, eventTime: time))
    #expect(send(id, source: .imported, at: time + 1) == ClickAnswer(.duplicate, eventTime: time))
    // From a browser such an id is a repeat inside the horizon alone.
    #expect(send(id).verdict == .valid)
    #expect(send(id).verdict == .duplicate)
  }

  @Test func theIndexKeepsWhatIsInNoSegment() throws {
    let id = ImpressionID.version7(at: machine.time.wall(), random: (7, 8))
    let plain = ImpressionID(high: 1, low: 1)
    let first = send(id)
    #expect(send(plain).verdict == .valid)
    machine.time.advance(milliseconds: 300_000)
    store.shards[0].maintain()
    #expect(counters.dedupKeys == 2)
    #expect(send(id) == ClickAnswer(.duplicate, eventTime: first.eventTime))
    #expect(counters.lookups == 0)
    #expect(send(plain).verdict == .valid)
  }

  @Test func whatCannotBeReadIsNotCounted() throws {
    let id = ImpressionID.version7(at: machine.time.wall(), random: (9, 10))
    #expect(send(id).verdict == .valid)
    try settle(after: 3_600_000)
    let segment = try #require(machine.disk.files().first { $0.path.contains("/seg/") })
    for byte in stride(from: 4_096, to: 4_224, by: 8) {
      machine.disk.flip(bit: 3, ofByte: byte, in: segment.path)
    }
    #expect(send(id).verdict == .unrecorded)
    #expect(counters.lookupErrors == 1 && counters.unrecorded == 1)
    #expect(send(.version7(at: machine.time.wall(), random: (11, 12))).verdict == .valid)
  }
}
