import Dedup
import Testing

/// Chance from a printed seed.
struct Chance: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// A number in `0..<bound`.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// True once in `n` times.
  mutating func once(in n: Int) -> Bool { next() % UInt64(n) == 0 }
}

extension DedupIndex {
  /// An index that has had a key and forgotten it, for positions from `watermark` on, whose tables count as positions do: what
  /// happens at a seam of 32 bits happens there. A fresh one counts from elsewhere.
  static func used(expectedKeys: Int, maxBytes: Int, watermark: UInt64) throws(DedupError) -> DedupIndex {
    // The first number is 2²⁸.
    var first = watermark & ~0xFFFF_FFFF | 1 << 28
    if first >= watermark {
      guard first > 1 << 32 else {
        return try create(expectedKeys: expectedKeys, maxBytes: maxBytes, watermark: watermark)
      }
      first -= 1 << 32
    }
    var index = try create(expectedKeys: expectedKeys, maxBytes: maxBytes, watermark: first)
    _ = index.put(0, position: first) { _ in false }
    index.expire(below: watermark)
    return index
  }
}

/// A dedup index beside the plain dictionary that says what it must answer.
struct Reference: ~Copyable {
  private final class Log {
    var clickAt: [UInt64: (id: UInt64, hash: UInt64)] = [:]
  }

  var index: DedupIndex
  /// Whether the invariants are checked after each step.
  var checked = true
  /// Refusals seen.
  private(set) var refused = 0
  /// Duplicates seen.
  private(set) var duplicates = 0
  private var positionOf: [UInt64: UInt64] = [:]
  private let log = Log()

  init(_ index: consuming DedupIndex) { self.index = index }

  /// Live keys by the dictionary.
  var live: Int { positionOf.values.count { $0 >= index.watermark } }

  /// Puts and compares; says what was wrong.
  mutating func put(_ id: UInt64, hash: UInt64, position: UInt64) -> String? {
    let expected = positionOf[id].flatMap { $0 >= index.watermark ? $0 : nil }
    let watermark = index.watermark
    var offeredWrongly: UInt64?
    let log = self.log
    let outcome = index.put(hash, position: position) { candidate in
      guard candidate >= watermark, let click = log.clickAt[candidate] else {
        offeredWrongly = candidate
        return false
      }
      return click.id == id
    }
    if let offeredWrongly { return "offered \(offeredWrongly), not live" }
    switch outcome {
    case .new:
      if let expected { return "\(id) at \(position): missed its repeat of \(expected), watermark \(watermark)" }
      positionOf[id] = position
      log.clickAt[position] = (id, hash)
    case .duplicate(let of):
      duplicates += 1
      if of != expected { return "\(id) at \(position): duplicate of \(of), not \(String(describing: expected))" }
    case .refused:
      refused += 1
      if expected != nil { return "\(id) at \(position): refused, but is a duplicate" }
    }
    return broken()
  }

  /// Takes back identities that were never put, the first at `start` and each one further, in the order of `chance`; says what was
  /// wrong.
  mutating func restore(_ clicks: [(id: UInt64, hash: UInt64)], from start: UInt64, _ chance: inout Chance) -> String? {
    guard index.reserve(start..<(start + UInt64(clicks.count))) else { return "no room for \(clicks.count)" }
    for place in clicks.indices.shuffled(using: &chance) {
      let position = start + UInt64(place)
      positionOf[clicks[place].id] = position
      log.clickAt[position] = clicks[place]
      if position >= index.watermark { index.restore(clicks[place].hash, position: position) }
    }
    return broken()
  }

  /// Moves the watermark; says what was wrong.
  mutating func expire(below watermark: UInt64) -> String? {
    index.expire(below: watermark)
    return broken()
  }

  /// The first broken invariant.
  func broken() -> String? {
    guard checked else { return nil }
    let log = self.log
    return index.brokenInvariant(hashAt: { log.clickAt[$0]?.hash })
  }
}
