import Bytes
import Clicks
import Files
import Platform
import Segments

// The recount of some segments of one shard, in two halves:
//
//     segments ─▶ RowMerger ─▶ batches ─▶ CountTable (first copies) ┐
//       look-back ──▲                 ├─▶ CountTable (repeats)      ├─▶ CountCursor: rows in the order of the table
//                                     └─▶ the merged segment's rows ┘        └─▶ the merged segment's sums
//
// Memory is a fixed number of buffers; keys that have no room go to a file. Nothing depends on time, chance or the number
// of threads: the same segments give the same bytes.

/// The exact counts of some segments of one shard: of each identity (ad code, impression) the first received click, the one
/// with the lowest position, and no other. Cursors may be made and used by any thread, each by one at a time.
package final class Recount: @unchecked Sendable {
  /// What was found.
  package let summary: RecountSummary
  private let exact: CountTable
  private let removed: CountTable
  private let cursorMemory: Int
  private var writer: MergedSegmentWriter?

  /// Recounts `segments`, which are in the order of their positions. Clicks of `lookBack`, of lower positions, count as seen
  /// and are not counted themselves; the two have no segment in common.
  ///
  /// - Parameters:
  ///   - merged: where the segments become one without the repeats, see `sealMerged`. They must follow each other then and
  ///     capture the same strings, and all of them lie below the dedup watermark (R5): the index may still point to a
  ///     repeat above it.
  ///   - removed: gets each repeat, in the order of ids, on the calling thread.
  ///
  /// Throws `FormatError` where a segment is damaged, `SystemError` where the disk does not answer, `RecountStopped`, and
  /// what `removed` throws; then nothing of it is left in `temporary`.
  package static func run(
    _ segments: [Segment], lookBack: [Segment] = [], merged: SegmentTarget? = nil, _ settings: RecountSettings,
    removed visit: ((RemovedRepeat) throws -> Void)? = nil
  ) throws -> Recount {
    for i in segments.indices.dropFirst() {
      precondition(
        segments[i].summary.positions.lowerBound >= segments[i - 1].summary.positions.upperBound,
        "segments out of order")
    }
    var fields: SegmentFields = [.code, .eventTime]
    if merged != nil || visit != nil { fields.insert(.position) }
    if merged != nil { fields.formUnion([.source, .strings]) }
    let memory = settings.memory
    let plan = try CountPlan(segments, partRows: min(1 << 17, max(64, memory / 1_024)))
    let exact = CountTable(plan, memory: memory / 2, settings.files, settings.temporary)
    let repeats = CountTable(plan, memory: memory / 16, settings.files, settings.temporary)
    let merger = try RowMerger(
      segments, lookBack: lookBack, fields, groups: merged != nil, memory: memory / 8)
    var sink = RecountSink(
      exact: exact, removed: repeats, writer: try merged.map { try MergedSegmentWriter(segments, into: $0) },
      visit: visit)
    let encoders = sink.encoders(settings.threads)
    let rows = segments.reduce(0) { $0 + UInt64($1.summary.rows) }
    do {
      try RecountPipeline.run(merger, encoders, settings, rows: rows) { batch in try sink.take(batch) }
    } catch let row as RowOutside {
      throw FormatError(
        file: segments[0].file.path, offset: 0,
        reason: "this segment, or one recounted with it, has a click of ad code \(row.code) at \(row.eventTime) ms, "
          + "which its header does not know")
    }
    guard sink.summary.rows == rows else {
      throw FormatError(
        file: segments[0].file.path, offset: 0,
        reason: "this segment and those recounted with it have \(sink.summary.rows) clicks where \(rows) are due")
    }
    exact.close()
    repeats.close()
    return Recount(sink.summary, exact, repeats, sink.writer.take(), cursorMemory: memory / 8)
  }

  private init(
    _ summary: RecountSummary, _ exact: CountTable, _ removed: CountTable, _ writer: consuming MergedSegmentWriter?,
    cursorMemory: Int
  ) {
    self.summary = summary
    self.exact = exact
    self.removed = removed
    self.writer = writer
    self.cursorMemory = cursorMemory
  }

  /// The exact counts from the first on, as often as they are wanted.
  package func counts() -> any CountStream { CountCursor(exact, memory: cursorMemory) }

  /// How many clicks of each row were left out as repeats.
  package func repeats() -> any CountStream { CountCursor(removed, memory: cursorMemory) }

  /// Ends the merged segment and puts it in its place, once; nil where no click is left for it. Until then it stands under
  /// its temporary name, and goes with the recount. May run beside cursors on other threads.
  package func sealMerged() throws -> (SealedReference, SegmentSummary)? {
    guard let writer = writer.take() else { return nil }
    guard summary.distinct > 0 else { return nil }
    let counts = counts()
    return try writer.finish { try counts.next() }
  }
}

/// Where the merged clicks go.
private struct RecountSink: ~Copyable {
  let exact: CountTable
  let removed: CountTable
  var writer: MergedSegmentWriter?
  let visit: ((RemovedRepeat) throws -> Void)?
  var summary = RecountSummary()

  mutating func take(_ batch: RowBatch) throws {
    summary.rows += batch.read
    summary.distinct += UInt64(batch.count)
    summary.repeats += UInt64(batch.repeatCount)
    unsafe try exact.add(batch.rows.code, batch.rows.eventTime, batch.count)
    for i in 0..<batch.repeatCount {
      let row = unsafe batch.repeats[i]
      try removed.add(row.code, row.minute)
      try visit?(row)
    }
    if let group = batch.group { try writer?.write(group) }
  }

  /// For each thread one that encodes for the merged segment; none where there is to be none.
  func encoders(_ threads: Int) -> [GroupEncoder] {
    (0..<max(threads, 1)).compactMap { _ in writer?.groupEncoder() }
  }
}
