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
    let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
    let time = "\(pad(clock / 3600, 2)):\(pad(clock / 60 % 60, 2)):\(pad(clock % 60, 2))"
    return date + "T" + time + (fraction ? "." + pad(millis, 3) : "") + "Z"
  }

  /// RFC 3339 with `Z` or an offset, upper or lower case, fraction of any length (cut to milliseconds). Nil where it is
  /// not that, or no such date exists. A leap second counts as the second after it.
  package static func parse(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] | 0x20 == 0x74,
      bytes[13] == 0x3A, bytes[16] == 0x3A,
      let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
      let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
      1...12 ~= month, day >= 1, day <= daysIn(month: month, of: year), hour < 24, minute < 60, second <= 60
    else { return nil }
    var rest = bytes[19...]
    var millis: Int64 = 0
    if rest.first == 0x2E {
      rest = rest.dropFirst()
      let digits = rest.prefix { 0x30...0x39 ~= $0 }
      guard !digits.isEmpty, let value = number((Array(digits.prefix(3)) + [0x30, 0x30])[..<3]) else { return nil }
      millis = value
      rest = rest.dropFirst(digits.count)
    }
    var offset: Int64 = 0
    if rest.count == 1, rest.first! | 0x20 == 0x7A {
      offset = 0
    } else if rest.count == 6, rest.first == 0x2B || rest.first == 0x2D, rest[rest.startIndex + 3] == 0x3A {
      guard let hours = number(rest[(rest.startIndex + 1)..<(rest.startIndex + 3)]),
        let minutes = number(rest[(rest.startIndex + 4)...]), hours < 24, minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * (rest.first == 0x2B ? 1 : -1)
    } else {
      return nil
    }
    let seconds = days(fromCivil: year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60 + second
    return seconds * 1000 + millis
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

  private static func daysIn(month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    var value: Int64 = 0
    for digit in digits {
      guard 0x30...0x39 ~= digit else { return nil }
      value = value * 10 + Int64(digit - 0x30)
    }
    return value
  }

  private static func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
