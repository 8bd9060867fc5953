import Clicks

/// Which months of a shard are sealed.
package struct SealedMonths: Equatable, Sendable {
  /// Ascending.
  package private(set) var seals: [MonthSeal] = []
  /// Their minutes, ascending; months that follow one another make one range.
  private var ranges: [Range<Int64>] = []

  package init(_ seals: [MonthSeal] = []) { for seal in seals { insert(seal) } }

  /// What is kept of a month; nil where it is not sealed.
  package func seal(of month: Month) -> MonthSeal? { seals.first { $0.month == month } }

  package var isEmpty: Bool { seals.isEmpty }

  /// Whether the minute is of one.
  package func contains(minute: Int64) -> Bool {
    guard let last = ranges.last, minute < last.upperBound else { return false }
    return ranges.contains { $0.contains(minute) }
  }

  /// Whether all of these minutes are; some at least.
  package func contains(_ minutes: Range<Int64>) -> Bool {
    !minutes.isEmpty && ranges.contains { $0.lowerBound <= minutes.lowerBound && minutes.upperBound <= $0.upperBound }
  }

  /// Whether some of these minutes are.
  package func overlaps(_ minutes: Range<Int64>) -> Bool { ranges.contains { $0.overlaps(minutes) } }

  mutating func insert(_ seal: MonthSeal) {
    seals.append(seal)
    seals.sort { $0.month < $1.month }
    ranges = []
    for month in seals.map(\.month) {
      if let last = ranges.last, last.upperBound == month.minutes.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<month.minutes.upperBound
      } else {
        ranges.append(month.minutes)
      }
    }
  }
}
