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
  private(set) var count = 0
  private var codes = [UInt32](repeating: 0, count: SumBlock.capacity)
  private var buckets = [UInt32](repeating: 0, count: SumBlock.capacity)
  private var clicks = [UInt64](repeating: 0, count: SumBlock.capacity)
  /// What the minutes share.
  private var group: Int64 = 0

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
    codes[count] = sum.code
    buckets[count] = UInt32(truncatingIfNeeded: sum.minute.index)
    clicks[count] = sum.clicks
    count += 1
  }

  mutating func removeAll() { count = 0 }

  /// The fence of this block; nil where it has no row.
  func fence(offset: Int) -> SumFence? {
    guard count > 0 else { return nil }
    return SumFence(code: codes[0], rows: UInt32(count), minute: self[0].minute.index, offset: UInt64(offset))
  }

  func encode(to bytes: inout [UInt8]) {
    unsafe codes.withUnsafeBufferPointer { codes in
      unsafe buckets.withUnsafeBufferPointer { buckets in
        unsafe clicks.withUnsafeBufferPointer { clicks in
          unsafe RowBlock.encode(
            codes: UnsafeBufferPointer(rebasing: codes[..<count]),
            buckets: UnsafeBufferPointer(rebasing: buckets[..<count]),
            values: UnsafeBufferPointer(rebasing: clicks[..<count]), to: &bytes)
        }
      }
    }
  }

  /// Becomes the block that has this fence.
  mutating func decode(_ bytes: UnsafeRawBufferPointer, _ fence: SumFence) throws(Fault) {
    group = SumBlock.group(fence.minute)
    var failure: ColumnFault?
    unsafe codes.withUnsafeMutableBufferPointer { codes in
      unsafe buckets.withUnsafeMutableBufferPointer { buckets in
        unsafe clicks.withUnsafeMutableBufferPointer { clicks in
          do throws(ColumnFault) {
            count = try unsafe RowBlock.decode(
              bytes, codes: codes.baseAddress!, buckets: buckets.baseAddress!, values: clicks.baseAddress!)
          } catch { failure = error }
        }
      }
    }
    if let failure { throw Fault("a block of sums cannot be read: \(failure)") }
    guard count == Int(fence.rows), codes[0] == fence.code, self[0].minute.index == fence.minute else {
      throw Fault("a block of sums is not the one of its fence")
    }
  }
}
