import Clicks
import Glibc

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

/// An ad as the click path needs it: immutable, with the bytes for the header ready. One whose target takes something of each
/// request is filled in, which makes another such object for the click.
package final class CachedAd: Sendable {
  package let id: AdID
  package let status: Ad.Status
  package let advertiserID: String
  package let campaignID: String?
  /// Where a click goes, as it stands in `Location`; of an ad that is not constant, without the request's part.
  package let location: [UInt8]
  /// The same while the ad is paused.
  package let fallback: [UInt8]?
  /// Nil where every click goes to the same place: then the click path pays nothing for placeholders.
  private let templates: (location: TargetTemplate, fallback: TargetTemplate?)?
  private let idBytes: [UInt8]

  package init(_ ad: Ad) {
    id = ad.id
    idBytes = Array(ad.id.text.utf8)
    status = ad.status
    advertiserID = ad.advertiserID
    campaignID = ad.campaignID
    let passes = PassQuery(ad.passQuery ?? "")
    func template(_ url: String) -> TargetTemplate {
      TargetTemplate(url, adID: ad.id.text, campaignID: ad.campaignID, passes: passes)
    }
    let target = template(ad.redirectURL)
    let retreat = ad.fallbackURL.map(template)
    location = target.plain
    fallback = retreat?.plain
    templates = target.isConstant && retreat?.isConstant != false ? nil : (target, retreat)
  }

  private init(_ ad: CachedAd, location: [UInt8], fallback: [UInt8]?) {
    id = ad.id
    idBytes = ad.idBytes
    status = ad.status
    advertiserID = ad.advertiserID
    campaignID = ad.campaignID
    self.location = location
    self.fallback = fallback
    templates = nil
  }

  /// Whether `text` is the ad's id. Two ids may have one key, and then the catalog has only one of them.
  @inline(__always)
  package func hasID(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == idBytes.count, let start = text.baseAddress else { return false }
    return unsafe idBytes.withUnsafeBytes { unsafe memcmp($0.baseAddress!, start, text.count) == 0 }
  }

  /// Whether every click goes to the same place.
  package var isConstant: Bool { templates == nil }

  /// The ad as one click needs it: `impression` as the request spells it, decoded, and its `query` as it stands.
  package func filled(impression: UnsafeRawBufferPointer, query: UnsafeRawBufferPointer) -> CachedAd {
    guard let templates else { return self }
    return unsafe CachedAd(
      self, location: templates.location.filled(impression: impression, query: query),
      fallback: templates.fallback?.filled(impression: impression, query: query))
  }

  /// Bytes of memory it takes inside a cache, with its share of the tables; rounded up.
  package var cost: Int {
    // Object and fields 128, slot and place in the tables at their emptiest 128, three array headers 96, the id's bytes 64;
    // longer strings than 15 bytes live in memory of their own.
    let strings = [id.text, advertiserID, campaignID ?? ""].map { $0.utf8.count > 15 ? $0.utf8.count + 32 : 0 }
    let filling = templates.map { $0.location.cost + ($0.fallback?.cost ?? 0) } ?? 0
    return 416 + location.count + (fallback?.count ?? 0) + filling + strings.reduce(0, +)
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
