import Clicks
import Shards
import Store

/// The sum of several ads, bucket by bucket, and what holds of all of them.
struct CountSum {
  /// Buckets with clicks, oldest first.
  private var clicks: [(minute: Minute, clicks: UInt64)] = []
  private var change: [Minute: Int64] = [:]
  /// What else was asked for, by bucket.
  private(set) var metrics: [Minute: MetricSum] = [:]
  private var leastRecounted: Minute?
  private var changed: [Minute] = []
  private var isChangeUnknown = false
  private var sealed: [Int: SealedMonths] = [:]
  /// Minutes before this one are closed, of all ads; nil where there is none.
  private(set) var closedThrough: Minute?

  /// Adds clicks, a cell for each of `buckets`; of more than one bucket all clicks at once.
  mutating func add(_ cells: ArraySlice<UInt64>, at buckets: [Minute]) {
    precondition(buckets.count == 1 || self.clicks.isEmpty)
    for (minute, clicks) in zip(buckets, cells) where clicks > 0 {
      if self.clicks.last?.minute == minute {
        self.clicks[self.clicks.count - 1].clicks += clicks
      } else {
        self.clicks.append((minute, clicks))
      }
    }
  }

  /// Adds what one shard says of one ad beside its clicks.
  mutating func add(_ state: LiveTable.Series, of shard: Int) {
    for credit in state.credits { change[credit.minute, default: 0] += credit.change }
    leastRecounted = leastRecounted.map { min($0, state.recountedThrough) } ?? state.recountedThrough
    if !state.changed.isEmpty { changed += state.changed }
    isChangeUnknown = isChangeUnknown || state.isChangeUnknown
    closedThrough = closedThrough.map { min($0, state.closedThrough) } ?? state.closedThrough
    if sealed[shard] == nil { sealed[shard] = state.sealed }
  }

  /// Adds what one ad met in a bucket.
  mutating func add(_ detail: TableReading.Detail, at bucket: Minute) {
    metrics[bucket, default: MetricSum()].add(detail)
  }

  /// Each bucket once, oldest first; one with credits or metrics has a count, if of 0.
  var counts: [(minute: Minute, clicks: UInt64)] {
    if change.isEmpty, metrics.isEmpty { return clicks }
    var counts = Dictionary(clicks.map { ($0.minute, $0.clicks) }, uniquingKeysWith: +)
    for minute in change.keys { counts[minute, default: 0] += 0 }
    for minute in metrics.keys { counts[minute, default: 0] += 0 }
    return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The credits, oldest first; none of 0.
  var credits: [(minute: Minute, change: Int64)] {
    change.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Minutes before this one were recounted at least once, of all ads.
  var recountedThrough: Minute { leastRecounted ?? Minute(index: .min) }

  var recounted: Recounted {
    Recounted(
      through: recountedThrough, changed: changed, isUnknown: isChangeUnknown,
      sealed: sealed.sorted { $0.key < $1.key }.map(\.value))
  }

  /// All clicks, credits and metrics, whatever their buckets.
  var total: (clicks: UInt64, credits: Int64, metrics: MetricSum) {
    var sum = MetricSum()
    for metric in metrics.values { sum.add(metric) }
    return (clicks.reduce(0) { $0 + $1.clicks }, change.values.reduce(0, +), sum)
  }
}

/// The sums of groups of ads that are read together.
struct GroupSums {
  /// In the order of the groups.
  private(set) var all: [CountSum]

  /// The sums of `groups` of the grouped ads that `reading` has in their order. With `isTotal` each is told in one bucket,
  /// with `hours` verdicts whose minutes have gone count in their hours. `asOf` gets the position of each shard that can hold one
  /// of the ads. Throws as `GroupedSeries` does.
  init(
    _ groups: Range<Int>, of ads: GroupedAds, _ reading: ShardReading, _ series: SeriesQuery, isTotal: Bool,
    hours: Bool, asOf: inout [Int: UInt64]
  ) throws {
    all = Array(repeating: CountSum(), count: groups.count)
    let range = ads.start(of: groups.lowerBound)..<ads.start(of: groups.upperBound)
    var owners: [Int32] = []
    owners.reserveCapacity(range.count)
    for (number, group) in groups.enumerated() {
      for _ in ads.range(of: group) { owners.append(Int32(number)) }
    }
    let grid = isTotal ? BucketGrid(.month) : series.grid
    var last = -1
    try reading.forEachState(range, in: grid) { i, shard, state in
      all[Int(owners[i - range.lowerBound])].add(state, of: shard)
      if shard != last || asOf[shard] == nil { asOf[shard] = state.asOf }
      last = shard
    }
    guard series.from < series.to else { return }
    let times = series.from..<series.to
    var cells =
      isTotal ? SumCells(groups: groups.count, of: times) : SumCells(groups: groups.count, of: times, in: grid)
    try series.check(exactFrom: try reading.addClicks(of: owners, from: range.lowerBound, to: &cells))
    for i in all.indices { all[i].add(cells.clicks(of: i), at: cells.buckets) }
    guard !series.plan.isEmpty else { return }
    let plan = series.plan
    try reading.addDetails(
      of: owners, from: range.lowerBound, plan.verdicts, corrected: plan.isCorrected, hours: hours
    ) {
      all[$0].add($2, at: cells.buckets[cells.bucket(of: $1)])
    }
  }
}

extension [CountSum] {
  /// Adds to each group what a reading has of its ads in one minute, that of `query`; `owners` are the groups of the ads in their
  /// order.
  mutating func add(_ owners: [Int32], of reading: ShardReading, _ query: SeriesQuery) throws {
    try reading.forEachState(owners.indices, in: query.grid) { i, shard, state in
      self[Int(owners[i])].add(state, of: shard)
    }
    var cells = SumCells(groups: count, of: query.from..<query.to, in: query.grid)
    try query.check(exactFrom: try reading.addClicks(of: owners, from: 0, to: &cells))
    for i in indices { self[i].add(cells.clicks(of: i), at: cells.buckets) }
  }
}
