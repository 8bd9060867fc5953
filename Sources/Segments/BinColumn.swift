import Bytes

// The numbers of one column of a page, coded by a model. They stand in lanes of 256, each a stream of bits of its own: a
// reader that wants all of them walks four lanes at once, so that one's memory access hides behind another's, and a
// reader that wants one number decodes 128 others on average instead of 512.
//
//   0  u16 for each lane but the first: where it starts, from the end of this list
//   …  the lanes, each from a whole byte on: for each number the code of its bin, then its distance from the bin's lower end
//
// A column of a model with one number alone has no bytes.

/// Coding of one page of numbers by a model.
enum BinColumn {
  /// Numbers in a lane.
  static let lane = 256

  /// Bytes that `encode` writes at most.
  static func capacity(_ count: Int) -> Int { count * 10 + 64 }

  private static func lanes(_ count: Int) -> Int { (count + lane - 1) / lane }

  /// Writes 1...1,024 numbers, each in a bin of the model. Returns the bytes written; nil where a number is in none. `index`
  /// is of the same model.
  static func encode(
    _ values: UnsafePointer<UInt64>, _ count: Int, _ model: BinModel, _ index: BinIndex? = nil,
    to memory: UnsafeMutableRawPointer
  ) -> Int? {
    if let constant = model.constant {
      for i in 0..<count where unsafe values[i] != constant { return nil }
      return 0
    }
    guard model.count > 0 else { return nil }
    let lanes = lanes(count)
    let streams = 2 * (lanes - 1)
    var written = 0
    var isKnown = true
    unsafe model.lowers.withUnsafeBufferPointer { lowers in
      for lane in 0..<lanes {
        if lane > 0 { unsafe memory.unsafeStoreLE(UInt16(written), 2 * (lane - 1)) }
        var bits = unsafe BitWriter(memory + streams + written)
        let range = (lane * Self.lane)..<min(count, (lane + 1) * Self.lane)
        if let index {
          if unsafe !index.encode(values, range, to: &bits) { isKnown = false }
          written += bits.finish()
          continue
        }
        for i in range {
          let value = unsafe values[i]
          let bin = unsafe BinModel.bin(of: value, lowers)
          let distance = unsafe value &- lowers[bin]
          let mask = BinModel.mask(model.widths[bin])
          // `distance` wraps around where the number is below the first bin.
          if distance > mask { isKnown = false }
          bits.put(UInt64(model.codes[bin]), Int(model.lengths[bin]))
          bits.put(distance & mask, Int(model.widths[bin]))
        }
        written += bits.finish()
      }
    }
    return isKnown ? streams + written : nil
  }

  /// The bits at which lane `index` begins and ends, from the column's first byte; nil where they do not fit.
  private static func extent(_ bytes: UnsafeRawBufferPointer, lane index: Int, of lanes: Int) -> (Int, Int)? {
    let streams = 2 * (lanes - 1)
    guard bytes.count >= streams else { return nil }
    let base = bytes.baseAddress!
    let start = unsafe index == 0 ? 0 : Int(base.unsafeLoadLE(2 * (index - 1), as: UInt16.self))
    let end =
      unsafe index == lanes - 1
      ? bytes.count - streams : Int(base.unsafeLoadLE(2 * index, as: UInt16.self))
    guard start <= end, end <= bytes.count - streams else { return nil }
    return ((streams + start) * 8, (streams + end) * 8)
  }

  /// Reads all `count` numbers, 1...1,024. False where the bytes are too few or too many. There are `BitReader.slack`
  /// bytes behind them.
  static func decode<T: FixedWidthInteger & UnsignedInteger>(
    _ bytes: UnsafeRawBufferPointer, count: Int, _ model: BinModel, to values: UnsafeMutablePointer<T>
  ) -> Bool {
    if let constant = model.constant {
      unsafe values.update(repeating: T(truncatingIfNeeded: constant), count: count)
      return unsafe bytes.isEmpty
    }
    guard model.count > 0, unsafe !bytes.isEmpty else { return false }
    let lanes = lanes(count)
    return unsafe model.table.withUnsafeBufferPointer { table in
      unsafe model.lowers.withUnsafeBufferPointer { lowers in
        let lookup = unsafe Lookup(
          table: table.baseAddress!, lowers: lowers.baseAddress!, mask: UInt64(table.count - 1),
          isWide: model.widest > 45, base: bytes.baseAddress!, limit: bytes.count * 8)
        if lanes == 4, !lookup.isWide, count == 4 * lane {
          return unsafe decodeFour(bytes, lookup, to: values)
        }
        for index in 0..<lanes {
          guard let (start, end) = unsafe extent(bytes, lane: index, of: lanes) else { return false }
          let first = index * lane
          let last = min(count, first + lane)
          var bit = start
          for i in first..<last {
            guard bit <= end else { return false }
            unsafe values[i] = T(truncatingIfNeeded: lookup.next(&bit))
          }
          guard bit <= end, end - bit < 8 else { return false }
        }
        return true
      }
    }
  }

