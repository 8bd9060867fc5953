import Clicks
import Minutes
import Runs

// Hours and days are sums of minutes, and are answered so that nobody can tell from where they came:
//
//     │ before `rolledUp`: day, hour and minute rows │ from there on: minute rows │      both + what is in memory, summed
//
// A range is answered to the minute. Of what is rolled up, day rows answer the whole days inside, hour rows the whole hours
// that are left, and minute rows the rest. So it is at each bound between two buckets too, where a month of Berlin ends an
// hour before one of UTC, or a day of Kolkata in the middle of an hour:
//
//     from                                  │ bound                                   to
//      ├ minutes ┼ hours ┼ days      days ┼ hours ┼ days          days ┼ hours ┼ minutes ┤
//
// A day gets its hour and day rows with the same record that merges its minutes, every late change of it is written to all
// three tables at once (R7), and of a rolled-up day without a click each table has no row. So the three say the same of
// every day before `rolledUp`, whether its rows stand in base runs or in patches alone. Once minute rows have retired, an
// hour that a range cuts is answered as far as its minutes are there still: their sum is the hour row, or the series says
// that it is not exact.

extension LiveTable {
  /// The ad's clicks in `from ..< to`, to the minute, summed in the buckets of `grid`. A point has the first minute of its
  /// bucket, which may lie before `from`; a bucket that the range cuts has the clicks inside alone. Throws `FormatError` where
  /// a file is damaged, `SystemError` where the disk does not answer.
  package func series(of ad: AdKey, from: Minute, to: Minute, in grid: BucketGrid) throws -> Series {
    try reading(of: [ad], from: from, to: to).series(0, in: grid)
  }

  /// Ascending points, summed in the buckets of `grid`.
  static func summed(
    _ points: [(minute: Minute, clicks: UInt64)], in grid: BucketGrid
  ) -> [(minute: Minute, clicks: UInt64)] {
    guard grid.unit != .minute else { return points }
    var sums: [(minute: Minute, clicks: UInt64)] = []
    var end = Minute(index: .min)
    for point in points {
      if point.minute < end {
        sums[sums.count - 1].clicks += point.clicks
      } else {
        sums.append((grid.start(of: point.minute), point.clicks))
        end = grid.end(of: point.minute)
      }
    }
    return sums
  }
}

/// The tables of minutes, hours and days of one version.
struct WideTables {
  let version: Version
  let minutes: TableLookup
  let hours: TableLookup
  let days: TableLookup

  init(_ version: Version) {
    self.version = version
    minutes = TableLookup(version.table(.minutes))
    hours = TableLookup(version.table(.hours))
    days = TableLookup(version.table(.days))
  }
}

/// Rows of one ad on disk, each read from the widest rows that its range and the grid allow.
struct WideRows {
  private let tables: WideTables
  private let code: UInt32
  private let grid: BucketGrid
  private var version: Version { tables.version }
  /// What was read, ascending, under the first minute of each row.
  private(set) var points: [(minute: Minute, clicks: UInt64)] = []
  /// No minute row that the range needs has retired.
  private(set) var isExact = true

  init(_ tables: WideTables, _ code: UInt32, _ grid: BucketGrid) {
    self.tables = tables
    self.code = code
    self.grid = grid
  }

  mutating func read(_ range: Range<Int64>) throws {
    // The end of what is rolled up; days are so few that no product overflows once there is one.
    let border = version.rolledUp > .min ? version.rolledUp * 1_440 : .min
    let middle = min(max(range.lowerBound, border), range.upperBound)
    let rolledUp = range.lowerBound..<middle
    // Nothing is rolled up of minutes, and every hour and day of UTC is a whole row.
    let widths = [1_440, 60].filter { $0 <= grid.minutes }
    let isAligned = grid.unit == .hour || grid.zone == .utc
    let bounds =
      widths.isEmpty || isAligned
      ? [] : grid.starts(in: Minute(index: range.lowerBound)..<Minute(index: middle)).map(\.index)
    try read(rolledUp, widths[...], bounds[...])
    try narrow(middle..<range.upperBound)
  }

  /// Reads the whole rows of the widest width that lie inside and have none of `bounds` inside them, and the rest from narrower
  /// ones. Rows of one width that lie side by side are read together.
  private mutating func read(_ range: Range<Int64>, _ widths: ArraySlice<Int64>, _ bounds: ArraySlice<Int64>) throws {
    guard !range.isEmpty else { return }
    guard let width = widths.first else { return try narrow(range) }
    let narrower = widths.dropFirst()
    var inside = bounds
    inside.removeFirst(Self.first(inside, notBelow: range.lowerBound) - inside.startIndex)
    inside.removeLast(inside.endIndex - Self.first(inside, notBelow: range.upperBound))
    var done = range.lowerBound
    func step(_ whole: Range<Int64>) throws {
      try read(done..<whole.lowerBound, narrower, inside)
      let rows = try (width == 60 ? tables.hours : tables.days).series(
        of: code, in: whole.lowerBound / width..<whole.upperBound / width)
      points += rows.map { (Minute(index: $0.bucket * width), $0.count) }
      done = whole.upperBound
    }
    var whole: Range<Int64>?
    var start = range.lowerBound
    for end in inside.filter({ $0 % width != 0 }) + [range.upperBound] {
      let (first, last) = (start.dividedUp(by: width) * width, end.dividedDown(by: width) * width)
      start = end
      guard first < last else { continue }
      if let before = whole, before.upperBound == first {
        whole = before.lowerBound..<last
      } else {
        if let before = whole { try step(before) }
        whole = first..<last
      }
    }
    if let whole { try step(whole) }
    try read(done..<range.upperBound, narrower, inside)
  }

  /// The index of the first of ascending numbers that is not below `bound`.
  private static func first(_ numbers: ArraySlice<Int64>, notBelow bound: Int64) -> Int {
    var (low, end) = (numbers.startIndex, numbers.endIndex)
    while low < end {
      let middle = (low + end) / 2
      if numbers[middle] < bound { low = middle + 1 } else { end = middle }
    }
    return low
  }

  private mutating func narrow(_ range: Range<Int64>) throws {
    guard !range.isEmpty else { return }
    let rows = try tables.minutes.series(of: code, in: range)
    points += rows.map { (Minute(index: $0.bucket), $0.count) }
    let retired = min(range.upperBound, version.minutesFrom)
    guard range.lowerBound < retired else { return }
    // Minutes of which some have retired do not come to what their hours say.
    let hours = range.lowerBound.dividedDown(by: 60)..<retired.dividedUp(by: 60)
    let due = try tables.hours.series(of: code, in: hours).reduce(UInt64(0)) { $0 &+ $1.count }
    let have = try tables.minutes.series(of: code, in: hours.lowerBound * 60..<hours.upperBound * 60)
      .reduce(UInt64(0)) { $0 &+ $1.count }
    if due != have { isExact = false }
  }
}
