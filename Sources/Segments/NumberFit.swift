/// Makes a model for numbers that come one by one: of all of them where they are few, else of a sample, with thin bins over
/// all that lies between the least and the greatest, so that each number has its bin.
struct NumberFit {
  private static let sample = 1 << 16

  private let stride: Int
  private var sampled: [UInt64] = []
  private var skip = 0
  private var extent = Extent<UInt64>()

  /// About `expected` numbers will come.
  init(expected: Int) {
    stride = (expected + Self.sample - 1) / Self.sample
    sampled.reserveCapacity(min(expected, Self.sample) + 1)
  }

  @inline(__always) mutating func add(_ number: UInt64) {
    extent.add(number)
    skip &-= 1
    if skip < 0 {
      sampled.append(number)
      skip = stride &- 1
    }
  }

  consuming func model() -> BinModel {
    guard let range = extent.range else { return BinModel() }
    RowSort.sort(&sampled)
    if stride <= 1 { return unsafe sampled.withUnsafeBufferPointer { unsafe BinFit.model(of: $0) } }
    var intervals = sampled.map { (lower: $0, width: UInt8(0), weight: 1.0) }
    intervals += BinFit.cover(range, weight: 1)
    return BinFit.model(of: intervals)
  }
}
