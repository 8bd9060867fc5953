import Bytes
import Clicks
import Platform

// The rows of a segment are turned into bytes in groups of 64 pages: those of one filter (IDFilter.swift). A group depends on
// nothing but its rows and the segment's models, so several threads can encode groups of one segment at a time, and the file
// is the same whoever did.

/// A group of pages as a segment has them. The memory is kept: filled, written and filled again.
@safe package final class EncodedGroup: @unchecked Sendable {
  /// Rows in it.
  fileprivate(set) var rows = 0
  /// Those that are marked.
  fileprivate(set) var marked = 0
  /// Of each page the high half of its first id.
  fileprivate(set) var fences: [UInt64] = []
  /// Bytes of each page.
  fileprivate(set) var pageBytes: [UInt32] = []
  fileprivate(set) var filter = EncodedFilter(count: 0, attempt: 0, cells: [])
  fileprivate(set) var eventTimes = Extent<Int64>()
  /// Times in the bits of those rows that are not in the filter.
  fileprivate(set) var mintingTimes = Extent<Int64>()
  /// Early rows, those to be listed and the times of the others.
  fileprivate(set) var early: [EarlyRows.Entry] = []
  fileprivate(set) var unlisted = Extent<Int64>()
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

  /// Lets go of the pages' bytes, which are written; what else is known of the group stays.
  func removeBytes() { used = 0 }

  func removeAll() {
    (rows, marked, used, isSound) = (0, 0, 0, true)
    fences.removeAll(keepingCapacity: true)
    pageBytes.removeAll(keepingCapacity: true)
    filter = EncodedFilter(count: 0, attempt: 0, cells: [])
    (eventTimes, mintingTimes, unlisted) = (Extent(), Extent(), Extent())
    early.removeAll(keepingCapacity: true)
  }
}

/// Encodes groups for one segment. Belongs to one thread at a time.
@safe package final class GroupEncoder: @unchecked Sendable {
  private var pages: RowPageEncoder
  private let filter = IDFilterBuilder()
  private let floors: ReceiveFloors
  /// Of each row of a page 1 where the filter leaves it out, else 0.
  private let leftOut: UnsafeMutablePointer<UInt8>

  init(_ columns: SegmentColumns, _ positions: PositionTable, _ floors: ReceiveFloors) {
    pages = RowPageEncoder(columns, positions)
    self.floors = floors
    unsafe leftOut = .allocate(capacity: RowVector.capacity)
  }

  deinit { unsafe leftOut.deallocate() }

  /// Adds a page to a group of fewer than `IDFilter.pages`; full pages but for a segment's last.
  func add(_ page: RowVector, to group: EncodedGroup) {
    let count = page.count
    guard count > 0 else { return }
    unsafe takeEventTimes(page.eventTime, count, &group.eventTimes)
    unsafe judgeTimes(page, to: leftOut, floors, group)
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
    unsafe filter.add(page, leftOut: leftOut)
    unsafe group.fences.append(page.high[0])
    group.pageBytes.append(UInt32(group.used - start))
    group.rows += count
    group.marked += unsafe MarkColumn.count(page.source, count)
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

/// Widens the extent of event times by those of the rows.
private func takeEventTimes(_ times: UnsafePointer<Int64>, _ count: Int, _ eventTimes: inout Extent<Int64>) {
  var events = eventTimes
  for i in 0..<count { unsafe events.add(times[i]) }
  eventTimes = events
}

/// Says of each row whether the filter leaves it out: where the time in its bits can be that of its minting, by the receive
/// floor of the row. Rows whose time was still to come then are early.
private func judgeTimes(
  _ page: RowVector, to leftOut: UnsafeMutablePointer<UInt8>, _ floors: ReceiveFloors, _ group: EncodedGroup
) {
  var minted = group.mintingTimes
  for i in 0..<page.count {
    let id = unsafe ImpressionID(high: page.high[i], low: page.low[i])
    var isOut: UInt8 = 0
    if let time = id.timeInBits, time >= ImpressionID.earliestMinting {
      let floor = unsafe floors.floor(page.position[i])
      if time <= floor &+ EventTimeLimits.mintTolerance {
        minted.add(time)
        isOut = 1
      } else if time <= floor &+ EarlyRows.reach {
        unsafe group.early.append(EarlyRows.Entry(impression: id, code: page.code[i]))
        isOut = sabotaged(.earlyOutOfFilter) ? 1 : 0
      } else {
        group.unlisted.add(time)
      }
    }
    unsafe leftOut[i] = isOut
  }
  group.mintingTimes = minted
}
