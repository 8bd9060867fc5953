import Bytes
import Clicks
import Files
import Platform

// An id of a batch or an import that carries no minting time may be in any segment (R5), and nearly always is in none. So a
// segment says of such ids which are surely not there: a filter for each 64 pages, one access where the rows would take a
// page. The rows are in the order of ids, so a batch in that order passes the filters from the first to the last, and
// however ids are made, a group has no more than its 65,536 of them.
//
// A row is left out of the filters where the time in the bits of its id can be that of its minting: between 2020 and the mint
// tolerance behind its receive floor (ReceiveFloors.swift). Such an id is looked for in the segments received since that time,
// without their filters, and in every older one by its filter (R21). In a segment of browsers' clicks a group has nothing to
// filter, and costs five bytes.
//
//   section 9:  for each group: u32 n, the different numbers of the ids in its filter, 0 … 65,536
//               for each group: u8 a, the attempt at which they made a filter; 255: they did not, and any id may be here
//               for each group, where n > 0 and a < 255: the cells of its filter over the numbers (FuseFilter.swift)
//
//   number of an id = ƒ(high xor ƒ(low + φ)), in attempt a > 0 ƒ(that + a φ)     ƒ: the finaliser of SplitMix64
//                                                                               φ: 0x9E3779B97F4A7C15
//
// A filter is derived from the rows: where it cannot be read, they are searched.

/// The filters of a segment.
package struct IDFilter: Sendable {
  /// Pages of a group.
  package static let pages = FuseShape.most / RowVector.capacity
  /// The attempt that stands for no filter.
  package static let none: UInt8 = 255

  struct Group: Sendable {
    /// Different numbers in it.
    var count: Int
    var shape: FuseShape
    var attempt: UInt8
    /// Where its cells start in the section.
    var offset: Int
  }

  let section: SealedSection
  let groups: [Group]
  /// High half of each group's first id.
  let fences: [UInt64]

  /// The number of an id, before any attempt but the first.
  @inline(__always) static func number(_ id: ImpressionID) -> UInt64 { mix(id.high ^ mix(id.low &+ golden)) }

  /// The same in an attempt.
  @inline(__always) static func number(_ number: UInt64, attempt: UInt8) -> UInt64 {
    attempt == 0 ? number : mix(number &+ UInt64(attempt) &* golden)
  }

  private static let golden: UInt64 = 0x9E37_79B9_7F4A_7C15

  @inline(__always) private static func mix(_ x: UInt64) -> UInt64 {
    var x = x
    x = (x ^ x &>> 30) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ x &>> 27) &* 0x94D0_49BB_1331_11EB
    return x ^ x &>> 31
  }

  /// Bytes of a group before the cells.
  static let groupBytes = 5

  /// The filters of a file with these fences; nil where it was written before there were any.
  static func read(_ file: SealedFile, fences: [UInt64]) throws -> IDFilter? {
    guard let section = file.sections.first(where: { $0.kind == SegmentSection.filters.rawValue }) else { return nil }
    func fault(_ reason: String) -> FormatError {
      FormatError(file: file.path, offset: section.offset, reason: reason)
    }
    let count = (fences.count + pages - 1) / pages
    guard section.bytes >= count * groupBytes else { throw fault("there are not the \(count) filters of its pages") }
    var groups: [Group] = []
    groups.reserveCapacity(count)
    var end = count * groupBytes
    try unsafe file.withBytes(of: section, 0..<end) { bytes in
      for group in 0..<count {
        let numbers = unsafe Int(bytes.baseAddress!.unsafeLoadLE(4 * group, as: UInt32.self))
        let attempt = unsafe bytes[4 * count + group]
        guard numbers <= FuseShape.most, numbers > 0 || attempt == 0 else {
          throw fault("filter \(group) cannot have \(numbers) ids")
        }
        let shape = FuseShape(numbers)
        groups.append(Group(count: numbers, shape: shape, attempt: attempt, offset: end))
        end += attempt == none ? 0 : shape.cells
      }
    }
    guard end == section.bytes else { throw fault("the filters do not fill their section") }
    return IDFilter(
      section: section, groups: groups, fences: groups.indices.map { fences[$0 * pages] })
  }
}

extension Segment {
  /// A group of pages and its filter, for inspection.
  package struct Filter: Sendable {
    package var firstPage: Int
    /// Different ids in it.
    package var ids: Int
    package var attempt: UInt8
    /// Where its cells are in the file, and how many.
    package var offset: UInt64
    package var bytes: Int
  }

