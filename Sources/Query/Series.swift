import Clicks
import Shards
import Store

// From the shards to one page:
//
//   shard 0 ─ points, asOf, closedThrough ─┐
//   shard 1 ─ points, asOf, closedThrough ─┼─▶ sum by minute ─▶ status ─▶ filter ─▶ total ─▶ fill ─▶ page
//                                          └─ closedThrough: the least of them (R4); asOf: all of them (K5)

/// How final a point is, the least final first.
package enum PointStatus: String, Sendable, CaseIterable {
  /// Its minute is still open.
  case provisional
  /// Watermark and lateness have passed it.
  case closed
  /// It was recounted from the raw clicks, and no click has come since.
  case reconciled
  /// Its month is sealed: it never changes, and what would have changed it is a credit beside it.
  case sealed
}

/// The clicks of one minute, hour, day, week or month.
package struct Point: Hashable, Sendable {
  /// The first minute.
  package var minute: Minute
  package var clicks: UInt64
  package var status: PointStatus
  /// What counts beside the clicks, since their month was sealed; below zero where it takes some away.
  package var credits: Int64
  /// What else was asked for, in that order.
  package var metrics: [Int64]

  package init(minute: Minute, clicks: UInt64, status: PointStatus, credits: Int64 = 0, metrics: [Int64] = []) {
    self.minute = minute
    self.clicks = clicks
    self.status = status
    self.credits = credits
    self.metrics = metrics
  }
}

