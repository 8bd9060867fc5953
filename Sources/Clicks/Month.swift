// A calendar month of UTC: what is billed, sealed and put on a statement. Months begin with a day, so every minute, hour and
// day lies in one month as a whole.

/// A month of UTC.
package struct Month: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Months since January of year 0.
  package let index: UInt32

  /// Nil for a year above 9999, which no text of ours can write.
  package init?(index: UInt32) {
    guard index < 12 * 10_000 else { return nil }
    self.index = index
  }

  /// The month of a minute from 1970 to 9999; other minutes belong to the nearest of these months.
  package init(containing minute: Minute) {
    let first = Timestamp.days(fromCivil: 1970, 1, 1)
    let last = Timestamp.days(fromCivil: 9999, 12, 31)
    let day = Day(ofMinute: minute.index).index
    let date = Timestamp.civil(fromDays: min(max(day, first), last))
    index = UInt32(date.year * 12 + date.month - 1)
  }

  /// Reads `2026-10`, of a year from 1970 on; nil for anything else.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> UInt32? {
      var value: UInt32 = 0
      for byte in bytes[range] {
        guard 0x30...0x39 ~= byte else { return nil }
        value = value * 10 + UInt32(byte - 0x30)
      }
      return value
    }
    guard bytes.count == 7, bytes[4] == 0x2D, let year = number(0..<4), let month = number(5..<7), year >= 1970,
      1...12 ~= month
    else { return nil }
    index = year * 12 + month - 1
  }

  /// The month that follows.
  package var next: Month { Month(following: index) }

  private init(following index: UInt32) { self.index = index + 1 }

  /// Its days since 1970.
  package var days: Range<Int64> {
    func start(_ index: UInt32) -> Int64 {
      Timestamp.days(fromCivil: Int64(index / 12), Int64(index % 12) + 1, 1)
    }
    return start(index)..<start(index + 1)
  }

  /// Its minutes.
  package var minutes: Range<Int64> { days.lowerBound * 1_440..<days.upperBound * 1_440 }

  /// When it is over, ms since 1970.
  package var end: Int64 { days.upperBound * 86_400_000 }

  /// `2026-10`.
  package var description: String {
    let (year, month) = (index / 12, index % 12 + 1)
    let digits = String(year)
    return String(repeating: "0", count: 4 - digits.count) + digits + (month < 10 ? "-0" : "-") + String(month)
  }

  package static func < (a: Month, b: Month) -> Bool { a.index < b.index }
}
