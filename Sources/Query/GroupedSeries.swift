import Clicks
import Shards
import Store

// Several ads as one page. The groups come in the order of their names, and the ads of a group one behind the other. As many groups
// as have room for all their buckets in the cells are summed at once, so that no more than these and the page are in memory, however
// many ads there are:
//
//   ads by group ─▶ one moment of each shard ─▶ a stretch of groups ─▶ cells ─▶ page
//
//   groups before the cursor's │ from the cursor's, while the page has room │ behind that
//   total alone: one cell each │ a cell for each bucket                     │ total alone
//
// Where only final buckets count, a total takes all buckets.

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
  /// Points of this page so far.
  private var points = 0
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

  /// Cells that are in memory at once.
  private static let cellsAtOnce = 1 << 20
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
    let grouped = GroupedAds(ads, by: query.grouping)
    let reading = try tables.reading(
      of: grouped.ads.map(\.key), from: series.from, to: series.to, details: !series.plan.isEmpty)
    let count = grouped.names.count
    /// Whether nothing but the total is told of a group.
    func isTotal(_ group: Int) -> Bool { series.status == .any && !isOnPage(grouped.names[group]) }
    var group = 0
    while group < count {
      let areTotals = isTotal(group)
      let room = areTotals ? Self.cellsAtOnce : max(1, Self.cellsAtOnce / Int(buckets))
      var end = group + 1
      while end < count, end - group < room, isTotal(end) == areTotals { end += 1 }
      let sums = try GroupSums(
        group..<end, of: grouped, reading, series, isTotal: areTotals, hours: grid.unit != .minute, asOf: &asOf)
      for (i, sum) in sums.all.enumerated() {
        let name = grouped.names[group + i]
        if isTotal(group + i) { add(sum) } else { add(sum, name, grouped.ads[grouped.start(of: group + i)]) }
      }
      group = end
    }
    metrics = self.sum.values(series.plan, clicks: total)
    if series.plan.hasVerdicts { verdictsIncomplete = try reading.isIncomplete(series.plan, grid) }
  }

  /// Whether points of a group stand on this page, as far as it is full now.
  private func isOnPage(_ name: String) -> Bool { next == nil && name >= query.series.group }

  /// Adds a group of which only the totals are told.
  private mutating func add(_ sum: CountSum) {
    let all = sum.total
    total += all.clicks
    credits += all.credits
    self.sum.add(all.metrics)
    note(sum)
  }

  /// Adds a group whose ads are all summed up.
  private mutating func add(_ sum: CountSum, _ name: String, _ ad: SelectedAd) {
    var page = query.series
    page.group = name
    let isOnPage = isOnPage(name)
    if name != query.series.group { page.start = page.from }
    page.limit = isOnPage ? page.limit - points : 0
    let series = Series(
      page, counts: sum.counts, credits: sum.credits, completeThrough: sum.closedThrough ?? Minute(index: 0),
      recounted: sum.recounted, asOf: [], metrics: sum.metrics)
    self.sum.add(series.sum)
    total += series.total
    credits += series.credits
    if isOnPage { next = series.next }
    note(sum)
    points += series.points.count
    if !series.points.isEmpty { groups.append(Group(ad: ad, series: series)) }
  }

  private mutating func note(_ sum: CountSum) {
    let (closed, recounted) = (sum.closedThrough ?? Minute(index: 0), sum.recountedThrough)
    completeThrough = completeThrough.map { min($0, closed) } ?? closed
    reconciledThrough = reconciledThrough.map { min($0, recounted) } ?? recounted
  }
}
