import Catalog
import Clicks
import Glibc

// The ads that a worker has just met, by the texts of their ids, so that a line of one of them costs a comparison instead of
// a SHA-256 and a look into the cache. Direct-mapped: two ads of one place push each other out, and then the long way is
// taken. It holds what the cache held at the time, so it is emptied with every change of the catalog.

/// A small table in front of an `AdCache`.
@safe final class RecentAds {
  private static let places = 4_096
  private static let longest = 64
  private let texts = UnsafeMutableRawPointer.allocate(byteCount: RecentAds.places * RecentAds.longest, alignment: 64)
  private var lengths = [UInt8](repeating: 0, count: RecentAds.places)
  private var keys = [AdKey](repeating: AdKey(rawValue: 0), count: RecentAds.places)
  private var ads = [CachedAd?](repeating: nil, count: RecentAds.places)

  deinit { unsafe texts.deallocate() }

  /// The place where an ad of this id would stand, from the upper bits of a multiplicative hash of its words.
  func place(of id: UnsafeRawBufferPointer) -> Int {
    guard let base = id.baseAddress else { return 0 }
    var hash = UInt64(truncatingIfNeeded: id.count)
    var i = 0
    while i + 8 <= id.count {
      hash = unsafe (hash ^ (base + i).loadUnaligned(as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
      i += 8
    }
    while i < id.count {
      hash = unsafe (hash ^ UInt64(id[i])) &* 0x9E37_79B9_7F4A_7C15
      i += 1
    }
    return Int(((hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9) >> 52)
  }

  /// The ad of this id, if it stands at `place`.
  func ad(at place: Int, id: UnsafeRawBufferPointer) -> (key: AdKey, ad: CachedAd)? {
    guard Int(lengths[place]) == id.count, let base = id.baseAddress, let ad = ads[place],
      unsafe memcmp(texts + place * Self.longest, base, id.count) == 0
    else { return nil }
    return (keys[place], ad)
  }

  /// Puts an ad at the place of its id.
  func put(_ ad: CachedAd, _ key: AdKey, id: UnsafeRawBufferPointer, at place: Int) {
    guard 1...Self.longest ~= id.count, let base = id.baseAddress else { return }
    unsafe memcpy(texts + place * Self.longest, base, id.count)
    lengths[place] = UInt8(truncatingIfNeeded: id.count)
    keys[place] = key
    ads[place] = ad
  }

  /// Forgets all.
  func removeAll() {
    for place in 0..<Self.places {
      lengths[place] = 0
      ads[place] = nil
    }
  }
}
