import Platform

// From time to position: below which log position is everything older than the horizon?
//
// Positions of one second of running time share one entry of a ring, which holds the first of them:
//
//   second    17      18      21      22            (nothing came in 19 and 20)
//   first    900   1,250   1,251   1,700    end 2,040
//
// Second s is forgotten when even its last millisecond is as old as the time to live:
//
//   1000 s + 999 + TTL ≤ now        so a position's age when it is forgotten is in [TTL, TTL + 999 ms].
//
// The watermark is the first position of the first second kept, or the end if none is. Running time never goes back and
// stands still while the service does, so no clock can shorten the horizon.

/// The watermark of a dedup horizon. Times are milliseconds of running monotonic time.
package struct HorizonWatermark: Sendable {
  /// What a time to live may be: one second to one day.
  package static let timesToLive: ClosedRange<Int64> = 1_000...86_400_000

  /// A click is remembered for at least this long, and for less than a second more.
  package let timeToLive: Int64

  private struct Entry {
    let second: Int64
    let first: UInt64
  }

  /// A ring of `count` entries from `head` on.
  private var entries: [Entry]
  private var head = 0
  private var count = 0
  /// The first position not noted.
  private var end: UInt64
  private var latest: Int64 = 0

  /// A watermark at `position`, the first that will be noted. The time to live must be in `timesToLive`.
  package init(timeToLive: Int64, from position: UInt64 = 0) {
    precondition(Self.timesToLive.contains(timeToLive), "a dedup horizon is one second to one day")
    self.timeToLive = timeToLive
    // At any time, the seconds kept lie in a window of TTL + 999 ms behind it.
    entries = Array(repeating: Entry(second: 0, first: 0), count: Int(timeToLive / 1_000) + 3)
    end = position
  }

  /// The clicks at `positions`, all behind those noted before, came at `now`, not before the last time handed in.
  package mutating func note(_ positions: Range<UInt64>, at now: Int64) {
    precondition(positions.lowerBound >= end, "positions go up")
    guard !positions.isEmpty else { return }
    forget(at: now)
    let second = now / 1_000
    if count == 0 || entry(count - 1).second != second {
      precondition(count < entries.count)
      entries[(head + count) % entries.count] = Entry(second: second, first: positions.lowerBound)
      count += 1
    }
    end = positions.upperBound
  }

  /// The first position that is not yet forgotten at `now`, not before the last time handed in. Never goes back.
  package mutating func watermark(at now: Int64) -> UInt64 {
    forget(at: now)
    return count == 0 ? end : entry(0).first
  }

  private func entry(_ index: Int) -> Entry { entries[(head + index) % entries.count] }

  private mutating func forget(at now: Int64) {
    precondition(now >= latest, "running time never goes back")
    latest = now
    // Seconds below this one: (s + 1) × 1000 ≤ now − TTL + 1.
    let cut = now - timeToLive + 1 + (sabotaged(.watermarkEarly) ? 1_000 : 0)
    while count > 0, (entry(0).second + 1) * 1_000 <= cut {
      head = (head + 1) % entries.count
      count -= 1
    }
  }
}
