import Columns
import Files

// The rows of one ad after the other, for those who ask for many. A block that is asked for the second time in a row is decoded
// whole and kept, since keys that come in order will ask for it again; a block that is asked for once costs what `Run.series`
// costs. So a thousand rows of one block are decoded once and not a thousand times.

/// Look-ups in one run. Belongs to one thread. Memory: 100 KB for each part of the run that is asked often.
package final class RunLookup {
  private let run: Run
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

  package init(_ run: Run) {
    self.run = run
    dense = Part(fence: run.dense)
    sparse = Part(fence: run.sparse)
  }

  /// What `Run.series` gives.
  package func series(
    of code: UInt32, buckets: Range<Int64>, _ visit: (_ bucket: Int64, _ value: UInt64, _ version: UInt64) -> Void
  ) throws {
    let wanted = buckets.clamped(to: run.descriptor.buckets)
    guard !wanted.isEmpty else { return }
    // An ad stands in one part alone.
    if try !look(in: &dense, code, wanted, visit) { _ = try look(in: &sparse, code, wanted, visit) }
  }

  /// Returns whether the part has the ad, as far as its blocks say.
  private func look(
    in part: inout Part, _ code: UInt32, _ wanted: Range<Int64>, _ visit: (Int64, UInt64, UInt64) -> Void
  ) throws -> Bool {
    let (first, last) = run.offsets(of: wanted)
    var isHere = false
    var i = Run.first(in: part.fence, notBefore: code, first)
    while i < part.fence.count, (part.fence[i].firstCode, part.fence[i].firstBucket) <= (code, last) {
      let isAgain = part.asked == i
      part.asked = i
      if isAgain || part.loaded == i {
        isHere = visitRows(try rows(of: i, &part), code, first...last, visit) || isHere
      } else {
        isHere = try run.visitBlock(part.fence[i], code, first...last, RowColumns(zeroed: false), visit) || isHere
      }
      i += 1
    }
    return isHere
  }

  /// Block `i`, decoded.
  private func rows(of i: Int, _ part: inout Part) throws -> RowColumns {
    let rows = part.rows ?? RowColumns()
    part.rows = rows
    guard part.loaded != i else { return rows }
    part.loaded = nil
    let entry = part.fence[i]
    unsafe try run.withBlock(entry) { bytes throws(ColumnFault) in
      try unsafe rows.load(entry, bytes, buckets: run.descriptor.bucketCount)
    }
    part.loaded = i
    return rows
  }

  private func visitRows(
    _ rows: RowColumns, _ code: UInt32, _ wanted: ClosedRange<UInt32>, _ visit: (Int64, UInt64, UInt64) -> Void
  ) -> Bool {
    let start = UInt64(code) << 32
    var row = rows.search(in: 0..<rows.count, notBefore: start)
    guard row < rows.count, unsafe rows.codes[row] == code else { return false }
    row = rows.search(in: row..<rows.count, notBefore: start | UInt64(wanted.lowerBound))
    while row < rows.count, unsafe rows.codes[row] == code, unsafe rows.buckets[row] <= wanted.upperBound {
      unsafe visit(run.descriptor.firstBucket + Int64(rows.buckets[row]), rows.values[row], rows.versions[row])
      row += 1
    }
    return true
  }
}
