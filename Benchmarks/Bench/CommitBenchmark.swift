import CPlatform
import ClickLog
import Clicks
import Demo
import Platform
import Store
import Traffic

/// A shard on the real disk, driven by one thread as the committer drives it: batches of new clicks, each decided, written,
/// synced, folded and answered. A fresh store for each run, its slot written beforehand.
package struct CommitBenchmark: Sendable {
  /// Clicks in a batch, and how many such batches are committed.
  package let batches: [(clicks: Int, commits: Int)]

  package init(batches: [(clicks: Int, commits: Int)]) { self.batches = batches }

  /// For each size of batch: `rate` in clicks a second, `p50` and `p99` of a commit in µs, `written` bytes of log a click,
  /// and `cpu` in ns a click of this process, kernel included.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    let directory = try TemporaryDirectory("tally-bench")
    let bytes = batches.reduce(1 << 20) {
      $0 + $1.commits * FrameHeader.frameBytes(payload: $1.clicks * RecordFormat.size)
    }
    var options = ShardOptions()
    options.slotBytes = AlignedBuffer.roundUp(bytes)
    options.expectedImpressions = batches.reduce(0) { $0 + $1.clicks * $1.commits }
    let store = try Store.open(.kernel, directory.path, options: options)
    let shard = store.shards[0]
    defer { shard.close() }
    var clicks = ClickMaker(seed: 1)
    return try batches.flatMap { try run($0.clicks, $0.commits, shard, &clicks, time) }
  }

  private func run(
    _ size: Int, _ commits: Int, _ shard: Shard, _ clicks: inout ClickMaker, _ time: any TimeSource
  ) throws -> [Measurement] {
    let batches = (0..<commits).map { _ in (0..<size).map { _ in clicks.next() } }
    var times = LatencyHistogram()
    var counted = 0
    let before = shard.condition.counters
    let cpu = tally_process_cpu_ns()
    let total = elapsed(time) {
      for batch in batches {
        let began = time.monotonic()
        shard.commit(batch.span) { if $1.verdict == .valid { counted += 1 } }
        times.record(time.monotonic() - began)
      }
    }
    let used = tally_process_cpu_ns() - cpu
    let after = shard.condition.counters
    let sum = size * commits
    guard counted == sum else { throw BenchFailure("commit: \(counted) of \(sum) clicks were counted") }
    return [
      Measurement("rate@\(size)", "clicks/s", rate(sum, total)),
      Measurement("p50@\(size)", "µs", Double(times.percentile(50)) / 1e3),
      Measurement("p99@\(size)", "µs", Double(times.percentile(99)) / 1e3),
      Measurement("written@\(size)", "B/click", Double(after.bytesWritten - before.bytesWritten) / Double(sum)),
      Measurement("cpu@\(size)", "ns/click", Double(used) / Double(sum)),
    ]
  }
}

/// New clicks on 10,000 ads, as they reach a committer.
package struct ClickMaker: Sendable {
  private var chance: SplitMix64
  private let ads: [AdKey]

  package init(seed: UInt64) {
    var chance = SplitMix64(seed: seed)
    ads = (0..<10_000).map { _ in AdKey(rawValue: chance.next()) }
    self.chance = chance
  }

  package mutating func next() -> ClickRequest {
    let ad = ads[chance.below(ads.count)]
    return ClickRequest(
      identity: ClickIdentity(ad: ad, impression: ImpressionID(high: chance.next(), low: chance.next())))
  }
}
