import Clicks
import Minutes

// Answers over sealed months: rows as they were sealed, and beside them the credits, those of clicks in memory included. So a
// click of a sealed month is seen as soon as any other, and no answer shows it as part of a sealed row.

extension LiveTable.Series {
  /// Takes clicks in memory that are of sealed months out of the points, as credits.
  mutating func split(by sealed: SealedMonths) {
    self.sealed = sealed
    guard !sealed.isEmpty, points.contains(where: { sealed.contains(minute: $0.minute.index) }) else { return }
    credits = points.filter { sealed.contains(minute: $0.minute.index) }.map { ($0.minute, Int64(clamping: $0.clicks)) }
    points.removeAll { sealed.contains(minute: $0.minute.index) }
  }

  /// Adds the credits that files hold, in the buckets of `grid`.
  mutating func addCredits(
    of code: UInt32, _ version: Version, in minutes: Range<Int64>, _ grid: BucketGrid = .minutes
  ) throws {
    guard sealed.overlaps(minutes) else { return }
    let all = try version.credits(of: code, in: minutes) + credits
    credits = RunChange.summed(
      all.map { RunChange(code: code, bucket: grid.start(of: $0.minute).index, change: $0.change) }
    ).map { (Minute(index: $0.bucket), $0.change) }
  }
}

extension LiveTable {
  /// Clicks of an ad on a day of a month, as its rows have them, and the credits beside them.
  package struct AdDay: Sendable {
    package var ad: AdKey
    /// Since 1970.
    package var day: Int64
    package var clicks: UInt64
    package var credits: Int64
  }

  /// Every ad with clicks or credits in the days of a month, in no order, one row or two of each day: all in memory at
  /// once. Throws `FormatError` where a file is damaged, `SystemError` where the disk does not answer.
  package func days(of month: Month) throws -> [AdDay] {
    let (live, keys, version) = sealedInMemory()
    var days: [AdDay] = []
    let stream = try version.dayRows(of: month)
    while let row = try stream.next() {
      days.append(AdDay(ad: AdKey(rawValue: keys[Int(row.code)]), day: row.bucket, clicks: row.count, credits: 0))
    }
    for credit in try version.credits(in: month.minutes) + live where month.minutes.contains(credit.bucket) {
      let ad = AdKey(rawValue: keys[Int(credit.code)])
      days.append(AdDay(ad: ad, day: Day(ofMinute: credit.bucket).index, clicks: 0, credits: credit.change))
    }
    return days
  }

  /// Every credit, by ad and minute, for checks: all in memory at once.
  package func credits() throws -> [(ad: AdKey, minute: Minute, change: Int64)] {
    let (live, keys, version) = sealedInMemory()
    return RunChange.summed(try version.credits() + live).map {
      (AdKey(rawValue: keys[Int($0.code)]), Minute(index: $0.bucket), $0.change)
    }
  }
}
