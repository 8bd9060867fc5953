import Glibc

// Finding the bins. The numbers come as weighted intervals in ascending order: a number is an interval of width 0 and weight 1,
// a bin of an older model one of its own width. So a merge finds its model from the models of its inputs, without
// having seen a row.

/// Intervals that a model shall be made for.
@safe struct BinFit {
  /// [lower, lower + 2^width), lower a multiple of 2^width.
  typealias Interval = (lower: UInt64, width: UInt8, weight: Double)

  private let lowers: UnsafeBufferPointer<UInt64>
  /// Nil: all 0.
  private let widths: [UInt8]?
  /// Those that are not 0, ascending by index.
  private let wide: [Int]
  /// The weight of all intervals before each, and of all; nil: 1 each.
  private let before: [Double]?

  private var bins: [Interval] = []
  private var total: Double = 0
  private var binCost: Double = 0

  /// A model for `values`, ascending.
  static func model(of values: UnsafeBufferPointer<UInt64>) -> BinModel {
    unsafe BinFit(lowers: values, widths: nil, before: nil).model()
  }

  /// A model for weighted intervals of which each two are apart or one in the other.
  static func model(of intervals: [Interval]) -> BinModel {
    var intervals = intervals
    intervals.sort { ($0.lower, $1.width) < ($1.lower, $0.width) }
    var before: [Double] = [0]
    for interval in intervals { before.append(before.last! + interval.weight) }
    let isPlain = intervals.allSatisfy { $0.width == 0 }
    return unsafe intervals.map(\.lower).withUnsafeBufferPointer {
      unsafe BinFit(lowers: $0, widths: isPlain ? nil : intervals.map(\.width), before: before).model()
    }
  }

  /// Intervals that hold a range whole, with a weight over all: two, so that neither is much wider than the range.
  static func cover(_ range: ClosedRange<UInt64>, weight: Double) -> [Interval] {
    let (least, greatest) = (range.lowerBound, range.upperBound)
    let different = least ^ greatest
    guard different != 0 else { return [(least, 0, weight)] }
    // The halves of the narrowest interval around both meet at `middle`; each end lies in one of them.
    let top = UInt64(1) << UInt64(63 - different.leadingZeroBitCount)
    let middle = greatest & ~(top - 1)
    func width(_ distance: UInt64) -> UInt8 { UInt8(64 - distance.leadingZeroBitCount) }
    let (below, above) = (width(middle - 1 - least), width(greatest - middle))
    return [
      ((middle - 1) & ~BinModel.mask(below), below, weight / 2), (middle, above, weight / 2),
    ]
  }

  private init(lowers: UnsafeBufferPointer<UInt64>, widths: [UInt8]?, before: [Double]?) {
    unsafe self.lowers = unsafe lowers
    self.widths = widths
    self.before = before
    wide = widths.map { widths in widths.indices.filter { widths[$0] > 0 } } ?? []
  }

  private consuming func model() -> BinModel {
    guard unsafe !lowers.isEmpty else { return BinModel() }
    total = unsafe weight(0..<lowers.count)
    binCost = 16
    repeat {
      binCost *= 2
      bins.removeAll(keepingCapacity: true)
      _ = unsafe best(0..<lowers.count, base: 0, width: 64, spread: 0)
    } while bins.count > BinModel.most
    return BinModel(
      lowers: bins.map(\.lower), widths: bins.map(\.width),
      lengths: PrefixCode.lengths(bins.map { max($0.weight, 1e-9) }))
  }

  private func weight(_ range: Range<Int>) -> Double {
    guard let before else { return Double(range.count) }
    return before[range.upperBound] - before[range.lowerBound]
  }

  /// The widest interval of `range`.
  private func widest(_ range: Range<Int>) -> UInt8 {
    guard let widths, !wide.isEmpty else { return 0 }
    var (low, high) = (0, wide.count)
    while low < high {
      let middle = (low + high) / 2
      if wide[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    var widest: UInt8 = 0
    while low < wide.count, wide[low] < range.upperBound {
      widest = max(widest, widths[wide[low]])
      low += 1
    }
    return widest
  }

  private func width(_ index: Int) -> UInt8 { widths.map { $0[index] } ?? 0 }

  /// Bits that the best bins take for the intervals of `range`, which lie in [base, base + 2^width), and `spread` more
  /// numbers that may stand anywhere in it. Appends these bins.
  private mutating func best(_ range: Range<Int>, base: UInt64, width: UInt8, spread: Double) -> Double {
    var (range, base, width, spread) = (range, base, width, spread)
    if spread == 0 {
      // The narrowest interval around all.
      let (first, last) = unsafe (lowers[range.lowerBound], lowers[range.upperBound - 1])
      width = max(widest(range), UInt8(64 - (first ^ last).leadingZeroBitCount))
      base = width >= 64 ? 0 : first & ~BinModel.mask(width)
    }
    while !range.isEmpty, self.width(range.lowerBound) == width, widths != nil {
      spread += weight(range.lowerBound..<range.lowerBound + 1)
      range = range.dropFirst()
    }
    let sum = spread + weight(range)
    let code = min(Double(PrefixCode.longest), log2(total / max(sum, 1e-9)))
    let whole = sum * (Double(width) + code) + binCost
    let mark = bins.count
    if width > 0, !range.isEmpty, sum * Double(width) > binCost, sum * 4096 > total {
      let half = base + (1 << UInt64(width - 1))
      let middle = split(range, at: half)
      var parts = 0.0
      if spread > 0 || middle > range.lowerBound {
        parts += best(range.lowerBound..<middle, base: base, width: width - 1, spread: spread / 2)
      }
      if spread > 0 || middle < range.upperBound {
        parts += best(middle..<range.upperBound, base: half, width: width - 1, spread: spread / 2)
      }
      if parts < whole { return parts }
      bins.removeLast(bins.count - mark)
    }
    bins.append((base, width, sum))
    return whole
  }

  /// The first index of `range` whose interval does not begin before `value`.
  private func split(_ range: Range<Int>, at value: UInt64) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if unsafe lowers[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
