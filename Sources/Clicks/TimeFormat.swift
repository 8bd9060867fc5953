// What the times of a source look like, where they could be read in several ways. Three spellings say it:
//
//   s, ms, us, ns          a number of this unit since 1970
//   %Y-%m-%d %H:%M:%S      as strftime(3): Y y m d e H I M S f (fraction) p b z Z F T, and %% for %
//   yyyy-MM-dd HH:mm:ss    as Java and spreadsheets: y M d H h m s S a z/Z/X/x; text in single quotes, and the letter T,
//                          stand for themselves
//
// A year of two digits is of this century. Letters in a row fix the width of a number, one alone takes one or two digits.
// Date and time of day that are not in the format are the first of the year and midnight; the year must be there.

/// How the times of a source are written.
package struct TimeFormat: Sendable, Equatable, CustomStringConvertible {
  private enum Part: Equatable, Sendable {
    case year, shortYear, monthName, halfDay, zone
    case month(Int), day(Int), hour(Int), hourOfHalf(Int), minute(Int), second(Int)
    /// Digits of a fraction; 0 takes as many as there are.
    case fraction(Int)
    case text(UInt8)
  }

  /// As it was given.
  package let description: String
  /// Of a number: how many in a second; nil for a pattern.
  private var unit: Int64?
  private var parts: [Part] = []

  /// Reads a format. Throws in words that go behind its name.
  package init(_ text: String) throws(FormatFault) {
    description = text
    switch text {
    case "s": unit = 1
    case "ms": unit = 1_000
    case "us", "µs": unit = 1_000_000
    case "ns": unit = 1_000_000_000
    default:
      let bytes = Array(text.utf8)
      parts = bytes.contains(UInt8(ascii: "%")) ? try Self.percents(bytes) : try Self.letters(bytes)
      guard parts.contains(.year) || parts.contains(.shortYear) else {
        throw FormatFault("is \"\(text)\", which has no year; write s, ms, us, ns, yyyyMMddHH or %Y-%m-%d %H:%M:%S")
      }
      let hasHalf = parts.contains(.halfDay)
      let hasHourOfHalf = parts.contains { if case .hourOfHalf = $0 { true } else { false } }
      guard hasHalf == hasHourOfHalf else {
        throw FormatFault("is \"\(text)\": hours of half a day and AM or PM go together")
      }
    }
  }

  /// Why a text is no format.
  package struct FormatFault: Error, Sendable {
    package let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private static func percents(_ text: [UInt8]) throws(FormatFault) -> [Part] {
    var parts: [Part] = []
    var at = 0
    while at < text.count {
      let byte = text[at]
      at += 1
      guard byte == UInt8(ascii: "%") else {
        parts.append(.text(byte))
        continue
      }
      guard at < text.count else { throw FormatFault("ends with a %") }
      switch text[at] {
      case UInt8(ascii: "Y"): parts.append(.year)
      case UInt8(ascii: "y"): parts.append(.shortYear)
      case UInt8(ascii: "m"): parts.append(.month(0))
      case UInt8(ascii: "d"), UInt8(ascii: "e"): parts.append(.day(0))
      case UInt8(ascii: "H"): parts.append(.hour(0))
      case UInt8(ascii: "I"): parts.append(.hourOfHalf(0))
      case UInt8(ascii: "M"): parts.append(.minute(0))
      case UInt8(ascii: "S"): parts.append(.second(0))
      case UInt8(ascii: "f"): parts.append(.fraction(0))
      case UInt8(ascii: "p"): parts.append(.halfDay)
      case UInt8(ascii: "b"): parts.append(.monthName)
      case UInt8(ascii: "z"), UInt8(ascii: "Z"): parts.append(.zone)
      case UInt8(ascii: "F"): parts += [.year, .text(0x2D), .month(0), .text(0x2D), .day(0)]
      case UInt8(ascii: "T"): parts += [.hour(0), .text(0x3A), .minute(0), .text(0x3A), .second(0)]
      case UInt8(ascii: "%"): parts.append(.text(byte))
      case let other:
        throw FormatFault(
          "has %\(Character(Unicode.Scalar(other))), which is none of %Y %y %m %d %H %I %M %S %f %p %b %z %F %T")
      }
      at += 1
    }
    return parts
  }

  private static func letters(_ text: [UInt8]) throws(FormatFault) -> [Part] {
    var parts: [Part] = []
    var at = 0
    while at < text.count {
      let byte = text[at]
      if byte == UInt8(ascii: "'") {
        guard let end = text[(at + 1)...].firstIndex(of: byte) else {
          throw FormatFault("has a ' that is never closed")
        }
        // Two of them are one.
        parts += end == at + 1 ? [.text(byte)] : text[(at + 1)..<end].map { .text($0) }
        at = end + 1
        continue
      }
      guard TimeScan.isLetter(byte), byte != UInt8(ascii: "T") else {
        parts.append(.text(byte))
        at += 1
        continue
      }
      let count = text[at...].prefix { $0 == byte }.count
      at += count
      let width = count == 1 ? 0 : count
      switch (byte, count) {
      case (UInt8(ascii: "y"), 4), (UInt8(ascii: "u"), 4): parts.append(.year)
      case (UInt8(ascii: "y"), 2): parts.append(.shortYear)
      case (UInt8(ascii: "M"), 1...2): parts.append(.month(width))
      case (UInt8(ascii: "M"), 3): parts.append(.monthName)
      case (UInt8(ascii: "d"), 1...2): parts.append(.day(width))
      case (UInt8(ascii: "H"), 1...2): parts.append(.hour(width))
      case (UInt8(ascii: "h"), 1...2): parts.append(.hourOfHalf(width))
      case (UInt8(ascii: "m"), 1...2): parts.append(.minute(width))
      case (UInt8(ascii: "s"), 1...2): parts.append(.second(width))
      case (UInt8(ascii: "S"), 1...9): parts.append(.fraction(count))
      case (UInt8(ascii: "a"), 1): parts.append(.halfDay)
      case (UInt8(ascii: "z"), 1...3), (UInt8(ascii: "Z"), 1...3), (UInt8(ascii: "X"), 1...3),
        (UInt8(ascii: "x"), 1...3):
        parts.append(.zone)
      default:
        let word = String(repeating: Character(Unicode.Scalar(byte)), count: count)
        throw FormatFault(
          "has \(word), which is none of yyyy yy M MM MMM d dd H HH h hh m mm s ss S a X; text goes in ' '")
      }
    }
    return parts
  }

  /// The time that `text` tells in this format, milliseconds since 1970.
  func read(_ text: UnsafeRawBufferPointer, _ zone: WallZone?) throws(TimeFault) -> Int64 {
    if let unit {
      guard let (whole, thousandths) = unsafe try TimeReader.number(text) else { throw TimeReader.otherFormat }
      // Up to the year 9999.
      guard whole / unit < 253_402_300_800 else { throw TimeReader.noEpoch }
      return unit == 1 ? whole * 1000 + thousandths : whole / (unit / 1000)
    }
    var scan = unsafe TimeScan(text)
    var time = WallTime(month: 1, day: 1)
    var isAfternoon = false
    for part in parts {
      guard Self.take(part, &scan, &time, &isAfternoon) else { throw TimeReader.otherFormat }
    }
    guard scan.isAtEnd else { throw TimeReader.otherFormat }
    if parts.contains(.halfDay) {
      guard 1...12 ~= time.hour else { throw .noDate }
      time.hour = time.hour % 12 + (isAfternoon ? 12 : 0)
    }
    return try time.moment(zone)
  }

  private static func take(
    _ part: Part, _ scan: inout TimeScan, _ time: inout WallTime, _ isAfternoon: inout Bool
  ) -> Bool {
    func number(_ width: Int, into field: inout Int64) -> Bool {
      guard let value = width == 0 ? scan.number(1, 2) : scan.number(width, width) else { return false }
      field = value
      return true
    }
    switch part {
    case .year: return number(4, into: &time.year)
    case .shortYear:
      guard number(2, into: &time.year) else { return false }
      time.year += 2000
      return true
    case .month(let width): return number(width, into: &time.month)
    case .monthName:
      guard let month = scan.month() else { return false }
      time.month = month
      return true
    case .day(let width): return number(width, into: &time.day)
    case .hour(let width), .hourOfHalf(let width): return number(width, into: &time.hour)
    case .minute(let width): return number(width, into: &time.minute)
    case .second(let width): return number(width, into: &time.second)
    case .fraction(let width):
      let before = scan.position
      guard let millis = scan.thousandths(atMost: width == 0 ? .max : width) else { return false }
      time.millis = millis
      return width == 0 || scan.position - before == width
    case .halfDay:
      if scan.take(word: "am") { return true }
      isAfternoon = true
      return scan.take(word: "pm")
    case .zone:
      guard let offset = scan.zone() else { return false }
      time.offset = offset
      return true
    case .text(let byte): return scan.take(byte)
    }
  }
}
