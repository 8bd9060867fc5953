import Clicks
import Store

// The heaviest of all ads there are. Each shard is gone through ad by ad, and only as many ads are kept as are wanted, twice: an ad
// that one shard alone can hold is compared as it comes, those that were spread over several, which routes name, are added up first.
// Where nobody knows the routes, every ad may be in every shard: then their sums are made for part of the keys at a time.

/// The heaviest ads of a range, and what all of them come to.
package struct HeaviestAds: Sendable {
  /// The heaviest first; of equals the lower key. None without clicks and credits.
  package private(set) var ads: [Entry] = []
  /// How many ads were ever clicked.
  package fileprivate(set) var count = 0
  /// Clicks and credits of all ads.
  package private(set) var total: UInt64 = 0
  package private(set) var credits: Int64 = 0
  /// Position of each shard.
  package fileprivate(set) var asOf: [Int: UInt64] = [:]
  /// Minutes before this one are closed, and recounted at least once, in every shard.
  package fileprivate(set) var closedThrough: Minute?
  package fileprivate(set) var recountedThrough: Minute?
  /// Where minute rows that the range needs have retired: they begin here.
  package fileprivate(set) var exactFrom: Minute?
  private let limit: Int
  /// What an ad needs to come among the heaviest, as far as they were cut.
  fileprivate private(set) var least: UInt64 = 0

  package struct Entry: Sendable {
    package var ad: AdKey
    package var clicks: UInt64
    package var credits: Int64
  }

  fileprivate init(_ limit: Int) { self.limit = limit }

  fileprivate mutating func note(_ scan: TableScan, of shard: Int) {
    asOf[shard] = scan.asOf
    closedThrough = closedThrough.map { min($0, scan.closedThrough) } ?? scan.closedThrough
    recountedThrough = recountedThrough.map { min($0, scan.recountedThrough) } ?? scan.recountedThrough
    exactFrom = scan.exactFrom ?? exactFrom
  }

  fileprivate mutating func add(_ entry: Entry) {
    total += entry.clicks
    credits += entry.credits
    ads.append(entry)
    if ads.count >= 2 * limit + 2 { cut() }
  }

  /// Clicks of ads that are too light for it.
  fileprivate mutating func pass(_ clicks: UInt64) { total += clicks }

  fileprivate mutating func cut() {
    ads.sort { $0.clicks != $1.clicks ? $0.clicks > $1.clicks : $0.ad.rawValue < $1.ad.rawValue }
    if ads.count > limit { ads.removeLast(ads.count - limit) }
    // Of two with as many clicks the key decides.
    if ads.count == limit, let last = ads.last { least = last.clicks }
  }
}

extension ShardTables {
  /// Ads whose sums are in memory at a time where any shard may hold them.
  private static let adsAtOnce = 1 << 20

  /// The `limit` heaviest of all ads in `from ..< to`, each shard at one batch boundary. Throws `FormatError` where a file is damaged,
  /// `SystemError` where the disk does not answer.
  package func heaviest(from: Minute, to: Minute, limit: Int) throws -> HeaviestAds {
    var found = HeaviestAds(limit)
    for shard in tables.indices { if let error = fault(shard) { throw error } }
    if let table = routes?.table {
      try addRouted(table, from, to, &found)
    } else if tables.count == 1 {
      try addRouted(RouteTable(shards: 1), from, to, &found)
    } else {
      try addUnrouted(from, to, &found)
    }
    found.cut()
    return found
  }

  private func addRouted(_ routes: RouteTable, _ from: Minute, _ to: Minute, _ found: inout HeaviestAds) throws {
    let spread = routes.hot.keys.sorted { $0.rawValue < $1.rawValue }
    var joint: [AdKey: HeaviestAds.Entry] = [:]
    for (shard, table) in tables.enumerated() {
      found.count += table.summary.ads - (table.hasClicks(VerdictCounts.other) ? 1 : 0)
      var apart: [UInt32: AdKey] = [:]
      for ad in spread {
        guard let code = table.code(of: ad) else { continue }
        apart[code] = ad
        if joint[ad] == nil { joint[ad] = HeaviestAds.Entry(ad: ad, clicks: 0, credits: 0) } else { found.count -= 1 }
      }
      // Ads that were spread may be light here and heavy together.
      let scan = try table.scan(from: from, to: to, always: Array(apart.keys))
      found.note(scan, of: shard)
      while let sum = try scan.next(least: found.least) {
        if let ad = apart[sum.code] {
          joint[ad]!.clicks += sum.clicks
          joint[ad]!.credits += sum.credits
        } else if let ad = table.key(of: sum.code) {
          found.add(HeaviestAds.Entry(ad: ad, clicks: sum.clicks, credits: sum.credits))
        }
      }
      found.pass(scan.passed)
    }
    for entry in joint.values where entry.clicks > 0 || entry.credits != 0 { found.add(entry) }
  }

  private func addUnrouted(_ from: Minute, _ to: Minute, _ found: inout HeaviestAds) throws {
    let passes = UInt64(1 + tables.reduce(0) { $0 + $1.summary.ads } / Self.adsAtOnce)
    for pass in 0..<passes {
      var joint: [UInt64: HeaviestAds.Entry] = [:]
      var keys: Set<UInt64> = []
      for (shard, table) in tables.enumerated() {
        let adKeys = table.adKeys
        keys.formUnion(adKeys.lazy.filter { $0 % passes == pass && $0 != VerdictCounts.other.rawValue })
        let scan = try table.scan(from: from, to: to)
        found.note(scan, of: shard)
        while let sum = try scan.next() {
          // An ad that came after the keys were taken.
          guard Int(sum.code) < adKeys.count else { continue }
          let key = adKeys[Int(sum.code)]
          guard key % passes == pass else { continue }
          var entry = joint[key] ?? HeaviestAds.Entry(ad: AdKey(rawValue: key), clicks: 0, credits: 0)
          entry.clicks += sum.clicks
          entry.credits += sum.credits
          joint[key] = entry
        }
      }
      found.count += keys.count
      for entry in joint.values { found.add(entry) }
    }
  }
}
