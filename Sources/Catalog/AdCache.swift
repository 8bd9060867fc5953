import Clicks

// Between an event loop and the catalog thread (rule R15). One cache for each loop, no locks; a miss becomes a load:
//
//   loop: lookUp(key) = .miss → beginLoad(key) = ticket ──▶ catalog thread: reads the row
//   loop: finishLoad(ticket, answer)                    ◀──
//   loop: invalidate(key)                               ◀── after each change, once it is on disk
//
// An answer that was read before a change may arrive after the change's invalidation. The ticket settles it: an
// invalidation makes the tickets of its key void, and a void ticket stores nothing.
//   invariant: a ticket is good iff no invalidation of its key came since it was issued
//
// Known ads are bounded by bytes, unknown ids by number and apart from the ads: a flood of invented ids cannot push a real
// ad out.

/// An ad as the click path needs it: immutable, with the bytes for the header ready.
package final class CachedAd: Sendable {
  package let id: AdID
  package let status: Ad.Status
  package let advertiserID: String
  package let campaignID: String?
  /// The redirect URL, as it goes into `Location`.
  package let location: [UInt8]
  /// Where clicks go while the ad is paused, as it goes into `Location`.
  package let fallback: [UInt8]?

  package init(_ ad: Ad) {
    id = ad.id
    status = ad.status
    advertiserID = ad.advertiserID
    campaignID = ad.campaignID
    location = Array(ad.redirectURL.utf8)
    fallback = ad.fallbackURL.map { Array($0.utf8) }
  }

  /// Bytes of memory it takes inside a cache, with its share of the tables; rounded up.
  package var cost: Int {
    // Object and fields 128, slot and place in the tables at their emptiest 128, two array headers 64; longer strings
    // than 15 bytes live in memory of their own.
    let strings = [id.text, advertiserID, campaignID ?? ""].map { $0.utf8.count > 15 ? $0.utf8.count + 32 : 0 }
    return 320 + location.count + (fallback?.count ?? 0) + strings.reduce(0, +)
  }
}

/// The cache of one event loop.
package struct AdCache: ~Copyable {
  private var ads: ClockTable<CachedAd>
  private var unknown: ClockTable<Void>
  private var loads: [UInt64: UInt64] = [:]
  private var lastTicket: UInt64 = 0
  private var hits: UInt64 = 0
  private var misses: UInt64 = 0
  private var stale: UInt64 = 0

  /// A cache of at most `bytes` of known ads (default 64 MiB) and `unknownKeys` keys that no ad has.
  package init(bytes: Int = 64 << 20, unknownKeys: Int = 65_536) {
    ads = ClockTable(limit: bytes)
    unknown = ClockTable(limit: unknownKeys)
  }

  /// What the cache knows of a key.
  package enum Answer {
    case ad(CachedAd)
    /// The catalog has no such ad.
    case unknown
    /// Only the catalog knows.
    case miss
  }

  /// Looks a key up. Allocates nothing.
  package mutating func lookUp(_ key: AdKey) -> Answer {
    if let ad = ads.value(for: key.rawValue) {
      hits += 1
      return .ad(ad)
    }
    if unknown.value(for: key.rawValue) != nil {
      hits += 1
      return .unknown
    }
    misses += 1
    return .miss
  }

  /// One load under way.
  package struct Ticket: Hashable, Sendable {
    /// What is loaded.
    package let key: AdKey
    fileprivate let number: UInt64
  }

  /// Begins a load; nil where a good one of this key is under way already, whose answer the caller may wait for. Every
  /// ticket must come back through `finishLoad` or `cancelLoad`.
  package mutating func beginLoad(_ key: AdKey) -> Ticket? {
    guard loads[key.rawValue] == nil else { return nil }
    lastTicket += 1
    loads[key.rawValue] = lastTicket
    return Ticket(key: key, number: lastTicket)
  }

  /// Ends a load with what the catalog had, nil for no such ad. False where the ticket is void: the answer was true
  /// when it was read and may be given to who asked before, but it is not stored.
  @discardableResult
  package mutating func finishLoad(_ ticket: Ticket, _ answer: CachedAd?) -> Bool {
    guard cancelLoad(ticket) else {
      stale += 1
      return false
    }
    let key = ticket.key.rawValue
    if let answer {
      unknown.remove(key)
      ads.insert(answer, for: key, cost: answer.cost)
    } else {
      ads.remove(key)
      unknown.insert((), for: key, cost: 1)
    }
    return true
  }

  /// Ends a load that brought no answer. False where the ticket was void.
  @discardableResult
  package mutating func cancelLoad(_ ticket: Ticket) -> Bool {
    guard loads[ticket.key.rawValue] == ticket.number else { return false }
    loads[ticket.key.rawValue] = nil
    return true
  }

  /// Forgets a key, and what is being loaded for it: the catalog has changed.
  package mutating func invalidate(_ key: AdKey) {
    ads.remove(key.rawValue)
    unknown.remove(key.rawValue)
    loads[key.rawValue] = nil
  }

  /// Forgets everything, as `invalidate` of every key.
  package mutating func invalidateAll() {
    ads.removeAll()
    unknown.removeAll()
    loads.removeAll()
  }

  /// Counters since the cache was made, and gauges of now.
  package struct Statistics: Hashable, Sendable {
    /// Look-ups answered here, unknown ids included.
    package var hits: UInt64
    package var misses: UInt64
    /// Ads and unknown ids that went to make room.
    package var evictions: UInt64
    /// Answers not stored, since an invalidation came first.
    package var stale: UInt64
    /// Known ads here, and the bytes they take.
    package var ads: Int
    package var bytes: Int
    /// Unknown ids here.
    package var unknown: Int
    /// Loads under way.
    package var loads: Int
  }

  /// The cache's figures.
  package var statistics: Statistics {
    Statistics(
      hits: hits, misses: misses, evictions: UInt64(ads.evictions + unknown.evictions), stale: stale, ads: ads.count,
      bytes: ads.cost, unknown: unknown.count, loads: loads.count)
  }

  /// Whether both tables are sound and no key is in both; looks at every entry.
  package func invariantHolds() -> Bool {
    ads.invariantHolds() && unknown.invariantHolds()
  }
}
