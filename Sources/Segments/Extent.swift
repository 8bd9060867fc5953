/// The least and the greatest of some numbers.
struct Extent<T: FixedWidthInteger & Sendable>: Sendable {
  private var least = T.max
  private var greatest = T.min

  @inline(__always) mutating func add(_ number: T) {
    least = min(least, number)
    greatest = max(greatest, number)
  }

  mutating func add(_ other: Extent) {
    least = min(least, other.least)
    greatest = max(greatest, other.greatest)
  }

  /// Nil where there was none.
  var range: ClosedRange<T>? { least <= greatest ? least...greatest : nil }
}
