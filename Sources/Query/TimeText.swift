import Clicks

// A moment as a query may name it:
//
//   2026-11-23T17:00:00Z, …+01:00   RFC 3339; fractions are cut to milliseconds
//   1763917200                      seconds since 1970
//   1763917200000                   milliseconds since 1970, for numbers from 10^11 on (the year 1973; as seconds 5138)
//   2026-11-23, today, today-7d     the beginning of a day of a zone, so many days or weeks before today
//   now, -24h, now-24h              from the logical clock; units s, m, h, d (24 h), w (7 d)

/// Reads moments.
package enum TimeText {
  /// Numbers from here on are milliseconds.
  package static let firstMilliseconds: Int64 = 100_000_000_000

  /// The first millisecond after the last year that RFC 3339 can write.
  package static let end: Int64 = 253_402_300_800_000

  /// The forms, for messages.
  package static let rule =
    "must be RFC 3339 (2026-11-23T17:00:00Z), a date (2026-11-23), seconds or milliseconds since 1970, or relative (-24h, "
    + "-90m, now, today)"

  /// Milliseconds since 1970 of `text` at the moment `now`; days are those of `zone`. Throws the detail of a fault. What it
  /// returns lies in `0 ..< end`.
  package static func parse(_ text: String, now: Int64, zone: WallZone = .utc) throws(Failure) -> Int64 {
    let bytes = Array(text.utf8)
    let time: Int64
    if let relative = try relative(bytes[...], now: now, zone) {
      time = relative
    } else if !bytes.isEmpty, bytes.allSatisfy({ 0x30...0x39 ~= $0 }) {
      guard bytes.count <= 15, let number = Int64(text) else { throw Failure(detail: outside) }
      time = number < firstMilliseconds ? number * 1000 : number
    } else if let moment = Timestamp.parse(text) {
      time = moment
    } else if let midnight = date(bytes) {
      time = zone.start(ofDay: midnight / 86_400_000).start
    } else if text.contains(" "), Timestamp.parse(text.map { $0 == " " ? "+" : String($0) }.joined()) != nil {
      throw Failure(detail: "has a space where a + would stand; write it as %2B in a query")
    } else {
      throw Failure(detail: rule)
    }
    guard 0..<end ~= time else { throw Failure(detail: outside) }
    return time
  }

  /// The bound of a half-open range of minutes: a moment inside a minute is the minute's beginning, and `now` the end of the
  /// current minute, so that a click of this very millisecond is before it.
  package static func bound(_ text: String, now: Int64, zone: WallZone = .utc) throws(Failure) -> Minute {
    if text == "now" { return Minute(index: Minute(containing: now).index + 1) }
    return Minute(containing: try parse(text, now: now, zone: zone))
  }

  /// Why a text is no moment, in words that go behind the parameter's name.
  package struct Failure: Error, Hashable, Sendable {
    package var detail: String

    package init(detail: String) { self.detail = detail }
  }

  private static let outside = "must lie between the years 1970 and 9999"

  /// Midnight of a date, `2026-11-23`, in UTC; nil where the text is none.
  private static func date(_ text: [UInt8]) -> Int64? {
    guard text.count == 10, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-") else { return nil }
    return Timestamp.parse(String(decoding: text, as: UTF8.self) + "T00:00:00Z")
  }

  /// Nil where the text is not of the relative kind.
  private static func relative(_ text: ArraySlice<UInt8>, now: Int64, _ zone: WallZone) throws(Failure) -> Int64? {
    var rest = text
    let isToday = rest.starts(with: "today".utf8)
    let today = isToday ? zone.day(of: Minute(containing: now)) : 0
    if isToday || rest.starts(with: "now".utf8) {
      rest = rest.dropFirst(isToday ? 5 : 3)
      if rest.isEmpty { return isToday ? zone.start(ofDay: today).start : now }
      guard rest.first == UInt8(ascii: "-") else { throw Failure(detail: rule) }
    }
    guard rest.first == UInt8(ascii: "-"), let unit = rest.last else { return nil }
    let digits = rest.dropFirst().dropLast()
    guard !digits.isEmpty, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { throw Failure(detail: rule) }
    let milliseconds: Int64
    switch unit {
    case UInt8(ascii: "s"): milliseconds = 1000
    case UInt8(ascii: "m"): milliseconds = 60_000
    case UInt8(ascii: "h"): milliseconds = 3_600_000
    case UInt8(ascii: "d"): milliseconds = 86_400_000
    case UInt8(ascii: "w"): milliseconds = 7 * 86_400_000
    default: throw Failure(detail: "has no unit that is one of s, m, h, d, w")
    }
    // Nine digits of weeks are 19,000 millennia: no overflow, and outside in any case.
    guard digits.count <= 9, let count = Int64(String(decoding: digits, as: UTF8.self)) else {
      throw Failure(detail: outside)
    }
    guard isToday else { return now - count * milliseconds }
    // Days before today are those of the calendar, whatever the clocks did; shorter times go by.
    guard milliseconds >= 86_400_000 else { return zone.start(ofDay: today).start - count * milliseconds }
    let day = today - count * milliseconds / 86_400_000
    guard day >= -1 else { throw Failure(detail: outside) }
    return zone.start(ofDay: day).start
  }
}
