import Clicks
import Shards
import Store

// Several ads as one page. The groups come in the order of their names, and the ads of a group one behind the other, so that
// no more than one group's sums and the page are in memory, however many ads there are:
//
//   ads by group ─▶ one moment of each shard ─▶ a stretch of ads, read in the order of their rows ─▶ sum of the group ─▶ page
//
//   group before the cursor's │ the cursor's │ behind it, while the page has room │ behind that
//   total alone               │ from there   │ whole                              │ total alone

/// One page of the series of several ads, and what it reflects.
package struct GroupedSeries: Sendable {
  package var query: GroupedQuery
  /// How many ads were selected.
  package var ads: Int
  /// The points of this page: groups in the order of their names, the points of each oldest first.
  package var groups: [Group]
  /// Clicks of all groups of the query, not of this page alone.
  package var total: UInt64 = 0
  /// Their credits, which the total leaves out.
  package var credits: Int64 = 0
  /// What else was asked for, of all groups, in that order.
  package var metrics: [Int64] = []
  private var sum = MetricSum()
  /// Some verdicts of the range were lost.
  package var verdictsIncomplete = false
  /// Where the next page begins; nil on the last.
  package var next: String?
  /// Minutes before this one are closed, of every ad; nil where no ad was selected.
  package var completeThrough: Minute?
  /// Minutes before this one were recounted at least once, of every ad.
  package var reconciledThrough: Minute?
  /// Position after the last click that the answer reflects, for each shard that can hold one of the ads.
  package var asOf: [Int: UInt64] = [:]

  /// The points of one group.
  package struct Group: Sendable {
    /// Whose they are: one of its ads.
    package var ad: SelectedAd
    package var series: Series
  }

  /// Points of ads that are in memory on the way to their group.
  private static let pointsAtOnce: Int64 = 1 << 20
  private static let adsAtOnce: Int64 = 4_096
  /// The most buckets of all ads together.
  private static let maximumBuckets: Int64 = 100_000_000

  /// The page of `query` over what the shards hold of `ads` now, each shard seen at one batch boundary. Throws `QueryRefusal`
  /// where that is too much or rows that the range needs have retired, `FormatError` where a file is damaged, `SystemError`
  /// where the disk does not answer.
  package init(_ query: GroupedQuery, of ads: [SelectedAd], over tables: ShardTables) throws {
    self.query = query
    self.ads = ads.count
    groups = []
    let series = query.series
    let grid = series.grid
    let buckets = (series.to.index - series.from.index) / grid.minutes + 2
    guard buckets * Int64(ads.count) <= Self.maximumBuckets else {
      let detail =
        "is too far from to for \(ads.count) ads: at most \(Self.maximumBuckets / Int64(ads.count)) "
        + "\(grid.unit.rawValue)s of so many"
      throw QueryRefusal(code: .rangeTooLong, faults: [ParameterFault("from", detail)])
    }
    let named = ads.map { (name: query.grouping.name(of: $0), ad: $0) }.sorted {
      ($0.name, $0.ad.id?.text ?? "~", $0.ad.key.rawValue) < ($1.name, $1.ad.id?.text ?? "~", $1.ad.key.rawValue)
    }
    let reading = try tables.reading(
      of: named.map(\.ad.key), from: series.from, to: series.to, details: !series.plan.isEmpty)
    let stretch = Int(max(1, min(Self.adsAtOnce, Self.pointsAtOnce / buckets)))
    var sum = CountSum()
    for start in stride(from: 0, to: named.count, by: stretch) {
      let indices = start..<min(start + stretch, named.count)
      for (i, parts) in zip(indices, try reading.series(indices, in: grid)) {
        try series.check(parts.map(\.series))
        for part in parts {
          sum.add(part)
          asOf[part.shard] = part.series.asOf
        }
        if !series.plan.isEmpty {
          for details in try reading.details(i, series.plan, grid) { sum.add(details, grid) }
        }
        guard i + 1 == named.count || named[i + 1].name != named[i].name else { continue }
        add(named[i].name, named[i].ad, sum)
        sum = CountSum()
      }
    }
    metrics = self.sum.values(series.plan, clicks: total)
    if series.plan.hasVerdicts { verdictsIncomplete = try reading.isIncomplete(series.plan, grid) }
  }

  /// Adds a group whose ads are all summed up.
  private mutating func add(_ name: String, _ ad: SelectedAd, _ sum: CountSum) {
    var page = query.series
    page.group = name
    let isOnPage = next == nil && name >= query.series.group
    if name != query.series.group { page.start = page.from }
    page.limit = isOnPage ? page.limit - groups.reduce(0) { $0 + $1.series.points.count } : 0
    let recounted = sum.recounted
    let series = Series(
      page, counts: sum.counts, credits: sum.credits, completeThrough: sum.closedThrough ?? Minute(index: 0),
      recounted: recounted, asOf: [], metrics: sum.metrics)
    self.sum.add(series.sum)
    total += series.total
    credits += series.credits
    if isOnPage { next = series.next }
    completeThrough = completeThrough.map { min($0, series.completeThrough) } ?? series.completeThrough
    reconciledThrough = reconciledThrough.map { min($0, recounted.through) } ?? recounted.through
    if !series.points.isEmpty { groups.append(Group(ad: ad, series: series)) }
  }
}
