import Clicks

// Several ads at one moment of a shard: what memory has of all of them is taken in one hold of the lock, their rows are read
// from one version afterwards, ad by ad, as somebody asks. Ads that are asked for in the order of their codes have each block
// of a run decoded once.
//
//     lock │ live clicks of each ad, version, position │          rows of ad 7 │ rows of ad 3 │ …

/// What a shard holds of several ads, all at one position. Belongs to one thread.
package final class TableReading {
  private let from: Minute
  private let to: Minute
  private let entries: [(live: LiveTable.Series, code: UInt32?)]
  private let tables: WideTables
  private var version: Version { tables.version }

  fileprivate init(
    from: Minute, to: Minute, _ entries: [(live: LiveTable.Series, code: UInt32?)], _ version: Version
  ) {
    self.from = from
    self.to = to
    self.entries = entries
    tables = WideTables(version)
  }

  /// The number of an ad in the shard's files, by which rows are sorted; nil for one without clicks.
  package func code(_ index: Int) -> UInt32? { entries[index].code }

  /// The clicks of the ad at `index` of those that were asked for, summed in the buckets of `grid`, as `LiveTable.series` has them.
  package func series(_ index: Int, in grid: BucketGrid) throws -> LiveTable.Series {
    var (series, code) = entries[index]
    series.points = LiveTable.summed(series.points, in: grid)
    guard let code, from < to else { return series }
    try series.addCredits(of: code, version, in: from.index..<to.index, grid)
    var rows = WideRows(tables, code, grid)
    try rows.read(from.index..<to.index)
    if !rows.isExact { series.exactFrom = Minute(index: version.minutesFrom) }
    series.points = LiveTable.sum(LiveTable.summed(rows.points, in: grid), series.points)
    return series
  }
}

extension LiveTable {
  /// The ads at one moment, for their clicks in `from ..< to`.
  package func reading(of ads: [AdKey], from: Minute, to: Minute) -> TableReading {
    let (entries, version) = taken(of: ads, from: from, to: to)
    return TableReading(from: from, to: to, entries, version)
  }
}
