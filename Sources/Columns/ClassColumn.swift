import Bytes

// Each value in one of four widths: two bits say which, and the bits of the values stand end to end. For values whose
// magnitudes differ from one to the next, like the codes of ads that are clicked by Zipf's law, where hot ads have small
// codes: one width for all would be that of the rarest.
//
//   varint base │ 4 × u8 width, ascending │ classes, 2 bits each │ value − base, in the width of its class
//
// The widths are those with the smallest sum, found by dynamic programming over the widths that occur.

struct ClassColumn {
  /// What the head and the classes alone take: no need to look at the values where something else is smaller.
  static func leastCost(_ found: ColumnStatistics) -> Int {
    varintBytes(found.minimum) + 4 + BitPacking.bytes(found.count, width: 2)
  }

  private let base: UInt64
  /// Ascending; the last is that of the largest value.
  private let widths: [Int]
  private let payloadBits: Int
  private let count: Int

  init(_ values: UnsafeBufferPointer<UInt64>, _ found: ColumnStatistics) {
    base = found.minimum
    count = found.count
    let counter = WidthCounts()
    let widest = unsafe counter.count(values.baseAddress!, values.count, from: found.minimum)
    let counts = (0...widest).map { counter[$0] }
    (widths, payloadBits) = Self.best(counts)
  }

  /// The four widths with the fewest bits for so many values of each width, and those bits.
  private static func best(_ counts: [Int]) -> (widths: [Int], bits: Int) {
    let used = counts.indices.filter { counts[$0] > 0 }
    var upTo: [Int] = []
    for width in used { upTo.append((upTo.last ?? 0) + counts[width]) }
    // bits[c][k]: the fewest for all values up to width used[k] with classes 0 ... c, the widest being used[k].
    var bits = [(0..<used.count).map { upTo[$0] * used[$0] }]
    var from = [[Int](repeating: -1, count: used.count)]
    for c in 1..<4 {
      var next = bits[c - 1]
      var origin = [Int](repeating: -2, count: used.count)
      for k in 0..<used.count {
        for j in 0..<k {
          let sum = bits[c - 1][j] + (upTo[k] - upTo[j]) * used[k]
          if sum < next[k] { (next[k], origin[k]) = (sum, j) }
        }
      }
      bits.append(next)
      from.append(origin)
    }
    // Back from the widest. -2: this class was not needed.
    var widths: [Int] = []
    var k = used.count - 1
    for c in stride(from: 3, through: 0, by: -1) where k >= 0 {
      if from[c][k] == -2 { continue }
      widths.insert(used[k], at: 0)
      k = from[c][k]
    }
    while widths.count < 4 { widths.append(used.last!) }
    return (widths, bits[3].last!)
  }

  var cost: Int { varintBytes(base) + 4 + BitPacking.bytes(count, width: 2) + (payloadBits + 7) / 8 }

