// Whether a number may be in a set that never changes: the binary fuse filter of Graf and Lemire ["Binary Fuse Filters: Fast
// and Smaller Than Xor Filters", JEA 2022], 8 bits wide. A number that is in the set is always found; another one passes
// for it once in 256 times. 9.5 bits a number in a full group.
//
//   cells c₀ c₁ …, a byte each, in s + 2 segments of L = 2ᵏ:    k = max(2, ⌊(5 b + 7) / 8⌋), b the bit length of n − 1
//                                                               s = r + ⌊9 r / 64⌋ + 1, r = ⌈n / L⌉
//   x ↦ h = ⌊x × s L / 2⁶⁴⌋,  h + L with its low k bits xor those of ⌊x / 2¹⁸⌋,  h + 2L xor those of x
//   x may be in the set where the xor of its three cells is the lowest byte of x xor ⌊x / 2³²⌋
//
// The three cells lie within 3 L: 3 KiB, mostly one page of memory or two. Building peels the numbers off: one that has a cell
// to itself is taken away, which may leave another one alone; in the reverse order each gets its byte right through that cell.
// The shape is a little wider than the authors': 95 of 100 sets of any size peel at the first attempt. With one segment less
// every second set of some sizes would not.

/// A filter over some numbers: how its cells are laid out.
package struct FuseShape: Equatable, Sendable {
  /// The most numbers of one filter.
  package static let most = 1 << 16

  /// The binary logarithm of a segment's cells.
  let shift: UInt8
  /// Cells in which the first of the three may lie.
  let starts: UInt32
  /// Cells, a byte each; 0 for no numbers.
  var cells: Int { starts == 0 ? 0 : Int(starts) + 2 << Int(shift) }

  /// The shape for so many different numbers, at most `most`.
  init(_ count: Int) {
    precondition(count <= Self.most)
    guard count > 0 else {
      (shift, starts) = (0, 0)
      return
    }
    let bits = Int.bitWidth - (count - 1).leadingZeroBitCount
    let shift = max(2, (5 * bits + 7) / 8)
    let rows = (count - 1) >> shift + 1
    self.shift = UInt8(shift)
    starts = UInt32((rows + 9 * rows / 64 + 1) << shift)
  }

  /// The three cells of a number.
  @inline(__always) func places(_ x: UInt64) -> (Int, Int, Int) {
    let (segment, mask) = (1 &<< UInt64(shift), 1 &<< UInt64(shift) &- 1 as UInt64)
    let first = x.multipliedFullWidth(by: UInt64(starts)).high
    let second = (first &+ segment) ^ (x &>> 18 & mask)
    let third = (first &+ 2 &* segment) ^ (x & mask)
    return (
      Int(truncatingIfNeeded: first), Int(truncatingIfNeeded: second), Int(truncatingIfNeeded: third)
    )
  }

  /// The xor that the three cells of a number have.
  @inline(__always) static func mark(_ x: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: x ^ x &>> 32) }
}

/// Builds filters, one after the other. Belongs to one thread; the memory, 2 MB, is allocated once.
///
/// Besides the xor of its numbers a cell knows how many they are and the xor of their turns, which of a number's three cells it
/// is: so when one number is left, nothing has to be compared. What branches on the numbers, which are as good as random, is
/// written without a branch.
@safe final class FuseBuilder {
  private let sums: UnsafeMutablePointer<UInt64>
  /// Of each cell: four times the numbers in it, and the xor of their turns.
  private let counts: UnsafeMutablePointer<UInt8>
  /// Cells that came to have one number; each does so once.
  private let alone: UnsafeMutablePointer<UInt32>
  private let peeled: UnsafeMutablePointer<UInt64>
  private let turns: UnsafeMutablePointer<UInt8>

  init() {
    let cells = FuseShape(FuseShape.most).cells
    unsafe sums = .allocate(capacity: cells)
    unsafe counts = .allocate(capacity: cells)
    // One more than can be: what is written before it is known whether it stays.
    unsafe alone = .allocate(capacity: cells + 1)
    unsafe peeled = .allocate(capacity: FuseShape.most)
    unsafe turns = .allocate(capacity: FuseShape.most)
  }

  deinit {
    unsafe sums.deallocate()
    unsafe counts.deallocate()
    unsafe alone.deallocate()
    unsafe peeled.deallocate()
    unsafe turns.deallocate()
  }

