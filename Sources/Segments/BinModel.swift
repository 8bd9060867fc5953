// How the numbers of a column fall, so that frequent ones take few bits: the range of 64-bit numbers is cut into bins,
//
//   [lower, lower + 2ʷ), lower a multiple of 2ʷ,
//
// each with a prefix code; a number is its bin's code, then w bits that say which number of the bin. Many equal numbers
// get a bin of their own with w = 0; where numbers are spread evenly one bin is wide. A column of one number takes no
// bits at all. (The idea is pcodec's: Loncaric, Jeppesen and Zinberg, "Pcodec: Better Compression for Numerical
// Sequences", 2025; a prefix code in the place of its finite-state one, so that code and field share one stream of bits.)
//
// The best bins for given numbers are found by dynamic programming over the binary tree of intervals: an interval that holds
// m of n numbers costs, as one bin, m (w + log₂(n/m)) bits and the bin's own description, or what its halves cost.

/// The bins of one column and their codes.
struct BinModel: Sendable {
  /// Ascending; the bins do not overlap.
  private(set) var lowers: [UInt64] = []
  /// Bits that tell the numbers of a bin apart, 0...64.
  private(set) var widths: [UInt8] = []
  /// Bits of each bin's code, at most `PrefixCode.longest`.
  private(set) var lengths: [UInt8] = []
  /// Each bin's code, its first bit lowest.
  private(set) var codes: [UInt16] = []
  /// The bin of each pattern of the next `tableBits` bits: bin << 16 | length of its code << 8 | bits of code and field.
  private(set) var table: [UInt32] = []
  private(set) var tableBits = 0
  /// The widest field.
  private(set) var widest = 0

  /// The most bins of one model.
  static let most = 2048

  /// A model of no numbers.
  init() {}

  /// A model of bins that do not overlap, ascending, with codes that are complete.
  init(lowers: [UInt64], widths: [UInt8], lengths: [UInt8]) {
    self.lowers = lowers
    self.widths = widths
    self.lengths = lengths
    codes = PrefixCode.codes(lengths)
    tableBits = Int(lengths.max() ?? 0)
    widest = Int(widths.max() ?? 0)
    table = PrefixCode.table(lengths, codes) { bin, length in
      UInt32(bin) << 16 | UInt32(length) << 8 | UInt32(length + widths[bin])
    }
  }

  var count: Int { lowers.count }

  /// The one number of a column in which all are equal: it takes no bits.
  var constant: UInt64? { count == 1 && widths[0] == 0 ? lowers[0] : nil }

  /// The highest number that the model can spell; nil where it can spell none.
  var highest: UInt64? {
    guard let lower = lowers.last, let width = widths.last else { return nil }
    return lower | Self.mask(width)
  }

  /// The share of numbers for which the code of a bin is best.
  func weight(_ bin: Int) -> Double { 1 / Double(1 << Int(lengths[bin])) }

  /// All numbers below 2ʷ.
  static func mask(_ width: UInt8) -> UInt64 { width >= 64 ? .max : 1 << UInt64(width) - 1 }

  /// The bin that holds `value`; it must be in one.
  @inline(__always) static func bin(
    of value: UInt64, _ lowers: UnsafeBufferPointer<UInt64>
  ) -> Int {
    var low = 0
    var size = lowers.count
    while size > 1 {
      let half = size &>> 1
      // Written so that it becomes a conditional move.
      low = unsafe lowers[low &+ half] <= value ? low &+ half : low
      size &-= half
    }
    return low
  }
}

extension BinModel {
  /// The model as bytes: u16 bins; for each u8 width, u8 code length, and as a varint how many intervals of its width lie
  /// free between the first whole one behind the bin before and the bin.
  func write(to bytes: inout [UInt8]) {
    bytes.append(UInt8(truncatingIfNeeded: count))
    bytes.append(UInt8(truncatingIfNeeded: count >> 8))
    var floor: UInt64 = 0
    for bin in 0..<count {
      bytes.append(widths[bin])
      bytes.append(lengths[bin])
      let mask = Self.mask(widths[bin])
      let first = (floor &+ mask) & ~mask
      var gap = widths[bin] >= 64 ? 0 : (lowers[bin] - first) >> UInt64(widths[bin])
      while gap >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: gap) | 0x80)
        gap >>= 7
      }
      bytes.append(UInt8(gap))
      floor = (lowers[bin] | mask) &+ 1
    }
  }

  /// Reads a model from the front of `bytes`; nil where there is none. Whatever it accepts decodes any bits.
  static func read(_ bytes: inout ArraySlice<UInt8>) -> BinModel? {
    guard let low = bytes.popFirst(), let high = bytes.popFirst() else { return nil }
    let count = Int(low) | Int(high) << 8
    guard count <= most else { return nil }
    var (lowers, widths, lengths): ([UInt64], [UInt8], [UInt8]) = ([], [], [])
    var floor: UInt64 = 0
    for bin in 0..<count {
      guard let width = bytes.popFirst(), width <= 64, let length = bytes.popFirst(), length <= PrefixCode.longest,
        let gap = varint(&bytes)
      else { return nil }
      let mask = mask(width)
      // Behind a bin that ends at 2⁶⁴, or where the next whole interval begins there, nothing can be.
      let (sum, overflow) = floor.addingReportingOverflow(mask)
      guard !overflow, bin == 0 || floor > 0 else { return nil }
      let first = sum & ~mask
      guard width < 64 ? gap <= (UInt64.max - first) >> UInt64(width) : gap == 0 else { return nil }
      let lower = width < 64 ? first + gap << UInt64(width) : 0
      lowers.append(lower)
      widths.append(width)
      lengths.append(length)
      floor = (lower | mask) &+ 1
    }
    guard count == 0 || PrefixCode.isComplete(lengths) else { return nil }
    return BinModel(lowers: lowers, widths: widths, lengths: lengths)
  }

  private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = bytes.popFirst() {
      guard shift < 63 || byte <= 1 else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 64 else { return nil }
    }
    return nil
  }
}
