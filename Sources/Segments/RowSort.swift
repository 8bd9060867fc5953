// Sorting without comparing: least-significant-digit radix sort with digits of 11 bits, of which only those are walked in
// which the keys differ. Ids of one day share their first bits, or the bits in which a UUID says that it is one.

/// Radix sorts.
enum RowSort {
  private static let digitBits = 11

  /// The rows in the order of (high, low, code, row).
  static func order(
    high: UnsafeBufferPointer<UInt64>, low: UnsafeBufferPointer<UInt64>, code: UnsafeBufferPointer<UInt32>
  ) -> [UInt32] {
    let count = high.count
    var keys = unsafe [UInt64](high)
    var rows = unsafe [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
      for i in 0..<count { unsafe buffer[i] = UInt32(truncatingIfNeeded: i) }
      initialized = count
    }
    sort(&keys, carrying: &rows)
    unsafe keys.withUnsafeBufferPointer { keys in
      unsafe rows.withUnsafeMutableBufferPointer { rows in
        var start = 0
        while start < count {
          var end = start + 1
          while end < count, unsafe keys[end] == keys[start] { end += 1 }
          if end - start > 1 {
            unsafe rows[start..<end].sort { a, b in
              let (a, b) = (Int(a), Int(b))
              return unsafe (low[a], code[a], a) < (low[b], code[b], b)
            }
          }
          start = end
        }
      }
    }
    return rows
  }

  /// Sorts `keys`.
  static func sort(_ keys: inout [UInt64]) {
    var none: [UInt32] = []
    sort(&keys, carrying: &none)
  }

  /// Sorts `keys`, and puts `rows` (as many, or none at all) into the same order. Equal keys keep their order.
  static func sort(_ keys: inout [UInt64], carrying rows: inout [UInt32]) {
    let count = keys.count
    guard count > 1 else { return }
    let carries = !rows.isEmpty
    var different: UInt64 = 0
    for key in keys { different |= key ^ keys[0] }
    guard different != 0 else { return }
    let lowest = different.trailingZeroBitCount
    let bits = 64 - different.leadingZeroBitCount - lowest
    let passes = (bits + digitBits - 1) / digitBits
    // Digits of even width: 25 bits are three digits of 9, 8 and 8 bits.
    let width = (bits + passes - 1) / passes
    var otherKeys = unsafe [UInt64](unsafeUninitializedCapacity: count) { $1 = count }
    var otherRows = unsafe [UInt32](unsafeUninitializedCapacity: carries ? count : 0) { $1 = carries ? count : 0 }
    var places = [Int](repeating: 0, count: 1 << width)
    for pass in 0..<passes {
      let shift = UInt64(lowest + pass * width)
      unsafe keys.withUnsafeBufferPointer { keys in
        unsafe otherKeys.withUnsafeMutableBufferPointer { targetKeys in
          unsafe rows.withUnsafeBufferPointer { rows in
            unsafe otherRows.withUnsafeMutableBufferPointer { targetRows in
              unsafe places.withUnsafeMutableBufferPointer { places in
                unsafe scatter(
                  keys, rows, to: targetKeys, targetRows, places, shift: shift, mask: UInt64(1) << UInt64(width) - 1)
              }
            }
          }
        }
      }
      swap(&keys, &otherKeys)
      swap(&rows, &otherRows)
    }
  }

  private static func scatter(
    _ keys: UnsafeBufferPointer<UInt64>, _ rows: UnsafeBufferPointer<UInt32>,
    to targetKeys: UnsafeMutableBufferPointer<UInt64>, _ targetRows: UnsafeMutableBufferPointer<UInt32>,
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
    if rows.isEmpty {
      for i in 0..<count {
        let key = unsafe keys[i]
        let digit = Int(truncatingIfNeeded: key &>> shift & mask)
        let place = unsafe places[digit]
        unsafe places[digit] = place &+ 1
        unsafe targetKeys[place] = key
      }
      return
    }
    for i in 0..<count {
      let key = unsafe keys[i]
      let digit = Int(truncatingIfNeeded: key &>> shift & mask)
      let place = unsafe places[digit]
      unsafe places[digit] = place &+ 1
      unsafe targetKeys[place] = key
      unsafe targetRows[place] = rows[i]
    }
  }
}
