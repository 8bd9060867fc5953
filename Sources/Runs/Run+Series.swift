import Columns
import Files

// One ad's rows: the fence says which blocks can have them, and only the ad's own values of these are unpacked.

extension Run {
  /// The rows of one ad inside `buckets`, ascending.
  package func series(
    of code: UInt32, buckets: Range<Int64>, _ visit: (_ bucket: Int64, _ value: UInt64, _ version: UInt64) -> Void
  ) throws {
    let wanted = buckets.clamped(to: descriptor.buckets)
    guard !wanted.isEmpty else { return }
    let (first, last) = offsets(of: wanted)
    let rows = RowColumns(zeroed: false)
    for fence in [dense, sparse] {
      var isHere = false
      var i = Self.first(in: fence, notBefore: code, first)
      while i < fence.count, (fence[i].firstCode, fence[i].firstBucket) <= (code, last) {
        isHere = try visitBlock(fence[i], code, first...last, rows, visit) || isHere
        i += 1
      }
      // An ad stands in one part alone.
      if isHere { return }
    }
  }

  /// The first and the last of `buckets`, which lie in the window, counted from the window's first.
  func offsets(of buckets: Range<Int64>) -> (first: UInt32, last: UInt32) {
    (UInt32(buckets.lowerBound - descriptor.firstBucket), UInt32(buckets.upperBound - descriptor.firstBucket - 1))
  }

  /// The first block whose end is not before (code, bucket).
  static func first(in fence: [FenceEntry], notBefore code: UInt32, _ bucket: UInt32) -> Int {
    var low = 0
    var high = fence.count
    while low < high {
      let middle = (low + high) / 2
      if (fence[middle].lastCode, fence[middle].lastBucket) < (code, bucket) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Returns whether the block has the ad at all.
  func visitBlock(
    _ entry: FenceEntry, _ code: UInt32, _ wanted: ClosedRange<UInt32>, _ rows: RowColumns,
    _ visit: (Int64, UInt64, UInt64) -> Void
  ) throws -> Bool {
    return unsafe try withBlock(entry) { bytes throws(ColumnFault) in
      let own = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Int(entry.bytes)])
      let (found, total, last) = try unsafe RowBlock.find(
        own, only: code, in: wanted, buckets: rows.buckets, values: rows.values)
      guard total == Int(entry.rows) else { throw ColumnFault("\(total) rows where the fence says \(entry.rows)") }
      guard let last else { return false }
      guard last < descriptor.bucketCount else { throw ColumnFault("bucket \(last) is outside the window") }
      if entry.versionBytes > 0 {
        let behind = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(entry.bytes)...])
        let used = try unsafe IntegerColumn.decode(behind, count: total, rows: found, into: rows.versions)
        guard used == Int(entry.versionBytes) else { throw ColumnFault("bytes behind the versions") }
      }
      for i in 0..<found.count {
        let version = unsafe entry.versionBytes > 0 ? rows.versions[i] : 0
        unsafe visit(descriptor.firstBucket + Int64(rows.buckets[i]), rows.values[i], version)
      }
      return true
    }
  }
}
