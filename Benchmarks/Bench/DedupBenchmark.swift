import Bytes
import Clicks
import Dedup
import Platform

/// The dedup index by itself, used as a shard uses it: a batch is hashed (SipHash) and prefetched first, then put click
/// by click; a repeat is confirmed on the whole identity.
///
/// The identity at a position is a pure function of the position, so confirming one reads no memory: what a shard pays on top
/// for a repeat, reading the first copy from the log, is part of `commit` and `click`.
package struct DedupBenchmark: Sendable {
  /// Live keys.
  package let keys: Int
  /// Operations after the filling: with `repeats` percent of earlier keys, the window moving along.
  package let steady: Int
  package let repeats: Int

  private static let batch = 256

  package init(keys: Int, repeats: Int = 4) {
    precondition(keys >= 1_000 && 0...50 ~= repeats)
    self.keys = keys
    self.repeats = repeats
    steady = 2 * keys
  }

  /// `fill` and `steady` in operations a second; `memory` in bytes a key at the design load. `probes` are lines visited by a
  /// search.
  package func run(_ time: any TimeSource) throws -> [Measurement] {
    var index = try DedupIndex.create(expectedKeys: keys, maxBytes: 8 << 30)
    var mix = Mix(keys: keys)
    let began = time.monotonic()
    mix.run(&index, operations: keys, repeats: 0)
    let filled = time.monotonic()
    guard mix.found == 0 else { throw BenchFailure("dedup: \(mix.found) new keys were taken for repeats") }
    let before = index.statistics
    mix.run(&index, operations: steady, repeats: repeats)
    let ended = time.monotonic()
    guard mix.found == mix.planted else {
      throw BenchFailure("dedup: \(mix.found) of \(mix.planted) repeats were found")
    }
    let after = index.statistics
    let label = keys % 1_000_000 == 0 ? "\(keys / 1_000_000)M" : "\(keys)"
    return [
      Measurement("fill@\(label)", "keys/s", rate(keys, filled - began)),
      Measurement("steady@\(label)", "ops/s", rate(steady, ended - filled)),
      Measurement("memory@\(label)", "B/key", Double(before.bytes) / Double(keys)),
      Measurement("probes@\(label)", "lines/op", Double(after.probes - before.probes) / Double(steady)),
    ]
  }

  /// The operations, and what they came to.
  private struct Mix {
    let keys: Int
    let hasher = SipHash(key: (0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210))
    var chance = Scramble(state: 1)
    var next: UInt64 = 0
    var planted = 0
    var found = 0

    init(keys: Int) { self.keys = keys }

    mutating func run(_ index: inout DedupIndex, operations: Int, repeats: Int) {
      var positions = [UInt64](repeating: 0, count: DedupBenchmark.batch)
      var hashes = positions
      var done = 0
      while done < operations {
        let count = min(DedupBenchmark.batch, operations - done)
        if next > UInt64(keys) { index.expire(below: next - UInt64(keys)) }
        for i in 0..<count {
          positions[i] = draw(repeats)
          let identity = Self.identity(at: positions[i])
          hashes[i] = hasher.hash(identity.ad.rawValue, identity.impression.high, identity.impression.low)
          index.prefetch(hashes[i])
        }
        for i in 0..<count {
          let identity = Self.identity(at: positions[i])
          let outcome = index.put(hashes[i], position: max(positions[i], index.frontier)) {
            Self.identity(at: $0) == identity
          }
          if case .duplicate = outcome { found += 1 }
        }
        done += count
      }
    }

    /// The position whose identity comes now: the next one, or one of the newest 15/16 of the window.
    private mutating func draw(_ repeats: Int) -> UInt64 {
      let dice = chance.next()
      if repeats > 0, dice % 100 < UInt64(repeats), next > UInt64(keys) {
        planted += 1
        return next - 1 - (dice >> 8).multipliedFullWidth(by: UInt64(keys) * 15 / 16 << 8).high
      }
      next += 1
      return next - 1
    }

    private static func identity(at position: UInt64) -> ClickIdentity {
      var bits = Scramble(state: position &* 3)
      return ClickIdentity(
        ad: AdKey(rawValue: bits.next()), impression: ImpressionID(high: bits.next(), low: bits.next()))
    }
  }

  /// SplitMix64 inside this module, so that it costs no call.
  private struct Scramble {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z &>> 31)
    }
  }
}
