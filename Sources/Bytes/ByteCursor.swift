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
  @usableFromInline let bytes: ArraySlice<UInt8>
  /// Where the next field begins.
  @usableFromInline var place: Int

  package init(_ bytes: ArraySlice<UInt8>) { (self.bytes, place) = (bytes, bytes.startIndex) }
  package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  /// Bytes not read yet.
  @inlinable package var remaining: Int { bytes.endIndex - place }

  /// The next integer; nil where too few bytes are left.
  @inlinable @inline(__always)
  package mutating func next<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    let start = place - bytes.startIndex
    place += MemoryLayout<T>.size
    return unsafe bytes.withUnsafeBytes { unsafe $0.baseAddress!.unsafeLoadLE(start) }
  }

  /// The next `count` bytes; nil where too few are left.
  package mutating func next(bytes count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, remaining >= count else { return nil }
    defer { place += count }
    return bytes[place..<(place + count)]
  }
}
