// Small records that are not on the hot path: written into an array, read with every load checked.

/// Appends little-endian fields to an array.
package struct ByteWriter {
  /// What has been written.
  package private(set) var bytes: [UInt8] = []

  package init() {}

  /// Appends an integer, little-endian, in its full width.
  package mutating func append<T: FixedWidthInteger>(_ value: T) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  /// Appends bytes as they are.
  package mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }
}

/// Reads little-endian fields from a slice; every read is checked against its end.
package struct ByteReader {
  private var rest: ArraySlice<UInt8>

  package init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
  package init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// Bytes not read yet.
  package var remaining: Int { rest.count }

  /// The next integer; nil where too few bytes are left.
  package mutating func next<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T? {
    let width = T.bitWidth / 8
    guard rest.count >= width else { return nil }
    var value: T = 0
    for (shift, byte) in rest.prefix(width).enumerated() { value |= T(truncatingIfNeeded: byte) << T(8 * shift) }
    rest = rest.dropFirst(width)
    return value
  }

  /// The next `count` bytes; nil where too few are left.
  package mutating func next(bytes count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }
}
