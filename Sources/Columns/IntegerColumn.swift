// The ladder of encodings for integers. A block begins with one byte that names its encoding; the encoder asks each rung
// for its exact size and takes the smallest, the simpler one where sizes are equal.
//
//   0 constant   varint value                                                              ConstantEncoding.swift
//   1 packed     varint base, u8 width, values − base in `width` bits (width 1: a bitmap)  PackedEncoding.swift
//   2 patched    packed in groups of 128, each with its own width and exceptions           PatchedEncoding.swift
//   3 delta      varint first value, then a block of the differences                       DeltaEncoding.swift
//
// Packed with width 64 is the plain fallback. A reader that meets a number it does not know says so: later versions
// may add rungs.

/// Integers ↔ a compressed block.
package enum IntegerColumn {
  /// Most values of a block.
  package static let maximumCount = 65_536

  enum Tag: UInt8 {
    case constant = 0
    case packed = 1
    case patched = 2
    case delta = 3
  }

  /// Appends the encoding of 1 to `maximumCount` values, the smallest of the ladder.
  package static func encode(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8]) {
    unsafe encode(values, to: &bytes, mayDiffer: true)
  }

  /// The same of an array.
  package static func encode(_ values: [UInt64], to bytes: inout [UInt8]) {
    unsafe values.withUnsafeBufferPointer { unsafe encode($0, to: &bytes) }
  }

  static func encode(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8], mayDiffer: Bool) {
    precondition(1...maximumCount ~= values.count)
    let shape = unsafe ValueShape(values)
    var best = Tag.constant
    var size = shape.minimum == shape.maximum ? ConstantEncoding.size(shape) : .max
    func offer(_ tag: Tag, _ cost: Int) { if cost < size { (best, size) = (tag, cost) } }
    if size == .max {
      offer(.packed, PackedEncoding.size(shape))
      unsafe offer(.patched, PatchedEncoding.size(values, shape))
    }
    if mayDiffer, shape.isAscending, values.count > 1, size > 16 {
      let differences = unsafe DeltaEncoding.differences(values)
      let cost = DeltaEncoding.size(shape, differences)
      offer(.delta, cost)
      if best == .delta { return DeltaEncoding.append(shape, differences, to: &bytes) }
    }
    bytes.append(best.rawValue)
    switch best {
    case .constant: ConstantEncoding.append(shape, to: &bytes)
    case .packed: unsafe PackedEncoding.append(values, shape, to: &bytes)
    case .patched: unsafe PatchedEncoding.append(values, shape, to: &bytes)
    case .delta: break
    }
  }

  /// Exact bytes of the encoding of `values`.
  static func size(_ values: UnsafeBufferPointer<UInt64>) -> Int {
    let shape = unsafe ValueShape(values)
    if shape.minimum == shape.maximum { return ConstantEncoding.size(shape) }
    return unsafe min(PackedEncoding.size(shape), PatchedEncoding.size(values, shape))
  }

  /// Decodes exactly `count` values from the start of `bytes` into `output`, which has room for them. Returns the bytes
  /// that the block takes.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    unsafe try decode(bytes, count: count, range: 0..<count, into: output)
  }

  /// Decodes the values `range` of a block of `count`; `output` has room for them.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, range: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    guard 1...maximumCount ~= count else { throw ColumnFault("a block of \(count) values") }
    var reader = unsafe ColumnReader(bytes)
    let number = try reader.byte()
    guard let tag = Tag(rawValue: number) else { throw ColumnFault("encoding \(number) is unknown") }
    switch tag {
    case .constant: unsafe try ConstantEncoding.decode(&reader, range, into: output)
    case .packed: unsafe try PackedEncoding.decode(&reader, count, range, into: output)
    case .patched: unsafe try PatchedEncoding.decode(&reader, count, range, into: output)
    case .delta: unsafe try DeltaEncoding.decode(&reader, count, range, into: output)
    }
    return reader.position
  }

  /// Name and parameters of the encoding at the start of `bytes`, for people.
  package static func describe(_ bytes: UnsafeRawBufferPointer, count: Int) throws(ColumnFault) -> String {
    var reader = unsafe ColumnReader(bytes)
    let number = try reader.byte()
    switch Tag(rawValue: number) {
    case .constant: return "constant \(try reader.varint())"
    case .packed: return "packed, base \(try reader.varint()), width \(try reader.byte())"
    case .patched: return "patched, base \(try reader.varint()), \((count + 127) / 128) groups"
    case .delta:
      let first = try reader.varint()
      return "differences from \(first): \(count > 1 ? unsafe try describe(reader.rest, count: count - 1) : "none")"
    case nil: throw ColumnFault("encoding \(number) is unknown")
    }
  }
}

/// What every rung needs to know of the values.
struct ValueShape {
  var count: Int
  var first: UInt64
  var minimum: UInt64
  var maximum: UInt64
  var isAscending: Bool

  init(_ values: UnsafeBufferPointer<UInt64>) {
    count = values.count
    first = unsafe values[0]
    var low = first
    var high = first
    var before = first
    var ascending = true
    for i in 1..<max(1, values.count) {
      let value = unsafe values[i]
      low = min(low, value)
      high = max(high, value)
      ascending = ascending && value >= before
      before = value
    }
    minimum = low
    maximum = high
    isAscending = ascending
  }
}
