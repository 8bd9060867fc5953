import Clicks

// Live points of several ads: what is asked.
//
//   advertiserId, campaignId, adId=a,b     whose points: the ads that are all of it
//   groupBy                                none: of all ads together; ad: of each; campaign: of each campaign of each advertiser
//   from                                   the first minute that is watched; without it the sixty minutes up to now
//   since                                  asOf of an answer that the client has

/// A checked request for the live points of several ads.
package struct WatchQuery: Hashable, Sendable {
  package var selection: AdSelection
  package var grouping: Grouping
  /// From the first minute that is watched to behind the last that clicks may have now, by minute.
  package var series: SeriesQuery
  /// The positions that the client has seen; nil where it comes new.
  package var since: AsOf?

  /// The first minute that is watched.
  package var from: Minute { series.from }

  /// The series of what is watched, as it is when a stream begins.
  package var grouped: GroupedQuery { GroupedQuery(selection, grouping, series) }

  /// The parameters of the interface, in its order.
  package static let parameters = AdSelection.parameters + ["groupBy", "from", "since"]

  /// The longest time that a stream watches, minutes: 48 hours, as long as clicks may be late by default.
  package static let maximumMinutes: Int64 = 48 * 60
  /// Minutes that are watched where the client does not say.
  package static let defaultMinutes: Int64 = 60
  /// Points that a stream begins with, at most.
  package static let firstPoints = 10_000

  /// Reads the decoded pairs of a query at the logical time `now`, where clicks may be `ahead` minutes in the future. Throws
  /// everything that is wrong.
  package init(
    parameters pairs: [(name: String, value: String)], now: Int64, ahead: Int64, zones: ZoneBook
  ) throws(QueryRefusal) {
    var faults = Faults()
    let values = SeriesQuery.collect(pairs, Self.parameters, &faults)
    selection = AdSelection(values, &faults)
    grouping = SeriesQuery.choice("groupBy", values, .none, &faults)
    let last = Minute(containing: now)
    var from = Minute(index: max(0, last.index + 1 - Self.defaultMinutes))
    if let text = values["from"] {
      do throws(TimeText.Failure) {
        from = Minute(containing: try TimeText.parse(text, now: now))
        if from > last {
          faults.add("from", "lies in the future")
        } else if last.index - from.index > Self.maximumMinutes {
          faults.add("from", "lies more than 48 hours back; older points are those of the series")
        }
      } catch { faults.add("from", error.detail) }
    }
    if let text = values["since"] {
      since = AsOf(text)
      if since == nil { faults.add("since", AsOf.rule) }
    }
    series = SeriesQuery(.several(0), [:], now: now, zones: zones, format: .json, &faults)
    try faults.check()
    (series.from, series.to, series.start) = (from, Minute(index: last.index + ahead + 1), from)
    series.limit = Self.firstPoints
  }
}

/// The positions of an answer, by shard, as `asOf` tells them.
package struct AsOf: Hashable, Sendable {
  package var positions: [Int: UInt64]

  package init(_ positions: [Int: UInt64]) { self.positions = positions }

  /// Reads `0:8812345,1:8790021`; nil for anything else.
  package init?(_ text: String) {
    guard text.utf8.count <= 4_096 else { return nil }
    positions = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: ":", omittingEmptySubsequences: false)
      guard sides.count == 2, let shard = UInt32(sides[0]), let position = UInt64(sides[1]),
        positions.updateValue(position, forKey: Int(shard)) == nil
      else { return nil }
    }
  }

  /// What a parameter has to be.
  package static let rule = "must be the asOf of an answer, such as 0:8812345,1:8790021"

  /// As answers have it.
  package var text: String { positions.sorted { $0.key < $1.key }.map { "\($0):\($1)" }.joined(separator: ",") }
}
