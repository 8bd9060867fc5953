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

/// Up to a block of sums. The memory is fixed.
@safe final class SumRows {
  private(set) var count = 0
  private let codes: UnsafeMutablePointer<UInt32>
  private let buckets: UnsafeMutablePointer<UInt32>
  private let clicks: UnsafeMutablePointer<UInt64>
  /// What the minutes share.
  private var group: Int64 = 0

  init() {
    unsafe codes = .allocate(capacity: SumBlock.capacity)
    unsafe buckets = .allocate(capacity: SumBlock.capacity)
    unsafe clicks = .allocate(capacity: SumBlock.capacity)
  }

  deinit {
    unsafe codes.deallocate()
    unsafe buckets.deallocate()
    unsafe clicks.deallocate()
  }

  subscript(index: Int) -> SegmentSum {
    precondition(index >= 0 && index < count)
    return unsafe SegmentSum(
      code: codes[index], minute: Minute(index: group << 32 | Int64(buckets[index])), clicks: clicks[index])
  }

  /// Whether the block can go on with this row.
  func takes(_ sum: SegmentSum) -> Bool {
    count == 0 || count < SumBlock.capacity && SumBlock.group(sum.minute.index) == group
  }

  /// Adds a row that the block takes.
  func append(_ sum: SegmentSum) {
    precondition(count < SumBlock.capacity)
    group = SumBlock.group(sum.minute.index)
    unsafe codes[count] = sum.code
    unsafe buckets[count] = UInt32(truncatingIfNeeded: sum.minute.index)
    unsafe clicks[count] = sum.clicks
    count += 1
  }

  /// Adds rows from `start` on, as many as the block takes; returns where it stopped, and their clicks.
  func append(_ sums: [SegmentSum], from start: Int) -> (end: Int, clicks: UInt64) {
    let group = count == 0 ? SumBlock.group(sums[start].minute.index) : group
    let place = count
    let end = min(sums.count, start + SumBlock.capacity - place)
    var all: UInt64 = 0
    var i = start
    while i < end {
      let sum = sums[i]
      guard SumBlock.group(sum.minute.index) == group else { break }
      let at = place + i - start
      unsafe codes[at] = sum.code
      unsafe buckets[at] = UInt32(truncatingIfNeeded: sum.minute.index)
      unsafe clicks[at] = sum.clicks
      all &+= sum.clicks
      i += 1
    }
    self.group = group
    count = place + i - start
    return (i, all)
  }

  func removeAll() { count = 0 }

  /// The fence of this block; nil where it has no row.
  func fence(offset: Int) -> SumFence? {
    guard count > 0 else { return nil }
    return SumFence(code: self[0].code, rows: UInt32(count), minute: self[0].minute.index, offset: UInt64(offset))
  }

  func encode(to bytes: inout [UInt8]) {
    unsafe RowBlock.encode(
      codes: UnsafeBufferPointer(start: codes, count: count),
      buckets: UnsafeBufferPointer(start: buckets, count: count),
      values: UnsafeBufferPointer(start: clicks, count: count), to: &bytes)
  }

  /// Becomes the block that has this fence.
  func decode(_ bytes: UnsafeRawBufferPointer, _ fence: SumFence) throws(Fault) {
    group = SumBlock.group(fence.minute)
    do throws(ColumnFault) {
      count = try unsafe RowBlock.decode(bytes, codes: codes, buckets: buckets, values: clicks)
    } catch { throw Fault("a block of sums cannot be read: \(error)") }
    guard count == Int(fence.rows), self[0].code == fence.code, self[0].minute.index == fence.minute else {
      throw Fault("a block of sums is not the one of its fence")
    }
  }
}
