import Clicks
import Minutes
import Runs

// Hours and days are sums of minutes, and are answered so that nobody can tell from where they came:
//
//     │ before `rolledUp`: day, hour and minute rows │ from there on: minute rows │      both + what is in memory, summed
//
// A range is answered to the minute. Of what is rolled up, day rows answer the whole days inside, hour rows the whole hours
// that are left, and minute rows the rest:
//
//     from                                                        to
//      ├ minutes ┼ hours ┼ days            days ┼ hours ┼ minutes ┤
//
// A day gets its hour and day rows with the same record that merges its minutes, every late change of it is written to all
// three tables at once (R7), and of a rolled-up day without a click each table has no row. So the three say the same of
// every day before `rolledUp`, whether its rows stand in base runs or in patches alone. Once minute rows have retired, an
// hour that a range cuts is answered as far as its minutes are there still: their sum is the hour row, or the series says
// that it is not exact.

/// Buckets of time, one behind the other. Days are those of a clock that may be ahead of UTC or behind it.
package struct BucketGrid: Hashable, Sendable {
  /// Minutes of a bucket: 1, 60 or 1,440.
  package let minutes: Int64
  /// Minutes by which the clock is ahead of UTC; days begin at its midnight. Hours and minutes are those of UTC.
  package let offset: Int64

  /// Buckets of UTC.
  package static let minutes = BucketGrid(minutes: 1, offset: 0)
  package static let hours = BucketGrid(minutes: 60, offset: 0)
  package static let days = BucketGrid(minutes: 1_440, offset: 0)

  /// The days of a clock that is `minutes` ahead of UTC.
  package static func days(ahead minutes: Int64) -> BucketGrid { BucketGrid(minutes: 1_440, offset: minutes) }

  /// The first minute of the bucket that holds `minute`.
  package func start(of minute: Minute) -> Minute {
    Minute(index: (minute.index + offset).dividedDown(by: minutes) * minutes - offset)
  }
}

extension LiveTable {
  /// The ad's clicks in `from ..< to`, to the minute, summed in the buckets of `grid`. A point has the first minute of its
  /// bucket, which may lie before `from`; a bucket that the range cuts has the clicks inside alone. Throws `FormatError` where
  /// a file is damaged, `SystemError` where the disk does not answer.
  package func series(of ad: AdKey, from: Minute, to: Minute, in grid: BucketGrid) throws -> Series {
    let (live, code, version) = taken(of: ad, from: from, to: to)
    var series = live
    series.points = Self.summed(live.points, in: grid)
    guard let code, from < to else { return series }
    try series.addCredits(of: code, version, in: from.index..<to.index, grid)
    var rows = WideRows(version, code, grid)
    try rows.read(from.index..<to.index)
    if !rows.isExact { series.exactFrom = Minute(index: version.minutesFrom) }
    series.points = Self.sum(Self.summed(rows.points, in: grid), series.points)
    return series
  }

  /// Ascending points, summed in the buckets of `grid`.
  private static func summed(
    _ points: [(minute: Minute, clicks: UInt64)], in grid: BucketGrid
  ) -> [(minute: Minute, clicks: UInt64)] {
    guard grid.minutes > 1 else { return points }
    var sums: [(minute: Minute, clicks: UInt64)] = []
    for point in points {
      let start = grid.start(of: point.minute)
      if sums.last?.minute == start {
        sums[sums.count - 1].clicks += point.clicks
      } else {
        sums.append((start, point.clicks))
      }
    }
    return sums
  }
}

/// Rows of one ad on disk, each read from the widest rows that its range and the grid allow.
private struct WideRows {
  private let version: Version
  private let code: UInt32
  private let minutes: RunTable
  /// Widths that may be read, in minutes, the widest first.
  private let widths: [Int64]
  /// What was read, ascending, under the first minute of each row.
  private(set) var points: [(minute: Minute, clicks: UInt64)] = []
  /// No minute row that the range needs has retired.
  private(set) var isExact = true

  init(_ version: Version, _ code: UInt32, _ grid: BucketGrid) {
    self.version = version
    self.code = code
    minutes = version.table(.minutes)
    // A row must not reach over the end of a bucket.
    widths = [1_440, 60].filter { $0 <= grid.minutes && grid.offset % $0 == 0 }
  }

  mutating func read(_ range: Range<Int64>) throws {
    // The end of what is rolled up; days are so few that no product overflows once there is one.
    let border = version.rolledUp > .min ? version.rolledUp * 1_440 : .min
    let middle = min(max(range.lowerBound, border), range.upperBound)
    try read(range.lowerBound..<middle, widths[...])
    try narrow(middle..<range.upperBound)
  }

  /// Reads the whole rows of the widest width inside, and the rest from narrower ones.
  private mutating func read(_ range: Range<Int64>, _ widths: ArraySlice<Int64>) throws {
    guard !range.isEmpty else { return }
    guard let width = widths.first else { return try narrow(range) }
    let (first, end) = (range.lowerBound.dividedUp(by: width), range.upperBound.dividedDown(by: width))
    let narrower = widths.dropFirst()
    guard first < end else { return try read(range, narrower) }
    try read(range.lowerBound..<first * width, narrower)
    let rows = try version.table(width == 60 ? .hours : .days).series(of: code, in: first..<end)
    points += rows.map { (Minute(index: $0.bucket * width), $0.count) }
    try read(end * width..<range.upperBound, narrower)
  }

  private mutating func narrow(_ range: Range<Int64>) throws {
    guard !range.isEmpty else { return }
    let rows = try minutes.series(of: code, in: range)
    points += rows.map { (Minute(index: $0.bucket), $0.count) }
    let retired = min(range.upperBound, version.minutesFrom)
    guard range.lowerBound < retired else { return }
    // Minutes of which some have retired do not come to what their hours say.
    let hours = range.lowerBound.dividedDown(by: 60)..<retired.dividedUp(by: 60)
    let due = try version.table(.hours).series(of: code, in: hours).reduce(UInt64(0)) { $0 &+ $1.count }
    let have = try minutes.series(of: code, in: hours.lowerBound * 60..<hours.upperBound * 60)
      .reduce(UInt64(0)) { $0 &+ $1.count }
    if due != have { isExact = false }
  }
}
