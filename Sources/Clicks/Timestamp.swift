/// Times as people and programs write them. All are UTC milliseconds since 1970; the calendar is the proleptic Gregorian
/// one (Howard Hinnant, "chrono-compatible low-level date algorithms").
package enum Timestamp {
  /// RFC 3339 in UTC with a `Z`; milliseconds only where asked for.
  package static func format(_ milliseconds: Int64, fraction: Bool = true) -> String {
    var (seconds, millis) = milliseconds.quotientAndRemainder(dividingBy: 1000)
    if millis < 0 {
      millis += 1000
      seconds -= 1
    }
    var (days, clock) = seconds.quotientAndRemainder(dividingBy: 86_400)
    if clock < 0 {
      clock += 86_400
      days -= 1
    }
    let (year, month, day) = civil(fromDays: days)
    if 0...9_999 ~= year {
      return digits(year, month, day, clock, fraction ? millis : nil)
    }
    let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
    let time = "\(pad(clock / 3600, 2)):\(pad(clock / 60 % 60, 2)):\(pad(clock % 60, 2))"
    return date + "T" + time + (fraction ? "." + pad(millis, 3) : "") + "Z"
  }

  /// The text of a time in a year of four digits; `clock` in seconds.
  private static func digits(
    _ year: Int64, _ month: Int64, _ day: Int64, _ clock: Int64, _ millis: Int64?
  ) -> String {
    unsafe String(unsafeUninitializedCapacity: 24) { text in
      var count = 0
      func put(_ number: Int64, _ digits: Int, _ behind: UInt8) {
        var rest = number
        for place in stride(from: count + digits - 1, through: count, by: -1) {
          unsafe text[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
          rest /= 10
        }
        unsafe text[count + digits] = behind
        count += digits + 1
      }
      put(year, 4, UInt8(ascii: "-"))
      put(month, 2, UInt8(ascii: "-"))
      put(day, 2, UInt8(ascii: "T"))
      put(clock / 3600, 2, UInt8(ascii: ":"))
      put(clock / 60 % 60, 2, UInt8(ascii: ":"))
      put(clock % 60, 2, millis == nil ? UInt8(ascii: "Z") : UInt8(ascii: "."))
      if let millis { put(millis, 3, UInt8(ascii: "Z")) }
      return count
    }
  }

  /// RFC 3339 with `Z` or an offset, upper or lower case, fraction of any length (cut to milliseconds). Nil where it is
  /// not that, or no such date exists. A leap second, which only the last minute of a month of UTC may have, counts as the
  /// second before it, so that it stays in its own minute.
  package static func parse(_ text: String) -> Int64? {
    var text = text
    return text.withUTF8 { unsafe parse(UnsafeRawBufferPointer($0)) }
  }

  /// The same of bytes. Allocates nothing.
  package static func parse(_ bytes: UnsafeRawBufferPointer) -> Int64? {
    guard bytes.count >= 20, unsafe bytes[4] == 0x2D, unsafe bytes[7] == 0x2D, unsafe bytes[10] | 0x20 == 0x74,
      unsafe bytes[13] == 0x3A, unsafe bytes[16] == 0x3A,
      let year = unsafe number(bytes, 0, 4), let month = unsafe number(bytes, 5, 2),
      let day = unsafe number(bytes, 8, 2), let hour = unsafe number(bytes, 11, 2),
      let minute = unsafe number(bytes, 14, 2), let second = unsafe number(bytes, 17, 2),
      1...12 ~= month, day >= 1, day <= daysIn(month: month, of: year), hour < 24, minute < 60, second <= 60
    else { return nil }
    var rest = 19
    var millis: Int64 = 0
    if unsafe bytes[rest] == 0x2E {
      rest += 1
      let start = rest
      var scale: Int64 = 100
      while rest < bytes.count, unsafe 0x30...0x39 ~= bytes[rest] {
        millis += unsafe scale * Int64(bytes[rest] - 0x30)
        scale /= 10
        rest += 1
      }
      guard rest > start else { return nil }
    }
    var offset: Int64 = 0
    if rest + 1 == bytes.count, unsafe bytes[rest] | 0x20 == 0x7A {
      offset = 0
    } else if rest + 6 == bytes.count, unsafe bytes[rest] == 0x2B || bytes[rest] == 0x2D,
      unsafe bytes[rest + 3] == 0x3A
    {
      guard let hours = unsafe number(bytes, rest + 1, 2), let minutes = unsafe number(bytes, rest + 4, 2),
        hours < 24, minutes < 60
      else { return nil }
      offset = unsafe (hours * 60 + minutes) * (bytes[rest] == 0x2B ? 1 : -1)
    } else {
      return nil
    }
    let start = days(fromCivil: year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60
    guard second < 60 || mayHaveLeapSecond(minute: start) else { return nil }
    return (start + min(second, 59)) * 1000 + millis
  }

  /// Whether RFC 3339 allows a 60th second in the minute of UTC that begins at `minute`, seconds since 1970: leap seconds
  /// end a month.
  static func mayHaveLeapSecond(minute: Int64) -> Bool {
    let next = minute + 60
    return next % 86_400 == 0 && civil(fromDays: next / 86_400).day == 1
  }

  /// Days since 1970-01-01 of a date.
  package static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// The date of a day since 1970-01-01.
  package static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  static func daysIn(month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// The number of `count` digits at `start`; nil where one is none.
  @inline(__always)
  private static func number(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int64? {
    var value: Int64 = 0
    for i in start..<(start + count) {
      let digit = unsafe bytes[i] &- 0x30
      guard digit <= 9 else { return nil }
      value = value * 10 + Int64(digit)
    }
    return value
  }

  private static func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
