import Columns
import Files

// What each ad has in some buckets of a run, for all ads: block after block is unpacked and added up where it lies, without a row
// of its own for anything. Ads come in parts, by their codes, so that the sums of a part are few; both fences are gone along as
// the codes ascend, and a block that lies in two parts is unpacked twice.

/// The sums of a run's ads over some of its buckets. Belongs to one thread.
package struct RunSums {
  private let run: Run
  private let wanted: ClosedRange<UInt32>
  /// The first block of each part of the run that may have ads to come.
  private var next = (sparse: 0, dense: 0)
  private let scratch = SumScratch()

  /// Nil where the run has none of `buckets` in its window.
  package init?(_ run: Run, buckets: Range<Int64>) {
    let own = buckets.clamped(to: run.descriptor.buckets)
    guard !own.isEmpty else { return nil }
    self.run = run
    let (first, last) = run.offsets(of: own)
    wanted = first...last
  }

  /// Adds the sums of the ads `codes` to `sums`, which begins with that of the first of them and has room for all. Codes ascend from
  /// call to call.
  package mutating func add(_ codes: Range<UInt64>, to sums: inout [UInt64]) throws {
    precondition(sums.count >= codes.count)
    next.sparse = try add(codes, run.sparse, from: next.sparse, &sums)
    next.dense = try add(codes, run.dense, from: next.dense, &sums)
  }

  /// Returns the first block that has ads of `codes`, or behind them.
  private func add(
    _ codes: Range<UInt64>, _ fence: [FenceEntry], from start: Int, _ sums: inout [UInt64]
  ) throws -> Int {
    var next = start
    while next < fence.count, UInt64(fence[next].lastCode) < codes.lowerBound { next += 1 }
    var i = next
    while i < fence.count, UInt64(fence[i].firstCode) < codes.upperBound {
      let entry = fence[i]
      i += 1
      // Where a block has one ad, the fence says which buckets.
      if entry.firstCode == entry.lastCode,
        entry.firstBucket > wanted.upperBound || entry.lastBucket < wanted.lowerBound
      {
        continue
      }
      try unsafe sums.withUnsafeMutableBufferPointer { sums in
        let target = sums.baseAddress!
        unsafe try run.withBlock(entry) { bytes throws(ColumnFault) in
          let own = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Int(entry.bytes)])
          let rows = try unsafe RowBlock.addSums(
            own, in: wanted, of: codes, to: target, scratch: scratch.numbers)
          guard rows == Int(entry.rows) else { throw ColumnFault("\(rows) rows where the fence says \(entry.rows)") }
        }
      }
    }
    return next
  }
}

/// Memory that a sum of blocks needs.
@safe private final class SumScratch {
  let numbers = UnsafeMutablePointer<UInt64>.allocate(capacity: RowBlock.sumScratch)

  deinit { unsafe numbers.deallocate() }
}
