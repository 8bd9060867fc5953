import Clicks

// When the clicks of a segment were received at the earliest, roughly. The rows stand in the order of ids and the steps in the
// order of positions, and millions of rows shall not each be looked up in the steps. So positions are cut in blocks:
//
//   blocks of 2ᵏ positions, with the least k for which there are at most 4,096       floor of a block = the least receive
//                                                                                    time of the steps that reach into it
//
// What is decided by a floor is decided for an earlier time than the row's own: a time in the bits of an id that is plausible
// by the floor is plausible by the row's own receive time.

/// The least receive time of each block of positions.
package struct ReceiveFloors: Sendable {
  /// The most blocks.
  package static let most = 4_096

  private let shift: UInt64
  private var floors: [Int64]
  private let first: UInt64
  private var last: SegmentStep?

  /// Floors of these positions; their steps are to be added.
  init(_ positions: Range<UInt64>) {
    var shift: UInt64 = 0
    while (UInt64(positions.count) - 1) >> shift >= UInt64(Self.most) { shift += 1 }
    self.shift = shift
    first = positions.lowerBound
    floors = [Int64](repeating: .max, count: Int((UInt64(positions.count) - 1) >> shift) + 1)
  }

  /// Adds the next step; the first one is at the first position, the others ascend. One behind the last position, and one at
  /// the position of the one before, change nothing that matters.
  mutating func add(_ step: SegmentStep) {
    guard step.position >= first else { return }
    fill(to: step.position)
    last = step
  }

  /// The last step reaches to the end.
  mutating func end() { fill(to: first + UInt64(floors.count) << shift) }

  private mutating func fill(to end: UInt64) {
    guard let last, end > last.position else { return }
    let behind = min(Int((end - first - 1) >> shift) + 1, floors.count)
    var block = Int((last.position - first) >> shift)
    while block < behind {
      floors[block] = min(floors[block], last.receiveTime)
      block += 1
    }
  }

  /// No click in the block of `position`, less the first of the segment, was received before this.
  @inline(__always) package func floor(_ position: UInt64) -> Int64 {
    floors[Int(truncatingIfNeeded: position &>> shift)]
  }
}

extension Segment {
  /// The floors of its receive times. Throws `FormatError` where its steps are damaged.
  package func receiveFloors() throws -> ReceiveFloors {
    var floors = ReceiveFloors(summary.positions)
    try forEachStep { floors.add($0) }
    floors.end()
    return floors
  }
}