/// One page of a series, and what it reflects.
package struct Series: Sendable {
  package var query: SeriesQuery
  /// The points of this page, oldest first.
  package var points: [Point]
  /// Clicks of all points of the query, not of this page alone.
  package var total: UInt64
  /// Their credits, which the total leaves out.
  package var credits: Int64
  /// What else was asked for, of the same points, in that order.
  package var metrics: [Int64] = []
  /// The same in numbers that can be added up.
  var sum = MetricSum()
  /// Some verdicts of the range were lost.
  package var verdictsIncomplete = false
  /// Where the next page begins; nil on the last.
  package var next: String?
  /// Minutes before this one are closed.
  package var completeThrough: Minute
  /// Minutes before this one were recounted at least once.
  package var reconciledThrough: Minute
  /// Position after the last click that the answer reflects, for each shard that can hold the ad.
  package var asOf: [UInt64]
  /// The numbers of these shards.
  package var shards: [Int]

  /// The page of `query` over what the shards hold now: `tables` are those of all shards that can hold the ad, in their
  /// order. Each shard is seen at one batch boundary. Throws `QueryRefusal` where rows that the range needs have retired,
  /// `FormatError` where a file is damaged, `SystemError` where the disk does not answer.
  package init(_ query: SeriesQuery, over tables: [LiveTable]) throws {
    guard let ad = query.ad else { preconditionFailure("a query over several ads asks for groups") }
    let parts = try tables.map { try $0.series(of: ad, from: query.from, to: query.to, in: query.grid) }
    try query.check(parts)
    self.init(query, of: parts)
  }

  /// The page of `query` over the shards that can hold the ad, and no others. With `rowLimit` what takes longer than a look at about
  /// so many rows, or is not in memory, throws `NotAtHand`.
  package init(_ query: SeriesQuery, over tables: ShardTables, rowLimit: Int? = nil) throws {
    guard let ad = query.ad else { preconditionFailure("a query over several ads asks for groups") }
    let reading = try tables.reading(
      of: [ad], from: query.from, to: query.to, details: !query.plan.isEmpty, rowLimit: rowLimit)
    let parts = try reading.series(0, in: query.grid)
    try query.check(parts.map(\.series))
    var metrics: [Minute: MetricSum] = [:]
    if !query.plan.isEmpty {
      let (plan, grid) = (query.plan, query.grid)
      try reading.addDetails(
        of: [0], from: 0, plan.verdicts, corrected: plan.isCorrected, hours: grid.unit != .minute
      ) {
        metrics[grid.start(of: $1), default: MetricSum()].add($2)
      }
    }
    self.init(query, of: parts.map(\.series), metrics)
    if query.plan.hasVerdicts { verdictsIncomplete = try reading.isIncomplete(query.plan, query.grid) }
    shards = parts.map(\.shard)
  }

  /// The page of `query` over answers of the shards, one for each, with points in `query.from ..< query.to`.
  package init(_ query: SeriesQuery, of parts: [LiveTable.Series]) { self.init(query, of: parts, [:]) }

  private init(_ query: SeriesQuery, of parts: [LiveTable.Series], _ metrics: [Minute: MetricSum]) {
    let credits = Self.sum(parts.map(\.credits))
    let isPlain = parts.count == 1 && credits.isEmpty && metrics.isEmpty
    let counts =
      isPlain ? parts[0].points : Self.sum(parts.map(\.points), at: credits.map(\.minute) + metrics.keys)
    self.init(
      query, counts: counts, credits: credits, completeThrough: parts.map(\.closedThrough).min() ?? Minute(index: 0),
      recounted: Recounted(parts), asOf: parts.map(\.asOf), metrics: metrics)
  }

  /// The page of `query` over its counts, oldest first, each bucket once, under its first minute. A bucket with credits has a
  /// count, if of 0.
  package init(
    _ query: SeriesQuery, counts: [(minute: Minute, clicks: UInt64)],
    credits: [(minute: Minute, change: Int64)] = [], completeThrough: Minute,
    recounted: Recounted = Recounted([]), asOf: [UInt64]
  ) {
    self.init(
      query, counts: counts, credits: credits, completeThrough: completeThrough, recounted: recounted, asOf: asOf,
      metrics: [:])
  }

  /// The same with what else was asked for; a bucket that has some of it has a count too.
  init(
    _ query: SeriesQuery, counts: [(minute: Minute, clicks: UInt64)], credits: [(minute: Minute, change: Int64)],
    completeThrough: Minute, recounted: Recounted, asOf: [UInt64], metrics: [Minute: MetricSum]
  ) {
    self.query = query
    reconciledThrough = recounted.through
    self.completeThrough = completeThrough
    self.asOf = asOf
    shards = Array(asOf.indices)
    let grid = query.grid
    // The minutes of a bucket that the range has.
    func minutes(_ bucket: Minute) -> Range<Minute> {
      max(bucket, query.from)..<max(query.from, min(query.to, grid.end(of: bucket)))
    }
    // A bucket is as final as the last of its minutes.
    func isComplete(_ bucket: Minute) -> Bool { minutes(bucket).upperBound <= completeThrough }
    func isWanted(_ bucket: Minute) -> Bool {
      bucket < query.to && query.from < query.to && (query.status == .any || isComplete(bucket))
    }
    let wanted = counts.prefix { isWanted($0.minute) }
    total = wanted.reduce(0) { $0 + $1.clicks }
    self.credits = credits.prefix { isWanted($0.minute) }.reduce(0) { $0 + $1.change }
    let credit = Dictionary(credits.map { ($0.minute, $0.change) }, uniquingKeysWith: +)
    func point(_ minute: Minute, _ clicks: UInt64) -> Point {
      var point = Point(minute: minute, clicks: clicks, status: .provisional)
      if !query.plan.isEmpty { point.metrics = (metrics[minute] ?? MetricSum()).values(query.plan, clicks: clicks) }
      if !credit.isEmpty { point.credits = credit[minute] ?? 0 }
      guard isComplete(minute) else { return point }
      let bucket = minutes(minute)
      point.status = recounted.isSealed(bucket) ? .sealed : recounted.holds(bucket) ? .reconciled : .closed
      return point
    }
    if !query.plan.isEmpty {
      for point in wanted { if let found = metrics[point.minute] { sum.add(found) } }
      self.metrics = sum.values(query.plan, clicks: total)
    }
    let start = grid.start(of: query.start)
    let rest = wanted.drop { $0.minute < start }
    var following: Minute?
    switch query.fill {
    case .none:
      points = rest.prefix(query.limit).map { point($0.minute, $0.clicks) }
      following = rest.dropFirst(query.limit).first?.minute
    case .zero:
      points = []
      points.reserveCapacity(min(query.limit, Int(max(0, query.to.index - start.index) / grid.minutes) + 2))
      var index = rest.startIndex
      var bucket = start
      while isWanted(bucket), points.count < query.limit {
        if index < rest.endIndex, rest[index].minute == bucket {
          points.append(point(bucket, rest[index].clicks))
          index += 1
        } else {
          points.append(point(bucket, 0))
        }
        bucket = grid.end(of: bucket)
      }
      if isWanted(bucket) { following = bucket }
    }
    next = following.map {
      // The first bucket of a group may begin before the range.
      Cursor(from: query.from, to: query.to, next: max($0, query.from), binding: query.binding, group: query.group).text
    }
  }

  /// The sum of several lists of credits, each ascending.
  private static func sum(_ credits: [[(minute: Minute, change: Int64)]]) -> [(minute: Minute, change: Int64)] {
    var sum: [(minute: Minute, change: Int64)] = []
    for credit in credits.joined().sorted(by: { $0.minute < $1.minute }) {
      if sum.last?.minute == credit.minute {
        sum[sum.count - 1].change += credit.change
      } else {
        sum.append(credit)
      }
    }
    return sum.filter { $0.change != 0 }
  }

  /// The sum of several series, each ascending; a bucket of `others` is there with 0 clicks at least.
  private static func sum(
    _ series: [[(minute: Minute, clicks: UInt64)]], at others: [Minute]
  ) -> [(minute: Minute, clicks: UInt64)] {
    var sum: [(minute: Minute, clicks: UInt64)] = []
    let all = Array(series.joined()) + others.map { ($0, 0) }
    for point in all.sorted(by: { $0.minute < $1.minute }) {
      if sum.last?.minute == point.minute {
        sum[sum.count - 1].clicks += point.clicks
      } else {
        sum.append(point)
      }
    }
    return sum
  }
}

