import Bytes

/// Columns of many pages of rows, side by side: row `i` of page `p` is element 1,024 p + i of each column. For those who
/// decode several pages and then walk through them as one. The memory is fixed.
@safe package final class RowPool {
  /// Pages that it holds.
  package let pages: Int
  /// Each page as rows to be filled or written.
  package let windows: [RowVector]

  // The columns, as `RowVector` has them.
  package let high: UnsafeMutablePointer<UInt64>
  package let low: UnsafeMutablePointer<UInt64>
  package let eventTime: UnsafeMutablePointer<Int64>
  package let position: UnsafeMutablePointer<UInt64>
  package let code: UnsafeMutablePointer<UInt32>
  package let source: UnsafeMutablePointer<UInt16>

  private let memory: UnsafeMutableRawPointer

  /// Bytes that a page takes.
  package static let pageBytes = RowVector.capacity * 38

  package init(pages: Int) {
    let rows = pages * RowVector.capacity
    let memory = UnsafeMutableRawPointer.allocate(byteCount: pages * Self.pageBytes, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: pages * Self.pageBytes)
    unsafe high = memory.bindMemory(to: UInt64.self, capacity: rows)
    unsafe low = (memory + rows * 8).bindMemory(to: UInt64.self, capacity: rows)
    unsafe eventTime = (memory + rows * 16).bindMemory(to: Int64.self, capacity: rows)
    unsafe position = (memory + rows * 24).bindMemory(to: UInt64.self, capacity: rows)
    unsafe code = (memory + rows * 32).bindMemory(to: UInt32.self, capacity: rows)
    unsafe source = (memory + rows * 36).bindMemory(to: UInt16.self, capacity: rows)
    var windows: [RowVector] = []
    for page in 0..<pages {
      let at = page * RowVector.capacity
      unsafe windows.append(
        RowVector(
          high: high + at, low: low + at, eventTime: eventTime + at, position: position + at, code: code + at,
          source: source + at))
    }
    unsafe self.memory = unsafe memory
    self.pages = pages
    self.windows = windows
  }

  deinit { unsafe memory.deallocate() }
}

/// Decodes pages of a segment in order, some at a time; from files that are read and not mapped, more are read ahead.
package final class SegmentPages {
  package let segment: Segment
  private let fields: SegmentFields
  private let positions: PositionTable?

  /// Bytes read ahead, and of which pages.
  private var ahead: [UInt8] = []
  private var aheadPages = 0..<0
  private let pagesAhead: Int

  /// Bytes that a page takes that is read ahead, about.
  package static let aheadBytes = 20 << 10

  /// A reader of these fields, and of the ids. `ahead` pages are read at a time.
  package init(_ segment: Segment, _ fields: SegmentFields, ahead: Int) throws {
    self.segment = segment
    self.fields = fields
    pagesAhead = max(1, ahead)
    positions = fields.contains(.position) ? try segment.positionTable() : nil
  }

  /// Pages of the segment.
  package var count: Int { segment.pages }

  /// Fills `windows` with the rows of `pages`, as many of them. Throws `FormatError` where one is damaged or is not what
  /// its fence says.
  package func read(_ pages: Range<Int>, into windows: ArraySlice<RowVector>) throws {
    guard segment.access == .read else {
      return try unsafe segment.withPageBytes(pages) { bytes in
        for (page, rows) in zip(pages, windows) { try unsafe read(page, from: bytes, of: pages.lowerBound, into: rows) }
      }
    }
    for (page, rows) in zip(pages, windows) {
      if !aheadPages.contains(page) {
        aheadPages = page..<min(page + pagesAhead, segment.pages)
        try unsafe segment.withPageBytes(aheadPages) { bytes in
          ahead.removeAll(keepingCapacity: true)
          unsafe ahead.append(contentsOf: bytes)
        }
      }
      try unsafe ahead.withUnsafeBytes { bytes in
        try unsafe read(page, from: bytes, of: aheadPages.lowerBound, into: rows)
      }
    }
  }

  /// Decodes a page from bytes that begin with page `first`.
  private func read(_ page: Int, from bytes: UnsafeRawBufferPointer, of first: Int, into rows: RowVector) throws {
    let offset = segment.starts[page] - segment.starts[first]
    let reader = unsafe try segment.reader(page, UnsafeRawBufferPointer(rebasing: bytes[offset...]))
    do throws(Fault) {
      try reader.read(fields, positions, into: rows)
      guard unsafe rows.high[0] == segment.fences[page] else {
        throw Fault("the page does not begin as its fence says")
      }
    } catch { throw segment.formatError(error, page: page) }
  }

  /// Rows or pages are not in order, whatever the checksums say.
  package var disorder: FormatError { segment.disorder }
}
