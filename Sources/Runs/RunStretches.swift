import Bytes
import Columns
import Files

// A run in the order of its rows. Both parts are in order, and an ad stands in one of them: so the next rows are those of
// the part whose next ad has the lower code, up to the other's next ad or to the end of the block. Such a stretch is what
// the cursor hands out, mostly hundreds of rows at a time.

/// Goes through a run's rows in order. Memory: one decoded block of each part, which copies share: one of them goes on.
struct RunStretches {
  private let run: Run
  private var sparse: Part
  private var dense: Part
  private var isDense = false

  /// The rows that come next: `range` of `rows`. Empty before the first `advance` and behind the last row.
  private(set) var range = 0..<0
  var rows: RowColumns { isDense ? dense.rows : sparse.rows }

  private struct Part {
    let fence: [FenceEntry]
    let rows = RowColumns()
    var next = 0
    var at = 0

    /// The code of the next row; nil at the end.
    var code: UInt32? { unsafe at < rows.count ? rows.codes[at] : nil }
  }

  init(_ run: Run) {
    self.run = run
    sparse = Part(fence: run.sparse)
    dense = Part(fence: run.dense)
  }

  /// Goes past the first `count` rows of `range` and, where none is left in it, to the next stretch.
  mutating func advance(_ count: Int) throws {
    if count < range.count {
      range = (range.lowerBound + count)..<range.upperBound
      return
    }
    if !range.isEmpty { if isDense { dense.at = range.upperBound } else { sparse.at = range.upperBound } }
    range = 0..<0
    try fill(&sparse)
    try fill(&dense)
    guard let low = sparse.code, let other = dense.code else {
      isDense = sparse.code == nil
      range = isDense ? dense.at..<dense.rows.count : sparse.at..<sparse.rows.count
      return
    }
    guard other != low else {
      throw FormatError(
        file: run.file.path, offset: UInt64(FileHeader.size), reason: "ad \(low) has rows in both parts")
    }
    isDense = other < low
    let part = isDense ? dense : sparse
    let end = UInt64(max(low, other)) << 32
    range = part.at..<part.rows.first(in: part.at..<part.rows.count, notBefore: end, shift: 0)
  }

  /// Sees to it that the part has a next row, if it has any more.
  private func fill(_ part: inout Part) throws {
    guard part.at == part.rows.count, part.next < part.fence.count else { return }
    let entry = part.fence[part.next]
    part.next += 1
    part.at = 0
    let rows = part.rows
    unsafe try run.withBlock(entry) { bytes throws(ColumnFault) in
      try unsafe rows.load(entry, bytes, buckets: run.descriptor.bucketCount)
    }
  }
}
