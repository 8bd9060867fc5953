// A column: 1 ... 65,536 unsigned integers of 64 bits in as few bytes as an explicit ladder of encodings allows.
//
//   ┌─────┬──────────────────────────────┐
//   │ tag │ what the encoding makes of it │
//   └─────┴──────────────────────────────┘
//
// The number of values is not in the block: who stores it knows it. For each encoding that applies, `ColumnPlan` says
// what it would write and the exact number of bytes; the smallest is written, the earlier of the ladder among equals.
// Delta, sparse and patched keep columns inside theirs; a level bounds how deep: all encodings stand at the top, no
// delta and no sparse inside delta or sparse, and only those without inner columns inside patched.
//
// A tag that is not in the list is a fault that names it: later versions may add encodings, never change one.

/// An encoding by its tag. 0 is none, so that zeroed bytes are no block.
enum ColumnEncoding: UInt8, CaseIterable {
  /// One value.
  case constant = 1
  /// Two values, one bit each.
  case bitmap = 2
  /// One value nearly everywhere, and the list of the others.
  case sparse = 3
  /// The same width for all.
  case packed = 4
  /// One of four widths for each.
  case classes = 5
  /// A width for each 128, and the list of what exceeds it.
  case patched = 6
  /// Differences of ascending values.
  case delta = 7
  /// Eight bytes each.
  case plain = 8
}

/// What encodings may stand where.
enum ColumnLevel: Int, Comparable {
  case leaf, inner, top

  static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  func allows(_ encoding: ColumnEncoding) -> Bool {
    switch encoding {
    case .constant, .bitmap, .packed, .classes, .plain: true
    case .patched: self >= .inner
    case .sparse, .delta: self == .top
    }
  }
}

/// Arrays of integers to compressed blocks and back.
package enum IntegerColumn {
  /// The most values in one block.
  package static let maximumCount = 65_536

  /// Appends the encoding of `values` (1 ... maximumCount of them), the smallest of the ladder by exact cost.
  package static func encode(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8]) {
    let start = bytes.count
    let plan = unsafe ColumnPlan(values, .top)
    unsafe plan.write(values, to: &bytes)
    precondition(bytes.count - start == plan.bytes, "a block differs from its exact cost")
  }

  /// As above, for an array.
  package static func encode(_ values: [UInt64], to bytes: inout [UInt8]) {
    unsafe values.withUnsafeBufferPointer { unsafe encode($0, to: &bytes) }
  }

  /// The bytes that `encode` would append.
  package static func cost(_ values: [UInt64]) -> Int {
    unsafe values.withUnsafeBufferPointer { unsafe ColumnPlan($0, .top).bytes }
  }

  /// Decodes exactly `count` values from the start of `bytes` into `output`, which has room for them; returns the number
  /// of bytes that the block took. Whatever the bytes are, nothing outside of them is read; after a fault the output
  /// holds anything.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    try unsafe decode(bytes, count: count, rows: 0..<count, into: output)
  }

  /// As above, but only the values `rows` of the `count`: the others are passed over where the encoding allows it.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    guard (1...maximumCount).contains(count) else {
      throw ColumnFault("a block of \(count) values; 1 to \(maximumCount) can be")
    }
    precondition(rows.lowerBound >= 0 && rows.upperBound <= count)
    var reader = unsafe ColumnReader(bytes)
    try unsafe decode(&reader, count, rows, .top, into: output)
    return reader.offset
  }

  /// Name and parameters of the encoding at the start of `bytes`: "packed(base 7, width 3)".
  package static func describe(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ColumnFault) -> String {
    guard (1...maximumCount).contains(count) else {
      throw ColumnFault("a block of \(count) values; 1 to \(maximumCount) can be")
    }
    var reader = unsafe ColumnReader(bytes)
    return try describe(&reader, count, .top)
  }

  // MARK: - The ladder, decoding

  static func encoding(_ reader: inout ColumnReader, _ level: ColumnLevel) throws(ColumnFault) -> ColumnEncoding {
    let tag = try reader.byte()
    guard let encoding = ColumnEncoding(rawValue: tag) else { throw ColumnFault("unknown encoding \(tag)") }
    guard level.allows(encoding) else { throw ColumnFault("encoding \(tag) inside another that cannot hold it") }
    return encoding
  }

  /// Reads one whole column of `count` values, 1 ... maximumCount, keeping `rows` of them.
  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, _ level: ColumnLevel,
    into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    switch try encoding(&reader, level) {
    case .constant: try unsafe ConstantColumn.decode(&reader, rows, into: output)
    case .bitmap: try unsafe BitmapColumn.decode(&reader, count, rows, into: output)
    case .sparse: try unsafe SparseColumn.decode(&reader, count, rows, into: output)
    case .packed: try unsafe PackedColumn.decode(&reader, count, rows, into: output)
    case .classes: try unsafe ClassColumn.decode(&reader, count, rows, into: output)
    case .patched: try unsafe PatchedColumn.decode(&reader, count, rows, into: output)
    case .delta: try unsafe DeltaColumn.decode(&reader, count, rows, into: output)
    case .plain: try unsafe PlainColumn.decode(&reader, count, rows, into: output)
    }
  }

  /// Reads the head of a column and, where it holds others, theirs.
  static func describe(_ reader: inout ColumnReader, _ count: Int, _ level: ColumnLevel) throws(ColumnFault) -> String {
    switch try encoding(&reader, level) {
    case .constant: try ConstantColumn.describe(&reader)
    case .bitmap: try BitmapColumn.describe(&reader)
    case .sparse: try SparseColumn.describe(&reader, count)
    case .packed: try PackedColumn.describe(&reader)
    case .classes: try ClassColumn.describe(&reader)
    case .patched: try PatchedColumn.describe(&reader, count)
    case .delta: try DeltaColumn.describe(&reader, count)
    case .plain: "plain"
    }
  }
}
