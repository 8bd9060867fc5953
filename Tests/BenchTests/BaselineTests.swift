import Bench
import CAllocations
import ClickLog
import Demo
import Platform
import Store
import Testing

/// What does not wobble from run to run is held to the digit: bytes and allocations. A change here is a decision, made in
/// the commit that changes the number.
@Suite struct BaselineTests {
  /// Bytes of a frame by its clicks: 80 of header, 40 a click, rounded up to whole pages.
  @Test(arguments: [
    (clicks: 0, bytes: 4_096), (1, 4_096), (20, 4_096), (100, 4_096), (101, 8_192), (270, 12_288), (400, 16_384),
    (4_096, 167_936),
  ])
  func bytesOfAFrame(_ clicks: Int, _ bytes: Int) {
    #expect(FrameHeader.frameBytes(payload: clicks * RecordFormat.size) == bytes)
  }

  /// Bytes of log written a click, by batch: what the padding to whole pages costs.
  @Test func bytesWrittenAClick() throws {
    let expected = [(1, 4_096.0), (20, 204.8), (270, 12_288.0 / 270), (4_096, 41.0)]
    let measured = try CommitBenchmark(batches: expected.map { ($0.0, 2) }).run(KernelTime())
    for (clicks, bytes) in expected {
      #expect(measured.first { $0.name == "written@\(clicks)" }?.value == bytes, "batches of \(clicks)")
    }
  }

  /// Bytes of dedup index a key at the design load of 70 %: 64 / 7, and at most a line more.
  @Test func bytesOfADedupKey() throws {
    let measured = try DedupBenchmark(keys: 70_000).run(KernelTime())
    #expect(measured.first { $0.name == "memory@70000" }?.value == 64.0 / 7)
  }

  /// Allocations of a commit once the arrays have their sizes, whatever the number of clicks.
  @Test(.enabled(if: tally_allocations_are_counted() != 0), arguments: [1, 20, 270])
  func allocationsOfACommit(_ clicks: Int) throws {
    let directory = try TemporaryDirectory("tally-bench")
    var options = ShardOptions()
    options.slotBytes = 16 << 20
    let shard = try Store.open(.kernel, directory.path, options: options).shards[0]
    defer { shard.close() }
    var maker = ClickMaker(seed: 3)
    let batches = (0..<64).map { _ in (0..<clicks).map { _ in maker.next() } }
    var counts: [UInt64] = []
    counts.reserveCapacity(batches.count)
    for batch in batches {
      let before = tally_allocations()
      shard.commit(batch.span) { _, _ in }
      counts.append(tally_allocations() - before)
    }
    // Maps and indexes grow now and then; the usual commit does not.
    #expect(counts.sorted()[counts.count / 2] == Self.allocations, "\(counts)")
  }

  private static let allocations: UInt64 = 0
}
