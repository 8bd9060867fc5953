/// Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), always 29 bytes.
package enum HTTPDate {
  /// Bytes of a whole Date line with its line end.
  static let lineCount = 37

  /// The text for `seconds` since 1970, from 1970 to 9999.
  package static func format(_ seconds: Int64) -> String {
    let days = seconds / 86_400
    let second = Int(seconds % 86_400)
    // Civil date from days since 1970: count from 0000-03-01, in eras of 400 years.
    let z = days + 719_468
    let era = z / 146_097
    let dayOfEra = z % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = Int(dayOfYear - (153 * shifted + 2) / 5 + 1)
    let month = Int(shifted < 10 ? shifted + 3 : shifted - 9)
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let date = "\(weekdays[Int(days % 7)]), \(two(day)) \(months[month - 1]) "
    let years = String(repeating: "0", count: max(0, 4 - String(year).count)) + String(year)
    return date + "\(years) \(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60)) GMT"
  }

  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
