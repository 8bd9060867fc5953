import Catalog
import Clicks
import Platform
import Simulation
import Testing

/// Made as small as the tests need.
private func cached(_ number: Int, version: Int = 0, padding: Int = 0) -> CachedAd {
  CachedAd(
    Ad(
      id: AdID("ad-\(number)")!, key: AdKey(rawValue: UInt64(number)),
      redirectURL: "http://a/\(version)?" + String(repeating: "x", count: padding), advertiserID: "acme",
      createdAt: 0, updatedAt: 0))
}

/// A cache that the macros can hold: it is not copyable itself.
private final class Cache {
  private var cache: AdCache

  init(bytes: Int = 64 << 20, unknownKeys: Int = 65_536) { cache = AdCache(bytes: bytes, unknownKeys: unknownKeys) }

  var statistics: AdCache.Statistics { cache.statistics }
  var isSound: Bool { cache.invariantHolds() }
  func lookUp(_ key: AdKey) -> AdCache.Answer { cache.lookUp(key) }
  func beginLoad(_ key: AdKey) -> AdCache.Ticket? { cache.beginLoad(key) }
  func finishLoad(_ ticket: AdCache.Ticket, _ answer: CachedAd?) -> Bool { cache.finishLoad(ticket, answer) }
  func cancelLoad(_ ticket: AdCache.Ticket) -> Bool { cache.cancelLoad(ticket) }
  func invalidate(_ key: AdKey) { cache.invalidate(key) }

  /// The whole of a load in one step.
  func load(_ number: Int, _ answer: CachedAd?) {
    let ticket = cache.beginLoad(AdKey(rawValue: UInt64(number)))!
    cache.finishLoad(ticket, answer)
  }

  func knows(_ number: Int) -> Bool {
    if case .miss = cache.lookUp(AdKey(rawValue: UInt64(number))) { false } else { true }
  }
}

@Suite struct AdCacheTests {
  @Test func aHitIsTheSameObjectWithItsBytes() throws {
    let cache = Cache()
    let key = AdKey(rawValue: 5)
    guard case .miss = cache.lookUp(key) else {
      Issue.record("an empty cache knows something")
      return
    }
    let ad = cached(5)
    cache.load(5, ad)
    guard case .ad(let hit) = cache.lookUp(key) else {
      Issue.record("no hit")
      return
    }
    #expect(hit === ad)
    #expect(hit.location == Array("http://a/0?".utf8) && hit.fallback == nil)
    let statistics = cache.statistics
    #expect(statistics.hits == 1 && statistics.misses == 1 && statistics.ads == 1 && statistics.bytes == ad.cost)
  }

  @Test func anAnswerOlderThanAnInvalidationIsNotStored() {
    let cache = Cache()
    let key = AdKey(rawValue: 1)
    let old = cache.beginLoad(key)!
    #expect(cache.beginLoad(key) == nil)
    cache.invalidate(key)
    // Who asks now must not wait for the old load.
    let new = cache.beginLoad(key)!
    #expect(!cache.finishLoad(old, cached(1, version: 1)))
    #expect(!cache.knows(1))
    #expect(cache.finishLoad(new, cached(1, version: 2)))
    #expect(!cache.finishLoad(old, nil))
    #expect(!cache.finishLoad(new, nil))
    #expect(cache.knows(1))
    #expect(cache.statistics.stale == 3 && cache.statistics.loads == 0)
    let late = cache.beginLoad(key)!
    cache.invalidate(key)
    #expect(!cache.knows(1) && !cache.finishLoad(late, cached(1)) && !cache.knows(1))
    let cancelled = cache.beginLoad(key)!
    #expect(cache.cancelLoad(cancelled) && !cache.cancelLoad(cancelled) && cache.beginLoad(key) != nil)
  }

  @Test func unknownIdsNeverPushAnAdOut() {
    let cache = Cache(bytes: 1 << 20, unknownKeys: 100)
    cache.load(1, cached(1))
    for number in 1000..<5000 { cache.load(number, nil) }
    #expect(cache.knows(1))
    #expect(cache.statistics.unknown == 100 && cache.statistics.evictions == 3900)
    #expect(cache.isSound)
  }

