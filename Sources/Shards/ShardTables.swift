import Clicks
import Store

// Reads fan in: an ad's clicks are the sum over the shards that can hold it, and no others.
//
//   home    ─ points, position, closedThrough ─┐
//   another ─ points, position, closedThrough ─┴─▶ points summed; positions apart (K5); closedThrough: the least (R4)
//
// An ad that turns hot is held by more shards from then on. These have none of its clicks from before, whatever they have
// closed, so their time counts from the beginning of its first hot interval: `closedThrough` of an ad never goes back.

/// The tables of all shards of a store, and where to look in them. Any thread may use it.
package struct ShardTables: Sendable {
  /// Those of all shards, in their order.
  package let tables: [LiveTable]
  /// Where clicks go; nil: any shard may hold any ad.
  package let routes: RouteBoard?
  /// Shards that cannot be read, in whose place an empty table stands, and why.
  private let unreadable: [Int: any Error]

  package init(_ tables: [LiveTable], routes: RouteBoard?, unreadable: [Int: any Error] = [:]) {
    self.tables = tables
    self.routes = routes
    self.unreadable = unreadable
  }

  /// What one shard says of an ad.
  package struct Part: Sendable {
    package var shard: Int
    package var series: LiveTable.Series
  }

  /// The shards that can hold the ad, ascending.
  package func shards(holding ad: AdKey) -> Range<Int> { routes?.table.shards(holding: ad) ?? tables.indices }

  /// Whether the ad was ever clicked, or may have been in a shard that cannot be read.
  package func hasClicks(_ ad: AdKey) -> Bool {
    shards(holding: ad).contains { tables[$0].hasClicks(ad) || unreadable[$0] != nil }
  }

  /// The ad's clicks in `from ..< to` in the buckets of `grid`, for each shard that can hold it: each at one batch boundary.
  /// Throws `FormatError` where a file is damaged, `SystemError` where the disk does not answer.
  package func series(of ad: AdKey, from: Minute, to: Minute, in grid: BucketGrid) throws -> [Part] {
    try reading(of: [ad], from: from, to: to).series(0, in: grid)
  }

  /// Several ads, each shard at one batch boundary. Throws where a shard that can hold one of them cannot be read.
  /// With `details` also what they met beside their clicks; `rowLimit`: see `LiveTable.reading`.
  package func reading(
    of ads: [AdKey], from: Minute, to: Minute, details: Bool = false, rowLimit: Int? = nil
  ) throws -> ShardReading {
    try ShardReading(self, ads, from: from, to: to, details: details, rowLimit: rowLimit)
  }

  /// Why a shard cannot be read; nil where it can.
  func fault(_ shard: Int) -> (any Error)? { unreadable[shard] }

  /// Minutes of the ad before this one are closed in every shard that can hold it.
  package func closedThrough(_ ad: AdKey) -> Minute {
    let spread = routes?.table.spreadFrom(ad).map { Minute(containing: $0) }
    let home = routes?.table.home(of: ad)
    return shards(holding: ad).map { shard in
      let closed = tables[shard].summary.closedThrough
      return shard != home ? max(closed, spread ?? closed) : closed
    }.min() ?? Minute(index: 0)
  }
}
