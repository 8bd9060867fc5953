import Bytes
import Clicks
import Shards
import Store

// The heaviest ads or campaigns of a range, and what all of them come to. Each ad's clicks are read from the widest rows that
// the range allows and summed at once, so that memory holds one number for each group. Of all ads there are, which may be millions,
// a scan finds the heaviest: see HeaviestAds.swift.

/// A checked query for the heaviest ads.
package struct TopQuery: Hashable, Sendable {
  package var selection: AdSelection
  package var grouping: Grouping
  /// What decides who is heavy.
  package var order: Order
  /// The range; its buckets are those that are summed up.
  package var series: SeriesQuery
  /// The most rows.
  package var limit: Int

  /// What decides who is heavy.
  package enum Order: String, Sendable, CaseIterable { case clicks }

  /// The parameters of the interface, in its order.
  package static let parameters = ["by", "from", "to", "tz", "metrics", "limit"] + AdSelection.parameters + ["groupBy"]

  /// Rows where `limit` is absent, and at most.
  package static let defaultLimit = 10
  package static let maximumLimit = 10_000

  /// Reads the decoded pairs of a query, as `SeriesQuery` does. Without `from` the range has 24 hours.
  package init(
    parameters pairs: [(name: String, value: String)], now: Int64, zones: ZoneBook
  ) throws(QueryRefusal) {
    var faults = Faults()
    var values = SeriesQuery.collect(pairs, Self.parameters, &faults)
    selection = AdSelection(values, &faults)
    grouping = SeriesQuery.choice("groupBy", values, .ad, &faults)
    if grouping == .none { faults.add("groupBy", "must be one of ad, campaign") }
    order = SeriesQuery.choice("by", values, .clicks, &faults)
    limit = Self.defaultLimit
    if let text = values.removeValue(forKey: "limit") {
      if text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text), 1...Self.maximumLimit ~= number {
        limit = number
      } else {
        faults.add("limit", "must be a number from 1 to \(Self.maximumLimit)")
      }
    }
    values["granularity"] = BucketGrid.Unit.month.rawValue
    series = SeriesQuery(.several(0), values, now: now, zones: zones, format: .json, &faults)
    try faults.check()
    if values["from"] == nil { series.from = Minute(index: max(0, series.to.index - 1_440)) }
  }

  /// Whether it is about every ad there is, each for itself, and about clicks alone: then it may be answered by a scan.
  package var isScan: Bool { !selection.isNamed && grouping == .ad && series.plan.isEmpty }

  /// Buckets that let every row be read that lies in the range: nothing but their sum is told.
  fileprivate var grid: BucketGrid { BucketGrid(.month) }
}

