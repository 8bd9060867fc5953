import Clicks

// What the table must say in the end, a number of 8 bytes a click: two hours at 10,000 clicks a second are half a gigabyte.
//
//     key = ad << 32 | minute − first minute        sorted: by ad, then by minute; equal keys are one count
//
// The counts of the answers come in the same order, so that both are gone through once.

/// Every click that must be counted, by ad and minute.
package struct CountedClicks: Sendable {
  private var keys: [UInt64] = []
  private var isSorted = true
  /// The minute that all others are counted from.
  private let first: Int64

  /// No click yet. None is counted in a minute before that of `start`, ms since 1970.
  package init(from start: Int64) { first = Minute(containing: start).index }

  /// All clicks.
  package var total: Int { keys.count }

  /// A click of an ad counts in the minute of this time, ms.
  package mutating func add(_ ad: UInt32, at time: Int64) {
    let minute = Minute(containing: time).index - first
    precondition(0..<Int64(UInt32.max) ~= minute, "a click before the first minute")
    keys.append(UInt64(ad) << 32 | UInt64(minute))
    isSorted = false
  }

  /// Puts the clicks into the order that `Comparison` needs.
  package mutating func sort() {
    if !isSorted { keys.sort() }
    isSorted = true
  }

  /// The counts from place `start` on of ads below `limit`, and the place behind.
  fileprivate func next(_ start: Int, below limit: UInt32) -> (count: AdCount, end: Int)? {
    guard start < keys.count, keys[start] >> 32 < UInt64(limit) else { return nil }
    var end = start + 1
    while end < keys.count, keys[end] == keys[start] { end += 1 }
    let minute = Minute(index: first + Int64(keys[start] & 0xFFFF_FFFF))
    return (AdCount(ad: UInt32(keys[start] >> 32), minute: minute, clicks: end - start), end)
  }
}

/// What one ad counted in one minute.
package struct AdCount: Equatable, Sendable {
  package var ad: UInt32
  package var minute: Minute
  package var clicks: Int

  package init(ad: UInt32, minute: Minute, clicks: Int) {
    self.ad = ad
    self.minute = minute
    self.clicks = clicks
  }

  fileprivate func isBefore(_ other: AdCount) -> Bool { (ad, minute.index) < (other.ad, other.minute.index) }
}

/// Holds counts against what they must be, both in the order of ads and minutes.
package struct Comparison: Sendable {
  /// Rows and clicks of the answers.
  package private(set) var rows = 0
  package private(set) var clicks = 0
  /// Clicks too few and too many, over all ads and minutes.
  package private(set) var lost = 0
  package private(set) var double = 0
  /// The first ones in words.
  package private(set) var faults: [String] = []

  private let expected: CountedClicks
  private var place = 0

  /// Nothing is compared yet. `expected` is sorted.
  package init(_ expected: CountedClicks) { self.expected = expected }

  /// The next count of the answers.
  package mutating func add(_ count: AdCount) {
    while let (due, end) = expected.next(place, below: .max), due.isBefore(count) {
      differ(due, 0)
      place = end
    }
    rows += 1
    clicks += count.clicks
    var due = AdCount(ad: count.ad, minute: count.minute, clicks: 0)
    if let (found, end) = expected.next(place, below: .max), !count.isBefore(found) {
      due = found
      place = end
    }
    if due.clicks != count.clicks { differ(due, count.clicks) }
  }

  /// The answers have no more counts of ads below `limit`.
  package mutating func end(below limit: UInt32) {
    while let (due, end) = expected.next(place, below: limit) {
      differ(due, 0)
      place = end
    }
  }

  private mutating func differ(_ due: AdCount, _ clicks: Int) {
    lost += max(0, due.clicks - clicks)
    double += max(0, clicks - due.clicks)
    guard faults.count < 20 else { return }
    let name = String(decoding: ReferenceOptions.name(due.ad), as: UTF8.self)
    faults.append("\(name), \(due.minute): expected \(due.clicks), counted \(clicks)")
  }
}