  func write(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8]) {
    appendVarint(base, to: &bytes)
    for width in widths { bytes.append(UInt8(width)) }
    let start = bytes.count
    let classBytes = BitPacking.bytes(count, width: 2)
    let size = classBytes + (payloadBits + 7) / 8
    bytes.append(contentsOf: repeatElement(0, count: size))
    // Of each width of a value its class, and the class's width above.
    let classOf = (0...64).map { width in
      let own = widths.firstIndex { width <= $0 } ?? 3
      return UInt16(own) | UInt16(widths[own]) << 8
    }
    unsafe bytes.withUnsafeMutableBytes { raw in
      unsafe classOf.withUnsafeBufferPointer { classOf in
        let target = unsafe raw.baseAddress! + start
        unsafe Self.write(values, minus: base, classOf.baseAddress!, to: target, target + classBytes, target + size)
      }
    }
  }

  /// Writes the classes, and the bits of the values from `payload` to `end`.
  private static func write(
    _ values: UnsafeBufferPointer<UInt64>, minus base: UInt64, _ classOf: UnsafePointer<UInt16>,
    to classes: UnsafeMutableRawPointer, _ payload: UnsafeMutableRawPointer, _ end: UnsafeMutableRawPointer
  ) {
    var four: UInt8 = 0
    var word: UInt64 = 0
    var filled: UInt64 = 0
    var next = unsafe payload
    for i in 0..<values.count {
      let value = unsafe values[i] &- base
      let own = unsafe classOf[bitWidth(value)]
      four |= UInt8(truncatingIfNeeded: own) &<< UInt8(truncatingIfNeeded: i & 3 &* 2)
      if i & 3 == 3 {
        unsafe classes.storeBytes(of: four, toByteOffset: i &>> 2, as: UInt8.self)
        four = 0
      }
      let width = UInt64(truncatingIfNeeded: own &>> 8)
      word |= value &<< filled
      filled &+= width
      if filled >= 64 {
        unsafe next.unsafeStoreLE(word, 0)
        unsafe next += 8
        filled &-= 64
        word = filled == 0 ? 0 : value &>> (width &- filled)
      }
    }
    if values.count & 3 != 0 {
      unsafe classes.storeBytes(of: four, toByteOffset: values.count &>> 2, as: UInt8.self)
    }
    while unsafe next < end {
      unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self)
      word &>>= 8
      unsafe next += 1
    }
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let base = try reader.varint()
    let widths = try self.widths(&reader)
    let classes = try unsafe reader.take(BitPacking.bytes(count, width: 2)).baseAddress!
    // Where the first of `rows` begins, and the end of all.
    let start = unsafe bits(classes, 0..<rows.lowerBound, widths)
    let total = unsafe start &+ bits(classes, rows.lowerBound..<count, widths)
    let source = try unsafe reader.take((total &+ 7) &>> 3)
    guard source.count > 0 else {
      unsafe output.update(repeating: base, count: rows.count)
      return
    }
    let from = source.baseAddress!
    // A load of eight bytes holds any value of up to 57 bits, if it stays inside.
    let lastBit = widths &>> 24 <= 57 ? (source.count &- 8) &* 8 &+ 7 : -1
    var bit = start
    for i in 0..<rows.count {
      let width = unsafe Self.width(classes, rows.lowerBound &+ i, widths)
      let mask = BitPacking.mask(width)
      if bit <= lastBit {
        let word = unsafe from.unsafeLoadLE(bit &>> 3, as: UInt64.self)
        unsafe output[i] = ((word &>> UInt64(truncatingIfNeeded: bit & 7)) & mask) &+ base
      } else {
        unsafe output[i] = unsafe BitPacking.careful(source, bit: bit, mask: mask) &+ base
      }
      bit &+= width
    }
  }

  /// The four widths as the bytes of one number, ascending, so that none is wider than the uppermost.
  private static func widths(_ reader: inout ColumnReader) throws(ColumnFault) -> UInt32 {
    var widths: UInt32 = 0
    var before = 0
    for i in 0..<4 {
      let width = try PackedColumn.width(&reader)
      guard width >= before else { throw ColumnFault("classes out of order") }
      before = width
      widths |= UInt32(width) << UInt32(8 * i)
    }
    return widths
  }

  /// The width of value `row`.
  @inline(__always)
  private static func width(_ classes: UnsafeRawPointer, _ row: Int, _ widths: UInt32) -> Int {
    let byte = unsafe classes.load(fromByteOffset: row &>> 2, as: UInt8.self)
    let own = UInt32(byte &>> UInt8(truncatingIfNeeded: row & 3 &* 2)) & 3
    return Int(truncatingIfNeeded: (widths &>> (own &* 8)) & 0xff)
  }

  /// The bits of the values `rows`.
  private static func bits(_ classes: UnsafeRawPointer, _ rows: Range<Int>, _ widths: UInt32) -> Int {
    var sum = 0
    for row in rows { unsafe sum &+= width(classes, row, widths) }
    return sum
  }

  static func describe(_ reader: inout ColumnReader) throws(ColumnFault) -> String {
    let base = try reader.varint()
    let widths = try self.widths(&reader)
    let list = (0..<4).map { String(widths >> UInt32(8 * $0) & 0xff) }.joined(separator: "/")
    return "classes(base \(base), widths \(list))"
  }
}
