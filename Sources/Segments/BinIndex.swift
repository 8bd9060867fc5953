// From a number to its bin in a few loads, for those who write many pages. Bins are narrow where numbers are frequent, and
// that is mostly at one place: the low ad codes, the delays just above zero, the positions that come as expected. So the
// line of numbers is cut into slots that widen with the distance from there, as floating-point numbers do:
//
//     distance d < 256        slot d
//     else, 2ᵉ ≤ d < 2ᵉ⁺¹     256 slots for each e            on both sides of the pivot
//
// Of each slot the index knows the bins that it touches: one or two of them mostly, among which is searched.

/// Finds the bins of one model. Belongs to one writer.
@safe final class BinIndex {
  /// What a number is held against and what is written of it, side by side, so that both are one memory access.
  private struct Bin {
    var lower: UInt64
    /// Its code, 16 bits, the code's length, 8, and the field's width, 8.
    var code: UInt32
  }

  private let bins: UnsafeMutablePointer<Bin>
  /// Of each slot: its first bin, and above 16 bits how many it touches.
  private let slots: UnsafeMutablePointer<UInt32>
  private let pivot: UInt64
  private let count: Int
  /// The slot's entry of each number of a lane; its bits, and how many.
  private let entries: UnsafeMutablePointer<UInt32>
  private let words: UnsafeMutablePointer<UInt64>
  private let lengths: UnsafeMutablePointer<UInt8>

  private static let fine: UInt64 = 256
  private static let fineBits: UInt64 = 8
  /// Slots of one side.
  private static let side = Int(fine + (64 - fineBits) * fine)

  /// An index of a model with at least one bin.
  init(_ model: BinModel) {
    let count = model.count
    self.count = count
    unsafe entries = .allocate(capacity: BinColumn.lane)
    unsafe words = .allocate(capacity: BinColumn.lane)
    unsafe lengths = .allocate(capacity: BinColumn.lane)
    unsafe bins = .allocate(capacity: count)
    unsafe slots = .allocate(capacity: 2 * Self.side)
    for bin in 0..<count {
      let code = UInt32(model.codes[bin]) | UInt32(model.lengths[bin]) << 16 | UInt32(model.widths[bin]) << 24
      unsafe (bins + bin).initialize(to: Bin(lower: model.lowers[bin], code: code))
    }
    let narrowest = model.widths.indices.min {
      (model.widths[$0], model.lengths[$0]) < (model.widths[$1], model.lengths[$1])
    }!
    pivot = model.lowers[narrowest]
    for isBelow in [false, true] {
      // Away from the pivot bins follow each other, so each is found from the one before.
      var bin = unsafe model.lowers.withUnsafeBufferPointer { unsafe BinModel.bin(of: pivot, $0) }
      func move(to value: UInt64) {
        while bin > 0, model.lowers[bin] > value { bin -= 1 }
        while bin + 1 < count, model.lowers[bin + 1] <= value { bin += 1 }
      }
      // Beyond the ends of the line there are no numbers.
      let room = isBelow ? pivot : .max - pivot
      for slot in 0..<Self.side {
        let (least, greatest) = Self.distances(slot)
        let (near, far) = (min(least, room), min(greatest, room))
        move(to: isBelow ? pivot - near : pivot + near)
        let nearest = bin
        move(to: isBelow ? pivot - far : pivot + far)
        unsafe (slots + (isBelow ? Self.side + slot : slot)).initialize(
          to: UInt32(min(nearest, bin)) | UInt32(abs(bin - nearest) + 1) << 16)
      }
    }
  }

  deinit {
    unsafe bins.deallocate()
    unsafe entries.deallocate()
    unsafe slots.deallocate()
    unsafe words.deallocate()
    unsafe lengths.deallocate()
  }

  /// The distances that fall into a slot.
  private static func distances(_ slot: Int) -> (least: UInt64, greatest: UInt64) {
    let slot = UInt64(slot)
    guard slot >= fine else { return (slot, slot) }
    let exponent = (slot - fine) / fine
    let least = (fine + (slot - fine) % fine) << exponent
    return (least, least + (1 << exponent - 1))
  }

