import Clicks
import Runs

// What a month's rows come to, read from the files of a version: the rows of its days, and the seal over them.

/// Rows of a month that do not agree with each other, though each file is sound.
struct UnevenRows: Error {
  var reason: String
}

extension Version {
  /// The day rows of a month: those of rolled-up days, and the sums of minutes of the others.
  func dayRows(of month: Month) throws -> RowStream { try wideRows(.days, in: month.days) }

  /// The same of hours or days in `buckets`.
  private func wideRows(_ key: RunTableKey, in buckets: Range<Int64>) throws -> RowStream {
    let width = Int64(key.bucketSeconds) / 60
    let border = rolledUp > .min ? rolledUp * 1_440 / width : .min
    let middle = min(max(buckets.lowerBound, border), buckets.upperBound)
    let (wide, minutes) = (buckets.lowerBound..<middle, middle * width..<buckets.upperBound * width)
    return try RowStream.sum([
      RowStream(table(key).limited(to: wide)).limited(to: wide),
      RowStream(table(.minutes).limited(to: minutes)).limited(to: minutes).widened(by: width),
    ])
  }

  /// Holds the hour rows of a month against its minutes, where all of these are there. Throws `UnevenRows`
  /// where they differ.
  func checkHours(of month: Month, _ state: ManifestState, row: () throws -> Void) throws {
    guard state.minutesFrom <= month.minutes.lowerBound else { return }
    let hours = month.minutes.lowerBound / 60..<month.minutes.upperBound / 60
    let narrow = try RowStream(table(.minutes).limited(to: month.minutes)).limited(to: month.minutes)
    try RowStream.compare(wideRows(.hours, in: hours), narrow.widened(by: 60)) { found, have, due in
      try row()
      guard have == due else {
        throw UnevenRows(
          reason: "hour \(found.bucket) of ad code \(found.code) has \(have) clicks, its minutes \(due)")
      }
    }
  }

  /// The seal of a month as its rows are now; minute rows are held against the day rows on the way, and `row` is told how
  /// many of them were read. Throws `UnevenRows` where they differ, or a row has no ad.
  func seal(
    _ month: Month, at time: Int64, _ state: ManifestState, key: @escaping (UInt32) -> AdKey?,
    row: (_ minutes: UInt64) throws -> Void = { _ in }
  ) throws -> MonthSeal {
    var (days, minutes) = (SealDigest("days", of: month), SealDigest("minutes", of: month))
    func ad(_ row: RowCount) throws -> AdKey {
      guard let ad = key(row.code) else {
        throw UnevenRows(reason: "ad code \(row.code) has clicks, and no ad")
      }
      return ad
    }
    // Minutes that are gone leave the days alone.
    let isWhole = state.minutesFrom <= month.minutes.lowerBound
    guard isWhole else {
      let stream = try dayRows(of: month)
      while let found = try stream.next() {
        try row(0)
        days.add(found, key: try ad(found))
      }
      return MonthSeal(
        month: month, time: time, rows: 0, clicks: days.clicks, ads: days.ads, minutes: MonthSeal.noMinutes,
        days: days.finish())
    }
    let narrow = try RowStream(table(.minutes).limited(to: month.minutes)).limited(to: month.minutes).passing { rows in
      for row in rows { minutes.add(row, key: try ad(row)) }
    }
    try RowStream.compare(dayRows(of: month), narrow.widened(by: 1_440)) { found, have, due in
      try row(minutes.rows)
      guard have == due else {
        throw UnevenRows(
          reason: "day \(found.bucket) of ad code \(found.code) has \(have) clicks, its minutes \(due)")
      }
      days.add(RowCount(code: found.code, bucket: found.bucket, count: have), key: try ad(found))
    }
    return MonthSeal(
      month: month, time: time, rows: minutes.rows, clicks: days.clicks, ads: days.ads, minutes: minutes.finish(),
      days: days.finish())
  }
}
