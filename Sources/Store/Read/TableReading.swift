import Clicks

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

  fileprivate init(_ ads: [AdKey], from: Minute, to: Minute, _ taken: LiveTable.Taken) {
    self.ads = ads
    self.from = from
    self.to = to
    entries = taken.entries
    other = taken.other
    verdicts = taken.verdicts
    tables = WideTables(taken.version)
  }

  /// The number of an ad in the shard's files, by which rows are sorted; nil for one without clicks.
  package func code(_ index: Int) -> UInt32? { entries[index].code }

  /// The clicks of the ad at `index` of those that were asked for, summed in the buckets of `grid`, as `LiveTable.series` has them.
  package func series(_ index: Int, in grid: BucketGrid) throws -> LiveTable.Series {
    var (series, code) = entries[index]
    series.points = LiveTable.summed(series.points, in: grid)
    guard let code, from < to else { return series }
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

  /// What the ad met beside its clicks, and what recounts changed, in minutes and in no order.
  package struct Details: Sendable {
    package var verdicts: [(minute: Minute, verdict: Verdict, count: UInt64)] = []
    /// What recounts took away from minute rows or added to them; credits are left out.
    package var corrected: [(minute: Minute, change: Int64)] = []

    package init() {}
  }

  /// The details of the ad at `index`: of these verdicts, and with `corrected` of recounts.
  package func details(_ index: Int, _ wanted: [Verdict], corrected: Bool) throws -> Details {
    var details = Details()
    for found in verdicts.found[ads[index]] ?? [] where wanted.contains(found.verdict) {
      details.verdicts.append((Minute(index: found.minute), found.verdict, found.count))
    }
    guard let code = entries[index].code, from < to else { return details }
    let range = from.index..<to.index
    for verdict in wanted {
      for row in try version.external(named: verdict.table).externalRows(of: code, in: range) {
        details.verdicts.append((Minute(index: row.bucket), verdict, row.value))
      }
    }
    guard corrected else { return details }
    for file in version.corrections {
      try file.forEachRow(of: code) { row in
        guard row.bucketSeconds == 60, !row.isCredit, range.contains(row.bucket) else { return }
        details.corrected.append((Minute(index: row.bucket), row.change))
      }
    }
    return details
  }

  /// Whether some of these verdicts in the range were lost with a process, or are told of no ad.
  package func isIncomplete(_ wanted: [Verdict]) throws -> Bool {
    if verdicts.isIncomplete { return true }
    guard let other, from < to else { return false }
    for name in wanted.map(\.table) + [Verdict.lostTable] {
      if try !version.external(named: name).externalRows(of: other, in: from.index..<to.index).isEmpty { return true }
    }
    return false
  }
}

extension LiveTable {
  /// The ads at one moment, for their clicks in `from ..< to`; with `details` also for what they met beside.
  package func reading(of ads: [AdKey], from: Minute, to: Minute, details: Bool = false) -> TableReading {
    TableReading(ads, from: from, to: to, taken(of: ads, from: from, to: to, verdicts: details))
  }
}