  /// Writes the numbers of `range`, at most a lane of them; false where one is in no bin. First each number's bits are found,
  /// which does not wait for the number before, then they are written one behind the other.
  func encode(_ values: UnsafePointer<UInt64>, _ range: Range<Int>, to bits: inout BitWriter) -> Bool {
    precondition(range.count <= BinColumn.lane)
    let isKnown = unsafe findBits(values + range.lowerBound, range.count)
    // A copy, so that it stays in registers.
    var writer = bits
    let (words, lengths) = unsafe (words, lengths)
    for i in 0..<range.count {
      let length = Int(truncatingIfNeeded: unsafe lengths[i])
      if length <= 64 {
        unsafe writer.put(words[i], length)
      } else {
        // A field too wide for one word: its code is found again.
        unsafe putWide(values[range.lowerBound + i], to: &writer)
      }
    }
    bits = writer
    return isKnown
  }

  /// Finds the bits of each number and how many they are; 255 for those that do not fit into a word. Short loops one behind the
  /// other, so that many of them are under way while memory answers.
  private func findBits(_ values: UnsafePointer<UInt64>, _ count: Int) -> Bool {
    let (bins, slots, pivot) = unsafe (bins, slots, pivot)
    let (entries, words, lengths) = unsafe (entries, words, lengths)
    for i in 0..<count {
      let value = unsafe values[i]
      // Without branches: which side a number is on is as good as random.
      let below = 0 &- (value < pivot ? 1 as UInt64 : 0)
      let distance = ((value &- pivot) ^ below) &- below
      let exponent = UInt64(
        truncatingIfNeeded: 64 &- Int(Self.fineBits) &- (distance | (2 &* Self.fine &- 1)).leadingZeroBitCount)
      let slot = Self.fine &* exponent &+ distance &>> (exponent &- 1) &- Self.fine &+ UInt64(Self.side) & below
      unsafe entries[i] = unsafe slots[Int(truncatingIfNeeded: slot)]
    }
    var unknown: UInt64 = 0
    for i in 0..<count {
      let value = unsafe values[i]
      let entry = unsafe entries[i]
      var bin = Int(truncatingIfNeeded: entry & 0xFFFF)
      var size = Int(truncatingIfNeeded: entry &>> 16)
      // One step tells two bins apart, whether there are two or not: nearly always nothing is left to be guessed.
      unsafe halve(&bin, &size, value, bins)
      while size > 1 { unsafe halve(&bin, &size, value, bins) }
      let code = unsafe bins[bin].code
      let length = UInt64(truncatingIfNeeded: code &>> 16 & 0xFF)
      let width = UInt64(truncatingIfNeeded: code &>> 24)
      // Wraps around where the number is below the first bin.
      let field = unsafe value &- bins[bin].lower
      unknown |= width < 64 ? field &>> width : 0
      unsafe words[i] = UInt64(code & 0xFFFF) | field &<< length
      unsafe lengths[i] = width < 52 ? UInt8(truncatingIfNeeded: length &+ width) : 255
    }
    return unknown == 0
  }

  /// Keeps the half of `size` bins from `bin` on that has `value`, without a branch.
  @inline(__always)
  private func halve(_ bin: inout Int, _ size: inout Int, _ value: UInt64, _ bins: UnsafePointer<Bin>) {
    let half = size &>> 1
    let isBelow = unsafe value.subtractingReportingOverflow(bins[bin &+ half].lower).overflow
    bin &+= half & ((isBelow ? 1 : 0) &- 1)
    size &-= half
  }

  private func putWide(_ value: UInt64, to writer: inout BitWriter) {
    var (low, size) = (0, count)
    while size > 1 {
      let half = size / 2
      if unsafe bins[low + half].lower <= value { low += half }
      size -= half
    }
    let code = unsafe bins[low].code
    let width = UInt8(truncatingIfNeeded: code >> 24)
    writer.put(UInt64(code & 0xFFFF), Int(code >> 16 & 0xFF))
    writer.put(unsafe (value &- bins[low].lower) & BinModel.mask(width), Int(width))
  }
}
