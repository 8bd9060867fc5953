import Bytes
import CPlatform

// Values of equal width side by side, without gaps: value i stands at bits i × width ..< (i + 1) × width, bit 0 being the
// lowest of byte 0. Three values of five bits:
//
//   byte      0          1
//   bit   7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0
//         b b b a a a a a   - c c c c c b b
//
// A value of up to 57 bits lies within the eight bytes from its first on, so decoding is one unaligned load, a shift and
// a mask; wider ones take a ninth byte. Near the end of the input, where the load would leave it, bytes are put together
// one by one. Narrow values are unpacked eight at a time where the processor has vectors for it (`unpack.c`).

enum BitPacking {
  /// Bytes of `count` values.
  @inline(__always) static func bytes(_ count: Int, width: Int) -> Int { (count &* width &+ 7) &>> 3 }

  /// The low `width` bits set.
  @inline(__always) static func mask(_ width: Int) -> UInt64 {
    width == 0 ? 0 : ~0 &>> UInt64(truncatingIfNeeded: 64 &- width)
  }

  /// Appends the low `width` (0 ... 64) bits of each value minus `base`.
  static func append(
    _ values: UnsafeBufferPointer<UInt64>, minus base: UInt64, width: Int, to bytes: inout [UInt8]
  ) {
    if width == 0 || values.isEmpty { return }
    let size = Self.bytes(values.count, width: width)
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: size))
    unsafe bytes.withUnsafeMutableBytes { raw in
      let target = unsafe raw.baseAddress! + start
      let source = values.baseAddress!
      let mask = mask(width)
      let width = UInt64(truncatingIfNeeded: width)
      var word: UInt64 = 0
      var filled: UInt64 = 0
      var offset = 0
      for i in 0..<values.count {
        let value = unsafe (source[i] &- base) & mask
        word |= value &<< filled
        filled &+= width
        if filled >= 64 {
          unsafe target.unsafeStoreLE(word, offset)
          offset &+= 8
          filled &-= 64
          word = filled == 0 ? 0 : value &>> (width &- filled)
        }
      }
      while offset < size {
        unsafe target.storeBytes(of: UInt8(truncatingIfNeeded: word), toByteOffset: offset, as: UInt8.self)
        word &>>= 8
        offset &+= 1
      }
    }
  }

  /// Values `rows` of those packed at the start of `source`, each plus `base`. `source` reaches to the end of the input and
  /// holds at least `bytes(rows.upperBound, width:)`; width is 0 ... 64; the output has room for `rows.count`.
  @inline(__always)
  static func unpack(
    _ source: UnsafeRawBufferPointer, rows: Range<Int>, width: Int, plus base: UInt64,
    into output: UnsafeMutablePointer<UInt64>
  ) {
    if rows.isEmpty { return }
    if width == 0 {
      unsafe output.update(repeating: base, count: rows.count)
      return
    }
    assert(source.count >= bytes(rows.upperBound, width: width))
    let from = source.baseAddress!
    let mask = mask(width)
    // The first index whose load would leave the input.
    let loaded = width <= 57 ? 8 : 9
    let room = source.count &- loaded
    let end = room < 0 ? 0 : min(rows.upperBound, (room &* 8 &+ 7) / width &+ 1)
    var i = rows.lowerBound
    var to = unsafe output
    if width <= 14, rows.count >= 8 {
      let done = unsafe tally_unpack(from, source.count, i, rows.count, UInt32(truncatingIfNeeded: width), base, to)
      unsafe to += done
      i &+= done
    }
    var bit = i &* width
    if width <= 57 {
      // Narrow values come several from one load.
      let step = UInt64(truncatingIfNeeded: width)
      if width <= 14 {
        while i &+ 3 < end {
          let word = unsafe from.unsafeLoadLE(bit &>> 3, as: UInt64.self) &>> UInt64(truncatingIfNeeded: bit & 7)
          unsafe to[0] = (word & mask) &+ base
          unsafe to[1] = ((word &>> step) & mask) &+ base
          unsafe to[2] = ((word &>> (step &* 2)) & mask) &+ base
          unsafe to[3] = ((word &>> (step &* 3)) & mask) &+ base
          unsafe to += 4
          bit &+= width &* 4
          i &+= 4
        }
      } else if width <= 28 {
        while i &+ 1 < end {
          let word = unsafe from.unsafeLoadLE(bit &>> 3, as: UInt64.self) &>> UInt64(truncatingIfNeeded: bit & 7)
          unsafe to[0] = (word & mask) &+ base
          unsafe to[1] = ((word &>> step) & mask) &+ base
          unsafe to += 2
          bit &+= width &* 2
          i &+= 2
        }
      }
      while i < end {
        let word = unsafe from.unsafeLoadLE(bit &>> 3, as: UInt64.self)
        unsafe to.pointee = ((word &>> UInt64(truncatingIfNeeded: bit & 7)) & mask) &+ base
        unsafe to += 1
        bit &+= width
        i &+= 1
      }
    } else {
      while i < end {
        let shift = UInt64(truncatingIfNeeded: bit & 7)
        let low = unsafe from.unsafeLoadLE(bit &>> 3, as: UInt64.self) &>> shift
        let ninth = unsafe UInt64(from.unsafeLoadLE(bit &>> 3 &+ 8, as: UInt8.self))
        // Shifted in two steps: by 64 in one it would not move.
        unsafe to.pointee = ((low | (ninth &<< (63 &- shift)) &<< 1) & mask) &+ base
        unsafe to += 1
        bit &+= width
        i &+= 1
      }
    }
    while i < rows.upperBound {
      unsafe to.pointee = unsafe careful(source, bit: bit, mask: mask) &+ base
      unsafe to += 1
      bit &+= width
      i &+= 1
    }
  }

  /// The bits from `bit` on, put together from those bytes that are there.
  static func careful(_ source: UnsafeRawBufferPointer, bit: Int, mask: UInt64) -> UInt64 {
    let first = bit &>> 3
    let shift = bit & 7
    var value: UInt64 = 0
    for k in 0..<9 {
      guard first &+ k < source.count else { break }
      let byte = unsafe UInt64(source[first &+ k])
      let place = k &* 8 &- shift
      if place < 0 {
        value |= byte &>> UInt64(truncatingIfNeeded: -place)
      } else if place < 64 {
        value |= byte &<< UInt64(truncatingIfNeeded: place)
      }
    }
    return value & mask
  }
}
