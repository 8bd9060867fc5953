import Clicks

// Which shard a click belongs to, as a pure function of its identity and of the hot intervals (Formats/routes.md):
//
//     home(ad)            = mix(ad key) scaled to 0 ..< S
//     spread(impression)  = mix(first half ^ mix(second half)) scaled to 0 ..< S
//
//     route(ad, impression) = spread(impression)   where the impression has a time in its bits that is inside one of the
//                                                  ad's hot intervals, and it is no early id
//                             home(ad)             otherwise
//
// So every copy of an impression meets the same dedup index, whenever it comes and however hot the ad is by then: a route
// depends on the time in the bits of the identity, never on the time of the click, and not on what that time means. An
// interval is decided before the first impression in it can be clicked, and what was clicked before all the same, an early id,
// is remembered (`RouteBoard`). It is never forgotten, since its clicks are in all shards for good.

/// Minting times of one ad whose impressions go to all shards.
package struct HotInterval: Hashable, Sendable {
  /// The first, ms since 1970.
  package var start: Int64
  /// Behind the last; `.max` while nobody knows.
  package var end: Int64

  package init(start: Int64, end: Int64 = .max) {
    self.start = start
    self.end = end
  }

  /// Whether its end is not decided yet.
  package var isOpen: Bool { end == .max }

  package func contains(_ minted: Int64) -> Bool { minted >= start && minted < end }
}

/// Where clicks go. A value: whoever holds one routes by it until it takes a newer one from the board.
package struct RouteTable: Sendable {
  /// Shards of the store.
  package let shards: Int
  /// Goes up with each change; the number of the `ROUTES` file that says so.
  package let version: UInt64
  /// The intervals of ads that are or were hot, ascending and apart.
  package let hot: [AdKey: [HotInterval]]

  /// Open addressing over `entries`, a power of two of slots at most half full; -1 is empty. A dictionary would hash with a
  /// key of its own for each click.
  private let slots: [Int32]
  private let entries: [(ad: AdKey, intervals: [HotInterval])]

  /// An impression may be minted this long after its click, ms, by clocks that differ (R12).
  package static let mintTolerance = EventTimeLimits.mintTolerance

  /// A table of `shards` shards. The intervals of each ad ascend and do not touch.
  package init(shards: Int, version: UInt64 = 0, hot: [AdKey: [HotInterval]] = [:]) {
    precondition(shards > 0)
    self.shards = shards
    self.version = version
    self.hot = hot
    entries = hot.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    var slots: [Int32] = []
    if !entries.isEmpty {
      var count = 4
      while count < 2 * entries.count { count *= 2 }
      slots = [Int32](repeating: -1, count: count)
      for (entry, hot) in entries.enumerated() {
        var at = Int(truncatingIfNeeded: Self.mix(hot.ad.rawValue)) & (count - 1)
        while slots[at] >= 0 { at = (at + 1) & (count - 1) }
        slots[at] = Int32(entry)
        precondition(Self.areApart(hot.intervals), "hot intervals of \(hot.ad)")
      }
    }
    self.slots = slots
  }

  /// The invariant of an ad's intervals.
  package static func areApart(_ intervals: [HotInterval]) -> Bool {
    !intervals.isEmpty && intervals.allSatisfy { $0.start < $0.end }
      && zip(intervals, intervals.dropFirst()).allSatisfy { $0.end < $1.start }
  }

  // MARK: - Routing

  /// The shard of a click that is no early one: the same for the same identity, always.
  package func route(_ identity: ClickIdentity) -> Int {
    guard shards > 1 else { return 0 }
    return hotTime(of: identity) == nil ? home(of: identity.ad) : spread(identity.impression)
  }

  /// The time in the bits of the identity where it lies in a hot interval of its ad; nil for all others.
  @inline(__always)
  func hotTime(of identity: ClickIdentity) -> Int64? {
    guard !slots.isEmpty, let time = identity.impression.timeInBits, isHot(identity.ad, minted: time) else {
      return nil
    }
    return time
  }

  /// Whether any ad is or was hot.
  @inline(__always)
  var hasHot: Bool { !slots.isEmpty }

  /// The shard of all clicks of an ad that was never hot, and of what is known of the ad alone.
  package func home(of ad: AdKey) -> Int { scale(Self.mix(ad.rawValue)) }

  /// The shard of an impression of a hot ad.
  package func spread(_ impression: ImpressionID) -> Int {
    scale(Self.mix(impression.high ^ Self.mix(impression.low)))
  }

  /// Whether impressions of the ad that were minted at this time go to all shards.
  package func isHot(_ ad: AdKey, minted: Int64) -> Bool {
    guard let entry = entry(of: ad) else { return false }
    // The newest interval is the likeliest.
    for interval in entries[entry].intervals.reversed() where interval.start <= minted { return minted < interval.end }
    return false
  }

  /// The shards that can hold clicks of the ad, ascending.
  package func shards(holding ad: AdKey) -> Range<Int> {
    guard shards > 1, entry(of: ad) == nil else { return 0..<shards }
    let home = home(of: ad)
    return home..<(home + 1)
  }

  /// No click of the ad that happened before this time, ms since 1970, is outside its home; nil where none ever is.
  package func spreadFrom(_ ad: AdKey) -> Int64? {
    entry(of: ad).map { entries[$0].intervals[0].start - Self.mintTolerance }
  }

  private func entry(of ad: AdKey) -> Int? {
    guard !slots.isEmpty else { return nil }
    var at = Int(truncatingIfNeeded: Self.mix(ad.rawValue)) & (slots.count - 1)
    while slots[at] >= 0 {
      let entry = Int(slots[at])
      if entries[entry].ad == ad { return entry }
      at = (at + 1) & (slots.count - 1)
    }
    return nil
  }

  // MARK: - The function that never changes

  /// The 64-bit finaliser of MurmurHash3 (Appleby, 2011): each bit of the result depends on every bit of the word. What is
  /// on disk was placed by it.
  @inline(__always)
  static func mix(_ word: UInt64) -> UInt64 {
    var h = word
    h ^= h &>> 33
    h = h &* 0xFF51_AFD7_ED55_8CCD
    h ^= h &>> 33
    h = h &* 0xC4CE_B9FE_1A85_EC53
    h ^= h &>> 33
    return h
  }

  /// A number of 64 evenly spread bits as one below `shards`, by the upper half of the product (Lemire, "Fast random integer
  /// generation in an interval", 2019).
  @inline(__always)
  private func scale(_ hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(shards)).high) }

  // MARK: - Agreement

  /// The least minting time that the two tables route differently for some identity; nil where there is none. What makes a
  /// change safe: nobody may have used the older table from there on.
  package func firstDifference(from other: RouteTable) -> Int64? {
    guard shards == other.shards else { return .min }
    var first: Int64?
    for ad in Set(hot.keys).union(other.hot.keys) {
      let (a, b) = (hot[ad] ?? [], other.hot[ad] ?? [])
      guard a != b else { continue }
      // Both tell the same up to the first border that only one has.
      let borders = Set(a.flatMap { [$0.start, $0.end] }).symmetricDifference(b.flatMap { [$0.start, $0.end] })
      for border in borders where border < first ?? .max { first = border }
    }
    return first
  }
}
