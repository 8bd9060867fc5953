/// A histogram of durations by powers of two, from 16 µs to 16 s.
package struct DurationBuckets: Sendable {
  /// Upper bounds in nanoseconds: 2^14 … 2^34; one more bucket takes the rest.
  package static let bounds: [Int64] = (14...34).map { Int64(1) << $0 }

  /// In place, so that handing the counters on copies bytes and allocates nothing.
  package private(set) var counts = InlineArray<22, UInt64>(repeating: 0)
  /// Nanoseconds in all.
  package private(set) var sum: Int64 = 0

  package init() {}

  /// Adds one duration in nanoseconds.
  package mutating func add(_ nanoseconds: Int64) {
    sum += nanoseconds
    let bits = 64 - max(1, nanoseconds - 1).leadingZeroBitCount
    counts[min(max(bits - 14, 0), 21)] += 1
  }
}
