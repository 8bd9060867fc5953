import Bytes
import Clicks
import Files

// Steps and sums have one shape: a section of blocks, and one of fences that say with what each block begins and where.

/// The blocks of a section by their fences.
struct SegmentTable<Fence: Sendable>: Sendable {
  let section: SealedSection
  let fences: [Fence]
  /// Where each block starts in the section, and where the last ends.
  let starts: [Int]

  /// - Parameter read: the fence at the front of a reader, and where its block starts.
  init(
    _ file: SealedFile, _ kind: SegmentSection, fences fenceKind: SegmentSection, fenceBytes: Int,
    _ read: (inout ByteReader) -> (Fence, start: UInt64)
  ) throws {
    section = try file.section(kind.rawValue)
    let fenceSection = try file.section(fenceKind.rawValue)
    guard fenceSection.bytes % fenceBytes == 0 else {
      throw FormatError(file: file.path, offset: fenceSection.offset, reason: "the section ends inside a fence")
    }
    var reader = ByteReader(try file.contents(of: fenceSection))
    var fences: [Fence] = []
    var starts: [Int] = []
    for index in 0..<(fenceSection.bytes / fenceBytes) {
      let (fence, start) = read(&reader)
      guard start >= UInt64(starts.last ?? 0), start <= UInt64(section.bytes), index > 0 || start == 0 else {
        throw FormatError(
          file: file.path, offset: fenceSection.offset + UInt64(index * fenceBytes),
          reason: "a fence points outside its section")
      }
      fences.append(fence)
      starts.append(Int(start))
    }
    starts.append(section.bytes)
    self.fences = fences
    self.starts = starts
  }

  /// The bytes of one block.
  func withBlock<R>(
    _ block: Int, of file: SealedFile, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    do {
      return try unsafe file.withBytes(of: section, starts[block]..<starts[block + 1], body)
    } catch let fault as Fault {
      throw FormatError(
        file: file.path, offset: section.offset + UInt64(starts[block] + fault.offset), reason: fault.reason)
    }
  }
}

extension Segment {
  static func readSteps(_ file: SealedFile, _ summary: SegmentSummary) throws -> SegmentTable<SegmentStep> {
    let table = try SegmentTable<SegmentStep>(file, .steps, fences: .stepFences, fenceBytes: StepBlock.fenceBytes) {
      let step = SegmentStep(position: $0.next()!, receiveTime: $0.next()!, runningTime: $0.next()!)
      return (step, start: $0.next()!)
    }
    let capacity = UInt64(StepBlock.capacity)
    guard summary.steps > 0, summary.steps <= UInt64(summary.positions.count),
      UInt64(table.fences.count) == (summary.steps + capacity - 1) / capacity,
      table.fences[0].position == summary.positions.lowerBound,
      table.fences.indices.dropFirst().allSatisfy({ table.fences[$0].position > table.fences[$0 - 1].position })
    else {
      throw FormatError(
        file: file.path, offset: table.section.offset, reason: "the fences of the steps are not those of its positions")
    }
    return table
  }

  static func readSums(_ file: SealedFile, _ summary: SegmentSummary) throws -> SegmentTable<SumFence> {
    let table = try SegmentTable<SumFence>(file, .sums, fences: .sumFences, fenceBytes: SumBlock.fenceBytes) {
      let fence = SumFence(code: $0.next()!, rows: $0.next()!, minute: $0.next()!, offset: $0.next()!)
      return (fence, start: fence.offset)
    }
    guard table.fences.allSatisfy({ 1...UInt32(SumBlock.capacity) ~= $0.rows }),
      table.fences.reduce(0, { $0 + UInt64($1.rows) }) == summary.sums
    else {
      throw FormatError(
        file: file.path, offset: table.section.offset, reason: "the fences of the sums do not have as many rows")
    }
    return table
  }