  /// Reads number `index` of `count` alone; nil where the bytes are too few.
  static func decode(_ bytes: UnsafeRawBufferPointer, at index: Int, of count: Int, _ model: BinModel) -> UInt64? {
    if let constant = model.constant { return constant }
    guard model.count > 0, unsafe !bytes.isEmpty,
      let (start, end) = unsafe extent(bytes, lane: index / lane, of: lanes(count))
    else { return nil }
    return unsafe model.table.withUnsafeBufferPointer { table in
      unsafe model.lowers.withUnsafeBufferPointer { lowers in
        let lookup = unsafe Lookup(
          table: table.baseAddress!, lowers: lowers.baseAddress!, mask: UInt64(table.count - 1),
          isWide: model.widest > 45, base: bytes.baseAddress!, limit: end)
        var bit = start
        for _ in 0..<(index % lane) {
          guard bit <= end else { return nil }
          bit &+= lookup.bits(bit)
        }
        guard bit <= end else { return nil }
        let value = lookup.next(&bit)
        return bit <= end ? value : nil
      }
    }
  }

  /// What every lane's decoder needs.
  @safe private struct Lookup {
    let table: UnsafePointer<UInt32>
    let lowers: UnsafePointer<UInt64>
    let mask: UInt64
    /// Whether code and field may not fit into one window.
    let isWide: Bool
    let base: UnsafeRawPointer
    /// The column's end in bits.
    let limit: Int

    /// How many bits the number at `bit`, which is not beyond the end, takes.
    @inline(__always) func bits(_ bit: Int) -> Int {
      Int(truncatingIfNeeded: unsafe table[Int(truncatingIfNeeded: BitReader.window(base, bit) & mask)] & 0xFF)
    }

    /// The number at `bit`, which is not beyond the end; moves `bit` behind it.
    @inline(__always) func next(_ bit: inout Int) -> UInt64 {
      let window = unsafe BitReader.window(base, bit)
      let entry = unsafe table[Int(truncatingIfNeeded: window & mask)]
      let length = Int(truncatingIfNeeded: entry &>> 8 & 0xFF)
      let width = Int(truncatingIfNeeded: entry & 0xFF) &- length
      let lower = unsafe lowers[Int(truncatingIfNeeded: entry &>> 16)]
      let distance: UInt64
      if isWide, width > 45 {
        distance = unsafe BitReader.wide(base, bit &+ length, width)
      } else {
        distance = window &>> UInt64(truncatingIfNeeded: length) & (1 &<< UInt64(truncatingIfNeeded: width) &- 1)
      }
      bit &+= length &+ width
      return lower &+ distance
    }

    /// The same where no field is wide.
    @inline(__always) func nextNarrow(_ bit: inout Int) -> UInt64 {
      let window = unsafe BitReader.window(base, bit)
      let entry = unsafe table[Int(truncatingIfNeeded: window & mask)]
      let length = UInt64(truncatingIfNeeded: entry &>> 8 & 0xFF)
      let total = UInt64(truncatingIfNeeded: entry & 0xFF)
      bit &+= Int(truncatingIfNeeded: total)
      return unsafe lowers[Int(truncatingIfNeeded: entry &>> 16)]
        &+ (window &>> length & (1 &<< (total &- length) &- 1))
    }
  }

  /// Four full lanes at once.
  private static func decodeFour<T: FixedWidthInteger & UnsignedInteger>(
    _ bytes: UnsafeRawBufferPointer, _ lookup: Lookup, to values: UnsafeMutablePointer<T>
  ) -> Bool {
    guard let a = unsafe extent(bytes, lane: 0, of: 4), let b = unsafe extent(bytes, lane: 1, of: 4),
      let c = unsafe extent(bytes, lane: 2, of: 4), let d = unsafe extent(bytes, lane: 3, of: 4)
    else { return false }
    var (bitA, bitB, bitC, bitD) = (a.0, b.0, c.0, d.0)
    let limit = lookup.limit
    for i in 0..<lane {
      // One sign bit says whether any of the four is beyond the end.
      guard (limit &- bitA) | (limit &- bitB) | (limit &- bitC) | (limit &- bitD) >= 0 else { return false }
      unsafe values[i] = T(truncatingIfNeeded: lookup.nextNarrow(&bitA))
      unsafe values[i &+ lane] = T(truncatingIfNeeded: lookup.nextNarrow(&bitB))
      unsafe values[i &+ 2 &* lane] = T(truncatingIfNeeded: lookup.nextNarrow(&bitC))
      unsafe values[i &+ 3 &* lane] = T(truncatingIfNeeded: lookup.nextNarrow(&bitD))
    }
    return bitA <= a.1 && a.1 - bitA < 8 && bitB <= b.1 && b.1 - bitB < 8 && bitC <= c.1 && c.1 - bitC < 8
      && bitD <= d.1 && d.1 - bitD < 8
  }
}
