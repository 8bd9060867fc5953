import Clicks
import Synchronization

// Verdicts per (ad, minute) beside the counts (R17): how many repeats, forgeries, expired links an ad met. They are counted in
// memory, and written with the checkpoint that closes their minute into external tables named `verdict.duplicate` and so
// on; readers see them here until the version that has them is published. They are not in the log: an end of the process, in good
// order or not, loses those of the open minutes, which the next opening marks, so nothing is ever billed by them.
//
// Each entry takes memory, and later a row and a number in the dictionary. Of requests that a key has signed there are no more
// entries than there are links. Whoever has no key can name every ad there is, so such requests have a bound (R23):
//
//     entries of a minute without a signature ≤ unsignedLimit, and one more, `other`, for all beyond
//     entries                                 ≤ limit, and one `other` for each minute and verdict
//
// An entry or a row of `other` says of its minute that some ad has less than it met.

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

  /// Most keys in memory; what comes beyond is `other`, and counted in `left`.
  package static let limit = 1 << 20
  /// Most keys of a minute that come of requests without a signature; what comes beyond is `other`.
  package static let unsignedLimit = 4_096
  /// Stands for the ads that found no room: the key of the empty text, which is no ad's id.
  package static let other = AdKey(rawValue: 0xE3B0_C442_98FC_1C14)

  /// What an ad met in a minute.
  private struct Met: Hashable {
    var ad: AdKey
    var verdict: Verdict
  }

  private struct State {
    /// By minute.
    var counts: [Int64: [Met: UInt64]] = [:]
    /// Those that a checkpoint writes now.
    var taken: [Int64: [Met: UInt64]] = [:]
    var entries = 0
    /// Entries of requests without a signature, `other` not among them, by minute.
    var unsigned: [Int64: Int] = [:]
    /// Minutes whose verdicts went with a process, and those of them that a checkpoint writes now.
    var lost: Set<Int64> = []
    var takenLost: Set<Int64> = []
    var folded: UInt64 = 0
    var left: UInt64 = 0

    mutating func add(_ key: Key, _ count: UInt64) {
      var met = Met(ad: key.ad, verdict: key.verdict)
      var isNew = counts[key.minute]?[met] == nil
      if isNew, met.verdict.isUnsigned, met.ad != VerdictCounts.other {
        if unsigned[key.minute, default: 0] >= VerdictCounts.unsignedLimit {
          met.ad = VerdictCounts.other
          folded += count
          isNew = counts[key.minute]?[met] == nil
        } else if entries < VerdictCounts.limit {
          unsigned[key.minute, default: 0] += 1
        }
      }
      if isNew, entries >= VerdictCounts.limit, met.ad != VerdictCounts.other {
        met.ad = VerdictCounts.other
        left += count
        isNew = counts[key.minute]?[met] == nil
      }
      if isNew { entries += 1 }
      counts[key.minute, default: [:]][met, default: 0] += count
    }
  }

  private let state = Mutex(State())

  /// Adds what a loop has met.
  package func add(_ counts: [Key: UInt64]) {
    state.withLock { state in
      for (key, count) in counts { state.add(key, count) }
    }
  }

  /// Entries in memory that no checkpoint is writing.
  package var entries: Int { state.withLock { $0.entries } }

  /// Verdicts of requests without a signature that are told of no ad of their own.
  package var folded: UInt64 { state.withLock { $0.folded } }

  /// Verdicts that found no room.
  package var left: UInt64 { state.withLock { $0.left } }

  // MARK: - Checkpoints

  /// What a checkpoint writes.
  struct Taken {
    /// Sorted by verdict, minute and ad.
    var counts: [(key: Key, count: UInt64)]
    /// Minutes of which some were lost, ascending.
    var lost: [Int64]

    var isEmpty: Bool { counts.isEmpty && lost.isEmpty }
    /// The ads that need a number.
    var ads: [AdKey] { counts.map(\.key.ad) + (lost.isEmpty ? [] : [VerdictCounts.other]) }
  }

  /// Takes those of minutes before `minute`; readers see them until `release` or `restore`.
  func take(before minute: Int64) -> Taken {
    state.withLock { state in
      precondition(state.taken.isEmpty && state.takenLost.isEmpty, "a checkpoint is under way")
      state.taken = state.counts.filter { $0.key < minute }
      for (minute, counts) in state.taken {
        state.counts[minute] = nil
        state.entries -= counts.count
      }
      state.unsigned = state.unsigned.filter { $0.key >= minute }
      state.takenLost = state.lost.filter { $0 < minute }
      state.lost.subtract(state.takenLost)
      let counts = state.taken.flatMap { minute, counts in
        counts.map { (key: Key(ad: $0.key.ad, minute: minute, verdict: $0.key.verdict), count: $0.value) }
      }
      return Taken(
        counts: counts.sorted {
          ($0.key.verdict.rawValue, $0.key.minute, $0.key.ad.rawValue)
            < ($1.key.verdict.rawValue, $1.key.minute, $1.key.ad.rawValue)
        }, lost: state.takenLost.sorted())
    }
  }

  /// What was taken is in the version that readers see from now on.
  func release() {
    state.withLock { state in
      state.taken = [:]
      state.takenLost = []
    }
  }

  /// What was taken could not be written.
  func restore() {
    state.withLock { state in
      let (taken, lost) = (state.taken, state.takenLost)
      state.taken = [:]
      state.takenLost = []
      state.lost.formUnion(lost)
      for (minute, counts) in taken {
        for (met, count) in counts { state.add(Key(ad: met.ad, minute: minute, verdict: met.verdict), count) }
      }
    }
  }

  /// The verdicts of these minutes went with a process, as far as there were any: of more than a week, those of the first.
  func markLost(_ minutes: Range<Int64>) {
    state.withLock { $0.lost.formUnion(minutes.prefix(7 * 1_440)) }
  }

  // MARK: - Reading

  /// What one ad met, and no run has.
  struct Found {
    var minute: Int64
    var verdict: Verdict
    var count: UInt64
  }

  /// What memory has of some ads and minutes.
  struct Reading {
    var found: [AdKey: [Found]] = [:]
    /// Some verdicts of these minutes were lost, or told of no ad.
    var isIncomplete = false
  }

  /// Ads that are asked for.
  struct Wanted {
    fileprivate let ads: [AdKey]
    /// The same; empty where they are few.
    fileprivate let set: Set<AdKey>

    init(_ ads: [AdKey]) {
      self.ads = ads
      set = ads.count > 16 ? Set(ads) : []
    }
  }

  /// What memory has of ads in `minutes`.
  func read(_ asked: Wanted, _ minutes: Range<Int64>) -> Reading {
    let (ads, wanted) = (asked.ads, asked.set)
    if minutes.isEmpty { return Reading() }
    return state.withLock { state in
      var reading = Reading()
      reading.isIncomplete = [state.lost, state.takenLost].contains { $0.contains(where: minutes.contains) }
      for part in [state.taken, state.counts] {
        for (minute, counts) in part where minutes.contains(minute) {
          func note(_ met: Met, _ count: UInt64) {
            reading.found[met.ad, default: []].append(Found(minute: minute, verdict: met.verdict, count: count))
          }
          // The fewer look-ups of two ways.
          if ads.count * Verdict.allCases.count < counts.count {
            for ad in ads {
              for verdict in Verdict.allCases {
                let met = Met(ad: ad, verdict: verdict)
                if let count = counts[met] { note(met, count) }
              }
            }
          } else {
            for (met, count) in counts where wanted.isEmpty ? ads.contains(met.ad) : wanted.contains(met.ad) {
              note(met, count)
            }
          }
          for verdict in Verdict.allCases where counts[Met(ad: VerdictCounts.other, verdict: verdict)] != nil {
            reading.isIncomplete = true
          }
        }
      }
      return reading
    }
  }
}

extension Verdict {
  /// The table of minutes of which verdicts were lost.
  static let lostTable = "verdicts-lost"

  /// Whether anybody who has no link can bring it about for any ad: a prefetch is answered before its signature is looked at.
  var isUnsigned: Bool { self == .badSignature || self == .prefetch }
}