  @Test func whatIsAskedForAgainOutlivesWhatIsNot() {
    let size = cached(1000).cost
    let cache = Cache(bytes: size * 20)
    for number in 1000..<1010 { cache.load(number, cached(number)) }
    for number in 2000..<3000 {
      for hot in 1000..<1010 { #expect(cache.knows(hot), "\(hot) went at \(number)") }
      cache.load(number, cached(number))
    }
  }

  @Test func anAdTooBigForTheCacheIsNotStored() {
    let cache = Cache(bytes: 1000, unknownKeys: 1)
    cache.load(1, cached(1, padding: 2000))
    #expect(!cache.knows(1) && cache.statistics.bytes == 0)
    cache.load(2, cached(2))
    #expect(cache.knows(2))
    // A version that outgrew the cache must not leave the old one behind.
    cache.load(2, cached(2, version: 1, padding: 2000))
    #expect(!cache.knows(2) && cache.isSound)
  }

  @Test func aKeyIsKnownOrUnknownNeverBoth() {
    let cache = Cache()
    cache.load(1, nil)
    cache.load(1, cached(1))
    #expect(cache.statistics.unknown == 0 && cache.statistics.ads == 1)
    cache.load(1, nil)
    #expect(cache.statistics.unknown == 1 && cache.statistics.ads == 0)
    guard case .unknown = cache.lookUp(AdKey(rawValue: 1)) else {
      Issue.record("not unknown")
      return
    }
  }

  /// A catalog that changes, loads that are answered in any order, and invalidations that come after each change but in
  /// any order with the answers. Whenever a key has no invalidation on its way, what the cache says is what the catalog has.
  @Test(arguments: 0..<4)
  func itNeverAnswersWithAnOlderState(round: Int) {
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let keys = [3, 20, 200, 200][round]
    let cache = Cache(bytes: [5_000, 20_000, 20_000, 1 << 20][round], unknownKeys: [1, 5, 20, 1000][round])
    var catalog = [Int?](repeating: nil, count: keys)
    var version = 0
    var answers: [(ticket: AdCache.Ticket, version: Int?)] = []
    var invalidations: [Int] = []
    var seen = (hits: 0, unknown: 0, refused: 0)
    for step in 0..<40_000 {
      let number = Int.random(in: 0..<keys, using: &random)
      let key = AdKey(rawValue: UInt64(number))
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        version += 1
        catalog[number] = Bool.random(using: &random) ? version : nil
        invalidations.append(number)
      case 1...3 where !answers.isEmpty:
        let answer = answers.remove(at: Int.random(in: 0..<answers.count, using: &random))
        let ad = answer.version.map {
          cached(Int(answer.ticket.key.rawValue), version: $0, padding: Int.random(in: 0...300, using: &random))
        }
        if !cache.finishLoad(answer.ticket, ad) { seen.refused += 1 }
      case 4...5 where !invalidations.isEmpty:
        let index = Int.random(in: 0..<invalidations.count, using: &random)
        cache.invalidate(AdKey(rawValue: UInt64(invalidations.remove(at: index))))
      default:
        let answer = cache.lookUp(key)
        if case .miss = answer {
          // The catalog is read at once; its answer is on its way for a while.
          if let ticket = cache.beginLoad(key) { answers.append((ticket, catalog[number])) }
        } else if !invalidations.contains(number) {
          switch answer {
          case .ad(let ad):
            seen.hits += 1
            let text = String(decoding: ad.location, as: UTF8.self)
            let wanted = "http://a/\(catalog[number] ?? -1)?"
            #expect(ad.id.text == "ad-\(number)" && text.hasPrefix(wanted), "seed \(seed), step \(step)")
          default:
            seen.unknown += 1
            #expect(catalog[number] == nil, "seed \(seed), step \(step)")
          }
        }
      }
      if step % 500 == 0 { #expect(cache.isSound, "seed \(seed), step \(step)") }
    }
    #expect(seen.hits > 100 && seen.unknown > 100 && seen.refused > 0, "seed \(seed): \(seen)")
  }
}
