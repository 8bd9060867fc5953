import Clicks
import Files
import Runs

// Several ads at one moment of a shard: what memory has of all of them is taken in one hold of the lock, their rows are read
// from one version afterwards, ad by ad, as somebody asks. Ads that are asked for in the order of their codes have each block
// of a run decoded once.
//
//     lock │ live clicks of each ad, version, position │          rows of ad 7 │ rows of ad 3 │ …

/// What a shard holds of several ads, all at one position. Belongs to one thread.
package final class TableReading {
  let from: Minute
  let to: Minute
  let entries: [(live: LiveTable.Series, code: UInt32?)]
  let tables: WideTables
  let ads: [AdKey]
  private let other: UInt32?
  let verdicts: VerdictCounts.Reading
  /// The plan that was asked for last: all ads have the same.
  private var known: (grid: BucketGrid, plan: WidePlan)?
  var version: Version { tables.version }

  fileprivate init(_ ads: [AdKey], from: Minute, to: Minute, _ taken: LiveTable.Taken, rowLimit: Int?) {
    self.ads = ads
    self.from = from
    self.to = to
    entries = taken.entries
    other = taken.other
    verdicts = taken.verdicts
    tables = WideTables(taken.version, AdRowBuffer(rowLimit: rowLimit))
  }

  /// The number of an ad in the shard's files, by which rows are sorted; nil for one without clicks.
  package func code(_ index: Int) -> UInt32? { entries[index].code }

  /// The clicks of the ad at `index` of those that were asked for, summed in the buckets of `grid`, as `LiveTable.series` has them.
  package func series(_ index: Int, in grid: BucketGrid) throws -> LiveTable.Series {
    var (series, code) = entries[index]
    series.points = LiveTable.summed(series.points, in: grid)
    guard let code, from < to else { return series }
    if tables.isBounded, series.sealed.overlaps(from.index..<to.index) { throw NotAtHand() }
    try series.addCredits(of: code, version, in: from.index..<to.index, grid)
    var rows = WideRows(tables, code)
    try rows.read(plan(grid))
    if !rows.isExact { series.exactFrom = Minute(index: version.minutesFrom) }
    series.points = LiveTable.sum(LiveTable.summed(rows.points, in: grid), series.points)
    return series
  }

  /// What is said of the ad at `index` beside its clicks, of which there are none here, with its credits in the buckets of `grid`.
  package func state(_ index: Int, in grid: BucketGrid) throws -> LiveTable.Series {
    var (series, code) = entries[index]
    series.points = []
    if let code, from < to { try series.addCredits(of: code, version, in: from.index..<to.index, grid) }
    return series
  }

  /// Which rows answer the range in the buckets of `grid`.
  func plan(_ grid: BucketGrid) -> WidePlan {
    if let known, known.grid == grid { return known.plan }
    let plan = WidePlan(from.index..<to.index, grid, version)
    known = (grid, plan)
    return plan
  }

  /// The hours that lie in the range as a whole, as rows of hours count them.
  var wholeHours: Range<Int64> {
    let first = from.index.dividedUp(by: 60)
    return first..<max(first, to.index.dividedDown(by: 60))
  }

  /// Whether some of these verdicts in the range were lost with a process, or are told of no ad; or of no minute, where minutes are
  /// asked for without `hours`, or the range cuts an hour.
  package func isIncomplete(_ wanted: [Verdict], hours: Bool) throws -> Bool {
    if verdicts.isIncomplete { return true }
    guard from < to else { return false }
    let all = from.index.dividedDown(by: 60)..<to.index.dividedUp(by: 60)
    let cut = [(from.index, all.lowerBound), (to.index, all.upperBound - 1)].filter { $0.0 % 60 != 0 }.map(\.1)
    for verdict in wanted {
      let table = version.external(named: verdict.table, bucketSeconds: 3_600)
      for part in hours ? cut.map({ $0..<($0 + 1) }) : [all]
      where table.runs.contains(where: { $0.window.overlaps(part) }) {
        if try table.totals(in: part).contains(where: { $0 > 0 }) { return true }
      }
    }
    guard let other else { return false }
    for name in wanted.map(\.table) + [Verdict.lostTable] {
      if try !version.external(named: name).externalRows(of: other, in: from.index..<to.index).isEmpty { return true }
      let table = version.external(named: name, bucketSeconds: 3_600)
      if try !table.externalRows(of: other, in: all).isEmpty { return true }
    }
    return false
  }
}

extension LiveTable {
  /// The ads at one moment, for their clicks in `from ..< to`; with `details` also for what they met beside. With `rowLimit` a series
  /// that takes more than about so many rows, or what is not in memory, throws `NotAtHand`.
  package func reading(
    of ads: [AdKey], from: Minute, to: Minute, details: Bool = false, rowLimit: Int? = nil
  ) -> TableReading {
    TableReading(
      ads, from: from, to: to, taken(of: ads, from: from, to: to, verdicts: details), rowLimit: rowLimit)
  }
}
