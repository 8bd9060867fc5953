import Bytes

// Ascending numbers, here the first halves of the impression ids of a page: Elias-Fano [Elias, "Efficient storage and
// retrieval by content and address of static files", JACM 1974; Vigna, "Quasi-succinct indices", WSDM 2013].
//
//   x₀ ≤ x₁ ≤ … ≤ xₙ₋₁, each less the base b, which the caller keeps.    l, the low bits, is chosen for the least size.
//
//   0  u8 l
//   1  n fields of l bits: the low bits of each xᵢ − b
//   …  from the next whole byte on, a set of bits: bit ⌊(xᵢ − b) / 2ˡ⌋ + i for each i
//
// For numbers that fall evenly this takes 1.5 + log₂(mean gap) bits a number, a tenth of a bit above the least possible.
// Packing the gaps at the width of the widest takes a bit and a half more. And a number is found without decoding:
// those with the high part h stand behind the h-th zero of the set.

/// Elias-Fano coding of one page of ascending numbers.
enum SortedColumn {
  /// Bytes that `encode` writes at most.
  static func capacity(_ count: Int) -> Int { 1 + count * 8 + 8 + (3 * count + 64) / 8 + 16 }

  /// Bits of the set where the low parts have `low` bits.
  private static func setBits(_ count: Int, span: UInt64, low: Int) -> UInt64 { UInt64(count) + span >> UInt64(low) }

  /// Writes `count` ascending numbers, at least one, none below `base`. Returns the bytes written.
  static func encode(
    _ values: UnsafePointer<UInt64>, _ count: Int, base: UInt64, to memory: UnsafeMutableRawPointer
  ) -> Int {
    let span = unsafe values[count - 1] - base
    var low = max(0, 64 - span.leadingZeroBitCount - (Int.bitWidth - count.leadingZeroBitCount) - 1)
    while low < 63, UInt64(count) < (span >> UInt64(low)) - (span >> UInt64(low + 1)) { low += 1 }
    unsafe memory.unsafeStoreLE(UInt8(low), 0)
    let mask = UInt64(1) << UInt64(low) - 1
    var lows = unsafe BitWriter(memory + 1)
    for i in 0..<count { unsafe lows.put((values[i] - base) & mask, low) }
    let lowBytes = lows.finish()
    var set = unsafe BitWriter(memory + 1 + lowBytes)
    var last: UInt64 = 0
    for i in 0..<count {
      let high = unsafe (values[i] - base) >> UInt64(low)
      set.skip(Int(high - last))
      set.put(1, 1)
      last = high
    }
    return 1 + lowBytes + set.finish()
  }

  /// A page's numbers, ready to be read: where its two parts are.
  @safe struct Layout {
    let lows: UnsafeRawPointer
    let set: UnsafeRawPointer
    let low: Int
    let setBits: Int
    let base: UInt64

    /// Nil where `bytes` are too few for `count` numbers. There are `BitReader.slack` bytes behind them.
    init?(_ bytes: UnsafeRawBufferPointer, count: Int, base: UInt64) {
      guard bytes.count > 1 else { return nil }
      let start = bytes.baseAddress!
      low = Int(unsafe start.unsafeLoadLE(0, as: UInt8.self))
      guard low < 64 else { return nil }
      let lowBytes = (count * low + 7) / 8
      guard bytes.count > 1 + lowBytes else { return nil }
      unsafe lows = start + 1
      unsafe set = start + 1 + lowBytes
      setBits = (bytes.count - 1 - lowBytes) * 8
      self.base = base
    }

    /// The low bits of number `i`.
    @inline(__always) func lowPart(_ i: Int) -> UInt64 { unsafe BitReader.wide(lows, i &* low, low) }

    /// 64 bits of the set from a multiple of 64 on; zeros behind its end.
    @inline(__always) func word(_ bit: Int) -> UInt64 {
      let word = unsafe set.unsafeLoadLE(bit &>> 3, as: UInt64.self)
      let left = setBits &- bit
      return left >= 64 ? word : word & (1 &<< UInt64(truncatingIfNeeded: left) &- 1)
    }
  }

  /// Reads all `count` numbers. False where there are not that many.
  static func decode(_ layout: Layout, count: Int, to values: UnsafeMutablePointer<UInt64>) -> Bool {
    let (low, base) = (layout.low, layout.base)
    let lows = unsafe layout.lows
    let shift = UInt64(truncatingIfNeeded: low)
    var i = 0
    var bit = 0
    while bit < layout.setBits {
      var word = layout.word(bit)
      guard word.nonzeroBitCount <= count &- i else { return false }
      if low <= 57 {
        while word != 0 {
          let high = UInt64(truncatingIfNeeded: bit &+ word.trailingZeroBitCount &- i)
          unsafe values[i] = base &+ (high &<< shift | BitReader.narrow(lows, i &* low, low))
          i &+= 1
          word &= word &- 1
        }
      } else {
        while word != 0 {
          let high = UInt64(truncatingIfNeeded: bit &+ word.trailingZeroBitCount &- i)
          unsafe values[i] = base &+ (high &<< shift | BitReader.wide(lows, i &* low, low))
          i &+= 1
          word &= word &- 1
        }
      }
      bit &+= 64
    }
    return i == count
  }

  /// The indices at which `value` stands, found through the high parts alone; empty where it is not there.
  static func find(_ value: UInt64, _ layout: Layout, count: Int) -> Range<Int> {
    guard value >= layout.base else { return 0..<0 }
    let distance = value - layout.base
    let high = distance >> UInt64(layout.low)
    let wanted = distance & (1 << UInt64(layout.low) - 1)
    // Behind the zero number `high`: the first index whose high part is that, and its bit.
    var bit = 0
    var zeros: UInt64 = 0
    var index = 0
    if high > 0 {
      while true {
        guard bit < layout.setBits else { return 0..<0 }
        let word = layout.word(bit)
        let here = UInt64((~word).nonzeroBitCount)
        if zeros + here >= high {
          var gaps = ~word
          for _ in 1..<(high - zeros) { gaps &= gaps &- 1 }
          let place = gaps.trailingZeroBitCount
          index += place - Int(high - zeros - 1)
          bit += place + 1
          break
        }
        zeros += here
        index += 64 - Int(here)
        bit += 64
      }
    }
    var first = index
    var isFound = false
    while index < count, bit < layout.setBits, unsafe BitReader.narrow(layout.set, bit, 1) == 1 {
      let low = layout.lowPart(index)
      if low > wanted { break }
      if low == wanted, !isFound {
        first = index
        isFound = true
      }
      index += 1
      bit += 1
    }
    return isFound ? first..<index : 0..<0
  }
}
