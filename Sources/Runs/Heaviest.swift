/// The ads with the largest sums: twice as many are kept as are wanted, and cut back when that is full.
struct Heaviest {
  private let limit: Int
  private var entries: [(code: UInt32, sum: UInt64)] = []
  private var least: UInt64 = 0

  init(_ limit: Int) { self.limit = limit }

  /// Each ad once, by ascending code: so of equal sums the one that is there already stays.
  mutating func add(_ code: UInt32, _ sum: UInt64) {
    guard sum > 0, entries.count < limit || sum > least else { return }
    entries.append((code, sum))
    if entries.count >= 2 * limit {
      entries = Array(sorted)
      least = entries.last!.sum
    }
  }

  /// Heaviest first; of equal ones the lower code first.
  var sorted: [(code: UInt32, sum: UInt64)] {
    Array(entries.sorted { $0.sum != $1.sum ? $0.sum > $1.sum : $0.code < $1.code }.prefix(limit))
  }
}
