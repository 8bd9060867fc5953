import Columns
import Simulation

/// Values of the kinds that each encoding is made for, and of those that are hard on it.
enum Distribution: CaseIterable {
  case constant, oneWidth, outlier, outliers, ascending, ascendingFast, allMaximum, alternating, twoAnywhere, sparse
  case counts, mixedCounts, zipf, edges, anything

  /// `count` values.
  func values(_ count: Int, _ chance: inout SeededGenerator) -> [UInt64] {
    let width = Int.random(in: 0...64, using: &chance)
    let mask = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
    let base = chance.oneIn(2) ? 0 : chance.next() >> UInt64.random(in: 0...63, using: &chance)
    func some(_ value: (Int) -> UInt64) -> [UInt64] { (0..<count).map(value) }
    switch self {
    case .constant: return some { _ in base }
    case .oneWidth: return some { _ in (chance.next() & mask) &+ base }
    case .outlier:
      let place = Int.random(in: 0..<count, using: &chance)
      return some { $0 == place ? chance.next() : base }
    case .outliers:
      let share = UInt64.random(in: 2...200, using: &chance)
      return some { _ in chance.oneIn(share) ? chance.next() : (chance.next() & mask & 0xfff) &+ base }
    case .ascending, .ascendingFast:
      var sum = base >> 1
      let most = self == .ascending ? 3 : (UInt64.max >> 2) / UInt64(count)
      return some { _ in
        sum += UInt64.random(in: 0...most, using: &chance)
        return sum
      }
    case .allMaximum: return some { _ in .max }
    case .alternating: return some { $0 % 2 == 0 ? 0 : .max }
    case .twoAnywhere:
      let other = chance.next()
      return some { _ in chance.oneIn(3) ? base : other }
    case .sparse: return some { _ in chance.oneIn(40) ? chance.next() & mask : base }
    case .counts: return some { _ in UInt64((chance.next() & chance.next()).nonzeroBitCount % 9) }
    case .mixedCounts:
      return some {
        UInt64(truncatingIfNeeded: ($0 / 300 % 3 + 1) * 1000) &+ chance.next() % (1 << UInt64($0 / 300 % 20))
      }
    case .zipf: return some { _ in chance.next() >> UInt64.random(in: 38...62, using: &chance) }
    case .edges: return some { _ in chance.edge(in: 0...UInt64.max) }
    case .anything: return some { _ in chance.next() }
    }
  }

  /// A number of values: mostly near a multiple of 128 or of 8, sometimes the most there can be.
  static func count(_ chance: inout SeededGenerator) -> Int {
    switch chance.next() % 8 {
    case 0: return 1
    case 1: return chance.oneIn(8) ? IntegerColumn.maximumCount : 2
    case 2: return max(1, 128 * Int.random(in: 1...6, using: &chance) + Int.random(in: -1...1, using: &chance))
    case 3: return max(1, 8 * Int.random(in: 1...6, using: &chance) + Int.random(in: -1...1, using: &chance))
    default: return chance.small(in: 1...2000)
    }
  }
}

/// Rows in order, as arrays.
struct Rows: Equatable {
  var codes: [UInt32] = []
  var buckets: [UInt32] = []
  var values: [UInt64] = []

  static func random(_ chance: inout SeededGenerator) -> Rows {
    var rows = Rows()
    let most = chance.small(in: 1...RowBlock.maximumRows)
    let skip = [1, 1, 10, 1 << 20][Int(chance.next() % 4)]
    let gap = [1, 1, 2, 30, 1 << 19][Int(chance.next() % 5)]
    let busy = [1, 3, 100, 5000][Int(chance.next() % 4)]
    let widest = UInt64.random(in: 0...63, using: &chance)
    var code = chance.oneIn(4) ? Int(UInt32.max) : Int.random(in: 0...1000, using: &chance)
    while rows.codes.count < most && code <= Int(UInt32.max) {
      var bucket = chance.oneIn(50) ? Int(UInt32.max) : Int.random(in: 0..<1440, using: &chance)
      for _ in 0..<Int.random(in: 1...busy, using: &chance) where rows.codes.count < most && bucket <= Int(UInt32.max) {
        rows.codes.append(UInt32(code))
        rows.buckets.append(UInt32(bucket))
        rows.values.append(chance.next() >> widest)
        bucket += Int.random(in: 1...gap, using: &chance)
      }
      code += Int.random(in: 1...skip, using: &chance)
    }
    return rows
  }

  /// Those of one ad.
  func only(_ code: UInt32) -> Rows {
    let places = codes.indices.filter { codes[$0] == code }
    return Rows(codes: places.map { codes[$0] }, buckets: places.map { buckets[$0] }, values: places.map { values[$0] })
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    unsafe codes.withUnsafeBufferPointer { codes in
      unsafe buckets.withUnsafeBufferPointer { buckets in
        unsafe values.withUnsafeBufferPointer { values in
          unsafe RowBlock.encode(codes: codes, buckets: buckets, values: values, to: &bytes)
        }
      }
    }
    return bytes
  }
}