  /// The cells of a filter over `count` different numbers; nil where they do not peel, or more than 63 share a cell.
  func build(_ numbers: UnsafePointer<UInt64>, _ count: Int) -> [UInt8]? {
    let shape = FuseShape(count)
    guard unsafe add(numbers, count, shape), peel(shape) == count else { return nil }
    return unsafe [UInt8](unsafeUninitializedCapacity: shape.cells) { cells, initialized in
      unsafe fill(cells.baseAddress!, count, shape)
      initialized = shape.cells
    }
  }

  /// Adds the numbers to their cells; false where a cell would have too many.
  private func add(_ numbers: UnsafePointer<UInt64>, _ count: Int, _ shape: FuseShape) -> Bool {
    let (sums, counts) = unsafe (sums, counts)
    unsafe sums.update(repeating: 0, count: shape.cells)
    unsafe counts.update(repeating: 0, count: shape.cells)
    var isTooMany = false
    for i in 0..<count {
      let number = unsafe numbers[i]
      let (a, b, c) = shape.places(number)
      unsafe sums[a] ^= number
      unsafe counts[a] &+= 4
      unsafe sums[b] ^= number
      unsafe counts[b] = (counts[b] &+ 4) ^ 1
      unsafe sums[c] ^= number
      unsafe counts[c] = (counts[c] &+ 4) ^ 2
      isTooMany = unsafe isTooMany || (counts[a] < 4 || counts[b] < 4 || counts[c] < 4)
    }
    return !isTooMany
  }

  /// Takes numbers away as long as one is alone in a cell; returns how many that were.
  private func peel(_ shape: FuseShape) -> Int {
    let (sums, counts, alone) = unsafe (sums, counts, alone)
    let (peeled, turns) = unsafe (peeled, turns)
    var waiting = 0
    for cell in 0..<shape.cells {
      unsafe alone[waiting] = UInt32(truncatingIfNeeded: cell)
      waiting &+= unsafe counts[cell] &>> 2 == 1 ? 1 : 0
    }
    var count = 0
    while waiting > 0 {
      waiting &-= 1
      let cell = unsafe Int(truncatingIfNeeded: alone[waiting])
      // It may have lost its number since.
      guard unsafe counts[cell] &>> 2 == 1 else { continue }
      let number = unsafe sums[cell]
      let turn = unsafe counts[cell] & 3
      unsafe peeled[count] = number
      unsafe turns[count] = turn
      count &+= 1
      let (one, other) = shape.others(number, turn)
      unsafe alone[waiting] = UInt32(truncatingIfNeeded: one)
      waiting &+= unsafe counts[one] &>> 2 == 2 ? 1 : 0
      unsafe counts[one] = (counts[one] &- 4) ^ (turn == 2 ? 0 : turn &+ 1)
      unsafe sums[one] ^= number
      unsafe alone[waiting] = UInt32(truncatingIfNeeded: other)
      waiting &+= unsafe counts[other] &>> 2 == 2 ? 1 : 0
      unsafe counts[other] = (counts[other] &- 4) ^ (turn == 0 ? 2 : turn &- 1)
      unsafe sums[other] ^= number
    }
    return count
  }

  /// Gives each number its byte, the last one peeled first.
  private func fill(_ cells: UnsafeMutablePointer<UInt8>, _ count: Int, _ shape: FuseShape) {
    unsafe cells.update(repeating: 0, count: shape.cells)
    var i = count
    while i > 0 {
      i &-= 1
      let number = unsafe peeled[i]
      let turn = unsafe turns[i]
      let (a, b, c) = shape.places(number)
      // Its own cell is still zero.
      let mark = unsafe FuseShape.mark(number) ^ cells[a] ^ cells[b] ^ cells[c]
      unsafe cells[turn == 0 ? a : turn == 1 ? b : c] = mark
    }
  }
}

extension FuseShape {
  /// The cells of a number behind and before the one of this turn, in a ring.
  @inline(__always) fileprivate func others(_ x: UInt64, _ turn: UInt8) -> (Int, Int) {
    let (a, b, c) = places(x)
    return (turn == 0 ? b : turn == 1 ? c : a, turn == 0 ? c : turn == 1 ? a : b)
  }
}
