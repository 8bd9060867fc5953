import Clicks
import Simulation
import Testing

@Suite struct MonthTests {
  @Test func textsAreReadAndWritten() {
    for text in ["1970-01", "2024-02", "2026-10", "2026-12", "9999-12"] { #expect(Month(text)?.description == text) }
    for text in [
      "", "2026", "2026-1", "2026-00", "2026-13", "2026-101", "26-10", "2026/10", "1969-12", "2026-1x", " 2026-10",
    ] {
      #expect(Month(text) == nil, "\(text)")
    }
  }

  @Test func aMonthHasItsDays() throws {
    let february = try #require(Month("2024-02"))
    #expect(february.days.count == 29 && february.next.description == "2024-03")
    #expect(february.days.lowerBound == Timestamp.days(fromCivil: 2024, 2, 1))
    #expect(february.minutes.count == 29 * 1_440 && february.end == february.next.minutes.lowerBound * 60_000)
    #expect(try #require(Month("2026-12")).next.description == "2027-01")
  }

  @Test func everyMinuteHasOneMonth() throws {
    try Seeds.run(200) { seed in
      var generator = seed.generator
      let minute = Minute(index: generator.edge(in: 0...4_223_371_000))
      let month = Month(containing: minute)
      #expect(month.minutes.contains(minute.index), "\(seed)")
      #expect(Month(month.description) == month && Month(index: month.index) == month, "\(seed)")
      #expect(month.next.minutes.lowerBound == month.minutes.upperBound, "\(seed)")
    }
    #expect(Month(index: 120_000) == nil)
  }
}