  /// The filters in order; none in a file from before there were any.
  package var filters: [Filter] {
    guard let filter else { return [] }
    return filter.groups.enumerated().map { index, group in
      Filter(
        firstPage: index * IDFilter.pages, ids: group.count, attempt: group.attempt,
        offset: filter.section.offset + UInt64(group.offset),
        bytes: group.attempt == IDFilter.none ? 0 : group.shape.cells)
    }
  }

  /// Adds those of `keys` to `left` that may be in the segment in a row that the filters know: all but those that a filter says
  /// are not. The keys come in the
  /// order of `SegmentKey.precedes`. Throws `FormatError` where a filter is damaged, `SystemError` where the disk does not
  /// answer; then any of the keys may be here.
  package func sift(_ keys: [SegmentKey], into left: inout [SegmentKey]) throws {
    guard let filter else {
      left.append(contentsOf: keys)
      return
    }
    unsafe try withUnsafeTemporaryAllocation(of: Probe.self, capacity: Probe.atOnce) { probes in
      var start = 0
      var group = 0
      while start < keys.count {
        let count = min(Probe.atOnce, keys.count - start)
        // First all cells are asked for, then looked at: one wait for many.
        for i in 0..<count { unsafe probes[i] = probe(keys[start + i], filter, &group) }
        var i = 0
        while i < count {
          let first = unsafe probes[i]
          var end = i + 1
          guard first.kind == .cells else {
            if first.kind == .mayBe { left.append(keys[start + i]) }
            i = end
            continue
          }
          // Neighbours in one group are read together.
          var range = first.range
          while end < count, unsafe probes[end].kind == .cells, unsafe probes[end].group == first.group {
            let next = unsafe probes[end].range
            range = min(range.lowerBound, next.lowerBound)..<max(range.upperBound, next.upperBound)
            end += 1
          }
          try unsafe file.withBytes(of: filter.section, range) { bytes in
            for j in i..<end where unsafe probes[j].isIn(bytes, from: range.lowerBound) {
              left.append(keys[start + j])
            }
          }
          i = end
        }
        start += count
      }
    }
  }

  /// What is to be looked at for one key. `group` is that of the key before, and becomes that of this one.
  @inline(__always)
  private func probe(_ key: SegmentKey, _ filter: IDFilter, _ group: inout Int) -> Probe {
    let high = key.impression.high
    if group + 1 < filter.fences.count, filter.fences[group + 1] < high {
      var (low, end) = (group + 1, filter.fences.count)
      while low < end {
        let middle = (low + end) / 2
        if filter.fences[middle] < high { low = middle + 1 } else { end = middle }
      }
      group = low - 1
    }
    // The rows of this high half may go on in the next group.
    if group + 1 < filter.fences.count, filter.fences[group + 1] == high { return Probe(kind: .mayBe) }
    if isFirstVersion, let time = key.impression.timeInBits {
      return Probe(kind: summary.mintingTimes?.contains(time) ?? false ? .mayBe : .isNot)
    }
    let (shape, attempt, offset) = (
      filter.groups[group].shape, filter.groups[group].attempt, filter.groups[group].offset
    )
    if shape.starts == 0 { return Probe(kind: .isNot) }
    if attempt == IDFilter.none { return Probe(kind: .mayBe) }
    let number = IDFilter.number(key.number, attempt: attempt)
    let (a, b, c) = shape.places(number)
    file.prefetch(filter.section, offset + a)
    file.prefetch(filter.section, offset + b)
    file.prefetch(filter.section, offset + c)
    return Probe(
      kind: .cells, mark: FuseShape.mark(number), group: UInt32(group), cells: (offset + a, offset + b, offset + c))
  }

  /// One look into a filter.
  private struct Probe {
    enum Kind { case isNot, mayBe, cells }

    static let atOnce = 32

    var kind: Kind
    var mark: UInt8 = 0
    var group: UInt32 = 0
    /// Where the three cells are in the section, ascending.
    var cells = (0, 0, 0)

    var range: Range<Int> { cells.0..<(cells.2 + 1) }

    @inline(__always) func isIn(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
      unsafe bytes[cells.0 &- start] ^ bytes[cells.1 &- start] ^ bytes[cells.2 &- start] == mark
    }
  }
}
