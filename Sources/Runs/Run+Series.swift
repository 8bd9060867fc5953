import Columns
import Files

// One ad's rows: the fence says which blocks can have them, and only the ad's own values of these are unpacked. Rows come block
// by block, so that whoever takes them goes through numbers side by side.

/// Memory for the rows of one ad, used again from block to block and from run to run, and how much may be read into it. Belongs to
/// one thread.
package final class AdRowBuffer {
  let rows = RowColumns(zeroed: false)
  /// Whether only blocks are read that were read before, and few of them.
  package let isBounded: Bool
  private var left: Int

  /// What a block costs however little is unpacked of it, counted in rows.
  private static let rowsABlock = 500

  /// Without `rowLimit` everything is read. With it what is not at hand, and work that is more than that of so many rows, end in
  /// `NotAtHand`; so does any run whose file is not mapped.
  package init(rowLimit: Int? = nil) {
    isBounded = rowLimit != nil
    left = rowLimit ?? .max
  }

  /// Counts a block that is to be read.
  func count(_ entry: FenceEntry) throws {
    guard isBounded else { return }
    // Rows of others are passed over in an eighth of the time.
    left -= Self.rowsABlock + Int(entry.rows) / 8
    if left < 0 { throw NotAtHand() }
  }
}

extension Run {
  /// The rows of one ad inside `buckets`, ascending.
  package func series(
    of code: UInt32, buckets: Range<Int64>, _ visit: (_ bucket: Int64, _ value: UInt64, _ version: UInt64) -> Void
  ) throws {
    try rows(of: code, buckets: buckets, AdRowBuffer()) { $0.forEach(visit) }
  }

  /// The same, as they stand in blocks.
  package func rows(
    of code: UInt32, buckets: Range<Int64>, _ buffer: AdRowBuffer, _ visit: (AdRows) -> Void
  ) throws {
    let wanted = buckets.clamped(to: descriptor.buckets)
    guard !wanted.isEmpty else { return }
    let (first, last) = offsets(of: wanted)
    for fence in [dense, sparse] {
      var isHere = false
      var i = Self.first(in: fence, notBefore: code, first)
      while i < fence.count, (fence[i].firstCode, fence[i].firstBucket) <= (code, last) {
        isHere = try visitBlock(fence[i], code, first...last, buffer, visit) || isHere
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
    _ entry: FenceEntry, _ code: UInt32, _ wanted: ClosedRange<UInt32>, _ buffer: AdRowBuffer, _ visit: (AdRows) -> Void
  ) throws -> Bool {
    let rows = buffer.rows
    try buffer.count(entry)
    return unsafe try withBlock(entry, atHand: buffer.isBounded) { bytes throws(ColumnFault) in
      let own = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Int(entry.bytes)])
      let found = try unsafe RowBlock.find(own, only: code, in: wanted, buckets: rows.buckets, values: rows.values)
      guard found.blockRows == Int(entry.rows) else {
        throw ColumnFault("\(found.blockRows) rows where the fence says \(entry.rows)")
      }
      guard let last = found.last else { return false }
      guard last < descriptor.bucketCount else { throw ColumnFault("bucket \(last) is outside the window") }
      let hasVersions = entry.versionBytes > 0
      if hasVersions {
        let behind = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(entry.bytes)...])
        let used = try unsafe IntegerColumn.decode(
          behind, count: found.blockRows, rows: found.rows, into: rows.versions)
        guard used == Int(entry.versionBytes) else { throw ColumnFault("bytes behind the versions") }
      }
      if !found.rows.isEmpty {
        visit(
          AdRows(
            rows, 0..<found.rows.count, from: descriptor.firstBucket, gapless: found.gapless,
            hasVersions: hasVersions))
      }
      return true
    }
  }
}
