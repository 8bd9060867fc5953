import Bytes

/// Bytes that are no block of values: what is wrong with them.
package struct ColumnFault: Error, Equatable, CustomStringConvertible, Sendable {
  package var description: String

  package init(_ description: String) { self.description = description }
}

/// Goes through the bytes of a block; every step is checked against the end.
@safe struct ColumnReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

  var remaining: Int { unsafe bytes.count - position }

  /// The next byte.
  mutating func byte() throws(ColumnFault) -> UInt8 {
    guard unsafe position < bytes.count else { throw ColumnFault("the block ends early") }
    defer { position += 1 }
    return unsafe bytes[position]
  }

  /// The next LEB128 integer: seven bits a byte, lowest first, the top bit says that more follow; ten bytes at most.
  mutating func varint() throws(ColumnFault) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      guard shift < 63 || next <= 1 else { throw ColumnFault("an integer of more than 64 bits") }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  /// The next `count` bytes, as they stand.
  mutating func take(_ count: Int) throws(ColumnFault) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else { throw ColumnFault("the block ends early") }
    defer { position += count }
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }

  /// Everything that is left.
  var rest: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: bytes[position...]) }

  mutating func skip(_ count: Int) { position += count }
}

enum Varint {
  /// Bytes of the LEB128 form.
  @inline(__always)
  static func size(_ value: UInt64) -> Int { max(1, (BitPacking.width(value) + 6) / 7) }

  static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
