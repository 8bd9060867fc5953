import Clicks
import Query
import Testing

@Suite struct TimeTextTests {
  /// 2026-11-23T17:41:30.500Z.
  static let now: Int64 = 1_795_455_690_500

  @Test func theClockOfTheseTestsIsWhatItSays() {
    #expect(Timestamp.format(Self.now) == "2026-11-23T17:41:30.500Z")
  }

  @Test(arguments: [
    ("now", 0), ("-0s", 0), ("-1s", 1000), ("-90m", 5_400_000), ("-24h", 86_400_000), ("now-24h", 86_400_000),
    ("-7d", 604_800_000), ("-2w", 1_209_600_000), ("now-1s", 1000), ("-000000001h", 3_600_000),
  ])
  func relativeTimesCountFromNow(_ text: String, _ back: Int64) throws {
    #expect(try TimeText.parse(text, now: Self.now) == Self.now - back)
  }

  @Test(arguments: [
    ("0", 0), ("1", 1000), ("1763917200", 1_763_917_200_000), ("1763917200123", 1_763_917_200_123),
    // The border: as seconds the year 5138, from there on milliseconds, the year 1973.
    ("99999999999", 99_999_999_999_000), ("100000000000", 100_000_000_000), ("0000000000060", 60_000),
    ("253402300799999", 253_402_300_799_999),
    ("1970-01-01T00:00:00Z", 0), ("2026-11-23T17:00:00Z", 1_795_453_200_000),
    ("2026-11-23t18:00:00.25+01:00", 1_795_453_200_250), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
  ])
  func absoluteTimesAreThemselves(_ text: String, _ time: Int64) throws {
    #expect(try TimeText.parse(text, now: Self.now) == time)
  }

  @Test(arguments: [
    "", " ", "-", "now-", "nowish", "now+1h", "+1h", "-1", "-h", "-1x", "-1.5h", "-1h30m", "--1h", "- 1h", "-1h ", "1h",
    "NOW",
    "-1H", "1.5", "1e9", "+1", "0x10", "١", "-١h", "yesterday", "2026-11-2", "2026-11-233", "2026-11-31", "2026/11/23",
    "todays", "today+1d", "2026-11-23T17:00", "2026-11-23T17:00:00",
    "2026-02-29T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23 17:00:00Z", "\u{0}", "Z",
    // Readable, but outside 1970…9999.
    "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "253402300800000", "999999999999999",
    "9999999999999999", "99999999999999999999999999", "-999999999w", "-9999999999s", "-99999999999999999999h", "-3000w",
  ])
  func everythingElseIsRefusedWithWords(_ text: String) {
    do throws(TimeText.Failure) {
      let time = try TimeText.parse(text, now: Self.now)
      Issue.record("\(text) was read as \(time)")
    } catch { #expect(error.detail.hasPrefix("must") || error.detail.hasPrefix("has no unit"), "\(text): \(error)") }
  }

  @Test func daysBeginAtTheMidnightOfTheClock() throws {
    for (text, offset, due) in [
      ("2026-11-23", 0, "2026-11-23T00:00:00Z"), ("2026-11-23", 345, "2026-11-22T18:15:00Z"),
      ("2024-02-29", -300, "2024-02-29T05:00:00Z"), ("today", 0, "2026-11-23T00:00:00Z"),
      ("today", 480, "2026-11-23T16:00:00Z"), ("today", -1_080, "2026-11-22T18:00:00Z"),
      ("today-7d", 60, "2026-11-15T23:00:00Z"), ("today-90m", 0, "2026-11-22T22:30:00Z"),
      // The clock is for days alone.
      ("now", 345, "2026-11-23T17:41:30.500Z"), ("-1h", 345, "2026-11-23T16:41:30.500Z"),
    ] as [(String, Int64, String)] {
      #expect(
        try TimeText.parse(text, now: Self.now, zone: .fixed(offset * 60)) == Timestamp.parse(due), "\(text) \(offset)")
    }
    #expect(throws: TimeText.Failure.self) { try TimeText.parse("1970-01-01", now: Self.now, zone: .fixed(3_600)) }
  }

  @Test func aLostPlusIsNamed() {
    #expect(throws: TimeText.Failure(detail: "has a space where a + would stand; write it as %2B in a query")) {
      try TimeText.parse("2026-11-23T17:00:00 01:00", now: Self.now)
    }
  }
}
