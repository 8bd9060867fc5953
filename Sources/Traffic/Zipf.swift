import Glibc

/// Ranks as real traffic spreads over ads: rank k of `count` comes with a probability in proportion to k^-exponent.
///
/// Up to 4,096 ranks the cumulative weights are tabled and searched by halves, which is exact to the last bit of a Double.
/// Above, rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", 1996): draw from the continuous envelope H(x) = ∫ x^-s dx, round to the next integer, accept nearly
/// always. No table, whatever the count.
package struct Zipf: Sendable {
  /// How many ranks there are.
  package let count: Int
  /// The exponent, > 0; 1 is Zipf's own.
  package let exponent: Double

  private static let largestTable = 4096
  private let cumulative: [Double]
  private let envelopeStart: Double
  private let envelopeEnd: Double
  private let shortcut: Double

  /// A distribution over `count` ≥ 1 ranks. `tabled` false forces the method for large counts.
  package init(count: Int, exponent: Double, tabled: Bool = true) {
    precondition(count >= 1 && exponent > 0, "zipf over \(count) ranks with exponent \(exponent)")
    self.count = count
    self.exponent = exponent
    if tabled && count <= Self.largestTable {
      var sum = 0.0
      cumulative = (1...count).map { rank in
        sum += pow(Double(rank), -exponent)
        return sum
      }
    } else {
      cumulative = []
    }
    envelopeStart = Self.integral(1.5, exponent) - 1
    envelopeEnd = Self.integral(Double(count) + 0.5, exponent)
    shortcut = 2 - Self.inverse(Self.integral(2.5, exponent) - pow(2, -exponent), exponent)
  }

  /// One rank, from 0 (the heaviest) up to `count` - 1.
  package func sample(_ generator: inout SplitMix64) -> Int {
    cumulative.isEmpty ? rejectionInversion(&generator) : search(generator.unit() * cumulative[count - 1])
  }

  private func search(_ point: Double) -> Int {
    var low = 0
    var high = count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] > point { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private func rejectionInversion(_ generator: inout SplitMix64) -> Int {
    while true {
      let u = envelopeEnd + generator.unit() * (envelopeStart - envelopeEnd)
      let x = Self.inverse(u, exponent)
      let k = min(max((x + 0.5).rounded(.down), 1), Double(count))
      if k - x <= shortcut || u >= Self.integral(k + 0.5, exponent) - pow(k, -exponent) { return Int(k) - 1 }
    }
  }

  /// H(x) = (x^(1-s) - 1) / (1 - s), which tends to ln x at s = 1.
  private static func integral(_ x: Double, _ s: Double) -> Double {
    let l = log(x)
    let t = (1 - s) * l
    return l * (abs(t) > 1e-8 ? expm1(t) / t : 1 + t / 2 * (1 + t / 3))
  }

  private static func inverse(_ y: Double, _ s: Double) -> Double {
    let t = max(y * (1 - s), -1)
    return exp(y * (abs(t) > 1e-8 ? log1p(t) / t : 1 - t * (0.5 - t / 3)))
  }
}
