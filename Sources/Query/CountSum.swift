import Clicks
import Shards
import Store

/// The sum of several ads' parts, bucket by bucket, and what holds of all of them.
struct CountSum {
  private var clicks: [Minute: UInt64] = [:]
  private var change: [Minute: Int64] = [:]
  private var sums = MetricSums()
  private var recounts: [(through: Minute, changed: [Minute], isUnknown: Bool)] = []
  private var sealed: [Int: SealedMonths] = [:]
  /// Minutes before this one are closed, of all ads; nil where there is none.
  private(set) var closedThrough: Minute?

  /// Adds what one shard says of one ad.
  mutating func add(_ part: ShardTables.Part) {
    let series = part.series
    for point in series.points { clicks[point.minute, default: 0] += point.clicks }
    for credit in series.credits {
      change[credit.minute, default: 0] += credit.change
      clicks[credit.minute, default: 0] += 0
    }
    // Most ads say the same.
    if let last = recounts.last, series.changed.isEmpty, last.through == series.recountedThrough,
      last.isUnknown == series.isChangeUnknown
    {
    } else {
      recounts.append((series.recountedThrough, series.changed, series.isChangeUnknown))
    }
    sealed[part.shard] = series.sealed
    closedThrough = closedThrough.map { min($0, series.closedThrough) } ?? series.closedThrough
  }

  /// Adds what one ad met in one shard.
  mutating func add(_ details: TableReading.Details, _ grid: BucketGrid) { sums.add(details, grid) }

  /// What else was asked for, by bucket.
  var metrics: [Minute: MetricSum] { sums.buckets }

  /// Each bucket once, oldest first; one with credits or metrics has a count, if of 0.
  var counts: [(minute: Minute, clicks: UInt64)] {
    clicks.merging(sums.buckets.keys.lazy.map { ($0, 0) }, uniquingKeysWith: +)
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The credits, oldest first; none of 0.
  var credits: [(minute: Minute, change: Int64)] {
    change.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  var recounted: Recounted { Recounted(of: recounts, sealed: sealed.sorted { $0.key < $1.key }.map(\.value)) }
}
