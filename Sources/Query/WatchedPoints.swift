import Clicks
import Shards

// Single minutes of single groups, for those who follow changes: whole values, each as its series would have it now.

/// A minute of a group.
package struct WatchedRow: Hashable, Sendable {
  /// The group's number, as whoever asks has numbered them.
  package var group: Int32
  package var minute: Minute

  package init(group: Int32, minute: Minute) {
    self.group = group
    self.minute = minute
  }
}

package enum WatchedPoints {
  /// Ads that are read at one moment: the lock of a shard is held for so many.
  private static let adsAtOnce = 1_024

  /// The points of `rows`, in the order of their minutes and groups; one without clicks has 0. `ads` has the ads of a group.
  /// `query` says how statuses are told; its range is not looked at. Throws as `Series` does.
  package static func read(
    _ rows: some Sequence<WatchedRow>, _ query: SeriesQuery, over tables: ShardTables, ads: (Int32) -> [AdKey]
  ) throws -> [(row: WatchedRow, point: Point)] {
    var points: [(row: WatchedRow, point: Point)] = []
    var query = query
    (query.fill, query.limit) = (.zero, 1)
    let sorted = rows.sorted { ($0.minute, $0.group) < ($1.minute, $1.group) }
    var start = 0
    while start < sorted.count {
      let minute = sorted[start].minute
      let end = sorted[start...].firstIndex { $0.minute != minute } ?? sorted.count
      (query.from, query.to, query.start) = (minute, Minute(index: minute.index + 1), minute)
      let groups = Array(sorted[start..<end])
      let members = groups.enumerated().flatMap { place, row in ads(row.group).map { (group: Int32(place), ad: $0) } }
      var sums = Array(repeating: CountSum(), count: groups.count)
      for first in stride(from: 0, to: members.count, by: adsAtOnce) {
        let part = members[first..<min(first + adsAtOnce, members.count)]
        let reading = try tables.reading(of: part.map(\.ad), from: query.from, to: query.to)
        let owners = part.map(\.group)
        try sums.add(owners, of: reading, query)
      }
      for (row, sum) in zip(groups, sums) {
        let series = Series(
          query, counts: sum.counts, credits: sum.credits, completeThrough: sum.closedThrough ?? Minute(index: 0),
          recounted: sum.recounted, asOf: [])
        points.append((row, series.points.first ?? Point(minute: minute, clicks: 0, status: .provisional)))
      }
      start = end
    }
    return points
  }
}

extension Grouping {
  /// The members that tell a group apart, `,` behind each, for the front of a point.
  package func prefix(of ad: SelectedAd) -> String {
    members(of: ad).map { "\"\($0.name)\":\(quoted($0.value))," }.joined()
  }
}

extension Point {
  /// Appends the point as JSON, `prefix` in front of its minute.
  package func append(_ prefix: String, to text: inout [UInt8]) {
    text += "{\(prefix)\"minute\":\"\(minute)\",\"clicks\":\(clicks),\"status\":\"\(status.rawValue)\"".utf8
    if credits != 0 { text += ",\"credits\":\(credits)".utf8 }
    text.append(UInt8(ascii: "}"))
  }
}

extension AdSelection {
  /// Whether an ad of this advertiser and campaign is meant by what the selection names beside ids.
  package func admits(advertiserID: String?, campaignID: String?) -> Bool {
    (self.advertiserID == nil || self.advertiserID == advertiserID)
      && (self.campaignID == nil || self.campaignID == campaignID)
  }
}
