import Clicks

// A page of groups as text: that of one series, and before the time of each point whose it is.

extension Grouping {
  /// What tells a group apart, by the names of the interface.
  func members(of ad: SelectedAd?) -> [(name: String, value: String?)] {
    switch self {
    case .none: []
    case .ad: [("adId", ad?.id?.text)]
    case .campaign: [("advertiserId", ad?.advertiserID), ("campaignId", ad?.campaignID)]
    }
  }
}

extension GroupedSeries {
  /// The page in its query's format.
  package func rendered() -> [UInt8] {
    var text: [UInt8] = []
    var writer = PointWriter(query.series)
    text.reserveCapacity(512 + groups.reduce(0) { $0 + $1.series.points.count } * (writer.bytesOfPoint + 24))
    if query.series.format == .json {
      let selection = query.selection
      text += "{\"advertiserId\":\(quoted(selection.advertiserID)),\"campaignId\":\(quoted(selection.campaignID))".utf8
      text += ",\"groupBy\":\"\(query.grouping.rawValue)\",\"ads\":\(ads),".utf8
      query.series.appendRange(to: &text)
      text += ",\"completeThrough\":\(quoted(completeThroughText))".utf8
      text += ",\"reconciledThrough\":\(quoted(reconciledThroughText)),\"asOf\":\"\(asOfText)\",\"total\":\(total)".utf8
      if credits != 0 { text += ",\"credits\":\(credits)".utf8 }
      query.series.plan.append(metrics, verdictsIncomplete, to: &text)
      text += ",\"next\":\(quoted(next)),\"series\":[".utf8
    }
    writer.use(query.grouping.members(of: nil))
    writer.begin(&text)
    for group in groups {
      writer.use(query.grouping.members(of: group.ad))
      writer.append(group.series.points, to: &text)
    }
    if query.series.format == .json { text += "]}\n".utf8 }
    return text
  }

  /// `completeThrough` as it is written; nil where no minute was ever closed.
  package var completeThroughText: String? { Self.text(completeThrough) }

  /// `reconciledThrough` as it is written; nil where nothing was ever recounted.
  package var reconciledThroughText: String? { Self.text(reconciledThrough) }

  private static func text(_ minute: Minute?) -> String? { minute.flatMap { $0.index > 0 ? $0.description : nil } }

  /// `asOf` as it is written: `0:8812345,1:8790021`.
  package var asOfText: String { asOf.sorted { $0.key < $1.key }.map { "\($0):\($1)" }.joined(separator: ",") }

  /// 32 hex digits that change whenever what the page says of the ads does; positions of shards are left out.
  package func fingerprint(by hasher: SHA256 = SHA256()) -> String {
    var print = Fingerprint()
    let selection = query.selection
    for text in [
      "\(query.series.granularity)", "\(query.series.format)", query.grouping.rawValue, selection.advertiserID ?? "-",
      selection.campaignID ?? "-", next ?? "-",
    ] { print.add(text) }
    for minute in [query.series.from, query.series.to] { print.add(minute.index) }
    for minute in [completeThrough, reconciledThrough] {
      print.add(minute.map { max(query.series.from, min(query.series.to, $0)).index } ?? -1)
    }
    print.add(UInt64(ads))
    print.add(total)
    print.add(credits)
    for metric in query.series.plan.metrics { print.add(metric.name) }
    for metric in metrics { print.add(metric) }
    print.add(verdictsIncomplete ? 1 : UInt64(0))
    for group in groups {
      print.add(query.grouping.name(of: group.ad))
      print.add(group.series.points)
    }
    return print.text(by: hasher)
  }
}
