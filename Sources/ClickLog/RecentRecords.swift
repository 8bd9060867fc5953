import Clicks

/// The newest records of a log, as they were written. Repeats mostly come soon after the first copy, which then need not be read
/// from the disk again. Memory: 2.6 MB, of which what was never used is the kernel's promise.
@safe struct RecentRecords: ~Copyable {
  /// Position after the newest.
  private var end: UInt64 = 0
  private var count = 0
  private let memory: UnsafeMutableRawPointer

  /// Records that are kept; a power of two.
  static let limit = 1 << 16

  init() { unsafe memory = .allocate(byteCount: Self.limit * RecordFormat.size, alignment: 64) }

  deinit { unsafe memory.deallocate() }

  /// Takes in `more` records, the first of them at `position`, which is where the last ones ended, or all are forgotten.
  mutating func add(_ records: UnsafeRawPointer, _ more: Int, at position: UInt64) {
    precondition(more <= Self.limit)
    if position != end { count = 0 }
    let start = Self.slot(position)
    let first = min(more, Self.limit - start)
    unsafe (memory + start * RecordFormat.size).copyMemory(from: records, byteCount: first * RecordFormat.size)
    unsafe memory.copyMemory(
      from: records + first * RecordFormat.size, byteCount: (more - first) * RecordFormat.size)
    end = position + UInt64(more)
    count = min(count + more, Self.limit)
  }

  /// The click at `position`, without the time at which it was received; nil where it is not kept.
  func click(at position: UInt64) -> Click? {
    guard position < end, end - position <= UInt64(count) else { return nil }
    return unsafe RecordFormat.read(UnsafeRawPointer(memory + Self.slot(position) * RecordFormat.size), base: 0)
  }

  private static func slot(_ position: UInt64) -> Int { Int(truncatingIfNeeded: position) & (limit - 1) }
}
