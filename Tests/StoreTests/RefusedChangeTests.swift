import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A change of files that does not fit the manifest comes of damage, in memory or on disk: the shard stops, and the process goes on.
@Suite struct RefusedChangeTests {
  private static func send(_ low: UInt64, to shard: Shard) throws -> Verdict {
    if shard.slots.needsPreparation { try shard.slots.prepare() }
    let identity = ClickIdentity(ad: AdKey(rawValue: 1), impression: ImpressionID(high: 7, low: low))
    var got = Verdict.unknown
    shard.commit([ClickRequest(identity: identity)].span) { got = $1.verdict }
    return got
  }

  @Test(arguments: [
    ManifestChange.removeFile(number: 4_711), .retired(to: 1 << 40), .sealed(to: 1 << 40), .rolledUp(before: 1),
  ])
  func theShardStops(change: ManifestChange) throws {
    let machine = SimulatedMachine(seed: 12)
    let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
    let shard = store.shards[0]
    #expect(try Self.send(1, to: shard) == .valid)
    machine.time.advance(milliseconds: 400_000)
    try shard.maintenance.settle()
    let before = machine.disk.files().map(\.path)
    let state = shard.state
    if change == .rolledUp(before: 1) {
      // Nothing is wrong with it.
      try shard.maintenance.plant(changes: [change])
      #expect(shard.condition.state == .recording)
      return
    }
    let error = #expect(throws: ShardError.self) { try shard.maintenance.plant(changes: [change]) }
    guard case .corrupt(let file, let what, let remedy) = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(file == "/data/shard-00/MANIFEST" && what.contains("does not fit") && remedy.contains("tally verify"))
    guard case .failed(let reason) = shard.condition.state else {
      Issue.record("\(shard.condition.state)")
      return
    }
    #expect(reason == "\(error!)")
    // Nothing is acknowledged or changed any more, and nothing has been.
    #expect(try Self.send(2, to: shard) == .unrecorded)
    #expect(throws: ShardError.poisoned("/data/shard-00", reason)) { try shard.maintenance.settle() }
    machine.time.advance(milliseconds: 4_000_000)
    #expect(!shard.maintenance.turn())
    #expect(shard.state == state && machine.disk.files().map(\.path) == before)
    // A restart takes the store as it is.
    let next = try Store.open(machine.crashed(.everything).environment, Run.path, options: Scenario.options)
    #expect(try Self.send(1, to: next.shards[0]) == .duplicate)
    #expect(try Self.send(2, to: next.shards[0]) == .valid)
    try next.shards[0].maintenance.settle()
  }
}
