import Bytes
import Clicks

// The rows of a segment are turned into bytes in groups of 64 pages: those of one filter (IDFilter.swift). A group depends on
// nothing but its rows and the segment's models, so several threads can encode groups of one segment at a time, and the file
// is the same whoever did.

/// A group of pages as a segment has them. The memory is kept: filled, written and filled again.
@safe package final class EncodedGroup: @unchecked Sendable {
  /// Rows in it.
  fileprivate(set) var rows = 0
  /// Of each page the high half of its first id.
  fileprivate(set) var fences: [UInt64] = []
  /// Bytes of each page.
  fileprivate(set) var pageBytes: [UInt32] = []
  fileprivate(set) var filter = EncodedFilter(count: 0, attempt: 0, cells: [])
  fileprivate(set) var eventTimes = Extent<Int64>()
  fileprivate(set) var mintingTimes = Extent<Int64>()
  /// Whether each row had its place in the models.
  fileprivate(set) var isSound = true

  private var memory: UnsafeMutableRawPointer
  private var capacity: Int
  fileprivate var used = 0

  package init() {
    capacity = 64 << 10
    unsafe memory = .allocate(byteCount: capacity, alignment: 64)
  }

  deinit { unsafe memory.deallocate() }

  /// The pages, one behind the other.
  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: memory, count: used) }

  /// Room for `count` bytes behind those that there are.
  fileprivate func room(_ count: Int) -> UnsafeMutableRawPointer {
    if used + count > capacity {
      capacity = max(used + count, 2 * capacity)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
      unsafe larger.copyMemory(from: memory, byteCount: used)
      unsafe memory.deallocate()
      unsafe memory = unsafe larger
    }
    return unsafe memory + used
  }

  func removeAll() {
    (rows, used, isSound) = (0, 0, true)
    fences.removeAll(keepingCapacity: true)
    pageBytes.removeAll(keepingCapacity: true)
    filter = EncodedFilter(count: 0, attempt: 0, cells: [])
    (eventTimes, mintingTimes) = (Extent(), Extent())
  }
}

/// Encodes groups for one segment. Belongs to one thread at a time.
package final class GroupEncoder: @unchecked Sendable {
  private var pages: RowPageEncoder
  private let filter = IDFilterBuilder()

  init(_ columns: SegmentColumns, _ positions: PositionTable) { pages = RowPageEncoder(columns, positions) }

  /// Adds a page to a group of fewer than `IDFilter.pages`; full pages but for a segment's last.
  func add(_ page: RowVector, to group: EncodedGroup) {
    let count = page.count
    guard count > 0 else { return }
    unsafe takeExtents(page.high, page.low, page.eventTime, count, &group.eventTimes, &group.mintingTimes)
    let start = group.used
    if let bytes = unsafe pages.encode(page, to: group.room(pages.mostBytes)) {
      group.used += bytes
    } else {
      group.isSound = false
    }
    let strings = pages.strings
    if !strings.isEmpty {
      unsafe strings.withUnsafeBytes { bytes in
        unsafe group.room(bytes.count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      }
      group.used += strings.count
    }
    filter.add(page)
    unsafe group.fences.append(page.high[0])
    group.pageBytes.append(UInt32(group.used - start))
    group.rows += count
  }

  /// Ends the group; the next page begins another one.
  func end(_ group: EncodedGroup) { group.filter = filter.end() }

  /// Encodes a whole group.
  package func encode(_ pages: [RowVector], to group: EncodedGroup) {
    group.removeAll()
    for page in pages { add(page, to: group) }
    end(group)
  }

  /// Pages of a full group.
  package static let pages = IDFilter.pages
}

/// Widens the extents of event times and of minting times by those of the rows.
private func takeExtents(
  _ high: UnsafePointer<UInt64>, _ low: UnsafePointer<UInt64>, _ times: UnsafePointer<Int64>, _ count: Int,
  _ eventTimes: inout Extent<Int64>, _ mintingTimes: inout Extent<Int64>
) {
  var (events, minted) = (eventTimes, mintingTimes)
  for i in 0..<count { unsafe events.add(times[i]) }
  for i in 0..<count {
    if let time = unsafe ImpressionID(high: high[i], low: low[i]).mintedAt { minted.add(time) }
  }
  (eventTimes, mintingTimes) = (events, minted)
}

/// The least and the greatest of some numbers.
struct Extent<T: FixedWidthInteger & Sendable>: Sendable {
  private var least = T.max
  private var greatest = T.min

  @inline(__always) mutating func add(_ number: T) {
    least = min(least, number)
    greatest = max(greatest, number)
  }

  mutating func add(_ other: Extent) {
    least = min(least, other.least)
    greatest = max(greatest, other.greatest)
  }

  /// Nil where there was none.
  var range: ClosedRange<T>? { least <= greatest ? least...greatest : nil }
}
