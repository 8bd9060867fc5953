import Bytes
import Clicks
import Files
import Platform

/// An open segment. Any thread may read it. Takes 21 bytes of memory for 1,024 clicks, and some 50 KB for its models.
package final class Segment: Sendable {
  /// The file around it.
  package let file: SealedFile
  /// What it holds.
  package let summary: SegmentSummary

  let columns: SegmentColumns
  private let positionSection: SealedSection
  private let positionScale: PositionTable.Scale
  private let rowSection: SealedSection
  /// High half of each page's first id.
  let fences: [UInt64]
  /// Where each page starts in its section, and where the last ends.
  let starts: [Int]
  let steps: SegmentTable<SegmentStep>
  let sums: SegmentTable<SumFence>
  let filter: IDFilter?
  /// Rows whose time was still to come when they were received.
  package let early: EarlyRows
  let access: SealedFile.Access
  /// Whether its filters know no id that looks like a UUID of version 7.
  let isFirstVersion: Bool

  /// What the manifest keeps of the file.
  package var reference: SealedReference { file.reference }

  /// Opens the segment at `path`, which must be of `store` and the one that `reference` means, where they are given. Throws
  /// `FormatError` where it is not, `SystemError` where the disk does not answer.
  package static func open(
    _ files: any FileSystem, _ path: String, store: StoreID? = nil, reference: SealedReference? = nil,
    access: SealedFile.Access
  ) throws -> Segment {
    try Segment(
      SealedFile.open(files, path, as: .segment, store: store, reference: reference, access: access), access: access)
  }

  private init(_ file: SealedFile, access: SealedFile.Access) throws {
    self.file = file
    self.access = access
    isFirstVersion = file.header.version < 2
    let columnSection = try file.section(SegmentSection.columns.rawValue)
    switch SegmentColumns.read(try file.contents(of: columnSection), marks: file.header.version >= 3) {
    case .success(let found): columns = found
    case .failure(let fault):
      throw FormatError(
        file: file.path, offset: columnSection.offset + UInt64(fault.offset), reason: fault.reason)
    }
    summary = try SegmentSummary.read(file.page, columns: columns, path: file.path)
    positionSection = try file.section(SegmentSection.positions.rawValue)
    positionScale = try Self.readScale(file, positionSection)
    rowSection = try file.section(SegmentSection.rows.rawValue)
    (fences, starts) = try Self.readFences(file, rows: summary.rows, rowBytes: rowSection.bytes)
    steps = try Self.readSteps(file, summary)
    sums = try Self.readSums(file, summary)
    filter = try IDFilter.read(file, fences: fences)
    early = isFirstVersion ? .unknown(summary.mintingTimes) : try EarlyRows.read(file)
  }

  private static func readScale(_ file: SealedFile, _ section: SealedSection) throws -> PositionTable.Scale {
    let head = try unsafe file.withBytes(of: section, 0..<min(section.bytes, PositionTable.headBytes)) {
      unsafe [UInt8]($0)
    }
    guard let scale = PositionTable.Scale(head), scale.sectionBytes == section.bytes else {
      throw FormatError(file: file.path, offset: section.offset, reason: "no table of positions")
    }
    return scale
  }

  /// The whole table of positions.
  func positionTable() throws -> PositionTable {
    guard let table = PositionTable(try file.contents(of: positionSection)) else {
      throw FormatError(file: file.path, offset: positionSection.offset, reason: "no table of positions")
    }
    return table
  }

  /// The position of one row of a page, which has this event time.
  func position(at row: Int, _ time: Int64, _ reader: RowPageReader) throws -> UInt64 {
    summary.positions.lowerBound + (try reader.position(at: row, expected: try expectedPosition(time)))
  }

  /// What the table says of one event time.
  private func expectedPosition(_ time: Int64) throws -> UInt64 {
    guard positionScale.entries > 0 else { return 0 }
    let entry = PositionTable.headBytes + 4 * positionScale.bucket(RowPage.biased(time))
    return try unsafe file.withBytes(of: positionSection, entry..<(entry + 4)) { bytes in
      unsafe UInt64(bytes.baseAddress!.unsafeLoadLE(0, as: UInt32.self))
    }
  }

  private static func readFences(
    _ file: SealedFile, rows: Int, rowBytes: Int
  ) throws -> (fences: [UInt64], starts: [Int]) {
    let section = try file.section(SegmentSection.fences.rawValue)
    let pages = (rows + RowVector.capacity - 1) / RowVector.capacity
    guard section.bytes == pages * 12, rowBytes >= BitReader.slack else {
      throw FormatError(
        file: file.path, offset: section.offset, reason: "there are not the \(pages) fences of its pages")
    }
    var fences: [UInt64] = []
    var starts: [Int] = []
    fences.reserveCapacity(pages)
    starts.reserveCapacity(pages + 1)
    var end = 0
    try unsafe file.withBytes(of: section, 0..<section.bytes) { bytes in
      let base = bytes.baseAddress!
      for page in 0..<pages {
        unsafe fences.append(base.unsafeLoadLE(8 * page))
        starts.append(end)
        end += unsafe Int(base.unsafeLoadLE(8 * pages + 4 * page, as: UInt32.self))
      }
    }
    starts.append(end)
    guard end == rowBytes - BitReader.slack else {
      throw FormatError(file: file.path, offset: section.offset, reason: "the pages do not fill their section")
    }
    for page in 1..<max(pages, 1) where fences[page] < fences[page - 1] {
      throw FormatError(
        file: file.path, offset: section.offset + UInt64(8 * page), reason: "the fences do not ascend")
    }
    return (fences, starts)
  }

  /// Pages of rows.
  package var pages: Int { fences.count }

  /// No ad code of the rows is higher, as far as is known without reading them.
  package var highestCode: UInt32 { UInt32(truncatingIfNeeded: columns.code.highest ?? 0) }

  /// Whether this version sees every column, so that merging loses nothing.
  package var isKnown: Bool { columns.isKnown }

  /// Rows of a page.
  func rows(ofPage page: Int) -> Int { min(RowVector.capacity, summary.rows - page * RowVector.capacity) }

  /// Bytes of several pages, with what a reader may touch behind them.
  func withPageBytes<R>(_ pages: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try unsafe file.withBytes(
      of: rowSection, starts[pages.lowerBound]..<(starts[pages.upperBound] + BitReader.slack), body)
  }

  /// A page in `bytes`, which begin with it.
  func reader(_ page: Int, _ bytes: UnsafeRawBufferPointer) throws(FormatError) -> RowPageReader {
    do {
      return unsafe try RowPageReader(
        UnsafeRawBufferPointer(rebasing: bytes[..<(starts[page + 1] - starts[page] + BitReader.slack)]),
        count: rows(ofPage: page), first: fences[page], positions: UInt64(summary.positions.count), columns)
    } catch { throw formatError(error, page: page) }
  }

  /// What a fault inside a page is to the user.
  func formatError(_ fault: Fault, page: Int) -> FormatError {
    FormatError(
      file: file.path, offset: rowSection.offset + UInt64(starts[page] + fault.offset), reason: fault.reason)
  }

  /// Hands `visit` the rows with this impression id, in the order of ad code and position, until it returns false.
  package func find(_ impression: ImpressionID, _ visit: (SegmentRow) throws -> Bool) throws {
    // From the last page that begins below the id on: rows with one high half may go on over several pages.
    var page = lastPage(below: impression.high)
    while page < pages, fences[page] <= impression.high {
      let goesOn = try unsafe withPageBytes(page..<(page + 1)) { bytes in
        let reader = unsafe try reader(page, bytes)
        do { return try find(impression, reader, visit) } catch let fault as Fault {
          throw formatError(fault, page: page)
        }
      }
      if !goesOn { return }
      page += 1
    }
  }

  /// The last page whose first id has a high half below `high`, or page 0.
  func lastPage(below high: UInt64) -> Int {
    var (low, end) = (0, fences.count)
    while low < end {
      let middle = (low + end) / 2
      if fences[middle] < high { low = middle + 1 } else { end = middle }
    }
    return max(0, low - 1)
  }

  private func find(
    _ impression: ImpressionID, _ reader: RowPageReader, _ visit: (SegmentRow) throws -> Bool
  ) throws -> Bool {
    let range = try reader.find(high: impression.high)
    return range.isEmpty ? true : try find(impression, reader, in: range, visit)
  }

  /// The same among the rows of a page that have the id's high half.
  func find(
    _ impression: ImpressionID, _ reader: RowPageReader, in range: Range<Int>, _ visit: (SegmentRow) throws -> Bool
  ) throws -> Bool {
    let lows = try reader.lows()
    for row in range where lows.low(row) == impression.low {
      let time = try reader.eventTime(at: row, high: impression.high)
      let found = SegmentRow(
        impression: impression, code: try reader.code(at: row), eventTime: time,
        position: try position(at: row, time, reader),
        source: Click.Source(rawValue: try reader.source(at: row))!, isRepeat: try reader.isRepeat(at: row))
      if try !visit(found) { return false }
    }
    return true
  }

  /// Whether a click with this identity, marked or not, is in the segment: at `position`, or anywhere where that is nil.
  package func contains(code: UInt32, impression: ImpressionID, at position: UInt64? = nil) throws -> Bool {
    if let position, !summary.positions.contains(position) { return false }
    var isThere = false
    try find(impression) { row in
      isThere = row.code == code && (position == nil || row.position == position)
      return !isThere
    }
    return isThere
  }
}

extension SealedFile {
  /// A small section as a whole.
  func contents(of section: SealedSection) throws -> [UInt8] {
    try unsafe withBytes(of: section, 0..<section.bytes) { unsafe [UInt8]($0) }
  }
}

extension Segment {
  /// Bytes that each column takes in all pages, in the order of the columns' ids, and last those of the pages' heads.
  package func columnBytes() throws -> [Int] {
    var sizes = [Int](repeating: 0, count: columns.count + 1)
    for page in 0..<pages {
      try unsafe withPageBytes(page..<(page + 1)) { bytes in
        for (place, size) in unsafe try reader(page, bytes).columnBytes.enumerated() { sizes[place] += size }
      }
    }
    return sizes
  }
}
