import Catalog
import Clicks
import Shards
import Store

// From the shards to statements:
//
//   one advertiser   its ads in the catalog, deleted ones too ─▶ the shards that can hold each ─▶ days, credits
//   all              the day rows of every shard ─▶ by ad key ─▶ the catalog's entry ─▶ advertisers, and those without
//
// All day rows of a month are in memory at once, some 32 bytes each: a month of a million ads that are clicked on ten days
// takes 320 MB for the time of the answer.

/// The rows of a sealed month over all shards.
package struct MonthTable: Sendable {
  package let month: Month
  /// The seal of each shard, in their order.
  package let seals: [MonthSeal]
  private let tables: ShardTables

  /// Shards that have not sealed the month.
  package struct NotSealed: Error, Sendable {
    package var month: Month
    package var shards: [Int]
  }

  /// Throws `NotSealed` where not all shards have sealed the month.
  package init(_ month: Month, _ tables: ShardTables) throws(NotSealed) {
    let seals = tables.tables.map { $0.sealed.seal(of: month) }
    let missing = seals.indices.filter { seals[$0] == nil }
    guard missing.isEmpty, !seals.isEmpty else { throw NotSealed(month: month, shards: missing) }
    self.month = month
    self.seals = seals.compactMap { $0 }
    self.tables = tables
  }

  /// When the last shard was sealed, ms since 1970.
  package var sealedAt: Int64 { seals.map(\.time).max() ?? 0 }

  /// How many ads have clicks in a month, sealed or not, and of how many advertisers they are; the ads that the catalog does
  /// not know count as one advertiser's.
  static func counts(
    _ month: Month, _ tables: [LiveTable], _ catalog: Catalog
  ) throws -> (ads: Int, advertisers: Int) {
    let ads = Set(try tables.flatMap { try $0.days(of: month).map(\.ad) })
    var advertisers: Set<String?> = []
    for ad in ads { advertisers.insert(try catalog.ad(ad, includingDeleted: true)?.advertiserID) }
    return (ads.count, advertisers.count)
  }

  /// The statement of an advertiser, whose ads `ads` are.
  package func statement(of advertiserID: String, ads: [(id: AdID, key: AdKey)]) throws -> Statement {
    let minutes = month.minutes
    let parts = try ads.map { id, key in
      let shards = try tables.series(
        of: key, from: Minute(index: minutes.lowerBound), to: Minute(index: minutes.upperBound), in: .days)
      let days = shards.flatMap { part in
        part.series.points.map { Statement.Day(day: $0.minute.index / 1_440, clicks: $0.clicks, credits: 0) }
          + part.series.credits.map { Statement.Day(day: $0.minute.index / 1_440, clicks: 0, credits: $0.change) }
      }
      return Statement.AdPart(id: id, key: key, days: Statement.AdPart.days(days))
    }
    return Statement(month: month, advertiserID: advertiserID, sealedAt: sealedAt, ads: parts)
  }

  /// The statements of all advertisers with clicks in the month, by their ids; that of the ads that the catalog does not know
  /// comes last.
  package func statements(_ catalog: Catalog) throws -> [Statement] {
    var rows = try tables.tables.flatMap { try $0.days(of: month) }
    rows.sort { ($0.ad.rawValue, $0.day) < ($1.ad.rawValue, $1.day) }
    var parts: [String?: [Statement.AdPart]] = [:]
    var start = 0
    while start < rows.count {
      let key = rows[start].ad
      let end = rows[start...].firstIndex { $0.ad != key } ?? rows.count
      let days = Statement.AdPart.days(
        rows[start..<end].map { Statement.Day(day: $0.day, clicks: $0.clicks, credits: $0.credits) })
      start = end
      guard !days.isEmpty else { continue }
      let ad = try catalog.ad(key, includingDeleted: true)
      parts[ad?.advertiserID, default: []].append(Statement.AdPart(id: ad?.id, key: key, days: days))
    }
    return parts.map { Statement(month: month, advertiserID: $0.key, sealedAt: sealedAt, ads: $0.value) }
      .sorted { ($0.advertiserID == nil ? 1 : 0, $0.name) < ($1.advertiserID == nil ? 1 : 0, $1.name) }
  }
}
