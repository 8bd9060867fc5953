import Bytes
import Clicks
import Files
import Glibc
import Platform

// Making the filters of a segment (IDFilter.swift): from the ids of a group's rows to its cells, and from there into the file.

/// The filter of one group as it is written.
struct EncodedFilter: Sendable {
  /// Different numbers in it.
  var count: UInt32
  var attempt: UInt8
  /// Its cells; none where there is nothing to filter, or no attempt made a filter.
  var cells: [UInt8]
}

/// Makes the filter of one group after the other from their rows. Belongs to one thread; the memory, 3 MB, is allocated once.
@safe final class IDFilterBuilder {
  private let builder = FuseBuilder()
  /// The numbers of the group's ids, and room for those of another attempt.
  private let numbers: UnsafeMutablePointer<UInt64>
  private let tried: UnsafeMutablePointer<UInt64>
  private var count = 0
  /// The id before, and whether its number is taken in.
  private var last: (id: ImpressionID, isIn: Bool)?
  /// Pages taken in since the last filter.
  private var pages = 0

  init() {
    unsafe numbers = .allocate(capacity: FuseShape.most)
    unsafe tried = .allocate(capacity: FuseShape.most)
  }

  deinit {
    unsafe numbers.deallocate()
    unsafe tried.deallocate()
  }

  /// Takes in the ids of the group's next page, but for the rows where `leftOut` is not 0.
  func add(_ page: RowVector, leftOut: UnsafePointer<UInt8>) {
    precondition(pages < IDFilter.pages, "a group of too many pages")
    guard page.count > 0 else { return }
    pages += 1
    unsafe takeNumbers(page.high, page.low, leftOut, page.count, after: &last, to: numbers, &count)
  }

  /// Ends the group.
  func end() -> EncodedFilter {
    // An id that goes on in the next group is in both.
    last = nil
    pages = 0
    defer { count = 0 }
    if sabotaged(.leaveOutOfFilter), count > 1 { count -= 1 }
    guard count > 0 else { return EncodedFilter(count: 0, attempt: 0, cells: []) }
    if let cells = unsafe builder.build(numbers, count) {
      return EncodedFilter(count: UInt32(count), attempt: 0, cells: cells)
    }
    for attempt in 1..<IDFilter.none {
      // Different ids may have one number: whoever chooses ids can see to that. A few sets in a hundred only need
      // another attempt, so this is not looked into before the second.
      if attempt == 2 {
        let different = unsafe Set(UnsafeBufferPointer(start: numbers, count: count)).sorted()
        count = different.count
        for i in 0..<count { unsafe numbers[i] = different[i] }
      }
      for i in 0..<count { unsafe tried[i] = IDFilter.number(numbers[i], attempt: attempt) }
      if let cells = unsafe builder.build(tried, count) {
        return EncodedFilter(count: UInt32(count), attempt: attempt, cells: cells)
      }
    }
    return EncodedFilter(count: UInt32(count), attempt: IDFilter.none, cells: [])
  }
}

/// Appends the numbers of the ids of those rows that are not left out to `numbers`, of equal ones the first.
private func takeNumbers(
  _ high: UnsafePointer<UInt64>, _ low: UnsafePointer<UInt64>, _ leftOut: UnsafePointer<UInt8>, _ rows: Int,
  after last: inout (id: ImpressionID, isIn: Bool)?, to numbers: UnsafeMutablePointer<UInt64>, _ taken: inout Int
) {
  var count = taken
  // Any other id than the first where there is none before.
  var before = unsafe last.map { ($0.id.high, $0.id.low) } ?? (~high[0], low[0])
  var isIn: UInt8 = last?.isIn ?? false ? 1 : 0
  for i in 0..<rows {
    let id = unsafe ImpressionID(high: high[i], low: low[i])
    // Written before it is known whether it stays; there is room, for a group has no more rows.
    unsafe numbers[count] = IDFilter.number(id)
    // Of equal ids some may be left out and others not.
    let isSame: UInt8 = (id.high ^ before.0) | (id.low ^ before.1) == 0 ? 1 : 0
    isIn &= isSame
    let isWanted = unsafe (leftOut[i] ^ 1) & (isIn ^ 1)
    count &+= Int(isWanted)
    isIn |= isWanted
    before = (id.high, id.low)
  }
  last = (ImpressionID(high: before.0, low: before.1), isIn == 1)
  taken = count
}

/// The filters of a segment on their way into its file, where they stand behind all rows. They take up to 8 MiB of memory; what
/// is more waits in a file of its own.
struct IDFilterSection {
  private let target: SegmentTarget
  private var heads: [(count: UInt32, attempt: UInt8)] = []
  /// Cells, the last ones.
  private var cells: [UInt8] = []
  /// Cells before them.
  private var blocks: [SpillFile.Block] = []
  private var spill: SpillFile?

  init(_ target: SegmentTarget) { self.target = target }

  mutating func append(_ filter: EncodedFilter) throws(SystemError) {
    heads.append((filter.count, filter.attempt))
    cells += filter.cells
    guard cells.count >= target.filterMemory else { return }
    let file: SpillFile
    if let spill {
      file = spill
    } else {
      let directory = target.temporary.lastIndex(of: "/").map { String(target.temporary[..<$0]) } ?? "."
      file = try SpillFile.create(target.files, in: directory, name: "filters")
      spill = file
    }
    blocks.append(try file.append(cells))
    cells.removeAll(keepingCapacity: true)
  }

  /// Writes the section's bytes. Throws `SystemError`, also where the file that they waited in gives back others.
  consuming func write(_ write: ([UInt8]) throws(SystemError) -> Void) throws(SystemError) {
    var head = ByteWriter()
    for (count, _) in heads { head.append(count) }
    for (_, attempt) in heads { head.append(attempt) }
    try write(head.bytes)
    let last = cells
    for block in blocks {
      cells = [UInt8](repeating: 0, count: Int(block.count))
      do {
        try unsafe cells.withUnsafeMutableBytes { bytes in try unsafe spill!.read(block, into: bytes) }
      } catch let error as SystemError { throw error } catch {
        throw SystemError("read", "\(target.temporary): its filters", code: EIO)
      }
      try write(cells)
    }
    if !last.isEmpty { try write(last) }
  }
}
