import Clicks
import Minutes
import Runs

// Hours and days are sums of minutes, and are answered so that nobody can tell from where they came:
//
//     │ rolled up: hour or day rows │ not yet: minute rows, summed │      both + what is in memory, summed
//     └ windows of the base runs of the wide table                 └
//
// A day gets its hour and day rows with the same record that merges its minutes, and every late change of it is written to
// all three tables at once (R7). So the version alone says which days have wide rows, and the sum is the same either way.

extension LiveTable {
  /// The ad's clicks in buckets of `seconds`, 60, 3,600 or 86,400; `from` and `to` are beginnings of buckets. A point has the
  /// first minute of its bucket. Throws `FormatError` where a file is damaged, `SystemError` where the disk does not answer.
  package func series(of ad: AdKey, from: Minute, to: Minute, bucketSeconds seconds: UInt32) throws -> Series {
    guard seconds != 60 else { return try series(of: ad, from: from, to: to) }
    let key = seconds == 3_600 ? RunTableKey.hours : .days
    let width = Int64(seconds) / 60
    precondition(key.bucketSeconds == seconds && from.index % width == 0 && to.index % width == 0)
    let (live, code, version) = taken(of: ad, from: from, to: to)
    var series = live
    series.points = Self.widened(live.points, by: width)
    guard let code, from < to else { return series }
    try series.addCredits(of: code, version, in: from.index..<to.index, width: width)
    let (wide, minutes) = (version.table(key), version.table(.minutes))
    var rows: [(minute: Minute, clicks: UInt64)] = []
    func narrow(_ gap: Range<Int64>) throws {
      guard !gap.isEmpty else { return }
      let found = try minutes.series(of: code, in: gap.lowerBound * width..<gap.upperBound * width)
      rows += Self.widened(found.map { (Minute(index: $0.bucket), $0.count) }, by: width)
    }
    var next = from.index / width
    for window in wide.bases.map({ $0.window.clamped(to: from.index / width..<to.index / width) }) where !window.isEmpty
    {
      try narrow(next..<window.lowerBound)
      rows += try wide.series(of: code, in: window).map { (Minute(index: $0.bucket * width), $0.count) }
      next = window.upperBound
    }
    try narrow(next..<to.index / width)
    series.points = Self.sum(rows, series.points)
    return series
  }

  /// Ascending points summed into buckets of `width` minutes.
  private static func widened(
    _ points: [(minute: Minute, clicks: UInt64)], by width: Int64
  ) -> [(minute: Minute, clicks: UInt64)] {
    var wide: [(minute: Minute, clicks: UInt64)] = []
    for point in points {
      let start = Minute(index: point.minute.index - (point.minute.index % width + width) % width)
      if wide.last?.minute == start {
        wide[wide.count - 1].clicks += point.clicks
      } else {
        wide.append((start, point.clicks))
      }
    }
    return wide
  }
}