/// The heaviest ads or campaigns, and what they reflect.
package struct TopPage: Sendable {
  package var query: TopQuery
  /// How many ads were selected.
  package var ads: Int
  /// The heaviest first; of equals in the order of their names. None without clicks, credits and what else was asked for.
  package private(set) var rows: [Row] = []
  /// Clicks of all groups, not of these alone.
  package private(set) var total: UInt64 = 0
  /// Their credits, which the total leaves out.
  package private(set) var credits: Int64 = 0
  /// What else was asked for, of all groups, in that order.
  package private(set) var metrics: [Int64] = []
  /// Some verdicts of the range were lost.
  package private(set) var verdictsIncomplete = false
  /// Minutes before this one are closed, of every ad; nil where no ad was selected.
  package private(set) var completeThrough: Minute?
  /// Minutes before this one were recounted at least once, of every ad.
  package private(set) var reconciledThrough: Minute?
  /// Position after the last click that the answer reflects, for each shard that can hold one of the ads.
  package private(set) var asOf: [Int: UInt64] = [:]

  /// One ad or campaign.
  package struct Row: Sendable {
    var name: String
    /// One of its ads.
    package var ad: SelectedAd
    package var clicks: UInt64 = 0
    package var credits: Int64 = 0
    fileprivate var sum = MetricSum()
  }

  /// Ads that are read at once.
  private static let stretch = 4_096

  /// The heaviest of `ads` by what the shards hold now, each shard seen at one batch boundary; throws as `GroupedSeries` does.
  package init(_ query: TopQuery, of ads: [SelectedAd], over tables: ShardTables) throws {
    self.query = query
    self.ads = ads.count
    let plan = query.series.plan
    var all = MetricSum()
    let reading = try tables.reading(
      of: ads.map(\.key), from: query.series.from, to: query.series.to, details: !plan.isEmpty)
    var sums: [String: Row] = [:]
    for start in stride(from: 0, to: ads.count, by: Self.stretch) {
      let indices = start..<min(start + Self.stretch, ads.count)
      for (i, parts) in zip(indices, try reading.series(indices, in: query.grid)) {
        try query.series.check(parts.map(\.series))
        let name = query.grouping.name(of: ads[i])
        for part in parts { add(part, to: &sums[name, default: Row(name: name, ad: ads[i])]) }
        guard !plan.isEmpty else { continue }
        for details in try reading.details(i, plan, query.grid) {
          var found = MetricSums()
          found.add(details, query.grid)
          for sum in found.buckets.values {
            sums[name]?.sum.add(sum)
            all.add(sum)
          }
        }
      }
    }
    metrics = all.values(plan, clicks: total)
    if plan.hasVerdicts { verdictsIncomplete = try reading.isIncomplete(plan, query.grid) }
    let found = sums.values.filter { $0.clicks > 0 || $0.credits != 0 || $0.sum != MetricSum() }
    let order = found.sorted { $0.clicks != $1.clicks ? $0.clicks > $1.clicks : $0.name < $1.name }
    rows = Array(order.prefix(query.limit))
  }

  /// The heaviest of all ads there are, as a scan found them; `ads` are those of its entries, in their order. Throws where minute rows
  /// that the range needs have retired.
  package init(_ query: TopQuery, _ found: HeaviestAds, ads: [SelectedAd]) throws(QueryRefusal) {
    self.query = query
    self.ads = found.count
    var sums = LiveTable.Series(points: [], asOf: 0, closedThrough: Minute(index: 0))
    sums.exactFrom = found.exactFrom
    try query.series.check([sums])
    (total, credits, asOf) = (found.total, found.credits, found.asOf)
    (completeThrough, reconciledThrough) = (found.closedThrough, found.recountedThrough)
    rows = zip(found.ads, ads).map { entry, ad in
      Row(name: query.grouping.name(of: ad), ad: ad, clicks: entry.clicks, credits: entry.credits)
    }
  }

  private mutating func add(_ part: ShardTables.Part, to row: inout Row) {
    let series = part.series
    let clicks = series.points.reduce(0) { $0 + $1.clicks }
    let credits = series.credits.reduce(0) { $0 + $1.change }
    row.clicks += clicks
    row.credits += credits
    total += clicks
    self.credits += credits
    completeThrough = completeThrough.map { min($0, series.closedThrough) } ?? series.closedThrough
    reconciledThrough = reconciledThrough.map { min($0, series.recountedThrough) } ?? series.recountedThrough
    asOf[part.shard] = series.asOf
  }

  /// `completeThrough` as it is written; nil where no minute was ever closed.
  package var completeThroughText: String? { Self.text(completeThrough) }

  private static func text(_ minute: Minute?) -> String? { minute.flatMap { $0.index > 0 ? $0.description : nil } }

  /// `asOf` as it is written: `0:8812345,1:8790021`.
  package var asOfText: String { asOf.sorted { $0.key < $1.key }.map { "\($0):\($1)" }.joined(separator: ",") }

  /// The page as JSON.
  package func rendered() -> [UInt8] {
    var text = Array("{\"by\":\"\(query.order.rawValue)\",\"groupBy\":\"\(query.grouping.rawValue)\"".utf8)
    let selection = query.selection
    text += ",\"advertiserId\":\(quoted(selection.advertiserID)),\"campaignId\":\(quoted(selection.campaignID))".utf8
    text += ",\"ads\":\(ads),\"from\":\"\(query.series.from)\",\"to\":\"\(query.series.to)\"".utf8
    text += ",\"completeThrough\":\(quoted(completeThroughText))".utf8
    text += ",\"reconciledThrough\":\(quoted(Self.text(reconciledThrough))),\"asOf\":\"\(asOfText)\"".utf8
    text += ",\"total\":\(total)".utf8
    if credits != 0 { text += ",\"credits\":\(credits)".utf8 }
    let plan = query.series.plan
    plan.append(metrics, verdictsIncomplete, to: &text)
    text += ",\"top\":[".utf8
    for (index, row) in rows.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      text.append(UInt8(ascii: "{"))
      if query.grouping == .ad { text += "\"adId\":\(quoted(row.ad.id?.text)),\"adKey\":\"\(row.ad.key)\",".utf8 }
      text += "\"advertiserId\":\(quoted(row.ad.advertiserID)),\"campaignId\":\(quoted(row.ad.campaignID))".utf8
      text += ",\"clicks\":\(row.clicks)".utf8
      if row.credits != 0 { text += ",\"credits\":\(row.credits)".utf8 }
      for (metric, value) in zip(plan.metrics, row.sum.values(plan, clicks: row.clicks)) {
        text += ",\"\(metric.name)\":\(value)".utf8
      }
      text.append(UInt8(ascii: "}"))
    }
    text += "]}\n".utf8
    return text
  }

  /// 32 hex digits that change whenever what the page says of the ads does; positions of shards are left out.
  package func fingerprint(by hasher: SHA256 = SHA256()) -> String {
    var page = self
    page.asOf = [:]
    page.completeThrough = completeThrough.map { max(query.series.from, min(query.series.to, $0)) }
    page.reconciledThrough = reconciledThrough.map { max(query.series.from, min(query.series.to, $0)) }
    return Hex.encode(hasher.digest(page.rendered()).prefix(16))
  }
}
