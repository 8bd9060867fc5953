// Positions of recorded repeats, asked for once a row. They are cut in blocks of 65,536; a block is empty, a short list of the
// lower 16 bits, or a bit for each position:
//
//     positions of a block      0      1 … 512           more
//     kept as                   –      list, ascending   8 KiB of bits
//
// So memory is 2 bytes for each position of a thin block, and a bit for each position of a full one.

/// A set of ascending positions.
struct PositionSet {
  private enum Block {
    case none
    case list([UInt16])
    case bits([UInt64])
  }

  private let first: UInt64
  private var blocks: [Block] = []
  private static let mostListed = 512

  /// The set of `positions`, ascending.
  init(_ positions: [UInt64]) {
    first = positions.first ?? 0
    var next = 0
    while next < positions.count {
      let block = (positions[next] - first) >> 16
      var end = next + 1
      while end < positions.count, (positions[end] - first) >> 16 == block { end += 1 }
      while UInt64(blocks.count) < block { blocks.append(.none) }
      let lows = positions[next..<end].map { UInt16(truncatingIfNeeded: $0 - first) }
      blocks.append(lows.count > Self.mostListed ? .bits(Self.bits(lows)) : .list(lows))
      next = end
    }
  }

  private static func bits(_ lows: [UInt16]) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: 1_024)
    for low in lows { words[Int(low >> 6)] |= 1 << UInt64(low & 63) }
    return words
  }

  var isEmpty: Bool { blocks.isEmpty }

  func contains(_ position: UInt64) -> Bool {
    guard position >= first else { return false }
    let offset = position - first
    guard offset >> 16 < UInt64(blocks.count) else { return false }
    let low = UInt16(truncatingIfNeeded: offset)
    switch blocks[Int(offset >> 16)] {
    case .none: return false
    case .bits(let words): return words[Int(low >> 6)] >> UInt64(low & 63) & 1 == 1
    case .list(let lows):
      var (start, end) = (0, lows.count)
      while start < end {
        let middle = (start + end) / 2
        if lows[middle] < low { start = middle + 1 } else { end = middle }
      }
      return start < lows.count && lows[start] == low
    }
  }
}
