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
  /// Cells that came to have one number; each does so once. Two stacks, from the first place up and from the last one down.
  private let alone: UnsafeMutablePointer<UInt32>
  private let peeled: UnsafeMutablePointer<UInt64>
  private let turns: UnsafeMutablePointer<UInt8>

  init() {
    let cells = FuseShape(FuseShape.most).cells
    unsafe sums = .allocate(capacity: cells)
    unsafe counts = .allocate(capacity: cells)
    // Two more than can be: what is written before it is known whether it stays.
    unsafe alone = .allocate(capacity: cells + 2)
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

  /// Takes numbers away as long as one is alone in a cell; returns how many that were. What is taken away leads to the next one,
  /// so that each step waits for the one before: two such chains take turns, each on its half of the cells at first, and one
  /// waits while the other works.
  private func peel(_ shape: FuseShape) -> Int {
    var chains = (PeelChain(self, shape, place: 0, step: 1), PeelChain(self, shape, place: shape.cells + 1, step: -1))
    chains.0.start(0..<shape.cells / 2)
    chains.1.start(shape.cells / 2..<shape.cells)
    var count = 0
    while chains.0.goesOn, chains.1.goesOn {
      chains.0.take(&count)
      chains.1.take(&count)
    }
    while chains.0.goesOn { chains.0.take(&count) }
    while chains.1.goesOn { chains.1.take(&count) }
    return count
  }

  /// One chain of numbers that are taken away, with the stack of cells that it goes on with.
  @safe private struct PeelChain {
    private let sums: UnsafeMutablePointer<UInt64>
    private let counts: UnsafeMutablePointer<UInt8>
    private let alone: UnsafeMutablePointer<UInt32>
    private let peeled: UnsafeMutablePointer<UInt64>
    private let turns: UnsafeMutablePointer<UInt8>
    private let shape: FuseShape
    private let bottom: Int
    private let step: Int
    /// The first free place of the stack.
    private var place: Int

    @inline(__always)
    init(_ builder: FuseBuilder, _ shape: FuseShape, place: Int, step: Int) {
      unsafe (sums, counts, alone) = (builder.sums, builder.counts, builder.alone)
      unsafe (peeled, turns) = (builder.peeled, builder.turns)
      self.shape = shape
      (bottom, self.place, self.step) = (place, place, step)
    }

    @inline(__always) var goesOn: Bool { place != bottom }

    /// Puts those of `cells` on the stack that have one number.
    @inline(__always)
    mutating func start(_ cells: Range<Int>) {
      for cell in cells { put(cell, unsafe counts[cell], if: 1) }
    }

    /// Puts a cell on the stack, or leaves it where `count` does not say that it has `wanted` numbers. By arithmetic: a branch on
    /// it would be guessed wrong as often as not.
    @inline(__always)
    private mutating func put(_ cell: Int, _ count: UInt8, if wanted: UInt64) {
      unsafe alone[place] = UInt32(truncatingIfNeeded: cell)
      let difference = UInt64(truncatingIfNeeded: count &>> 2) ^ wanted
      place &+= step & (Int(truncatingIfNeeded: difference &- 1) &>> 63)
    }

    /// Takes the number of the uppermost cell away, if it still has one.
    @inline(__always)
    mutating func take(_ count: inout Int) {
      place &-= step
      let cell = unsafe Int(truncatingIfNeeded: alone[place])
      // It may have lost its number since.
      guard unsafe counts[cell] &>> 2 == 1 else { return }
      let number = unsafe sums[cell]
      let turn = unsafe counts[cell] & 3
      unsafe peeled[count] = number
      unsafe turns[count] = turn
      count &+= 1
      let (one, other) = shape.others(number, turn)
      put(one, unsafe counts[one], if: 2)
      unsafe counts[one] = (counts[one] &- 4) ^ FuseShape.next(turn)
      unsafe sums[one] ^= number
      put(other, unsafe counts[other], if: 2)
      unsafe counts[other] = (counts[other] &- 4) ^ FuseShape.previous(turn)
      unsafe sums[other] ^= number
    }
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
      unsafe cells[FuseShape.pick(turn, a, b, c)] = mark
    }
  }
}

extension FuseShape {
  /// The cells of a number behind and before the one of this turn, in a ring.
  @inline(__always) fileprivate func others(_ x: UInt64, _ turn: UInt8) -> (Int, Int) {
    let (a, b, c) = places(x)
    return (Self.pick(FuseShape.next(turn), a, b, c), Self.pick(FuseShape.previous(turn), a, b, c))
  }

  /// That of the three cells which has this turn, by arithmetic: turns are as good as random, and a branch on them is guessed
  /// wrong every second time.
  @inline(__always) fileprivate static func pick(_ turn: UInt8, _ a: Int, _ b: Int, _ c: Int) -> Int {
    let turn = Int(truncatingIfNeeded: turn)
    let (isFirst, isThird) = ((turn &- 1) &>> 63, 0 &- (turn &>> 1))
    return a & isFirst | c & isThird | b & ~(isFirst | isThird)
  }

  /// The turns of these two: 1 2 0, and 2 0 1, two bits each.
  @inline(__always) fileprivate static func next(_ turn: UInt8) -> UInt8 { 0b00_10_01 &>> (2 &* turn) & 3 }
  @inline(__always) fileprivate static func previous(_ turn: UInt8) -> UInt8 { 0b01_00_10 &>> (2 &* turn) & 3 }
}
