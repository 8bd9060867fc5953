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

  /// The heaviest of `ads` by what the shards hold now, each shard seen at one batch boundary; throws as `GroupedSeries` does.
  package init(_ query: TopQuery, of ads: [SelectedAd], over tables: ShardTables) throws {
    self.query = query
    self.ads = ads.count
    let plan = query.series.plan
    let grouped = GroupedAds(ads, by: query.grouping)
    let reading = try tables.reading(
      of: grouped.ads.map(\.key), from: query.series.from, to: query.series.to, details: !plan.isEmpty)
    let sums = try GroupSums(
      grouped.names.indices, of: grouped, reading, query.series, isTotal: true, hours: true, asOf: &asOf)
    var all = MetricSum()
    for (group, sum) in sums.all.enumerated() {
      let found = sum.total
      total += found.clicks
      credits += found.credits
      if !plan.isEmpty { all.add(found.metrics) }
      let (closed, recounted) = (sum.closedThrough ?? Minute(index: 0), sum.recountedThrough)
      completeThrough = completeThrough.map { min($0, closed) } ?? closed
      reconciledThrough = reconciledThrough.map { min($0, recounted) } ?? recounted
      guard found.clicks > 0 || found.credits != 0 || found.metrics != MetricSum() else { continue }
      rows.append(
        Row(
          name: grouped.names[group], ad: grouped.ads[grouped.start(of: group)], clicks: found.clicks,
          credits: found.credits, sum: found.metrics))
    }
    metrics = all.values(plan, clicks: total)
    if plan.hasVerdicts { verdictsIncomplete = try reading.isIncomplete(plan.verdicts, hours: true) }
    // Names ascend already.
    let order = rows.indices.sorted { rows[$0].clicks != rows[$1].clicks ? rows[$0].clicks > rows[$1].clicks : $0 < $1 }
    rows = order.prefix(query.limit).map { rows[$0] }
  }

  /// The heaviest of all ads there are, as a scan found them; `ads` are those of its entries, in their order. Throws where minute rows
  /// that the range needs have retired.
  package init(_ query: TopQuery, _ found: HeaviestAds, ads: [SelectedAd]) throws(QueryRefusal) {
    self.query = query
    self.ads = found.count
    try query.series.check(exactFrom: found.exactFrom)
    (total, credits, asOf) = (found.total, found.credits, found.asOf)
    (completeThrough, reconciledThrough) = (found.closedThrough, found.recountedThrough)
    rows = zip(found.ads, ads).map { entry, ad in
      Row(name: query.grouping.name(of: ad), ad: ad, clicks: entry.clicks, credits: entry.credits)
    }
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
    text.reserveCapacity(text.count + rows.count * (112 + 20 * plan.metrics.count))
    for (index, row) in rows.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      text.append(UInt8(ascii: "{"))
      if query.grouping == .ad {
        Self.member("adId", row.ad.id?.text, to: &text)
        if row.ad.id == nil { Self.member("adKey", row.ad.key.description, to: &text) }
      }
      Self.member("advertiserId", row.ad.advertiserID, to: &text)
      Self.member("campaignId", row.ad.campaignID, to: &text)
      text += "\"clicks\":".utf8
      text += String(row.clicks).utf8
      if row.credits != 0 { text += ",\"credits\":\(row.credits)".utf8 }
      for (metric, value) in zip(plan.metrics, row.sum.values(plan, clicks: row.clicks)) {
        text += ",\"".utf8
        text += metric.name.utf8
        text += "\":".utf8
        text += String(value).utf8
      }
      text.append(UInt8(ascii: "}"))
    }
    text += "]}\n".utf8
    return text
  }

  /// `"name":"text",`; null where there is no text. Ids need no escape.
  private static func member(_ name: StaticString, _ text: String?, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    bytes += "\(name)".utf8
    bytes += "\":".utf8
    if let text {
      bytes.append(UInt8(ascii: "\""))
      bytes += text.utf8
      bytes += "\",".utf8
    } else {
      bytes += "null,".utf8
    }
  }

  /// 32 hex digits that change whenever what the page says of the ads does; positions of shards are left out.
  package func fingerprint(by hasher: SHA256 = SHA256()) -> String {
    var print = Fingerprint()
    let selection = query.selection
    for text in [
      query.order.rawValue, query.grouping.rawValue, selection.advertiserID ?? "-", selection.campaignID ?? "-",
    ] { print.add(text) }
    for minute in [completeThrough, reconciledThrough] {
      print.add(minute.map { max(query.series.from, min(query.series.to, $0)).index } ?? -1)
    }
    for minute in [query.series.from, query.series.to] { print.add(minute.index) }
    print.add(UInt64(ads))
    print.add(total)
    print.add(credits)
    for metric in query.series.plan.metrics { print.add(metric.name) }
    for metric in metrics { print.add(metric) }
    print.add(verdictsIncomplete ? 1 : UInt64(0))
    for row in rows {
      print.add(row.name)
      print.add(row.clicks)
      print.add(row.credits)
      for metric in row.sum.values(query.series.plan, clicks: row.clicks) { print.add(metric) }
    }
    return print.text(by: hasher)
  }
}
