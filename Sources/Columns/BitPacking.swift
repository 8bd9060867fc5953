import Bytes

// Values of one width, one behind another, least significant bit first: value i stands in the bits i·w ..< (i+1)·w of the
// bytes read as one little-endian number. The last byte is filled with zeros.

enum BitPacking {
  /// Bytes of `count` values of `width` bits.
  @inline(__always)
  static func size(_ count: Int, width: Int) -> Int { (count * width + 7) >> 3 }

  /// Bits that `value` needs.
  @inline(__always)
  static func width(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }

  @inline(__always)
  static func mask(_ width: Int) -> UInt64 { width == 64 ? .max : (1 << UInt64(width)) &- 1 }

  /// Appends the low `width` bits of each value less `base`.
  static func pack(_ values: UnsafeBufferPointer<UInt64>, base: UInt64, width: Int, to bytes: inout [UInt8]) {
    guard width > 0 else { return }
    let start = bytes.count
    let size = size(values.count, width: width)
    bytes.append(contentsOf: repeatElement(0, count: size + 16))
    let mask = mask(width)
    unsafe bytes.withUnsafeMutableBytes { raw in
      let memory = unsafe raw.baseAddress! + start
      var bit = 0
      for i in 0..<values.count {
        let value = unsafe (values[i] &- base) & mask
        let at = bit >> 3
        let shift = UInt64(bit & 7)
        let low = unsafe UnsafeRawPointer(memory).unsafeLoadLE(at, as: UInt64.self)
        unsafe memory.unsafeStoreLE(low | value << shift, at)
        if Int(shift) + width > 64 {
          unsafe memory.unsafeStoreLE(UInt8(truncatingIfNeeded: value >> (64 - shift)), at + 8)
        }
        bit += width
      }
    }
    bytes.removeLast(16)
  }

  /// Unpacks the values `range` of a packed run that starts at `memory` and is `size` bytes long, adding `base` to each.
  /// The caller has checked that `size` holds them.
  static func unpack(
    _ memory: UnsafeRawPointer, size: Int, range: Range<Int>, width: Int, base: UInt64,
    into output: UnsafeMutablePointer<UInt64>
  ) {
    if width == 0 {
      for i in 0..<range.count { unsafe output[i] = base }
      return
    }
    let mask = mask(width)
    var i = range.lowerBound
    if width <= 57, size >= 8 {
      // Up to here eight bytes can be loaded wherever a value begins.
      let safe = min(range.upperBound, ((size - 8) * 8 + 7) / width + 1)
      let target = unsafe output - range.lowerBound
      while i < safe {
        let bit = i &* width
        guard bit >> 3 <= size &- 8 else { break }
        let word = unsafe memory.unsafeLoadLE(bit >> 3, as: UInt64.self)
        unsafe target[i] = (word >> UInt64(bit & 7)) & mask &+ base
        i &+= 1
      }
    }
    while i < range.upperBound {
      unsafe output[i - range.lowerBound] = load(memory, size: size, bit: i * width) & mask &+ base
      i += 1
    }
  }

  /// The 64 bits from `bit` on, zeros behind the end.
  private static func load(_ memory: UnsafeRawPointer, size: Int, bit: Int) -> UInt64 {
    let at = bit >> 3
    let shift = UInt64(bit & 7)
    var low: UInt64 = 0
    var high: UInt64 = 0
    for k in 0..<min(8, size - at) {
      unsafe low |= UInt64(memory.unsafeLoadLE(at + k, as: UInt8.self)) << UInt64(8 * k)
    }
    if at + 8 < size { high = UInt64(unsafe memory.unsafeLoadLE(at + 8, as: UInt8.self)) }
    return shift == 0 ? low : low >> shift | high << (64 - shift)
  }
}
