import Bytes
import Clicks
import Files

/// A walk through a segment in the order of (impression, ad code, position), one page in memory; in files that are read
/// and not mapped, the bytes of 16.
@safe package final class SegmentCursor {
  private let segment: Segment
  private let fields: SegmentFields
  /// The table of positions, once positions are read.
  private var positions: PositionTable?
  private let high: ClosedRange<UInt64>
  private var page: Int
  private var index = 0

  /// The rows of the page at hand; columns that were not asked for hold nothing.
  package let rows = RowVector()
  /// Which of them belong to the walk.
  package private(set) var range = 0..<0

  /// Bytes read ahead, and of which pages.
  private var ahead: [UInt8] = []
  private var aheadPages = 0..<0
  private static let pagesAhead = 16

  init(_ segment: Segment, _ fields: SegmentFields, high: ClosedRange<UInt64>) {
    self.segment = segment
    self.fields = fields
    self.high = high
    page = segment.lastPage(below: high.lowerBound)
  }

  /// Goes on to the next page that has a row of the walk, and fills `rows` and `range`; false at the end.
  package func nextPage() throws -> Bool {
    while page < segment.pages, segment.fences[page] <= high.upperBound {
      try fill()
      page += 1
      let count = rows.count
      var first = 0
      var end = count
      if high.lowerBound > 0 { while first < count, unsafe rows.high[first] < high.lowerBound { first += 1 } }
      if high.upperBound < .max { while end > first, unsafe rows.high[end - 1] > high.upperBound { end -= 1 } }
      guard first < end else { continue }
      range = first..<end
      index = first
      return true
    }
    range = 0..<0
    index = 0
    return false
  }

  private func fill() throws {
    if positions == nil, fields.contains(.position) { positions = try segment.positionTable() }
    guard segment.access == .read else {
      return try unsafe segment.withPageBytes(page..<(page + 1)) { unsafe try read($0) }
    }
    if !aheadPages.contains(page) {
      aheadPages = page..<min(page + Self.pagesAhead, segment.pages)
      try unsafe segment.withPageBytes(aheadPages) { bytes in
        ahead.removeAll(keepingCapacity: true)
        unsafe ahead.append(contentsOf: bytes)
      }
    }
    let offset = segment.starts[page] - segment.starts[aheadPages.lowerBound]
    try unsafe ahead.withUnsafeBytes { bytes in
      unsafe try read(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
    }
  }

  private func read(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    let reader = unsafe try segment.reader(page, bytes)
    do { try reader.read(fields, positions, into: rows) } catch { throw segment.formatError(error, page: page) }
  }

  /// The next row; nil at the end. The cursor must read all fields.
  package func next() throws -> SegmentRow? {
    if index == range.upperBound, try !nextPage() { return nil }
    defer { index += 1 }
    return row(index)
  }

  /// One row of the page at hand.
  package func row(_ index: Int) -> SegmentRow {
    precondition(range.contains(index))
    return unsafe SegmentRow(
      impression: ImpressionID(high: rows.high[index], low: rows.low[index]), code: rows.code[index],
      eventTime: rows.eventTime[index], position: segment.summary.positions.lowerBound + rows.position[index],
      source: Click.Source(rawValue: rows.source[index] & ~RowVector.mark)!,
      isRepeat: rows.source[index] & RowVector.mark != 0)
  }
}

extension Segment {
  /// A walk through the rows in the order of (impression, ad code, position); only those whose id has a high half in
  /// `high`, so that several threads can share a segment.
  package func cursor(_ fields: SegmentFields = .all, high: ClosedRange<UInt64> = 0...UInt64.max) -> SegmentCursor {
    SegmentCursor(self, fields, high: high)
  }

  /// One click as the log had it.
  package struct LoggedClick: Hashable, Sendable {
    package var impression: ImpressionID
    package var code: UInt32
    package var position: UInt64
    /// Logical ms since 1970.
    package var receiveTime: Int64
    /// Ms that the store had been running.
    package var runningTime: UInt64

    package init(
      impression: ImpressionID, code: UInt32, position: UInt64, receiveTime: Int64, runningTime: UInt64
    ) {
      self.impression = impression
      self.code = code
      self.position = position
      self.receiveTime = receiveTime
      self.runningTime = runningTime
    }
  }

  /// Hands `body` every click from `position` on in the order of the log. Takes 21 bytes of memory for each of them.
  package func forEachInLogOrder(from position: UInt64 = 0, _ body: (LoggedClick) throws -> Void) throws {
    let first = max(position, summary.positions.lowerBound)
    guard first < summary.positions.upperBound else { return }
    let count = Int(summary.positions.upperBound - first)
    let skipped = first - summary.positions.lowerBound
    var high = [UInt64](repeating: 0, count: count)
    var low = [UInt64](repeating: 0, count: count)
    var code = [UInt32](repeating: 0, count: count)
    var isThere = [Bool](repeating: false, count: count)
    let cursor = cursor([.code, .position])
    while try cursor.nextPage() {
      let rows = cursor.rows
      for i in 0..<rows.count {
        let place = unsafe rows.position[i]
        guard place >= skipped else { continue }
        let at = Int(place - skipped)
        high[at] = unsafe rows.high[i]
        low[at] = unsafe rows.low[i]
        code[at] = unsafe rows.code[i]
        isThere[at] = true
      }
    }
    var current: SegmentStep?
    var next = 0
    func handOut(before end: UInt64) throws {
      while let step = current, first + UInt64(next) < end {
        defer { next += 1 }
        guard isThere[next] else { continue }
        try body(
          LoggedClick(
            impression: ImpressionID(high: high[next], low: low[next]), code: code[next],
            position: first + UInt64(next), receiveTime: step.receiveTime, runningTime: step.runningTime))
      }
    }
    try forEachStep { step in
      try handOut(before: step.position)
      current = step
    }
    try handOut(before: summary.positions.upperBound)
  }
}
