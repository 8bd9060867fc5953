import Clicks
import Shards
import Testing

/// Every shard has a thread for its maintenance.
@Suite struct MaintenanceThreadsTests {
  /// A step of one shard that takes for ever keeps no other shard from its steps, and a stop that comes meanwhile waits for
  /// it alone.
  @Test func aStepThatStandsStillKeepsNoOtherShardWaiting() throws {
    func home(_ ad: String, of shards: Int) throws -> Int {
      RouteTable(shards: shards).home(of: AdKey(try #require(AdID(ad))))
    }
    let shards = try #require(try (2...16).first { try home("active", of: $0) != home("other", of: $0) })
    let (slow, fast) = (try home("active", of: shards), try home("other", of: shards))
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) {
      $0.shards = shards
      $0.shardOptions.checkpointInterval = 20
      $0.shardOptions.sealAfter = 40
    }
    func flushed(_ shard: Int) throws -> Double {
      try service.metrics()["tally_log_sealed_position{shard=\"\(shard)\"}"] ?? -1
    }
    disk.faults.stalledFolder = "/shard-0\(slow)/tmp/"
    for _ in 0..<3 { _ = try service.click("active") }
    #expect(eventually { disk.stalledCount > 0 }, "the slow shard does not begin a step")
    for _ in 0..<5 { _ = try service.click("other") }
    #expect(try eventually(20) { try flushed(fast) == 5 }, "the fast shard waits for the slow one")
    #expect(try flushed(slow) == 0 && disk.stalledCount > 0)
    disk.faults.stalledFolder = nil
    #expect(try eventually(20) { try flushed(slow) == 3 })
    service.stop()
  }
}
