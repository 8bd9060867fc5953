import Clicks
import Synchronization

// Verdicts per (ad, minute) beside the counts (R17): how many repeats, forgeries, expired links an ad met. They are counted in
// memory, and written with the checkpoint that closes their minute into external tables named `verdict.duplicate` and so
// on. They are not in the log: a crash loses those of the open minutes, so nothing is ever billed by them.
//
// Each entry takes memory, and later a row and a number in the dictionary. Of requests that a key has signed there are no more
// entries than there are links. Whoever has no key can name every ad there is, so such requests have a bound (R23):
//
//     entries of a minute without a signature ≤ unsignedLimit, and one more, `other`, for all beyond
//     entries                                 ≤ limit

/// Verdicts that no checkpoint has written yet.
package final class VerdictCounts: Sendable {
  /// What is counted.
  package struct Key: Hashable, Sendable {
    package var ad: AdKey
    package var minute: Int64
    package var verdict: Verdict

    package init(ad: AdKey, minute: Int64, verdict: Verdict) {
      self.ad = ad
      self.minute = minute
      self.verdict = verdict
    }
  }

  /// Most keys in memory; what comes beyond is left out and counted in `left`.
  package static let limit = 1 << 20
  /// Most keys of a minute that come of requests without a signature; what comes beyond is `other`.
  package static let unsignedLimit = 4_096
  /// Stands for the ads that found no room: the key of the empty text, which is no ad's id.
  package static let other = AdKey(rawValue: 0xE3B0_C442_98FC_1C14)

  private struct State {
    var counts: [Key: UInt64] = [:]
    /// Entries of requests without a signature, `other` not among them, by minute.
    var unsigned: [Int64: Int] = [:]
    var folded: UInt64 = 0
    var left: UInt64 = 0

    mutating func add(_ key: Key, _ count: UInt64) {
      var key = key
      var takesPlace = key.verdict.isUnsigned && key.ad != VerdictCounts.other && counts[key] == nil
      if takesPlace, unsigned[key.minute, default: 0] >= VerdictCounts.unsignedLimit {
        key.ad = VerdictCounts.other
        folded += count
        takesPlace = false
      }
      if counts.count >= VerdictCounts.limit, counts[key] == nil {
        left += count
      } else {
        counts[key, default: 0] += count
        if takesPlace { unsigned[key.minute, default: 0] += 1 }
      }
    }
  }

  private let state = Mutex(State())

  /// Adds what a loop has met.
  package func add(_ counts: [Key: UInt64]) {
    state.withLock { state in
      for (key, count) in counts { state.add(key, count) }
    }
  }

  /// Entries in memory.
  package var entries: Int { state.withLock { $0.counts.count } }

  /// Verdicts of requests without a signature that are told of no ad of their own.
  package var folded: UInt64 { state.withLock { $0.folded } }

  /// Verdicts that found no room.
  package var left: UInt64 { state.withLock { $0.left } }

  /// Takes those of minutes before `minute` away, sorted by verdict, minute and ad.
  func take(before minute: Int64) -> [(key: Key, count: UInt64)] {
    let taken = state.withLock { state in
      let taken = state.counts.filter { $0.key.minute < minute }
      for key in taken.keys { state.counts[key] = nil }
      state.unsigned = state.unsigned.filter { $0.key >= minute }
      return taken
    }
    return taken.sorted {
      ($0.key.verdict.rawValue, $0.key.minute, $0.key.ad.rawValue)
        < ($1.key.verdict.rawValue, $1.key.minute, $1.key.ad.rawValue)
    }.map { ($0.key, $0.value) }
  }
}

extension Verdict {
  /// Whether anybody who has no link can bring it about for any ad.
  var isUnsigned: Bool { self == .badSignature }
}
