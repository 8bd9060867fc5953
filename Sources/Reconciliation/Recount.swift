import Clicks
import Files
import Platform
import Segments

/// The exact counts of some segments of one shard: of each identity (ad code, impression) the first received click, the one
/// with the lowest position, and no other. Any thread may make cursors; each is for one thread at a time.
package final class Recount: @unchecked Sendable {
  /// What was found.
  package let summary: RecountSummary
  private let exact: [SegmentSum]
  private let removed: [SegmentSum]

  /// Recounts `segments`, which are in the order of their positions. Clicks of `lookBack`, of lower positions, count as seen
  /// and are not counted themselves; the two have no segment in common.
  ///
  /// - Parameters:
  ///   - merged: where the segments become one without the repeats, see `sealMerged`. They must follow each other then and
  ///     capture the same strings, and all of them lie below the dedup watermark (R5): the index may still point to a
  ///     repeat above it.
  ///   - removed: gets each repeat, in the order of ids.
  ///
  /// Throws `FormatError` where a segment is damaged, `SystemError` where the disk does not answer, `RecountStopped`, and
  /// what `removed` throws; then nothing of it is left in `temporary`.
  package static func run(
    _ segments: [Segment], lookBack: [Segment] = [], merged: SegmentTarget? = nil, _ settings: RecountSettings,
    removed visit: ((RemovedRepeat) throws -> Void)? = nil
  ) throws -> Recount {
    var identities: [SegmentRow: UInt64] = [:]
    func identity(_ row: SegmentRow) -> SegmentRow {
      SegmentRow(impression: row.impression, code: row.code, eventTime: 0, position: 0, source: .browser)
    }
    for segment in lookBack {
      let cursor = segment.cursor()
      while let row = try cursor.next() { identities[identity(row)] = row.position }
    }
    var (exact, removed): ([SegmentSum: UInt64], [SegmentSum: UInt64]) = ([:], [:])
    var summary = RecountSummary()
    for segment in segments {
      let cursor = segment.cursor()
      while let row = try cursor.next() {
        let key = SegmentSum(code: row.code, minute: row.minute, clicks: 0)
        summary.rows += 1
        if identities.updateValue(row.position, forKey: identity(row)) == nil {
          exact[key, default: 0] += 1
          summary.distinct += 1
        } else {
          removed[key, default: 0] += 1
          summary.repeats += 1
          try visit?(RemovedRepeat(code: row.code, minute: row.minute, position: row.position))
        }
      }
    }
    precondition(merged == nil, "merging comes with the streaming recount")
    return Recount(summary, exact, removed)
  }

  private init(_ summary: RecountSummary, _ exact: [SegmentSum: UInt64], _ removed: [SegmentSum: UInt64]) {
    func ordered(_ counts: [SegmentSum: UInt64]) -> [SegmentSum] {
      counts.map { SegmentSum(code: $0.key.code, minute: $0.key.minute, clicks: $0.value) }
        .sorted { $0.precedes($1) }
    }
    self.summary = summary
    self.exact = ordered(exact)
    self.removed = ordered(removed)
  }

  /// The exact counts from the first on, as often as they are wanted.
  package func counts() throws -> any CountStream { ListedCounts(exact) }

  /// How many clicks of each row were left out as repeats.
  package func repeats() throws -> any CountStream { ListedCounts(removed) }

  /// Ends the merged segment and puts it in its place, once; nil where no click is left for it. Until then it stands under
  /// its temporary name, and it goes with the recount.
  package func sealMerged() throws -> (SealedReference, SegmentSummary)? { nil }
}
