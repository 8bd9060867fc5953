// Times as logs and databases write them. What can be read in one way only is taken without a word; what could be read in
// two is refused unless the way is said:
//
//   2026-11-23T17:00:00Z        RFC 3339; also with a blank for the T, / for -, a comma before the fraction, no seconds,
//                               and Z, UTC, GMT, +01, +0100 or +01:00 behind it, with or without a blank
//   20261123T170000Z            the same without signs between (ISO 8601, basic)
//   10/Oct/2000:13:55:36 -0700  as web servers log it, in brackets or not
//   Mon, 23 Nov 2026 17:00:00 GMT   as mail and HTTP write it
//   1795453200                  a number since 1970, told by its size:
//
//        seconds        9.46·10^8  ≤ n < 4.10·10^9      2000-01-01 … 2100-01-01; the four ranges are a factor of
//        milliseconds   9.46·10^11 ≤ n < 4.10·10^12     231 apart, so that no number has two readings, and compact
//        microseconds   9.46·10^14 ≤ n < 4.10·10^15     dates of 8, 12, 14 and 17 digits, spreadsheet serials, 0
//        nanoseconds    9.46·10^17 ≤ n < 4.10·10^18     and cut numbers lie in none of them
//
// No click is older than 2000: a time before it is the zero of some program, and a fault.