/// Which minutes of an ad are recounted, over all shards that can hold it; or of several ads.
package struct Recounted: Sendable {
  /// Minutes before this one were, at least once.
  package var through = Minute(index: .min)
  /// Those among them that a click has changed since, ascending.
  private var changed: [Minute] = []
  /// Some shard has too many of them to tell.
  private var isUnknown = false
  /// What each shard has sealed.
  private var sealed: [SealedMonths] = []

  /// What the shards say together.
  package init(_ parts: [LiveTable.Series]) {
    guard let least = parts.map(\.recountedThrough).min() else { return }
    through = least
    changed = parts.flatMap(\.changed).sorted()
    isUnknown = parts.contains(where: \.isChangeUnknown)
    sealed = parts.map(\.sealed)
  }

  /// What holds of all of several ads: minutes before `through` were recounted at least once, and `changed`, in no order, since.
  init(through: Minute, changed: [Minute], isUnknown: Bool, sealed: [SealedMonths]) {
    self.through = through
    self.changed = changed.sorted()
    self.isUnknown = isUnknown
    self.sealed = sealed
  }

  /// Whether all of these minutes are sealed, in every shard.
  func isSealed(_ minutes: Range<Minute>) -> Bool {
    let range = minutes.lowerBound.index..<minutes.upperBound.index
    return !sealed.isEmpty && sealed.allSatisfy { $0.contains(range) }
  }

  /// Whether all of these minutes are, and none has changed since.
  func holds(_ minutes: Range<Minute>) -> Bool {
    guard minutes.upperBound <= through, !isUnknown else { return false }
    var (low, end) = (0, changed.count)
    while low < end {
      let middle = (low + end) / 2
      if changed[middle] < minutes.lowerBound { low = middle + 1 } else { end = middle }
    }
    return low == changed.count || changed[low] >= minutes.upperBound
  }
}
