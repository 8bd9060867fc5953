import Clicks

/// Which rows answer a range, whoever's they are: the widest that lie inside and that no bound of the grid cuts. See
/// `LiveTable+Buckets.swift` for the drawing.
struct WidePlan {
  /// Rows of one width that lie side by side.
  struct Piece: Equatable {
    /// Minutes of a row: 1, 60 or 1,440.
    var width: Int64
    /// Their numbers: minutes since 1970 by the width.
    var rows: Range<Int64>

    /// The table that has them.
    var table: RunTableKey {
      switch width {
      case 1: .minutes
      case 60: .hours
      default: .days
      }
    }
  }

  /// Ascending in time; together they are the range.
  private(set) var pieces: [Piece] = []

  /// The rows of `version` for `range`, minutes since 1970, in the buckets of `grid`.
  init(_ range: Range<Int64>, _ grid: BucketGrid, _ version: Version) {
    // The end of what is rolled up; days are so few that no product overflows once there is one.
    let border = version.rolledUp > .min ? version.rolledUp * 1_440 : .min
    let middle = min(max(range.lowerBound, border), range.upperBound)
    let rolledUp = range.lowerBound..<middle
    // Nothing is rolled up of minutes, and every hour and day of UTC is a whole row.
    let widths = [1_440, 60].filter { $0 <= grid.minutes }
    let isAligned = grid.unit == .hour || grid.zone == .utc
    let bounds =
      widths.isEmpty || isAligned
      ? [] : grid.starts(in: Minute(index: range.lowerBound)..<Minute(index: middle)).map(\.index)
    add(rolledUp, widths[...], bounds[...])
    add(1, middle..<range.upperBound)
  }

  /// Adds the whole rows of the widest width that lie inside and have none of `bounds` inside them, and the rest as narrower
  /// ones.
  private mutating func add(_ range: Range<Int64>, _ widths: ArraySlice<Int64>, _ bounds: ArraySlice<Int64>) {
    guard !range.isEmpty else { return }
    guard let width = widths.first else { return add(1, range) }
    let narrower = widths.dropFirst()
    var inside = bounds
    inside.removeFirst(Self.first(inside, notBelow: range.lowerBound) - inside.startIndex)
    inside.removeLast(inside.endIndex - Self.first(inside, notBelow: range.upperBound))
    var done = range.lowerBound
    func step(_ whole: Range<Int64>) {
      add(done..<whole.lowerBound, narrower, inside)
      add(width, whole.lowerBound / width..<whole.upperBound / width)
      done = whole.upperBound
    }
    var whole: Range<Int64>?
    var start = range.lowerBound
    for end in inside.filter({ $0 % width != 0 }) + [range.upperBound] {
      let (first, last) = (start.dividedUp(by: width) * width, end.dividedDown(by: width) * width)
      start = end
      guard first < last else { continue }
      if let before = whole, before.upperBound == first {
        whole = before.lowerBound..<last
      } else {
        if let before = whole { step(before) }
        whole = first..<last
      }
    }
    if let whole { step(whole) }
    add(done..<range.upperBound, narrower, inside)
  }

  private mutating func add(_ width: Int64, _ rows: Range<Int64>) {
    guard !rows.isEmpty else { return }
    if let last = pieces.last, last.width == width, last.rows.upperBound == rows.lowerBound {
      pieces[pieces.count - 1].rows = last.rows.lowerBound..<rows.upperBound
    } else {
      pieces.append(Piece(width: width, rows: rows))
    }
  }

  /// The index of the first of ascending numbers that is not below `bound`.
  private static func first(_ numbers: ArraySlice<Int64>, notBelow bound: Int64) -> Int {
    var (low, end) = (numbers.startIndex, numbers.endIndex)
    while low < end {
      let middle = (low + end) / 2
      if numbers[middle] < bound { low = middle + 1 } else { end = middle }
    }
    return low
  }
}
