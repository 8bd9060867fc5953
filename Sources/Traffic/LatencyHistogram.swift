/// Latencies in log-linear buckets, as HdrHistogram draws them: each power of two is cut into 128 equal buckets, so a
/// value read back is at most 1/128 (0.8 %) above one that went in. Below 128 ns each nanosecond has its own bucket.
///
///     index = (shift + 1) · 128 + (value >> shift) - 128     with shift = max(0, ⌊log₂ value⌋ - 7)
///
/// 36 powers cover up to 2⁴³ ns (2.4 hours); what is longer lies in the last bucket, and `maximum` still knows it.
package struct LatencyHistogram: Sendable, Equatable {
  private static let octave = 128
  private static let octaveBits = 7
  private static let longestBits = 43

  private var buckets = [UInt64](repeating: 0, count: (longestBits - octaveBits + 1) * octave)
  /// How many values went in.
  package private(set) var count: UInt64 = 0
  /// The largest value, ns, exact; 0 while empty.
  package private(set) var maximum: Int64 = 0
  /// The smallest value, ns, exact; 0 while empty.
  package var minimum: Int64 { count == 0 ? 0 : smallest }
  private var smallest = Int64.max
  private var sum: Double = 0

  package init() {}

  /// Counts one value in nanoseconds; a negative one counts as 0.
  package mutating func record(_ nanoseconds: Int64) {
    let value = max(0, nanoseconds)
    buckets[Self.index(of: UInt64(value))] += 1
    count += 1
    sum += Double(value)
    maximum = max(maximum, value)
    smallest = min(smallest, value)
  }

  /// Adds what another has counted.
  package mutating func merge(_ other: LatencyHistogram) {
    for i in buckets.indices { buckets[i] += other.buckets[i] }
    count += other.count
    sum += other.sum
    maximum = max(maximum, other.maximum)
    smallest = min(smallest, other.smallest)
  }

  /// The smallest value (ns, to within the bucket) that at least `percent` (0...100) of all values do not exceed.
  /// 0 while empty.
  package func percentile(_ percent: Double) -> Int64 {
    guard count > 0 else { return 0 }
    let rank = min(max(UInt64((percent / 100 * Double(count)).rounded(.up)), 1), count)
    var seen: UInt64 = 0
    for i in buckets.indices {
      seen += buckets[i]
      if seen >= rank { return i == buckets.count - 1 ? maximum : min(Self.upperEnd(of: i), maximum) }
    }
    return maximum
  }

  /// The arithmetic mean, ns, exact; 0 while empty.
  package var mean: Double { count == 0 ? 0 : sum / Double(count) }

  private static func index(of value: UInt64) -> Int {
    let capped = min(value, 1 << longestBits - 1)
    let shift = max(0, 63 - capped.leadingZeroBitCount - octaveBits)
    return shift * octave + Int(capped >> UInt64(shift))
  }

  /// The largest value of a bucket.
  private static func upperEnd(of index: Int) -> Int64 {
    guard index >= 2 * octave else { return Int64(index) }
    let shift = index / octave - 1
    return Int64(index - shift * octave + 1) << Int64(shift) - 1
  }
}
