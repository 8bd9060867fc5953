// Sorting rows by code without comparing: least-significant-digit radix sort with digits of 11 bits, of which only those are
// walked that the highest code has. Rows of one code keep their order.

/// Orders rows by ad code.
enum CodeSort {
  private static let digitBits = 11
  /// Fewer rows are not worth the walk over all digits.
  private static let least = 256

  static func sort(_ rows: inout [LiveRow]) {
    guard rows.count >= least else {
      rows.sort { $0.code != $1.code ? $0.code < $1.code : $0.minute < $1.minute }
      return
    }
    var highest: UInt32 = 0
    for row in rows { highest |= row.code }
    var other = [LiveRow](repeating: rows[0], count: rows.count)
    var shift: UInt32 = 0
    while shift < 32, highest >> shift > 0 {
      scatter(rows, to: &other, shift: shift)
      swap(&rows, &other)
      shift += UInt32(digitBits)
    }
  }

  /// One pass: `source` in the order of one digit, rows with the same digit in the order that they have.
  private static func scatter(_ source: [LiveRow], to target: inout [LiveRow], shift: UInt32) {
    let mask = UInt32(1) << UInt32(digitBits) - 1
    var places = [Int](repeating: 0, count: 1 << digitBits)
    for row in source { places[Int(row.code &>> shift & mask)] &+= 1 }
    var sum = 0
    for digit in places.indices {
      let here = places[digit]
      places[digit] = sum
      sum += here
    }
    for row in source {
      let digit = Int(row.code &>> shift & mask)
      target[places[digit]] = row
      places[digit] &+= 1
    }
  }
}
