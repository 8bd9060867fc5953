import ClickLog
import Demo
import Platform
import Store

/// Opening a store: reading every frame, checking it, folding its clicks and filling the dedup index, up to the moment when
/// clicks can be committed again.
package final class RecoverBenchmark {
  private let directory: TemporaryDirectory
  private let options: ShardOptions
  /// Clicks in the log.
  package let clicks: Int

  /// Clicks of a frame: what 200,000 clicks a second and a commit a millisecond and a half make.
  private static let batch = 270

  /// Writes the store.
  package init(clicks: Int, _ time: any TimeSource) throws {
    self.clicks = clicks
    directory = try TemporaryDirectory("tally-bench")
    var options = ShardOptions()
    let frames = (clicks + Self.batch - 1) / Self.batch
    let bytes = (1 << 20) + frames * FrameHeader.frameBytes(payload: Self.batch * RecordFormat.size)
    options.slotBytes = AlignedBuffer.roundUp(min(bytes, 64 << 20))
    self.options = options
    let shard = try Store.open(.kernel, directory.path, options: options).shards[0]
    var maker = ClickMaker(seed: 2)
    var left = clicks
    var counted = 0
    while left > 0 {
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      let batch = (0..<min(Self.batch, left)).map { _ in maker.next() }
      shard.commit(batch.span) { if $1.verdict == .valid { counted += 1 } }
      left -= batch.count
    }
    guard counted == clicks else { throw BenchFailure("recover: \(counted) of \(clicks) clicks were written") }
    shard.close()
    // A slot in hand, so that opening does not have to write one.
    while shard.slots.freeCount < 2 { try shard.slots.prepare() }
  }

  /// `time` in s, `rate` in clicks a second.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    var found: UInt64 = 0
    let took = try elapsed(time) {
      let shard = try Store.open(.kernel, directory.path, options: options).shards[0]
      found = shard.live.summary.clicks
      shard.close()
    }
    guard found == UInt64(clicks) else { throw BenchFailure("recover: \(found) of \(clicks) clicks came back") }
    return [Measurement("time", "s", Double(took) / 1e9), Measurement("rate", "clicks/s", rate(clicks, took))]
  }
}
