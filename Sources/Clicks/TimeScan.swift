// The parts that times are written of, read one after the other. Allocates nothing.

/// A place in the text of a time.
@safe struct TimeScan {
  private let text: UnsafeRawBufferPointer
  private let count: Int
  private(set) var position = 0

  init(_ text: UnsafeRawBufferPointer) {
    unsafe self.text = unsafe text
    count = text.count
  }

  var isAtEnd: Bool { position == count }

  /// The byte `ahead` of here; 0 beyond the end.
  func peek(_ ahead: Int = 0) -> UInt8 {
    position + ahead < count ? unsafe text[position + ahead] : 0
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard !isAtEnd, peek() == byte else { return false }
    position += 1
    return true
  }

  mutating func skipBlanks() { while peek() == 0x20 || peek() == 0x09 { position += 1 } }

  /// Takes a word of ASCII letters in either case; `word` is in lower case.
  mutating func take(word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard position + length <= count else { return false }
    for i in 0..<length where unsafe text[position + i] | 0x20 != word.utf8Start[i] { return false }
    position += length
    return true
  }

  static func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte }
  static func isLetter(_ byte: UInt8) -> Bool { 0x61...0x7A ~= byte | 0x20 }

  /// Whether the eight bytes of a word, as they are loaded from memory, are digits.
  @inline(__always)
  static func areDigits(_ word: UInt64) -> Bool {
    ((word &+ 0x4646_4646_4646_4646) | (word &- 0x3030_3030_3030_3030)) & 0x8080_8080_8080_8080 == 0
  }

  /// The number of the eight digits of a word, the first in the lowest byte: pairs, then fours, then all.
  @inline(__always)
  static func number(_ word: UInt64) -> UInt64 {
    let digits = word &- 0x3030_3030_3030_3030
    let pairs = digits &* 10 &+ digits &>> 8
    let mask: UInt64 = 0x0000_00FF_0000_00FF
    let even = (pairs & mask) &* (100 &+ 1_000_000 &<< 32)
    let odd = (pairs &>> 16 & mask) &* (1 &+ 10_000 &<< 32)
    return (even &+ odd) &>> 32
  }

  /// How many digits begin here, at most 30.
  var digitsAhead: Int {
    var count = 0
    while count < 30, Self.isDigit(peek(count)) { count += 1 }
    return count
  }

  /// The number of `least` to `most` digits that stands here.
  mutating func number(_ least: Int, _ most: Int) -> Int64? {
    var value: Int64 = 0
    var count = 0
    while count < most, Self.isDigit(peek(count)) {
      value = value * 10 + Int64(peek(count) - 0x30)
      count += 1
    }
    guard count >= least else { return nil }
    position += count
    return value
  }

  /// Digits behind a decimal sign, as milliseconds, cut; nil where there are none.
  mutating func thousandths(atMost most: Int = .max) -> Int64? {
    var (millis, scale, count): (Int64, Int64, Int) = (0, 100, 0)
    while count < most, Self.isDigit(peek()) {
      millis += scale * Int64(peek() - 0x30)
      scale /= 10
      count += 1
      position += 1
    }
    return count > 0 ? millis : nil
  }

  /// An offset, seconds: `Z`, `UTC`, `GMT`, `+HH`, `+HHMM`, `+HH:MM`.
  mutating func zone() -> Int64? {
    if take(word: "utc") || take(word: "gmt") || take(word: "z") { return Self.isLetter(peek()) ? nil : 0 }
    let sign: Int64
    if take(UInt8(ascii: "+")) { sign = 1 } else if take(UInt8(ascii: "-")) { sign = -1 } else { return nil }
    guard let hours = number(2, 2), hours < 24 else { return nil }
    var minutes: Int64 = 0
    if take(UInt8(ascii: ":")) || Self.isDigit(peek()) {
      guard let found = number(2, 2), found < 60 else { return nil }
      minutes = found
    }
    return sign * (hours * 3600 + minutes * 60)
  }

  private static let months: [StaticString] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let weekdays: [StaticString] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// An English month in three letters, 1 to 12.
  mutating func month() -> Int64? {
    for (index, name) in Self.months.enumerated() where take(word: name) { return Int64(index + 1) }
    return nil
  }

  /// An English day of the week in three letters, 0 for Sunday.
  mutating func weekday() -> Int64? {
    for (index, name) in Self.weekdays.enumerated() where take(word: name) { return Int64(index) }
    return nil
  }
}
