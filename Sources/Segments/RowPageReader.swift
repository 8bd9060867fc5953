import Bytes
import Columns

/// Which columns a reader wants; the impression ids always come along.
package struct SegmentFields: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let code = SegmentFields(rawValue: 1)
  package static let eventTime = SegmentFields(rawValue: 2)
  package static let position = SegmentFields(rawValue: 4)
  /// The sources and the marks.
  package static let source = SegmentFields(rawValue: 8)
  /// The captured strings, where the segment has any.
  package static let strings = SegmentFields(rawValue: 16)
  /// Every column of fixed size.
  package static let all: SegmentFields = [.code, .eventTime, .position, .source]
}

/// A page's bytes with its head checked: whatever the rest is, reading it stays inside and gives numbers or a fault.
@safe struct RowPageReader {
  private let columns: SegmentColumns
  private let bytes: UnsafeRawBufferPointer
  let count: Int
  /// The ids' version where the page is one of UUIDs.
  private let version: UInt64?
  /// High half of the first id, from the fences.
  private let first: UInt64
  /// Positions lie below this.
  private let positions: UInt64

  /// - Parameters:
  ///   - bytes: the page and `BitReader.slack` bytes behind it.
  ///   - count: rows that it must have.
  ///   - first: the high half of its first id.
  ///   - positions: how many positions the segment has.
  init(
    _ bytes: UnsafeRawBufferPointer, count: Int, first: UInt64, positions: UInt64, _ columns: SegmentColumns
  ) throws(Fault) {
    let size = bytes.count - BitReader.slack
    let head = RowPage.headBytes + 4 * columns.count
    guard size >= head else { throw Fault("the page ends inside its head") }
    let base = bytes.baseAddress!
    let flags = unsafe base.unsafeLoadLE(0, as: UInt8.self)
    guard unsafe base.unsafeLoadLE(1, as: UInt8.self) == 0, flags & 0x0E == 0 else {
      throw Fault("the page has flags that this program does not know")
    }
    guard unsafe Int(base.unsafeLoadLE(2, as: UInt16.self)) == count else {
      throw Fault("the page does not have the \(count) rows that are due", at: 2)
    }
    var end = head
    for place in 0..<columns.count {
      let next = unsafe Int(base.unsafeLoadLE(RowPage.headBytes + 4 * place, as: UInt32.self))
      guard next >= end, next <= size else {
        throw Fault("column \(place) lies outside the page", at: RowPage.headBytes + 4 * place)
      }
      end = next
    }
    guard end == size else { throw Fault("the columns do not fill the page", at: end) }
    unsafe self.bytes = unsafe bytes
    self.columns = columns
    self.count = count
    self.first = first
    self.positions = positions
    version = flags & RowPage.uuid != 0 ? UInt64(flags >> 4) : nil
  }

  /// Where a column starts, from the page's start.
  private func start(_ place: Int) -> Int {
    place == 0
      ? RowPage.headBytes + 4 * columns.count
      : unsafe Int(bytes.baseAddress!.unsafeLoadLE(4 * place, as: UInt32.self))
  }

