import Dedup
import Testing

/// Tables of a few lines, where everything overflows, with the invariants checked after every step.
struct TinyIndexTests {
  /// Where position counters start: at the seams of 16, 31, 32 and 64 bits.
  static let starts: [UInt64] = [
    0, 1, 1 << 16 - 40, 1 << 31 - 300, 1 << 31, 1 << 32 - 300, 1 << 32 - 1, 3 << 31 - 9, 1 << 48 - 77, 1 << 62,
  ]

  @Test("a random history agrees with a dictionary", arguments: 0..<60 as Range<UInt64>)
  func randomHistory(seed: UInt64) throws {
    var chance = Chance(seed)
    let start = Self.starts[chance.below(Self.starts.count)] &+ UInt64(chance.below(40))
    let keys = [0, 112, 113, 200][chance.below(4)]
    let maxBytes = chance.once(in: 3) ? 2048 : 1 << 20
    var reference = Reference(
      chance.once(in: 2)
        ? try .create(expectedKeys: keys, maxBytes: maxBytes, watermark: start)
        : try .used(expectedKeys: keys, maxBytes: maxBytes, watermark: start))

    // Hashes from all alike to well spread.
    let homes = [1, 2, 5, 1000][chance.below(4)]
    let tags = [1, 3, 40, 65_536][chance.below(4)]
    var hashes: [UInt64] = []
    // The horizon in clicks and the greatest distance of two neighbouring positions.
    let horizon = [1, 7, 60, 100, 400][chance.below(5)]
    let stride = [1, 2, 3_000, 70_000, 20_000_000][chance.below(5)]
    var positions: [UInt64] = []

    var position = start
    for step in 0..<1_200 {
      let id: Int
      if hashes.isEmpty || !chance.once(in: 3) {
        id = hashes.count
        let home = homes == 1 ? UInt64.max << 16 : UInt64(chance.below(homes)) &* 0x9e37_79b9_7f4a_0000
        hashes.append(home ^ UInt64(chance.below(tags)) &* 40_503 & 0xffff)
      } else {
        // A repeat, mostly close to the end of the horizon.
        let back = chance.once(in: 2) ? horizon + chance.below(5) - 2 : 1 + chance.below(2 * horizon)
        id = max(0, hashes.count - max(1, back))
      }
      if let text = reference.put(UInt64(id), hash: hashes[id], position: position) {
        Issue.record("seed \(seed) step \(step): \(text)")
        return
      }
      positions.append(position)
      position += UInt64(1 + chance.below(stride))
      if chance.once(in: 500) { position += UInt64(1) << UInt64(chance.below(33)) }
      if positions.count > horizon || position - reference.index.watermark > 1 << 30 {
        let oldest = max(0, positions.count - horizon)
        let target = max(positions[oldest], position - min(position, 1 << 30))
        if let text = reference.expire(below: target) {
          Issue.record("seed \(seed) step \(step), watermark \(target): \(text)")
          return
        }
      }
    }
    // Whatever is live at the end is found.
    for id in hashes.indices {
      if let text = reference.put(UInt64(id), hash: hashes[id], position: position) {
        Issue.record("seed \(seed) at the end: \(text)")
        return
      }
      position += 1
    }
    if maxBytes > 2048 { #expect(reference.refused == 0) }
  }

  @Test("what is taken back in any order is found, and expires in its own", arguments: 0..<60 as Range<UInt64>)
  func restored(seed: UInt64) throws {
    var chance = Chance(seed)
    let start = Self.starts[chance.below(Self.starts.count)] &+ UInt64(chance.below(40))
    var reference = Reference(
      chance.once(in: 2)
        ? try .create(expectedKeys: 900, maxBytes: 1 << 20, watermark: start)
        : try .used(expectedKeys: 900, maxBytes: 1 << 20, watermark: start))
    let homes = [1, 2, 5, 1000][chance.below(4)]
    let tags = [1, 3, 40, 65_536][chance.below(4)]
    var clicks: [(id: UInt64, hash: UInt64)] = []
    var next = start
    // In one piece or in several, as segments lie, some of it expired already.
    for _ in 0...chance.below(4) {
      let piece = (0..<(1 + chance.below(180))).map { place in
        let home = homes == 1 ? UInt64.max << 16 : UInt64(chance.below(homes)) &* 0x9e37_79b9_7f4a_0000
        return (id: UInt64(clicks.count + place), hash: home ^ UInt64(chance.below(tags)) &* 40_503 & 0xffff)
      }
      if chance.once(in: 3) { _ = reference.expire(below: next + UInt64(chance.below(40))) }
      if let text = reference.restore(piece, from: next, &chance) {
        Issue.record("seed \(seed): \(text)")
        return
      }
      clicks += piece
      next += UInt64(piece.count)
    }
    next = max(next, reference.index.frontier)
    // Repeats of all, and new ones between them, while everything grows old.
    for id in clicks.indices.shuffled(using: &chance) {
      let text =
        reference.put(UInt64(id), hash: clicks[id].hash, position: next)
        ?? reference.put(UInt64(clicks.count + id), hash: clicks[id].hash, position: next + 1)
        ?? (chance.once(in: 3)
          ? reference.expire(below: min(next, reference.index.watermark + UInt64(chance.below(9)))) : nil)
      if let text {
        Issue.record("seed \(seed), \(id): \(text)")
        return
      }
      next += 2
    }
    #expect(reference.refused == 0)
  }

  @Test("there is room for what needs no growth")
  func room() throws {
    var index = try DedupIndex.create(expectedKeys: 100, maxBytes: 1 << 20)
    let (before, after) = (index.reserve(0..<121), index.reserve(0..<119))
    #expect(!before && after)
    #expect(index.frontier == 119)
    // What is expired takes none.
    index.expire(below: 119)
    let again = index.reserve(60..<220)
    #expect(again && index.frontier == 220)
  }

  @Test("identities of one line and one tag are told apart, around the end of the table")
  func sameHash() throws {
    for hash in [0, UInt64.max, 1 << 63] as [UInt64] {
      var reference = Reference(try .create(expectedKeys: 0, maxBytes: 1 << 20))
      for id in 0..<100 as Range<UInt64> { try #require(reference.put(id, hash: hash, position: id) == nil) }
      for id in 0..<100 as Range<UInt64> { try #require(reference.put(id, hash: hash, position: 200) == nil) }
      #expect(reference.duplicates == 100)
      let statistics = reference.index.statistics
      #expect(statistics.needlessVerifications == 2 * (99 * 100 / 2))
      #expect(statistics.lookups == 200)
    }
  }

  @Test("a repeat is found up to the last position of the horizon, and not beyond", arguments: starts)
  func edgeOfHorizon(start: UInt64) throws {
    let horizon: UInt64 = 100
    for distance in horizon - 2...horizon + 2 {
      var reference = Reference(try .used(expectedKeys: 112, maxBytes: 1 << 20, watermark: start))
      for offset in 0..<400 as Range<UInt64> {
        let now = start + offset
        // Each click is a repeat of that `distance` before, which in turn is one as long as that was inside.
        let id = offset % distance
        try #require(reference.put(id, hash: id &* 0x9e37_79b9_7f4a_7c15, position: now) == nil)
        if now + 1 >= start + horizon { try #require(reference.expire(below: now + 1 - horizon) == nil) }
      }
      // The click at `now` still sees the watermark now − horizon, so that a distance of `horizon` is inside.
      #expect((reference.duplicates > 0) == (distance <= horizon), "distance \(distance)")
    }
  }

  @Test(
    "what expired never comes back, however far the counter goes",
    arguments: [1 << 20, 1 << 28 - 1, 1 << 30 + 7, 1 << 31 - 1 << 16, 1 << 31, 1 << 32 - 500, 1 << 40] as [UInt64])
  func stale(step: UInt64) throws {
    var reference = Reference(try .used(expectedKeys: 0, maxBytes: 1 << 20, watermark: 1 << 32 - 50))
    for id in 0..<100 as Range<UInt64> {
      try #require(reference.put(id, hash: id << 60 | id % 3, position: 1 << 32 - 50 + id) == nil)
    }
    var watermark = reference.index.watermark
    let steps = min(5 * (1 << 32) / step + 2, 5_000)
    for count in 0..<steps {
      watermark += step
      try #require(reference.expire(below: watermark) == nil)
      #expect(reference.index.statistics.liveKeys == 0)
      // One key that lives at a time, so that sweeps meet live and stale slots side by side.
      if count % 3 == 0 { try #require(reference.put(1_000 + count, hash: count << 60, position: watermark) == nil) }
      if count % 3 == 0 { try #require(reference.expire(below: watermark + 1) == nil) }
    }
  }

  @Test("a fresh index goes anywhere at no cost, and is as good there", arguments: starts)
  func goesAnywhere(start: UInt64) throws {
    var reference = Reference(try .create(expectedKeys: 112, maxBytes: 1 << 20, watermark: start / 3))
    try #require(reference.expire(below: start) == nil)
    for id in 0..<300 as Range<UInt64> {
      let position = start + id * 40_000_000
      try #require(reference.put(id, hash: (id % 7) << 60 | id % 3, position: position) == nil)
      if id >= 40 { try #require(reference.expire(below: position - 1_600_000_000) == nil) }
    }
  }

  @Test("the watermark does not go back")
  func watermarkMonotone() throws {
    var index = try DedupIndex.create(expectedKeys: 0, maxBytes: 4_096, watermark: 50)
    index.expire(below: 60)
    index.expire(below: 55)
    #expect(index.watermark == 60)
    #expect(index.frontier == 60)
  }

  @Test("a comparison that fails leaves everything as it was")
  func throwing() throws {
    struct Unreadable: Error {}
    var index = try DedupIndex.create(expectedKeys: 0, maxBytes: 4_096)
    try #require(index.put(7, position: 3) { _ in false } == .new)
    #expect(throws: Unreadable.self) {
      try index.put(7, position: 9) { _ throws(Unreadable) in throw Unreadable() }
    }
    #expect(index.frontier == 3)
    try #require(index.put(7, position: 9) { $0 == 3 } == .duplicate(of: 3))
    #expect(index.statistics.liveKeys == 1)
  }

  @Test("several clicks may share a position")
  func sharedPosition() throws {
    var index = try DedupIndex.create(expectedKeys: 0, maxBytes: 4_096)
    for id in 0..<50 as Range<UInt64> { try #require(index.put(id << 58, position: 9) { _ in false } == .new) }
    for id in 0..<50 as Range<UInt64> {
      try #require(index.put(id << 58, position: 9) { $0 == 9 } == .duplicate(of: 9))
    }
    index.expire(below: 10)
    try #require(index.put(0, position: 10) { _ in true } == .new)
    #expect(index.statistics.liveKeys == 1)
  }
}
