// Buckets of time are numbered from 1970 on, minutes, hours and days alike, and a time before 1970 lies in a bucket of its own
// like any other: every division of one width by another rounds down.
//
//     minute   -1441 │ -1440 … -1 │ 0 … 1439 │ 1440
//     day         -2 │         -1 │        0 │    1

extension Int64 {
  /// `self / width`, rounded down: the wider bucket that holds the narrow one. `width` is positive; any `self` will do.
  @inlinable
  package func dividedDown(by width: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: width)
    return remainder < 0 ? quotient - 1 : quotient
  }

  /// `self / width`, rounded up: the first wider bucket that begins at the narrow one or behind it.
  @inlinable
  package func dividedUp(by width: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: width)
    return remainder > 0 ? quotient + 1 : quotient
  }
}

/// A day of UTC.
package struct Day: Hashable, Comparable, Sendable {
  /// Days since 1970.
  package var index: Int64

  /// Minutes of a day.
  package static let minutes: Int64 = 1_440

  @inlinable
  package init(index: Int64) { self.index = index }

  /// The day that holds a minute, which is counted from 1970.
  @inlinable
  package init(ofMinute minute: Int64) { index = minute.dividedDown(by: 1_440) }

  /// Its minutes.
  @inlinable
  package var minutes: Range<Int64> { index * 1_440..<(index + 1) * 1_440 }

  @inlinable
  package static func < (a: Day, b: Day) -> Bool { a.index < b.index }
}
