import Bytes
import Platform

// A column as a file of bare little-endian integers, one behind the other: what every database can be fed with, and so what
// Tally and its peers are fed with when they are compared.

/// Writes a column from its first value to its last.
struct ColumnWriter: ~Copyable {
  private let file: any File
  private var buffer = AlignedBuffer(capacity: 1 << 20)
  private var filled = 0
  private var written: UInt64 = 0

  init(_ files: any FileSystem, _ path: String) throws {
    if files.exists(path) { try files.remove(path) }
    file = try files.open(path, .create)
  }

  mutating func append<T: FixedWidthInteger>(_ value: T) throws {
    unsafe buffer.base.unsafeStoreLE(value, filled)
    filled += T.bitWidth / 8
    if filled == buffer.capacity { try flush() }
  }

  private mutating func flush() throws {
    unsafe try file.writeAll(buffer.bytes(filled), at: written)
    written += UInt64(filled)
    filled = 0
  }

  /// Writes what is left, to the device: whatever is measured next has the disk for itself.
  consuming func finish() throws {
    try flush()
    try file.synchronizeData()
  }
}

/// A column in memory, for reading by any thread.
@safe struct Column<T: FixedWidthInteger & Sendable>: @unchecked Sendable {
  /// Keeps what `base` points to.
  private let mapping: FileMapping?
  private let base: UnsafeRawPointer?
  let count: Int

  init(_ files: any FileSystem, _ path: String) throws {
    let file = try files.open(path, .read)
    let bytes = Int(try file.size())
    guard bytes % (T.bitWidth / 8) == 0 else { throw BenchFailure("\(path) is no column of \(T.self)") }
    count = bytes / (T.bitWidth / 8)
    let mapping = bytes > 0 ? try file.map() : nil
    self.mapping = mapping
    unsafe base = mapping?.bytes.baseAddress
  }

  @inline(__always) subscript(_ index: Int) -> T {
    precondition(index >= 0 && index < count)
    return unsafe base!.unsafeLoadLE(index * (T.bitWidth / 8))
  }

  /// The values of a range as they stand in memory; good as long as the column is.
  func values(_ range: Range<Int>) -> UnsafeBufferPointer<T> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count && T(littleEndian: 1) == 1)
    guard let base = unsafe base, !range.isEmpty else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
    let values = unsafe base.assumingMemoryBound(to: T.self)
    return unsafe UnsafeBufferPointer(start: values + range.lowerBound, count: range.count)
  }
}
