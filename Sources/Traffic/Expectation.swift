import Clicks

/// What the table must say, as far as the clients can know it: bounds for each (ad, minute) and for each ad.
///
/// An impression with an unknown end may count once, in any minute from its first unknown send until now: it raises
/// the upper bound of each of these minutes by one, but that of its ad by one only.
package struct Expectation: Sendable, Equatable {
  /// Minutes that are not listed count 0.
  package private(set) var minutes: [AdMinute: ClosedRange<Int>] = [:]
  /// Ads that are not listed count 0.
  package private(set) var totals: [AdID: ClosedRange<Int>] = [:]

  /// - Parameter now: ms; nothing is counted later than this plus the tolerance.
  init(_ state: borrowing LedgerState, now: Int64) {
    for one in state.impressions {
      let ad = state.ads[Int(one.ad)]
      if one.isSettled {
        let from = Minute(containing: one.countedFrom)
        add(ad, from, Minute(containing: max(one.countedFrom, one.countedTo)), isCertain: true)
      } else if one.unknown > 0 || one.inFlight > 0 {
        let since = one.inFlight > 0 ? one.firstSend : one.firstUnknown
        let from = since - LedgerState.tolerance
        add(
          ad, Minute(containing: from), Minute(containing: max(from, now + LedgerState.tolerance)), isCertain: false)
      }
    }
  }

  private mutating func add(_ ad: AdID, _ from: Minute, _ to: Minute, isCertain: Bool) {
    raise(&totals[ad], lower: isCertain)
    for index in from.index...to.index {
      raise(&minutes[AdMinute(ad, Minute(index: index))], lower: isCertain && from == to)
    }
  }

  private func raise(_ bounds: inout ClosedRange<Int>?, lower: Bool) {
    let old = bounds ?? 0...0
    bounds = (old.lowerBound + (lower ? 1 : 0))...(old.upperBound + 1)
  }

  /// Whether every count is known exactly.
  package var isExact: Bool { minutes.values.allSatisfy { $0.count == 1 } }

  /// The clicks that must be there, and those that may.
  package var total: ClosedRange<Int> {
    totals.values.reduce(0...0) { ($0.lowerBound + $1.lowerBound)...($0.upperBound + $1.upperBound) }
  }

  /// Where `actual` lies outside the bounds: minutes first, then ads whose minutes are each possible but not their sum.
  /// Sorted by ad and minute. Counts of 0 need not be listed.
  package func differences(from actual: [AdMinute: Int]) -> [Difference] {
    var found: [Difference] = []
    var sums: [AdID: Int] = [:]
    var differing: Set<AdID> = []
    for key in Set(minutes.keys).union(actual.keys).sorted() {
      let bounds = minutes[key] ?? 0...0
      let count = actual[key] ?? 0
      sums[key.ad, default: 0] += count
      if !(bounds ~= count) {
        found.append(Difference(ad: key.ad, minute: key.minute, expected: bounds, actual: count))
        differing.insert(key.ad)
      }
    }
    for ad in sums.keys.sorted(by: { $0.text < $1.text }) where !differing.contains(ad) {
      let bounds = totals[ad] ?? 0...0
      let sum = sums[ad] ?? 0
      if !(bounds ~= sum) { found.append(Difference(ad: ad, minute: nil, expected: bounds, actual: sum)) }
    }
    return found
  }
}
