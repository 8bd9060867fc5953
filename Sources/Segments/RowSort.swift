// Sorting without comparing: least-significant-digit radix sort with digits of up to 12 bits, of which only those are walked in
// which the keys differ. Ids of one day share their first bits, or the bits in which a UUID says that it is one.

/// Radix sorts.
enum RowSort {
  private static let digitBits = 12

  /// The rows in the order of (high, low, code, row). The radix sort is by as many leading bits of what tells the highs
  /// apart as nearly always suffice, with the row's number below them; rows that share these are then compared.
  static func order(_ rows: [BuilderRow]) -> [UInt32] {
    guard let first = rows.first else { return [] }
    let count = rows.count
    var different: UInt64 = 0
    for row in rows { different |= row.high ^ first.high }
    let rowBits = Int.bitWidth - count.leadingZeroBitCount
    let significant = 64 - different.leadingZeroBitCount
    let prefix = min(significant, rowBits + 8)
    let mask = UInt64(1) << UInt64(rowBits) - 1
    return unsafe rows.withUnsafeBufferPointer { rows in
      var keys = unsafe [UInt64](unsafeUninitializedCapacity: count) { keys, initialized in
        let shift = UInt64(significant - prefix)
        let keep = significant >= 64 ? UInt64.max : 1 << UInt64(significant) - 1
        for i in 0..<count {
          unsafe keys[i] = ((rows[i].high & keep) &>> shift) &<< UInt64(rowBits) | UInt64(truncatingIfNeeded: i)
        }
        initialized = count
      }
      sort(&keys, from: rowBits, bits: prefix)
      return unsafe [UInt32](unsafeUninitializedCapacity: count) { order, initialized in
        unsafe keys.withUnsafeBufferPointer { unsafe settle($0, mask, rows, to: order) }
        initialized = count
      }
    }
  }

  /// The rows of sorted `keys`, those of which only the row's number in `mask` differs compared.
  private static func settle(
    _ keys: UnsafeBufferPointer<UInt64>, _ mask: UInt64, _ rows: UnsafeBufferPointer<BuilderRow>,
    to order: UnsafeMutableBufferPointer<UInt32>
  ) {
    let count = keys.count
    unsafe order[0] = UInt32(truncatingIfNeeded: keys[0] & mask)
    // Where the group of equal prefixes begins that goes on here.
    var start = 0
    for i in 1..<max(count, 1) {
      unsafe order[i] = UInt32(truncatingIfNeeded: keys[i] & mask)
      if unsafe (keys[i] ^ keys[i &- 1]) > mask {
        if i &- start > 1 { unsafe compare(start..<i, rows, order) }
        start = i
      }
    }
    if count &- start > 1 { unsafe compare(start..<count, rows, order) }
  }

  private static func compare(
    _ range: Range<Int>, _ rows: UnsafeBufferPointer<BuilderRow>, _ order: UnsafeMutableBufferPointer<UInt32>
  ) {
    unsafe order[range].sort { a, b in
      let (x, y) = unsafe (rows[Int(a)], rows[Int(b)])
      return (x.high, x.low, x.code, a) < (y.high, y.low, y.code, b)
    }
  }

  /// Sorts `keys`.
  static func sort(_ keys: inout [UInt64]) {
    guard let first = keys.first else { return }
    var different: UInt64 = 0
    for key in keys { different |= key ^ first }
    let lowest = min(different.trailingZeroBitCount, 63)
    sort(&keys, from: lowest, bits: 64 - different.leadingZeroBitCount - lowest)
  }

  /// Sorts `keys` by `bits` bits from `lowest` on; keys that are equal there keep their order.
  private static func sort(_ keys: inout [UInt64], from lowest: Int, bits: Int) {
    guard keys.count > 1, bits > 0 else { return }
    let passes = (bits + digitBits - 1) / digitBits
    // Digits of even width: 25 bits are three digits of 9, 8 and 8 bits.
    let width = (bits + passes - 1) / passes
    var other = unsafe [UInt64](unsafeUninitializedCapacity: keys.count) { $1 = keys.count }
    var places = [Int](repeating: 0, count: 1 << width)
    for pass in 0..<passes {
      let shift = UInt64(lowest + pass * width)
      unsafe keys.withUnsafeBufferPointer { keys in
        unsafe other.withUnsafeMutableBufferPointer { other in
          unsafe places.withUnsafeMutableBufferPointer { places in
            unsafe scatter(keys, to: other, places, shift: shift, mask: UInt64(1) << UInt64(width) - 1)
          }
        }
      }
      swap(&keys, &other)
    }
  }

  private static func scatter(
    _ keys: UnsafeBufferPointer<UInt64>, to target: UnsafeMutableBufferPointer<UInt64>,
    _ places: UnsafeMutableBufferPointer<Int>, shift: UInt64, mask: UInt64
  ) {
    let count = keys.count
    unsafe places.update(repeating: 0)
    for i in 0..<count { unsafe places[Int(truncatingIfNeeded: keys[i] &>> shift & mask)] &+= 1 }
    var sum = 0
    for i in 0..<places.count {
      let here = unsafe places[i]
      unsafe places[i] = sum
      sum &+= here
    }
    for i in 0..<count {
      let key = unsafe keys[i]
      let digit = Int(truncatingIfNeeded: key &>> shift & mask)
      let place = unsafe places[digit]
      unsafe places[digit] = place &+ 1
      unsafe target[place] = key
    }
  }
}
