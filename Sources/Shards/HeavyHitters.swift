import Clicks

// Which ads get many clicks, in bounded memory and without ever taking a cold ad for a hot one: the counters of Misra and Gries
// ("Finding repeated elements", 1982) in the form of Anderson et al. ("A High-Performance Algorithm for Identifying Frequent
// Items in Data Streams", 2017):
//
//     a counter is there     add one
//     there is room          a new counter, 1
//     there is none          take the median of a sample of the counters from all of them; those at or below zero go
//
//     count − decrements ≤ counter ≤ count        decrements ≤ clicks / (capacity / 2)
//
// A counter is a lower bound, so whatever is above a threshold here truly is. An ad that truly is above it is found as long
// as the window's clicks are fewer than half the capacity times the threshold.

/// Counts the clicks of the busiest ads, approximately; each thread has its own.
package struct HeavyHitters {
  private var keys: [UInt64]
  /// 0: the slot is empty.
  private var counts: [UInt32]
  private var used = 0
  private let capacity: Int

  /// Counters that are kept at most.
  package static let defaultCapacity = 1_024

  /// A sketch of `capacity` counters, a power of two.
  package init(capacity: Int = Self.defaultCapacity) {
    precondition(capacity >= 8 && capacity & (capacity - 1) == 0)
    self.capacity = capacity
    keys = [UInt64](repeating: 0, count: 2 * capacity)
    counts = [UInt32](repeating: 0, count: 2 * capacity)
  }

  /// Counters in use.
  package var count: Int { used }

  /// One click on `ad`.
  package mutating func add(_ ad: AdKey) {
    var at = slot(of: ad.rawValue)
    if counts[at] == 0 {
      if used == capacity {
        purge()
        at = slot(of: ad.rawValue)
      }
      keys[at] = ad.rawValue
      used += 1
    }
    if counts[at] < .max { counts[at] += 1 }
  }

  /// The ads with at least `minimum` clicks for sure, the busiest first.
  package func heaviest(atLeast minimum: Int) -> [(ad: AdKey, clicks: Int)] {
    var found: [(ad: AdKey, clicks: Int)] = []
    for slot in counts.indices where counts[slot] > 0 && Int(counts[slot]) >= minimum {
      found.append((AdKey(rawValue: keys[slot]), Int(counts[slot])))
    }
    return found.sorted { ($1.clicks, $0.ad.rawValue) < ($0.clicks, $1.ad.rawValue) }
  }

  /// Starts a new window.
  package mutating func removeAll() {
    guard used > 0 else { return }
    for slot in counts.indices { counts[slot] = 0 }
    used = 0
  }

  private func slot(of key: UInt64) -> Int {
    var at = Int(truncatingIfNeeded: RouteTable.mix(key)) & (keys.count - 1)
    while counts[at] > 0, keys[at] != key { at = (at + 1) & (keys.count - 1) }
    return at
  }

  /// Takes the median of a sample from every counter, which empties at least one.
  private mutating func purge() {
    var sample: [UInt32] = []
    var at = 0
    while sample.count < 63, at < counts.count {
      if counts[at] > 0 { sample.append(counts[at]) }
      at += 1
    }
    sample.sort()
    let median = sample[sample.count / 2]
    var left: [(key: UInt64, count: UInt32)] = []
    for slot in counts.indices where counts[slot] > median { left.append((keys[slot], counts[slot] - median)) }
    for slot in counts.indices { counts[slot] = 0 }
    used = left.count
    for (key, count) in left {
      let at = slot(of: key)
      (keys[at], counts[at]) = (key, count)
    }
  }
}