/// Reads the times of one source.
package struct TimeReader: Sendable {
  /// What times look like; nil: as above.
  package var format: TimeFormat?
  /// Where times that do not say their zone were written; nil: such times are faults.
  package var zone: WallZone?

  package init(format: TimeFormat? = nil, zone: WallZone? = nil) {
    self.format = format
    self.zone = zone
  }

  /// 2000-01-01 and 2100-01-01, seconds since 1970.
  static let earliest: Int64 = 946_684_800
  static let latest: Int64 = 4_102_444_800

  static let rule = TimeFault(
    "must be RFC 3339 (2026-11-23T17:00:00Z), or a number of seconds, milliseconds, microseconds or nanoseconds since 1970"
  )
  static let noEpoch = TimeFault(
    "is a number that is no time between 2000 and 2100, in seconds, milliseconds, microseconds or nanoseconds since 1970"
  )
  static let ancient = TimeFault("lies before the year 2000")
  static let ambiguous = TimeFault("has its day and its month in an order that cannot be told")
  static let empty = TimeFault("has no value")
  static let otherFormat = TimeFault("does not look as --time-format says")

  /// The time, milliseconds since 1970; what is finer is cut.
  package func read(_ text: UnsafeRawBufferPointer) throws(TimeFault) -> Int64 {
    if format == nil, let found = unsafe Self.usual(text) { return found }
    let text = unsafe Self.trimmed(text)
    guard text.count > 0 else { throw Self.empty }
    if let format { return unsafe try format.read(text, zone) }
    let time: Int64
    if let found = unsafe Timestamp.parse(text) {
      time = found
    } else if let found = unsafe try Self.epoch(text) {
      return found
    } else {
      time = unsafe try written(text)
    }
    guard time >= Self.earliest * 1000 else { throw Self.ancient }
    return time
  }

  private static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var (start, end) = (0, text.count)
    while start < end, unsafe text[start] == 0x20 || text[start] == 0x09 { start += 1 }
    while start < end, unsafe text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
    return unsafe UnsafeRawBufferPointer(rebasing: text[start..<end])
  }

  // MARK: - Numbers

  /// The time that 10 digits tell in seconds or 13 in milliseconds, as most logs have it, eight digits at once (Lemire, "Quickly
  /// parsing eight digits", 2018). Nil for all others, which may be times too.
  private static func usual(_ text: UnsafeRawBufferPointer) -> Int64? {
    guard text.count == 13 || text.count == 10, let base = text.baseAddress else { return nil }
    let more = text.count - 8
    // The digits before the last eight, behind as many zeros as make them eight.
    let zeros: UInt64 = 0x3030_3030_3030_3030
    let first = UInt64(littleEndian: unsafe base.loadUnaligned(as: UInt64.self))
    let high = first << UInt64(64 - 8 * more) | zeros >> UInt64(8 * more)
    let low = UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: more, as: UInt64.self))
    guard TimeScan.areDigits(high), TimeScan.areDigits(low) else { return nil }
    let whole = Int64(TimeScan.number(high)) * 100_000_000 + Int64(TimeScan.number(low))
    let unit: Int64 = more == 5 ? 1 : 1_000
    // Without leading zeros it has as many digits as it is read by.
    guard first & 0xFF != 0x30, whole * unit >= earliest * 1_000, whole * unit < latest * 1_000 else { return nil }
    return whole * unit
  }

  /// The time that a number of one of the four ranges tells; nil where the text is no number.
  private static func epoch(_ text: UnsafeRawBufferPointer) throws(TimeFault) -> Int64? {
    guard let (whole, thousandths) = unsafe try number(text) else { return nil }
    var unit: Int64 = 1
    while unit <= 1_000_000_000 {
      if earliest * unit <= whole, whole < latest * unit {
        return unit == 1 ? whole * 1000 + thousandths : whole / (unit / 1000)
      }
      unit *= 1000
    }
    throw noEpoch
  }

  /// Digits, and those behind a decimal point as thousandths; nil where the text is something else. A number that is
  /// negative, has an exponent, leading zeros or more than 19 digits is a fault.
  static func number(_ text: UnsafeRawBufferPointer) throws(TimeFault) -> (whole: Int64, thousandths: Int64)? {
    var at = 0
    while at < text.count, unsafe TimeScan.isDigit(text[at]) { at += 1 }
    if at == 0 {
      guard text.count > 1, unsafe text[0] == UInt8(ascii: "-"), unsafe TimeScan.isDigit(text[1]) else { return nil }
      throw noEpoch
    }
    let digits = at
    var thousandths: Int64 = 0
    if at < text.count {
      guard unsafe text[at] == UInt8(ascii: ".") || text[at] | 0x20 == UInt8(ascii: "e") else { return nil }
      guard unsafe text[at] == UInt8(ascii: "."), at + 1 < text.count else { throw noEpoch }
      var scale: Int64 = 100
      for next in (at + 1)..<text.count {
        guard unsafe TimeScan.isDigit(text[next]) else {
          guard unsafe text[next] | 0x20 == UInt8(ascii: "e") else { return nil }
          throw noEpoch
        }
        thousandths += unsafe scale * Int64(text[next] - 0x30)
        scale /= 10
      }
    }
    guard unsafe digits == 1 || text[0] != 0x30 else { throw noEpoch }
    var whole: Int64 = 0
    // So many digits always fit.
    if digits <= 18 {
      for i in 0..<digits { whole = unsafe whole &* 10 &+ Int64(text[i] &- 0x30) }
      return (whole, thousandths)
    }
    for i in 0..<digits {
      let (product, isOver) = whole.multipliedReportingOverflow(by: 10)
      let (sum, isAbove) = unsafe product.addingReportingOverflow(Int64(text[i] - 0x30))
      guard !isOver, !isAbove else { throw noEpoch }
      whole = sum
    }
    return (whole, thousandths)
  }

  // MARK: - Dates

  private func written(_ text: UnsafeRawBufferPointer) throws(TimeFault) -> Int64 {
    var scan = unsafe TimeScan(text)
    let time: WallTime
    switch (scan.digitsAhead, scan.peek(scan.digitsAhead)) {
    case (4, UInt8(ascii: "-")), (4, UInt8(ascii: "/")): time = try Self.date(&scan)
    case (8, UInt8(ascii: "T")), (8, UInt8(ascii: "t")): time = try Self.basic(&scan)
    case (2, UInt8(ascii: "/")) where TimeScan.isLetter(scan.peek(3)): time = try Self.common(&scan)
    case (0, UInt8(ascii: "[")):
      _ = scan.take(UInt8(ascii: "["))
      time = try Self.common(&scan)
      guard scan.take(UInt8(ascii: "]")) else { throw Self.rule }
    case (1...2, let sign)
    where (sign == 0x20 || sign == UInt8(ascii: "-")) && TimeScan.isLetter(scan.peek(scan.digitsAhead + 1)):
      time = try Self.mail(&scan)
    case (0, let letter) where TimeScan.isLetter(letter): time = try Self.mail(&scan)
    case (1...2, UInt8(ascii: "/")), (1...2, UInt8(ascii: "-")), (1...2, UInt8(ascii: ".")): throw Self.ambiguous
    default: throw Self.rule
    }
    guard scan.isAtEnd else { throw Self.rule }
    return try time.moment(zone)
  }

  /// `2026-11-23 17:00:00.5 +01:00`.
  private static func date(_ scan: inout TimeScan) throws(TimeFault) -> WallTime {
    var time = WallTime()
    time.year = scan.number(4, 4)!
    let sign = scan.peek()
    guard scan.take(sign), let month = scan.number(1, 2), scan.take(sign), let day = scan.number(1, 2) else {
      throw rule
    }
    (time.month, time.day) = (month, day)
    guard scan.take(UInt8(ascii: "T")) || scan.take(UInt8(ascii: "t")) || scan.take(0x20) else { throw rule }
    try clock(&scan, &time)
    try offset(&scan, &time)
    return time
  }

  /// `20261123T170000Z`.
  private static func basic(_ scan: inout TimeScan) throws(TimeFault) -> WallTime {
    var time = WallTime()
    (time.year, time.month, time.day) = (scan.number(4, 4)!, scan.number(2, 2)!, scan.number(2, 2)!)
    _ = scan.take(scan.peek())
    guard let hour = scan.number(2, 2), let minute = scan.number(2, 2), let second = scan.number(2, 2) else {
      throw rule
    }
    (time.hour, time.minute, time.second) = (hour, minute, second)
    try fraction(&scan, &time)
    try offset(&scan, &time)
    return time
  }

  /// `10/Oct/2000:13:55:36 -0700`.
  private static func common(_ scan: inout TimeScan) throws(TimeFault) -> WallTime {
    var time = WallTime()
    guard let day = scan.number(2, 2), scan.take(UInt8(ascii: "/")), let month = scan.month(),
      scan.take(UInt8(ascii: "/")), let year = scan.number(4, 4), scan.take(UInt8(ascii: ":"))
    else { throw rule }
    (time.year, time.month, time.day) = (year, month, day)
    try clock(&scan, &time)
    try offset(&scan, &time)
    return time
  }

  /// `Mon, 23 Nov 2026 17:00:00 GMT`; the day of the week may be left out, but not be another.
  private static func mail(_ scan: inout TimeScan) throws(TimeFault) -> WallTime {
    var time = WallTime()
    let weekday = scan.weekday()
    if weekday != nil {
      _ = scan.take(UInt8(ascii: ","))
      scan.skipBlanks()
    }
    guard let day = scan.number(1, 2) else { throw rule }
    let sign = scan.peek() == UInt8(ascii: "-") ? UInt8(ascii: "-") : 0x20
    guard scan.take(sign), let month = scan.month(), scan.take(sign), let year = scan.number(4, 4), scan.take(0x20)
    else {
      throw rule
    }
    (time.year, time.month, time.day) = (year, month, day)
    try clock(&scan, &time)
    try offset(&scan, &time)
    if let weekday, 1...12 ~= month {
      let days = Timestamp.days(fromCivil: year, month, day)
      guard ((days % 7) + 11) % 7 == weekday else { throw .noDate }
    }
    return time
  }

  /// `17:00`, `17:00:00`, `17:00:00.250`.
  private static func clock(_ scan: inout TimeScan, _ time: inout WallTime) throws(TimeFault) {
    guard let hour = scan.number(2, 2), scan.take(UInt8(ascii: ":")), let minute = scan.number(2, 2) else { throw rule }
    (time.hour, time.minute) = (hour, minute)
    guard scan.take(UInt8(ascii: ":")) else { return }
    guard let second = scan.number(2, 2) else { throw rule }
    time.second = second
    try fraction(&scan, &time)
  }

  private static func fraction(_ scan: inout TimeScan, _ time: inout WallTime) throws(TimeFault) {
    guard scan.take(UInt8(ascii: ".")) || scan.take(UInt8(ascii: ",")) else { return }
    guard let millis = scan.thousandths() else { throw rule }
    time.millis = millis
  }

  /// What is ahead of UTC, where it is said: once, or as an offset of nothing and the name of it (`+0000 UTC`).
  private static func offset(_ scan: inout TimeScan, _ time: inout WallTime) throws(TimeFault) {
    scan.skipBlanks()
    guard !scan.isAtEnd, scan.peek() != UInt8(ascii: "]") else { return }
    guard let offset = scan.zone() else { throw rule }
    time.offset = offset
    if offset == 0, scan.peek() == 0x20 {
      scan.skipBlanks()
      guard scan.zone() == 0 else { throw rule }
    }
  }
}
