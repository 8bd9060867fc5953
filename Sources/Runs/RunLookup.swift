import Columns
import Files

// The rows of one ad after the other, for those who ask for many. A block that is asked for the second time in a row is decoded
// whole and kept, since keys that come in order will ask for it again; a block that is asked for once costs what `Run.rows`
// costs. So a thousand rows of one block are decoded once and not a thousand times.

/// Look-ups in one run. Belongs to one thread. Memory: 100 KB for each part of the run that is asked often.
package final class RunLookup {
  private let run: Run
  private let buffer: AdRowBuffer
  private var dense: Part
  private var sparse: Part

  /// The blocks of one part, and what is kept of them.
  private struct Part {
    let fence: [FenceEntry]
    /// The block that was asked for last.
    var asked: Int?
    /// The block that `rows` has.
    var loaded: Int?
    var rows: RowColumns?
  }

  /// `buffer` may be that of other look-ups of the thread.
  package init(_ run: Run, _ buffer: AdRowBuffer) {
    self.run = run
    self.buffer = buffer
    dense = Part(fence: run.dense)
    sparse = Part(fence: run.sparse)
  }

  /// What `Run.rows` gives.
  package func rows(of code: UInt32, buckets: Range<Int64>, _ visit: (AdRows) -> Void) throws {
    let wanted = buckets.clamped(to: run.descriptor.buckets)
    guard !wanted.isEmpty else { return }
    // An ad stands in one part alone.
    if try !look(in: &dense, code, wanted, visit) { _ = try look(in: &sparse, code, wanted, visit) }
  }

  /// Returns whether the part has the ad, as far as its blocks say.
  private func look(
    in part: inout Part, _ code: UInt32, _ wanted: Range<Int64>, _ visit: (AdRows) -> Void
  ) throws -> Bool {
    let (first, last) = run.offsets(of: wanted)
    var isHere = false
    var i = Run.first(in: part.fence, notBefore: code, first)
    while i < part.fence.count, (part.fence[i].firstCode, part.fence[i].firstBucket) <= (code, last) {
      let isAgain = part.asked == i
      part.asked = i
      if isAgain || part.loaded == i {
        isHere = visitRows(try block(i, &part), code, first...last, visit) || isHere
      } else {
        isHere = try run.visitBlock(part.fence[i], code, first...last, buffer, visit) || isHere
      }
      i += 1
    }
    return isHere
  }

  /// Block `i`, decoded.
  private func block(_ i: Int, _ part: inout Part) throws -> RowColumns {
    let rows = part.rows ?? RowColumns()
    part.rows = rows
    guard part.loaded != i else { return rows }
    part.loaded = nil
    let entry = part.fence[i]
    try buffer.count(entry)
    unsafe try run.withBlock(entry, atHand: buffer.isBounded) { bytes throws(ColumnFault) in
      try unsafe rows.load(entry, bytes, buckets: run.descriptor.bucketCount)
    }
    part.loaded = i
    return rows
  }

  private func visitRows(
    _ rows: RowColumns, _ code: UInt32, _ wanted: ClosedRange<UInt32>, _ visit: (AdRows) -> Void
  ) -> Bool {
    let start = UInt64(code) << 32
    var row = rows.search(in: 0..<rows.count, notBefore: start)
    guard row < rows.count, unsafe rows.codes[row] == code else { return false }
    row = rows.search(in: row..<rows.count, notBefore: start | UInt64(wanted.lowerBound))
    let end = rows.search(in: row..<rows.count, notBefore: (start | UInt64(wanted.upperBound)) + 1)
    if row < end {
      visit(AdRows(rows, row..<end, from: run.descriptor.firstBucket, hasVersions: run.descriptor.hasVersions))
    }
    return true
  }
}
