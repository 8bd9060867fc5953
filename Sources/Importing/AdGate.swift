import Catalog
import Clicks

// Which ads clicks may be counted for, as the catalog says. Each ad is asked for once, and remembered in a table with open
// addressing and linear probing, at most half full:
//
//     slot = key, standing        home of a key = a multiple of it, scaled to the slots
//
// A file that names many ads of the catalog would ask for nearly all of them one by one, each on another page of the file.
// So when as many were asked for as an eighth of the catalog's ads, all are read in one pass, in the order in which they
// stand there. What such a pass costs is never much more than what has been spent already.

/// Which ads clicks may be counted for. Belongs to the catalog's thread.
package final class AdGate {
  private let catalog: Catalog
  private let admitsPaused: Bool
  private var known = AdTable()
  /// How many ads are asked for before the catalog's are counted, or all read.
  private var asksBeforeCounting: Int
  private var asked = 0

  /// Most ads that are remembered.
  private static let limit = 4_000_000

  /// With `admitsPaused` clicks of paused ads count: history is older than the pause. `asksBeforeCounting`: ads that are asked
  /// for one by one in any case.
  package init(_ catalog: Catalog, admitsPaused: Bool, asksBeforeCounting: Int = 4_096) {
    self.catalog = catalog
    self.admitsPaused = admitsPaused
    self.asksBeforeCounting = asksBeforeCounting
  }

  /// Why a click of this ad is not counted; nil where it is.
  package func rejection(_ ad: AdKey) throws(CatalogError) -> ImportRejection? {
    let standing: AdTable.Standing
    if let found = known.standing(of: ad.rawValue) { standing = found } else { standing = try ask(ad) }
    switch standing {
    case .active: return nil
    case .paused: return admitsPaused ? nil : .paused
    case .unknown, .free: return .unknownAd
    }
  }

  /// Asks the catalog for an ad, and remembers it.
  private func ask(_ ad: AdKey) throws(CatalogError) -> AdTable.Standing {
    if asked >= asksBeforeCounting {
      try readMany()
      if let standing = known.standing(of: ad.rawValue) { return standing }
    }
    asked += 1
    let standing = AdTable.Standing(try catalog.status(of: ad))
    if known.count >= Self.limit { known = AdTable() }
    known.remember(ad.rawValue, standing)
    return standing
  }

  /// Reads all ads at once where enough of them have been asked for; else says when to look again.
  private func readMany() throws(CatalogError) {
    let ads = try catalog.countAds()
    guard ads < Self.limit else {
      asksBeforeCounting = .max
      return
    }
    guard asked >= ads / 8 else {
      asksBeforeCounting = ads / 8
      return
    }
    asksBeforeCounting = .max
    try catalog.forEachStatus { ad, status in
      if known.standing(of: ad.rawValue) == nil { known.remember(ad.rawValue, AdTable.Standing(status)) }
    }
  }
}

/// What is known of ads, by their keys.
private struct AdTable {
  enum Standing: UInt8 {
    case free, active, paused, unknown

    init(_ status: Ad.Status?) {
      switch status {
      case .active?: self = .active
      case .paused?: self = .paused
      case nil: self = .unknown
      }
    }
  }

  private struct Slot {
    var key: UInt64 = 0
    var standing = Standing.free
  }

  private var slots = [Slot](repeating: Slot(), count: 1_024)
  private(set) var count = 0

  /// What is known of the ad; nil: nothing.
  @inline(__always)
  func standing(of key: UInt64) -> Standing? {
    let found = slots[slot(of: key)].standing
    return found == .free ? nil : found
  }

  /// Remembers an ad of which nothing is known.
  mutating func remember(_ key: UInt64, _ standing: Standing) {
    slots[slot(of: key)] = Slot(key: key, standing: standing)
    count += 1
    guard count * 2 > slots.count else { return }
    let before = slots
    slots = Array(repeating: Slot(), count: before.count * 2)
    for one in before where one.standing != .free { slots[slot(of: one.key)] = one }
  }

  /// The slot that has this key, or the free one in which it belongs.
  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 32) & mask
    while slots[slot].standing != .free, slots[slot].key != key { slot = (slot + 1) & mask }
    return slot
  }
}
