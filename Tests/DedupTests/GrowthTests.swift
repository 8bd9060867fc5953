import Dedup
import Testing

/// More keys than expected, up to the limits.
struct GrowthTests {
  private func hash(_ id: UInt64) -> UInt64 {
    var chance = Chance(id)
    return chance.next()
  }

  @Test("growth goes on under way, finds what is in the older tables, and gives them back", arguments: [100, 3_000])
  func grows(window: Int) throws {
    var reference = Reference(try .used(expectedKeys: 0, maxBytes: 1 << 24, watermark: 1 << 32 - 1_000))
    var chance = Chance(UInt64(window))
    let start: UInt64 = 1 << 32 - 1_000
    var ids: UInt64 = 0
    for step in 0..<UInt64(window) * 3 {
      reference.checked = step % 97 == 0 || window == 100
      let id = step > 0 && chance.once(in: 4) ? UInt64(chance.below(Int(ids))) : ids
      if id == ids { ids += 1 }
      try #require(reference.put(id, hash: hash(id), position: start + step) == nil)
      if step >= UInt64(window) { try #require(reference.expire(below: start + step - UInt64(window)) == nil) }
    }
    let statistics = reference.index.statistics
    let live = reference.live
    #expect(statistics.liveKeys >= live)
    #expect(statistics.liveKeys - live <= max(1, statistics.bytes / 64 * 10 / 256))
    #expect(reference.duplicates > window / 4)
    #expect(reference.refused == 0)
    if window == 100 {
      #expect(statistics.growths == 0)
      #expect(statistics.bytes == 1_024)
    } else {
      #expect(statistics.growths >= 4)
      // The older tables are gone: what is left is one table at no less than a quarter of the design load.
      #expect(reference.index.statistics.bytes <= live * 64 / 7 * 4)
    }
  }

  @Test("growth chains when nothing expires")
  func chain() throws {
    var index = try DedupIndex.create(expectedKeys: 112, maxBytes: 1 << 24)
    for id in 0..<50_000 as Range<UInt64> { try #require(index.put(hash(id), position: id) { $0 == id } == .new) }
    for id in 0..<50_000 as Range<UInt64> {
      try #require(index.put(hash(id), position: 50_000) { $0 == id } == .duplicate(of: id))
    }
    try #require(index.brokenInvariant { $0 < 50_000 ? hash($0) : nil } == nil)
    #expect(index.statistics.growths >= 8)
    #expect(index.statistics.liveKeys == 50_000)
    index.expire(below: 50_000)
    #expect(index.statistics.liveKeys == 0)
    // A jump over more than a window clears what is in preparation as well.
    index.expire(below: 1 << 50)
    for id in 0..<9_000 as Range<UInt64> {
      try #require(index.put(hash(id), position: 1 << 50 + id) { $0 == 1 << 50 + id } == .new)
    }
    try #require(index.brokenInvariant { $0 >= 1 << 50 ? hash($0 - 1 << 50) : nil } == nil)
  }

  @Test("an older table is searched up to its last key")
  func lastOfOlder() throws {
    var reference = Reference(try .create(expectedKeys: 112, maxBytes: 1 << 20))
    for id in 0..<300 as Range<UInt64> { try #require(reference.put(id, hash: hash(id), position: id) == nil) }
    let bytes = reference.index.statistics.bytes
    for id in 0..<300 as Range<UInt64> {
      try #require(reference.expire(below: id) == nil)
      try #require(reference.put(id, hash: hash(id), position: 300) == nil)
    }
    #expect(reference.duplicates == 300)
    #expect(reference.index.statistics.bytes < bytes)
  }

  @Test("a table in preparation keeps up with the watermark", arguments: [1 << 30, 1 << 31 - 1, 1 << 40] as [UInt64])
  func preparation(jump: UInt64) throws {
    var reference = Reference(try .create(expectedKeys: 112, maxBytes: 1 << 20))
    var position: UInt64 = 0
    for _ in 0..<122 {
      try #require(reference.put(position, hash: hash(position), position: position) == nil)
      position += 1
    }
    #expect(reference.index.statistics.bytes == 3 * 1_024)
    for _ in 0..<3 {
      position += jump
      try #require(reference.expire(below: position) == nil)
    }
    for _ in 0..<200 {
      try #require(reference.put(position, hash: hash(position), position: position) == nil)
      position += 1
    }
    #expect(reference.index.statistics.growths > 0)
  }

  @Test("at the memory limit new identities are refused, repeats still found, and expiry makes room")
  func memoryLimit() throws {
    let limit = 16 * 64 * 3 - 1  // One table of 16 lines, but not its successor.
    var index = try DedupIndex.create(expectedKeys: 112, maxBytes: limit)
    for id in 0..<144 as Range<UInt64> { try #require(index.put(hash(id), position: id) { $0 == id } == .new) }
    try #require(index.put(hash(144), position: 144) { $0 == 144 } == .refused(.memory))
    #expect(index.frontier == 143)
    for id in 0..<144 as Range<UInt64> {
      try #require(index.put(hash(id), position: 144) { $0 == id } == .duplicate(of: id))
    }
    try #require(index.brokenInvariant { $0 < 144 ? hash($0) : nil } == nil)
    index.expire(below: 1)
    try #require(index.put(hash(144), position: 144) { $0 == 144 } == .new)
    try #require(index.put(hash(0), position: 145) { $0 == 0 } == .refused(.memory))
    #expect(index.statistics.bytes <= limit)
    #expect(index.statistics.growths == 0)
  }

  @Test("an index that cannot be is refused by name")
  func refusedAtCreation() {
    func failure(_ keys: Int, _ bytes: Int) -> DedupError? {
      do throws(DedupError) {
        _ = try DedupIndex.create(expectedKeys: keys, maxBytes: bytes)
        return nil
      } catch { return error }
    }
    #expect(failure(113, 17 * 64) == nil)
    #expect(failure(113, 17 * 64 - 1) == .memoryLimit(needed: 17 * 64, limit: 17 * 64 - 1))
    #expect(failure(0, 1_023) == .memoryLimit(needed: 1_024, limit: 1_023))
    #expect(failure(1 << 31, .max) == .tooManyKeys(1 << 31, limit: 1 << 31 - 1 << 16 - 1))
    #expect(failure(1 << 31, .max)?.description.contains("2147483648") == true)
  }

  @Test("a horizon wider than positions can tell apart is refused", arguments: TinyIndexTests.starts)
  func widestHorizon(start: UInt64) throws {
    let widest = DedupIndex.widestHorizon
    var index = try DedupIndex.used(expectedKeys: 0, maxBytes: 1 << 20, watermark: start)
    try #require(index.put(1, position: start) { _ in false } == .new)
    // Fill the line, so that a mark has to last as long as a position.
    for _ in 0..<12 { try #require(index.put(1, position: start + 5) { _ in false } == .new) }
    try #require(index.put(2, position: start + widest) { _ in false } == .refused(.horizonTooWide))
    try #require(index.put(2, position: start + widest - 1) { _ in false } == .new)
    try #require(index.put(1, position: start + widest) { $0 == start } == .duplicate(of: start))
    try #require(
      index.put(2, position: start + widest) { $0 == start + widest - 1 } == .duplicate(of: start + widest - 1))
    index.expire(below: start + 1)
    try #require(index.put(3, position: start + widest) { _ in false } == .new)
    try #require(
      index.put(2, position: start + widest) { $0 == start + widest - 1 } == .duplicate(of: start + widest - 1))
  }
}
