// Prefix codes of at most 12 bits: lengths from frequencies, codes from lengths, and the table that decodes them.

/// Canonical prefix codes of limited length.
enum PrefixCode {
  /// The longest code, so that the decoder's table fits the first cache: 4,096 entries.
  static let longest: UInt8 = 12

  /// The lengths that take the fewest bits over all, none above `longest`, for 1...4,096 symbols: package-merge
  /// [Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", JACM 1990]. One symbol
  /// alone gets length 0.
  static func lengths(_ weights: [Double]) -> [UInt8] {
    let count = weights.count
    var lengths = [UInt8](repeating: 0, count: count)
    guard count > 1 else { return lengths }
    precondition(count <= 1 << Int(longest))
    let order = weights.indices.sorted { weights[$0] < weights[$1] }
    // Level by level: the symbols, merged by weight with the pairs of the level before. What is kept of a level is which
    // of its items are symbols.
    var levels: [[Bool]] = []
    var items: [Double] = []
    for _ in 0..<longest {
      var merged: [Double] = []
      var isSymbol: [Bool] = []
      var (symbol, pair) = (0, 0)
      while symbol < count || pair + 1 < items.count {
        let package = pair + 1 < items.count ? items[pair] + items[pair + 1] : .infinity
        if symbol < count, weights[order[symbol]] <= package {
          merged.append(weights[order[symbol]])
          isSymbol.append(true)
          symbol += 1
        } else {
          merged.append(package)
          isSymbol.append(false)
          pair += 2
        }
      }
      levels.append(isSymbol)
      items = merged
    }
    // The cheapest 2n − 2 items of the last level; each package stands for two of the level below.
    var taken = 2 * count - 2
    for level in levels.reversed() {
      let symbols = level[..<taken].count { $0 }
      for symbol in 0..<symbols { lengths[order[symbol]] += 1 }
      taken = 2 * (taken - symbols)
    }
    return lengths
  }

  /// Whether every sequence of bits is a sequence of codes: 2^−length sums to 1.
  static func isComplete(_ lengths: [UInt8]) -> Bool {
    lengths.reduce(0) { $0 + 1 << Int(longest - $1) } == 1 << Int(longest)
  }

  /// The codes: in the order of length, then of symbol, each is the one before plus one (as in RFC 1951, 3.2.2). Given with
  /// the first bit lowest.
  static func codes(_ lengths: [UInt8]) -> [UInt16] {
    var codes = [UInt16](repeating: 0, count: lengths.count)
    var next: UInt16 = 0
    var before: UInt8 = 0
    for length in 0...longest {
      for symbol in lengths.indices where lengths[symbol] == length {
        if length > before { next <<= UInt16(length - before) }
        before = length
        for bit in 0..<UInt16(length) where next >> bit & 1 == 1 {
          codes[symbol] |= 1 << (UInt16(length) - 1 - bit)
        }
        next &+= 1
      }
    }
    return codes
  }

  /// What each pattern of as many bits as the longest code has begins with.
  static func table(_ lengths: [UInt8], _ codes: [UInt16], _ entry: (Int, UInt8) -> UInt32) -> [UInt32] {
    guard let longest = lengths.max() else { return [] }
    let size = 1 << Int(longest)
    var table = [UInt32](repeating: 0, count: size)
    for symbol in lengths.indices {
      let value = entry(symbol, lengths[symbol])
      for place in stride(from: Int(codes[symbol]), to: size, by: 1 << Int(lengths[symbol])) { table[place] = value }
    }
    return table
  }
}
