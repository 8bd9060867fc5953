import Bytes

// Numbers in the heads of blocks are varints: seven bits a byte, low ones first, the top bit set in all bytes but the
// last (LEB128, as in DWARF and Protocol Buffers).
//
//   300 = 0b10_0101100   →   ac 02

/// How many bytes `value` takes as a varint: 1 ... 10.
func varintBytes(_ value: UInt64) -> Int { max(1, (bitWidth(value) + 6) / 7) }

/// Appends `value` as a varint.
func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
  var rest = value
  while rest > 0x7f {
    bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
    rest >>= 7
  }
  bytes.append(UInt8(truncatingIfNeeded: rest))
}

/// The bits that `value` needs: 0 for 0, 64 for the largest.
@inline(__always) func bitWidth(_ value: UInt64) -> Int { 64 &- value.leadingZeroBitCount }

/// Walks over a block from its start; every step is checked against the end. The memory is the caller's and outlives it.
@safe struct ColumnReader {
  private let bytes: UnsafeRawBufferPointer
  /// Bytes read so far; at most the count of bytes.
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = unsafe bytes }

  /// Bytes not read yet.
  var remaining: Int { unsafe bytes.count &- offset }

  /// What is not read yet.
  var rest: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...]) }

  mutating func byte() throws(ColumnFault) -> UInt8 {
    guard remaining > 0 else { throw ColumnFault("the block ends early") }
    defer { offset &+= 1 }
    return unsafe bytes[offset]
  }

  mutating func varint() throws(ColumnFault) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      guard shift < 63 || next <= 1 else { throw ColumnFault("a number of more than 64 bits") }
      value |= UInt64(next & 0x7f) &<< shift
      if next < 0x80 { return value }
      shift &+= 7
    }
  }

  /// A varint that must be at most `limit`; `what` names it in the fault.
  mutating func varint(atMost limit: Int, _ what: StaticString) throws(ColumnFault) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw ColumnFault("\(value) \(what), at most \(limit) can be") }
    return Int(value)
  }

  /// Steps over `count` bytes and returns what lies from their start up to the end of the input: at least `count` bytes,
  /// so that a decoder may load beyond them where there is something.
  mutating func take(_ count: Int) throws(ColumnFault) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else {
      throw ColumnFault("the block ends early: \(count) bytes expected, \(remaining) left")
    }
    defer { offset &+= count }
    return unsafe rest
  }
}
