// Whether a number may be in a set that never changes: the binary fuse filter of Graf and Lemire ["Binary Fuse Filters: Fast
// and Smaller Than Xor Filters", JEA 2022], 8 bits wide. A number that is in the set is always found; another one passes
// for it once in 256 times. 9.4 bits a number in a full group.
//
//   cells c₀ c₁ …, a byte each, in s + 2 segments of L = 2ᵏ:    k = max(2, ⌊(5 b + 7) / 8⌋), b the bit length of n − 1
//                                                               s = r + ⌊r / 8⌋ + 1, r = ⌈n / L⌉
//   x ↦ h = ⌊x × s L / 2⁶⁴⌋,  h + L with its low k bits xor those of ⌊x / 2¹⁸⌋,  h + 2L xor those of x
//   x may be in the set where the xor of its three cells is the lowest byte of x xor ⌊x / 2³²⌋
//
// The three cells lie within 3 L: 3 KiB, mostly one page of memory or two. Building peels the numbers off: one that has a cell
// to itself is taken away, which may leave another one alone; in the reverse order each gets its byte right through that cell.
// The shape is a little wider than the authors': 93 of 100 sets of 65,536 peel at the first attempt, smaller ones more often.

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
    starts = UInt32((rows + rows / 8 + 1) << shift)
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

/// Builds filters, one after the other. Takes 1.5 MB of memory for the largest.
struct FuseBuilder {
  private var counts: [UInt32] = []
  private var sums: [UInt64] = []
  private var alone: [UInt32] = []
  private var peeled: [(number: UInt64, cell: UInt32)] = []

  /// The cells of a filter over different numbers; nil where they do not peel.
  mutating func build(_ numbers: [UInt64], _ shape: FuseShape) -> [UInt8]? {
    let cells = shape.cells
    counts.removeAll(keepingCapacity: true)
    counts.append(contentsOf: repeatElement(0, count: cells))
    sums.removeAll(keepingCapacity: true)
    sums.append(contentsOf: repeatElement(0, count: cells))
    alone.removeAll(keepingCapacity: true)
    peeled.removeAll(keepingCapacity: true)
    unsafe counts.withUnsafeMutableBufferPointer { counts in
      unsafe sums.withUnsafeMutableBufferPointer { sums in
        for number in numbers {
          let (a, b, c) = shape.places(number)
          unsafe counts[a] &+= 1
          unsafe sums[a] ^= number
          unsafe counts[b] &+= 1
          unsafe sums[b] ^= number
          unsafe counts[c] &+= 1
          unsafe sums[c] ^= number
        }
        for cell in 0..<cells where unsafe counts[cell] == 1 { alone.append(UInt32(cell)) }
        while let cell = alone.popLast() {
          // It may have lost its number since.
          guard unsafe counts[Int(cell)] == 1 else { continue }
          let number = unsafe sums[Int(cell)]
          peeled.append((number, cell))
          let (a, b, c) = shape.places(number)
          for turn in 0..<3 {
            let place = turn == 0 ? a : turn == 1 ? b : c
            unsafe counts[place] &-= 1
            unsafe sums[place] ^= number
            if unsafe counts[place] == 1 { alone.append(UInt32(place)) }
          }
        }
      }
    }
    guard peeled.count == numbers.count else { return nil }
    var bytes = [UInt8](repeating: 0, count: cells)
    unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      for (number, cell) in peeled.reversed() {
        let (a, b, c) = shape.places(number)
        unsafe bytes[Int(cell)] = FuseShape.mark(number) ^ bytes[a] ^ bytes[b] ^ bytes[c]
      }
    }
    return bytes
  }
}
