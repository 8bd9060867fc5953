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

  /// Whether only a few rows are read that are at hand; see `AdRowBuffer`.
  var isBounded: Bool { buffer.isBounded }
  private let buffer: AdRowBuffer

  init(_ version: Version, _ buffer: AdRowBuffer = AdRowBuffer()) {
    self.version = version
    self.buffer = buffer
    minutes = TableLookup(version.table(.minutes), buffer)
    hours = TableLookup(version.table(.hours), buffer)
    days = TableLookup(version.table(.days), buffer)
  }
}

/// Rows of one ad on disk, each of the width that a plan says.
struct WideRows {
  private let tables: WideTables
  private let code: UInt32
  private var version: Version { tables.version }
  /// What was read, ascending, under the first minute of each row.
  private(set) var points: [(minute: Minute, clicks: UInt64)] = []
  /// No minute row that the range needs has retired.
  private(set) var isExact = true

  init(_ tables: WideTables, _ code: UInt32) {
    self.tables = tables
    self.code = code
  }

  mutating func read(_ plan: WidePlan) throws {
    for piece in plan.pieces {
      switch piece.width {
      case 1: try narrow(piece.rows)
      case 60: add(try tables.hours.series(of: code, in: piece.rows), width: 60)
      default: add(try tables.days.series(of: code, in: piece.rows), width: piece.width)
      }
    }
  }

  private mutating func add(_ rows: [BucketCount], width: Int64) {
    points += rows.map { (Minute(index: $0.bucket * width), $0.count) }
  }

  private mutating func narrow(_ range: Range<Int64>) throws {
    add(try tables.minutes.series(of: code, in: range), width: 1)
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
