import Bytes
import Clicks
import Columns

// Clicks per (ad code, minute), in that order. Blocks of at most 4,096 rows as minute tables have them (Columns/RowBlock),
// with minutes of 32 bits: all rows of a block have the same ⌊minute / 2³²⌋. One block ends and another begins where
// that changes, which it does for no honest click before the year 10136.
//
//   fence of a block   u32 ad code   u32 rows   i64 minute   u64 where the block starts in its section

/// Blocks of sums as bytes.
enum SumBlock {
  static let capacity = 4096
  static let fenceBytes = 24

  /// What the minutes of a block share.
  static func group(_ minute: Int64) -> Int64 { minute >> 32 }
}

/// The fence of a block of sums.
struct SumFence {
  var code: UInt32
  var rows: UInt32
  var minute: Int64
  var offset: UInt64

  func write(to writer: inout ByteWriter) {
    writer.append(code)
    writer.append(rows)
    writer.append(minute)
    writer.append(offset)
  }
}

/// Up to a block of sums.
struct SumRows {
  private(set) var codes: [UInt32] = []
  private(set) var buckets: [UInt32] = []
  private(set) var clicks: [UInt64] = []
  /// What the minutes share.
  private var group: Int64 = 0

  var count: Int { codes.count }

  subscript(index: Int) -> SegmentSum {
    SegmentSum(
      code: codes[index], minute: Minute(index: group << 32 | Int64(buckets[index])), clicks: clicks[index])
  }

  /// Whether the block can go on with this row.
  func takes(_ sum: SegmentSum) -> Bool {
    count == 0 || count < SumBlock.capacity && SumBlock.group(sum.minute.index) == group
  }

  mutating func append(_ sum: SegmentSum) {
    group = SumBlock.group(sum.minute.index)
    codes.append(sum.code)
    buckets.append(UInt32(truncatingIfNeeded: sum.minute.index))
    clicks.append(sum.clicks)
  }

  mutating func removeAll() {
    codes.removeAll(keepingCapacity: true)
    buckets.removeAll(keepingCapacity: true)
    clicks.removeAll(keepingCapacity: true)
  }

  /// The fence of this block; nil where it has no row.
  func fence(offset: Int) -> SumFence? {
    guard count > 0 else { return nil }
    return SumFence(code: codes[0], rows: UInt32(count), minute: self[0].minute.index, offset: UInt64(offset))
  }

  func encode(to bytes: inout [UInt8]) {
    RowBlock.encode(codes: codes, buckets: buckets, values: clicks, to: &bytes)
  }

  /// Becomes the block that has this fence.
  mutating func decode(_ bytes: UnsafeRawBufferPointer, _ fence: SumFence) throws(Fault) {
    group = SumBlock.group(fence.minute)
    do throws(ColumnFault) {
      unsafe (codes, buckets, clicks) = try RowBlock.decode(bytes, count: Int(fence.rows))
    } catch { throw Fault("a block of sums cannot be read") }
    guard codes[0] == fence.code, self[0].minute.index == fence.minute else {
      throw Fault("a block of sums does not begin as its fence says")
    }
  }
}
