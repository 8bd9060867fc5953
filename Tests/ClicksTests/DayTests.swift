import Clicks
import Simulation
import Testing

/// Buckets before 1970 count as those behind it do.
@Suite struct DayTests {
  @Test func divisionsRoundDownAndUp() {
    for (value, width, down, up) in [
      (0, 60, 0, 0), (1, 60, 0, 1), (59, 60, 0, 1), (60, 60, 1, 1), (61, 60, 1, 2), (-1, 60, -1, 0), (-60, 60, -1, -1),
      (-61, 60, -2, -1), (.max, 1, .max, .max), (.min, 1, .min, .min), (.min, 2, .min / 2, .min / 2),
      (.max, 2, .max / 2, .max / 2 + 1),
    ] as [(Int64, Int64, Int64, Int64)] {
      #expect(value.dividedDown(by: width) == down, "\(value) / \(width)")
      #expect(value.dividedUp(by: width) == up, "\(value) / \(width)")
    }
  }

  @Test func everyBucketHoldsItsNarrowOnes() throws {
    try Seeds.run(500) { seed in
      var generator = seed.generator
      let width = generator.edge(in: 1...86_400 as ClosedRange<Int64>)
      let value = generator.edge(in: -1 << 50...1 << 50 as ClosedRange<Int64>)
      let (down, up) = (value.dividedDown(by: width), value.dividedUp(by: width))
      #expect((down * width..<(down + 1) * width).contains(value), "\(seed): \(value) / \(width)")
      #expect(up * width >= value && (up - 1) * width < value, "\(seed): \(value) / \(width)")
    }
  }

  @Test func everyMinuteHasOneDay() throws {
    #expect(Day(ofMinute: -1) == Day(index: -1) && Day(ofMinute: -1_441) == Day(index: -2))
    #expect(Day(index: 1).minutes == 1_440..<2_880 && Day(index: -1).minutes == -1_440..<0)
    try Seeds.run(500) { seed in
      var generator = seed.generator
      let minute = generator.edge(in: -1 << 50...1 << 50 as ClosedRange<Int64>)
      let day = Day(ofMinute: minute)
      #expect(day.minutes.contains(minute), "\(seed)")
      #expect(day.minutes.upperBound == Day(index: day.index + 1).minutes.lowerBound, "\(seed)")
    }
  }
}
