import ClickLog
import Clicks
import Files
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A store knows its shards: `STORE`, the numbers in the manifests, and what does not fit.
@Suite struct IdentityTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func whatDoesNotBelongThereIsRefused(seed: UInt64) {
    let findings = ExchangeCampaign.run(seed: seed)
    print("exchange \(seed): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.crashPoints >= 18)
  }

  private static func identity(start: UInt64 = 7, isClosed: Bool, _ marks: [ShardMark]) -> StoreIdentity {
    var identity = StoreIdentity(id: StoreID(high: 1, low: 2), shards: marks.count, created: 5)
    (identity.start, identity.isClosed, identity.marks) = (start, isClosed, marks)
    return identity
  }

  /// Every way in which a manifest can differ from `STORE`, one a row.
  @Test(
    arguments: [
      // number, start, sequence, position, closed → what it is
      (0, 7, 40, 100, true, ""), (0, 7, 40, 100, false, ""), (0, 7, 41, 130, false, ""), (0, 8, 42, 100, true, ""),
      (0, 8, 42, 130, false, ""), (0, 6, 40, 100, false, "older"), (0, 9, 50, 200, false, "newer"),
      (0, 7, 39, 100, false, "older"), (0, 7, 41, 100, true, ""), (0, 7, 40, 99, true, "older"),
      (0, 7, 40, 99, false, "older"), (0, 7, 40, 101, true, "newer"), (0, 8, 42, 99, true, "older"),
      (0, 8, 42, 101, true, "newer"), (1, 7, 40, 100, true, "is shard 1"), (1, 8, 42, 100, false, "is shard 1"),
    ] as [(Int, UInt64, UInt64, UInt64, Bool, String)])
  func whatAManifestSaysIsJudged(
    _ number: Int, _ start: UInt64, _ sequence: UInt64, _ position: UInt64, _ isClosed: Bool, _ due: String
  ) {
    let identity = Self.identity(
      isClosed: isClosed, [ShardMark(start: 7, position: 100, sequence: 40), ShardMark(start: 7)])
    let sight = ShardSight(
      store: identity.id, shard: number, start: start, sequence: sequence, position: position)
    let fault = identity.fault(of: 0, sight, in: "/data")
    #expect(
      (fault?.description ?? "").contains(due) && (fault == nil) == due.isEmpty, "\(fault?.description ?? "none")")
    if let fault {
      #expect(fault.description.contains("--accept-shard 0") && fault.description.hasPrefix("/data/shard-00: "))
    }
  }

  @Test func thePageHoldsWhatIsKnown() throws {
    try Seeds.run(50) { seed in
      var chance = seed.generator
      let shards = 1 + chance.small(in: 0...(StoreIdentity.shardLimit - 1))
      var identity = StoreIdentity(
        id: StoreID(high: chance.next(), low: chance.next()), shards: shards, created: 5, layout: UInt32(shards))
      (identity.start, identity.isClosed, identity.routes) = (chance.next(), chance.oneIn(2), chance.next())
      for shard in 0..<shards {
        identity.marks[shard] = ShardMark(
          start: chance.next(), position: chance.next(), sequence: chance.next(),
          acceptance: chance.oneIn(2)
            ? nil
            : ShardMark.Acceptance(start: 1 + chance.next() >> 1, time: 9, found: chance.next(), known: chance.next()))
      }
      let read = try StoreIdentity(page: identity.page, path: "STORE")
      #expect(read == identity, "\(seed)")
    }
  }

  /// A store of 0.1 is numbered by its first opening; a shard that it has lost is missed before.
  @Test func aStoreWithoutNumbersIsNumbered() throws {
    let disk = SimulatedDisk()
    for (name, path) in [
      ("STORE", "/data/STORE"), ("manifest-a", "/data/shard-00/MANIFEST-2.a"),
      ("manifest-b", "/data/shard-00/MANIFEST-2.b"),
      ("slot-000", "/data/shard-00/log/slot-000"), ("slot-001", "/data/shard-00/log/slot-001"),
    ] { disk.place(try HexDump.golden(name, beside: #filePath), at: path) }
    let machine = SimulatedMachine(seed: 1, disk: disk)
    let before = try Store.identify(disk, "/data")
    #expect(before?.isNumbered == false)
    let store = try Store.open(machine.environment, "/data", options: Scenario.options)
    #expect(store.identity.start == 1 && store.shards[0].state.start == 1 && store.shards[0].state.shard == 0)
    store.close()
    let found = try #require(try Store.identify(disk, "/data"))
    #expect(found.isNumbered && found.isClosed && found.marks[0].start == 1 && found.marks[0].position == 17)

    var identity = try StoreIdentity(page: HexDump.golden("STORE", beside: #filePath), path: "STORE")
    (identity.shards, identity.marks) = (2, [ShardMark(), ShardMark()])
    let sights = [ShardSight(store: identity.id, shard: nil, start: 0, sequence: 9, position: 17), nil]
    #expect(identity.faults(sights, in: "/data").map(\.kind) == [.missing])
  }
}