  /// When the click at `position`, one of the segment's, was received, and how long the store had been running.
  package func times(at position: UInt64) throws -> (receiveTime: Int64, runningTime: UInt64) {
    precondition(summary.positions.contains(position))
    var (low, end) = (0, steps.fences.count)
    while low < end {
      let middle = (low + end) / 2
      if steps.fences[middle].position <= position { low = middle + 1 } else { end = middle }
    }
    var block: [SegmentStep] = []
    try readSteps(low - 1, into: &block)
    let step = block[block.partitioningIndex { $0.position > position } - 1]
    return (step.receiveTime, step.runningTime)
  }

  /// The steps of a block.
  func readSteps(_ block: Int, into list: inout [SegmentStep]) throws {
    let count = min(StepBlock.capacity, Int(summary.steps) - block * StepBlock.capacity)
    let end = block + 1 < steps.fences.count ? steps.fences[block + 1].position : summary.positions.upperBound
    try unsafe steps.withBlock(block, of: file) { bytes in
      unsafe try StepBlock.decode(bytes, count: count, first: steps.fences[block], to: &list)
      guard list.last!.position < end else { throw Fault("the positions of steps do not ascend") }
    }
  }

  /// For each block of the sums in order: its first row's key, and how many rows it has. Needs no reading.
  package func forEachSumBlock(_ body: (_ code: UInt32, _ minute: Minute, _ rows: Int) -> Void) {
    for fence in sums.fences { body(fence.code, Minute(index: fence.minute), Int(fence.rows)) }
  }

  /// All steps in order: from each one's position on, the clicks were received at its time.
  package func forEachStep(_ body: (SegmentStep) throws -> Void) throws {
    var block: [SegmentStep] = []
    for index in steps.fences.indices {
      try readSteps(index, into: &block)
      for step in block { try body(step) }
    }
  }

  /// All sums in the order of (ad code, minute).
  package func forEachSum(_ body: (SegmentSum) throws -> Void) throws {
    let cursor = sumCursor()
    while let sum = try cursor.next() { try body(sum) }
  }

  /// A walk through the sums.
  package func sumCursor() -> SegmentSumCursor { SegmentSumCursor(self) }
}

extension Array {
  /// The first index for which `isBehind` is true, where it is true for all that follow one for which it is.
  func partitioningIndex(_ isBehind: (Element) -> Bool) -> Int {
    var (low, end) = (0, count)
    while low < end {
      let middle = (low + end) / 2
      if isBehind(self[middle]) { end = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// A walk through a segment's sums in the order of (ad code, minute), one block in memory.
package final class SegmentSumCursor {
  private let segment: Segment
  private let rows = SumRows()
  private var index = 0
  private var block = 0

  init(_ segment: Segment) { self.segment = segment }

  /// The next row; nil at the end.
  package func next() throws -> SegmentSum? {
    if index == rows.count {
      guard block < segment.sums.fences.count else { return nil }
      try unsafe segment.sums.withBlock(block, of: segment.file) { bytes in
        unsafe try rows.decode(bytes, segment.sums.fences[block])
      }
      block += 1
      index = 0
    }
    defer { index += 1 }
    return rows[index]
  }

  /// Goes on to the first row that is not before this key, and says how many clicks it has if it is of the key; 0 if there
  /// is none. Keys must ascend from call to call, and `next` goes on behind them.
  package func clicks(of code: UInt32, minute: Int64) throws -> UInt64 {
    func isBehind(_ row: (code: UInt32, minute: Int64)) -> Bool { (row.code, row.minute) > (code, minute) }
    let fences = segment.sums.fences
    // The last block that begins at or before the key, if it lies ahead of the one at hand.
    var (low, end) = (block, fences.count)
    while low < end {
      let middle = (low + end) / 2
      if isBehind((fences[middle].code, fences[middle].minute)) { end = middle } else { low = middle + 1 }
    }
    if low > block {
      block = low - 1
      index = rows.count
      guard try next() != nil else { return 0 }
      index = 0
    }
    var (first, last) = (index, rows.count)
    while first < last {
      let middle = (first + last) / 2
      let row = rows[middle]
      if (row.code, row.minute.index) < (code, minute) { first = middle + 1 } else { last = middle }
    }
    index = first
    guard index < rows.count, rows[index].code == code, rows[index].minute.index == minute else { return 0 }
    return rows[index].clicks
  }
}