  private func column(_ place: Int) -> UnsafeRawBufferPointer {
    let end = unsafe Int(bytes.baseAddress!.unsafeLoadLE(RowPage.headBytes + 4 * place, as: UInt32.self))
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[start(place)..<end])
  }

  /// Bytes of each column, and of the head.
  var columnBytes: [Int] { (0..<columns.count).map { unsafe column($0).count } + [start(0)] }

  private func fault(_ id: SegmentColumns.ID, _ what: String) -> Fault {
    Fault("\(what) of the page cannot be read", at: start(columns.place(id)))
  }

  private func layout() throws(Fault) -> SortedColumn.Layout {
    let base = version == nil ? first : RowPage.squeeze(first)
    guard
      let layout = unsafe SortedColumn.Layout(column(columns.place(.high)), count: count, base: base)
    else { throw fault(.high, "the ids") }
    return layout
  }

  /// Reads the ids.
  func readIDs(_ rows: RowVector) throws(Fault) {
    rows.count = count
    unsafe try readHigh(rows.high)
    guard unsafe try lows().decode(to: rows.low) else { throw fault(.low, "the ids") }
  }

  private func readHigh(_ high: UnsafeMutablePointer<UInt64>) throws(Fault) {
    guard unsafe SortedColumn.decode(try layout(), count: count, to: high) else { throw fault(.high, "the ids") }
    if let version {
      for i in 0..<count { unsafe high[i] = unsafe RowPage.stretch(high[i], version) }
    }
  }

  /// The low halves, ready to be read.
  func lows() throws(Fault) -> WordColumn.Layout {
    guard let lows = unsafe WordColumn.Layout(column(columns.place(.low)), count: count, bits: version == nil ? 64 : 62)
    else { throw fault(.low, "the ids") }
    return lows
  }

  /// Reads the ids and what else is asked for; positions with their table, which they are asked for with.
  func read(_ fields: SegmentFields, _ table: PositionTable?, into rows: RowVector) throws(Fault) {
    try readIDs(rows)
    if fields.contains(.code) { unsafe try readNumbers(.code, columns.code, to: rows.code) }
    if fields.contains(.eventTime) || table != nil { try readEventTimes(rows) }
    if let table { try readPositions(rows, table) }
    if fields.contains(.source) {
      unsafe try readNumbers(.source, columns.source, to: rows.source)
      var highest: UInt16 = 0
      for i in 0..<count { unsafe highest = max(highest, rows.source[i]) }
      guard highest <= SegmentSource.highest else { throw fault(.source, "the sources") }
      if let place = columns.marks {
        guard unsafe MarkColumn.decode(column(place), count: count, into: rows.source) else {
          throw Fault("the marks of the page cannot be read", at: start(place))
        }
      }
    }
    rows.strings.removeAll(keepingCapacity: true)
    if fields.contains(.strings) {
      for (_, place) in columns.strings {
        do throws(ColumnFault) {
          let bytes = unsafe column(place)
          let (strings, used) = try unsafe StringColumn.decode(bytes, count: count)
          guard used == bytes.count else { throw ColumnFault("something stands behind them") }
          rows.strings.append(strings)
        } catch { throw Fault("the strings of the page cannot be read: \(error)", at: start(place)) }
      }
    }
  }

  private func readNumbers<T: FixedWidthInteger & UnsignedInteger>(
    _ id: SegmentColumns.ID, _ model: BinModel, to numbers: UnsafeMutablePointer<T>
  ) throws(Fault) {
    guard unsafe BinColumn.decode(column(columns.place(id)), count: count, model, to: numbers) else {
      throw fault(id, "column \(id.rawValue)")
    }
  }

  private func readEventTimes(_ rows: RowVector) throws(Fault) {
    // The numbers are as wide as the times that they become in place.
    let numbers = unsafe UnsafeMutableRawPointer(rows.eventTime).assumingMemoryBound(to: UInt64.self)
    unsafe try readNumbers(.eventTime, version == 7 ? columns.eventDelay : columns.eventTime, to: numbers)
    if version == 7 {
      for i in 0..<count {
        unsafe rows.eventTime[i] =
          unsafe RowPage.unbiased(UInt64(bitPattern: rows.eventTime[i])) &+ Int64(rows.high[i] >> 16)
      }
    } else {
      for i in 0..<count { unsafe rows.eventTime[i] = unsafe RowPage.unbiased(UInt64(bitPattern: rows.eventTime[i])) }
    }
  }

  private func readPositions(_ rows: RowVector, _ table: PositionTable) throws(Fault) {
    unsafe try readNumbers(.position, columns.position, to: rows.position)
    var highest: UInt64 = 0
    for i in 0..<count {
      let distance = unsafe UInt64(bitPattern: RowPage.unbiased(rows.position[i]))
      let position = unsafe table.position(rows.eventTime[i]) &+ distance
      unsafe rows.position[i] = position
      highest = max(highest, position)
    }
    guard highest < positions else { throw fault(.position, "the positions") }
  }

  /// The rows whose id has this high half, found without reading the others.
  func find(high: UInt64) throws(Fault) -> Range<Int> {
    guard let version else { return SortedColumn.find(high, try layout(), count: count) }
    guard high >> 12 & 15 == version else { return 0..<0 }
    return SortedColumn.find(RowPage.squeeze(high), try layout(), count: count)
  }

  /// The ad code of one row.
  func code(at row: Int) throws(Fault) -> UInt32 {
    UInt32(truncatingIfNeeded: try number(.code, columns.code, at: row))
  }

  /// The event time of one row, whose id has this high half.
  func eventTime(at row: Int, high: UInt64) throws(Fault) -> Int64 {
    let number = try number(.eventTime, version == 7 ? columns.eventDelay : columns.eventTime, at: row)
    return version == 7 ? RowPage.unbiased(number) &+ Int64(high >> 16) : RowPage.unbiased(number)
  }

  /// The position of one row, less the segment's first, where `expected` is what the table says.
  func position(at row: Int, expected: UInt64) throws(Fault) -> UInt64 {
    let number = try number(.position, columns.position, at: row)
    let position = expected &+ UInt64(bitPattern: RowPage.unbiased(number))
    guard position < positions else { throw fault(.position, "a position") }
    return position
  }

  /// The source of one row.
  func source(at row: Int) throws(Fault) -> UInt16 {
    let source = try number(.source, columns.source, at: row)
    guard source <= UInt64(SegmentSource.highest) else { throw fault(.source, "a source") }
    return UInt16(source)
  }

  /// Whether one row is marked.
  func isRepeat(at row: Int) throws(Fault) -> Bool {
    guard let place = columns.marks else { return false }
    guard let isMarked = unsafe MarkColumn.decode(column(place), at: row, of: count) else {
      throw Fault("the marks of the page cannot be read", at: start(place))
    }
    return isMarked
  }

  private func number(_ id: SegmentColumns.ID, _ model: BinModel, at row: Int) throws(Fault) -> UInt64 {
    guard let value = unsafe BinColumn.decode(column(columns.place(id)), at: row, of: count, model) else {
      throw fault(id, "column \(id.rawValue)")
    }
    return value
  }
}
