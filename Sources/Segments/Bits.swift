import Bytes

// Bits in memory: the first bit of a stream is the lowest bit of its first byte, and a field's lowest bit comes first. So
// a field of up to 57 bits is one unaligned load, one shift and one mask, wherever it starts. Loads reach up to
// `BitReader.slack` bytes beyond the field; whoever hands in memory has that much behind it.

/// Writes fields of bits one behind the other. The owner of the memory has made room.
@safe struct BitWriter {
  private var next: UnsafeMutableRawPointer
  private let start: UnsafeMutableRawPointer
  private var word: UInt64 = 0
  /// Bits of `word` that are taken, 0 ..< 64.
  private var used: UInt64 = 0

  init(_ memory: UnsafeMutableRawPointer) {
    unsafe next = unsafe memory
    unsafe start = unsafe memory
  }

  /// Appends the lowest `count` bits of `value`, 0...64; the others must be zero.
  @inline(__always) mutating func put(_ value: UInt64, _ count: Int) {
    word |= value &<< used
    let total = used &+ UInt64(truncatingIfNeeded: count)
    if total < 64 {
      used = total
    } else {
      unsafe next.unsafeStoreLE(word, 0)
      unsafe next += 8
      word = used == 0 ? 0 : value &>> (64 &- used)
      used = total &- 64
    }
  }

  /// Appends `count` ones-free bits: zeros.
  mutating func skip(_ count: Int) {
    var left = count
    while left > 0 {
      put(0, min(left, 64))
      left -= 64
    }
  }

  /// Ends the stream at the next whole byte; returns its bytes.
  mutating func finish() -> Int {
    let bytes = unsafe (next - start) + Int(used &+ 7) / 8
    while used > 0 {
      unsafe next.unsafeStoreLE(UInt8(truncatingIfNeeded: word), 0)
      unsafe next += 1
      word >>= 8
      used = used > 8 ? used - 8 : 0
    }
    return bytes
  }
}

/// Reads fields of bits at any place.
enum BitReader {
  /// Bytes that a load may touch beyond the last one of a field.
  static let slack = 16

  /// At least 57 bits from `bit` on; what is above them is unknown.
  @inline(__always) static func window(_ base: UnsafeRawPointer, _ bit: Int) -> UInt64 {
    unsafe base.unsafeLoadLE(bit &>> 3, as: UInt64.self) &>> UInt64(truncatingIfNeeded: bit & 7)
  }

  /// `count` bits from `bit` on, 0...57.
  @inline(__always) static func narrow(_ base: UnsafeRawPointer, _ bit: Int, _ count: Int) -> UInt64 {
    unsafe window(base, bit) & (1 &<< UInt64(truncatingIfNeeded: count) &- 1)
  }

  /// `count` bits from `bit` on, 0...64.
  @inline(__always) static func wide(_ base: UnsafeRawPointer, _ bit: Int, _ count: Int) -> UInt64 {
    if count <= 32 { return unsafe narrow(base, bit, count) }
    return unsafe narrow(base, bit, 32) | narrow(base, bit &+ 32, count &- 32) << 32
  }
}
