import Bytes
import Dedup
import Testing

/// Large tables with hashes as in service, against an array that knows where each identity was put.
struct SlidingWindowTests {
  #if DEBUG
    static let scale = 20
  #else
    static let scale = 1
  #endif

  /// Puts `operations` clicks, one in 20 meant as a repeat, over a window of `window` positions; counts wrong answers.
  private func run(
    seed: UInt64, operations: Int, window: Int, start: UInt64, expectedKeys: Int
  ) throws -> (wrong: Int, duplicates: Int, statistics: DedupStatistics) {
    var index = try DedupIndex.used(expectedKeys: expectedKeys, maxBytes: 1 << 30, watermark: start)
    var chance = Chance(seed)
    let sipHash = SipHash(key: (chance.next(), chance.next()))
    // Identities are numbers; `offsetOf` is the offset from `start` of an identity's newest insertion.
    var offsetOf: [UInt32] = []
    offsetOf.reserveCapacity(operations)
    var identityAt = [UInt32](repeating: 0, count: operations)
    var wrong = 0
    var duplicates = 0
    var offset = 0
    var batch: [(identity: Int, hash: UInt64)] = []
    var fresh = 0

    for first in stride(from: 0, to: operations, by: 64) {
      batch.removeAll(keepingCapacity: true)
      for _ in 0..<min(64, operations - first) {
        var identity = fresh
        if fresh > 0, chance.once(in: 20) {
          let distance =
            switch chance.below(4) {
            case 0: 1 + chance.below(80)
            case 1: window - 70 + chance.below(140)
            default: 1 + chance.below(window + window / 4)
            }
          if distance <= offset, offset > 0 { identity = Int(identityAt[offset - distance]) }
        }
        if identity == fresh {
          fresh += 1
          offsetOf.append(.max)
        }
        let hash = sipHash.hash(7, UInt64(identity), 3)
        index.prefetch(hash)
        batch.append((identity, hash))
      }
      let lowest = max(0, offset - window)
      index.expire(below: start + UInt64(lowest))
      for click in batch {
        let known = offsetOf[click.identity]
        let expected: DedupIndex.Outcome =
          known != .max && Int(known) >= lowest ? .duplicate(of: start + UInt64(known)) : .new
        let outcome = index.put(click.hash, position: start + UInt64(offset)) { position in
          let offset = Int(position - start)
          return offset < operations && identityAt[offset] == UInt32(click.identity)
        }
        if outcome != expected { wrong += 1 }
        if outcome == .new {
          identityAt[offset] = UInt32(click.identity)
          offsetOf[click.identity] = UInt32(offset)
          offset += 1
        } else {
          duplicates += 1
        }
      }
    }
    return (wrong, duplicates, index.statistics)
  }

  @Test("six million clicks over a window of two million: no repeat missed, none made up")
  func sixMillion() throws {
    let window = 2_000_000 / Self.scale
    let operations = 6_000_000 / Self.scale
    let result = try run(
      seed: 15, operations: operations, window: window, start: 1 << 32 - UInt64(operations / 6), expectedKeys: window)
    #expect(result.wrong == 0)
    #expect((0.03...0.05).contains(Double(result.duplicates) / Double(operations)))
    // What the design promises at its load: memory a key, and about one line and no vain comparison a look-up.
    #expect(Double(result.statistics.bytes) / Double(window) < 9.5)
    #expect(result.statistics.growths == 0)
    #expect(Double(result.statistics.probes) / Double(result.statistics.lookups) < 1.3)
    #expect(Double(result.statistics.needlessVerifications) / Double(result.statistics.lookups) < 0.000_4)
  }

  @Test(
    "the counter passes 2³¹ and 2³² in the middle of the window",
    arguments: [1 << 31 - 200_000, 1 << 31, 1 << 32 - 200_000, 1 << 32 - 1_000_000, 5 << 32 - 77] as [UInt64])
  func wrap(start: UInt64) throws {
    let result = try run(
      seed: start, operations: 500_000 / Self.scale, window: 100_000 / Self.scale, start: start,
      expectedKeys: 100_000 / Self.scale)
    #expect(result.wrong == 0)
    #expect(result.duplicates > 10_000 / Self.scale)
  }

  @Test("growth in the middle of the traffic", arguments: 1...4 as ClosedRange<UInt64>)
  func growth(seed: UInt64) throws {
    let result = try run(
      seed: seed, operations: 400_000 / Self.scale, window: 150_000 / Self.scale, start: 1 << 32 - 20_000,
      expectedKeys: 10_000 / Self.scale)
    #expect(result.wrong == 0)
    #expect(result.statistics.growths >= 3)
  }
}
