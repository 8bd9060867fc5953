import Bytes
import Columns

// The rows of a page, 1,024 but for the last one of a segment, column by column:
//
//   0  u8 flags: 1 all ids are UUIDs of one version, which stands in the upper four bits
//   1  u8 zero       2 u16 rows
//   4  u32 for each column: where it ends, from the page's start; it starts where the one before ends
//   …  the columns
//
// In a page of UUIDs the bits that are the same in all of them are left out. The high half's number is then
// ⌊high / 2¹⁶⌋ × 2¹² + high mod 2¹² and the low half has 62 bits; in pages of version 7, an event time is kept as its
// distance from the minting time in the id. Signed numbers are coded with the top bit flipped.

/// A page of rows as bytes.
enum RowPage {
  static let uuid: UInt8 = 1
  /// Bytes before the list of ends.
  static let headBytes = 4

  /// The version that all ids of the rows share as UUIDs; nil where not all are such.
  static func version(_ rows: RowVector) -> UInt64? {
    guard rows.count > 0 else { return nil }
    let version = unsafe rows.high[0] >> 12 & 15
    var others: UInt64 = 0
    for i in 0..<rows.count {
      unsafe others |= ((rows.high[i] >> 12 & 15) ^ version) | ((rows.low[i] >> 62) ^ 2)
    }
    return others == 0 ? version : nil
  }

  /// The high half without its version, in the same order.
  @inline(__always) static func squeeze(_ high: UInt64) -> UInt64 { (high >> 16) << 12 | high & 0xFFF }
  @inline(__always) static func stretch(_ high: UInt64, _ version: UInt64) -> UInt64 {
    (high >> 12) << 16 | version << 12 | high & 0xFFF
  }

  /// The event time as a number in the order of time.
  @inline(__always) static func biased(_ time: Int64) -> UInt64 { UInt64(bitPattern: time) ^ 1 << 63 }
  @inline(__always) static func unbiased(_ number: UInt64) -> Int64 { Int64(bitPattern: number ^ 1 << 63) }
}

/// Turns rows into pages.
@safe struct RowPageEncoder: ~Copyable {
  private let columns: SegmentColumns
  private let positions: PositionTable
  /// Bytes that a page takes at most but for its captured strings.
  let mostBytes: Int
  private let numbers: UnsafeMutablePointer<UInt64>
  /// Pages so far, and what finds bins once there have been enough of them to be worth it.
  private var pages = 0
  private var indices: (code: BinIndex?, time: BinIndex?, delay: BinIndex?, position: BinIndex?) = (nil, nil, nil, nil)
  private static let pagesBeforeIndex = 16
  /// The captured columns of the page encoded last.
  private(set) var strings: [UInt8] = []

  init(_ columns: SegmentColumns, _ positions: PositionTable) {
    self.columns = columns
    self.positions = positions
    let rows = RowVector.capacity
    mostBytes =
      RowPage.headBytes + 4 * columns.count + SortedColumn.capacity(rows) + WordColumn.capacity(rows)
      + 4 * BinColumn.capacity(rows) + MarkColumn.capacity(rows)
    unsafe numbers = .allocate(capacity: rows)
  }

  deinit {
    unsafe numbers.deallocate()
  }

  /// Writes a page but for its captured strings, which are left in `strings` and belong behind it; returns its bytes. There is
  /// room for `mostBytes`. Nil where a row has a number that the models do not know, or a mark that has no column.
  mutating func encode(_ rows: RowVector, to memory: UnsafeMutableRawPointer) -> Int? {
    let count = rows.count
    let version = RowPage.version(rows)
    pages += 1
    if pages == Self.pagesBeforeIndex {
      func index(_ model: BinModel) -> BinIndex? { model.count > 1 ? BinIndex(model) : nil }
      indices = (
        index(columns.code), index(columns.eventTime), index(columns.eventDelay), index(columns.position)
      )
    }
    let ends = unsafe memory + RowPage.headBytes
    var place = 0
    var used = RowPage.headBytes + 4 * columns.count
    var isKnown = true
    func end(_ bytes: Int?) {
      if bytes == nil { isKnown = false }
      used += bytes ?? 0
      unsafe ends.unsafeStoreLE(UInt32(used), 4 * place)
      place += 1
    }
    let flags = version.map { RowPage.uuid | UInt8($0) << 4 } ?? 0
    unsafe memory.unsafeStoreLE(flags, 0)
    unsafe memory.unsafeStoreLE(UInt8(0), 1)
    unsafe memory.unsafeStoreLE(UInt16(count), 2)

    if version == nil {
      unsafe end(SortedColumn.encode(rows.high, count, base: rows.high[0], to: memory + used))
    } else {
      for i in 0..<count { unsafe numbers[i] = unsafe RowPage.squeeze(rows.high[i]) }
      unsafe end(SortedColumn.encode(numbers, count, base: numbers[0], to: memory + used))
    }
    unsafe end(
      WordColumn.encode(
        rows.low, high: rows.high, count, bits: version == nil ? 64 : 62, to: memory + used))
    for i in 0..<count { unsafe numbers[i] = unsafe UInt64(rows.code[i]) }
    unsafe end(BinColumn.encode(numbers, count, columns.code, indices.code, to: memory + used))
    if version == 7 {
      for i in 0..<count {
        unsafe numbers[i] = unsafe RowPage.biased(rows.eventTime[i] &- Int64(rows.high[i] >> 16))
      }
      unsafe end(BinColumn.encode(numbers, count, columns.eventDelay, indices.delay, to: memory + used))
    } else {
      for i in 0..<count { unsafe numbers[i] = unsafe RowPage.biased(rows.eventTime[i]) }
      unsafe end(BinColumn.encode(numbers, count, columns.eventTime, indices.time, to: memory + used))
    }
    for i in 0..<count {
      unsafe numbers[i] = RowPage.biased(Int64(rows.position[i]) - Int64(positions.position(rows.eventTime[i])))
    }
    unsafe end(BinColumn.encode(numbers, count, columns.position, indices.position, to: memory + used))
    for i in 0..<count { unsafe numbers[i] = unsafe UInt64(rows.source[i] & ~RowVector.mark) }
    unsafe end(BinColumn.encode(numbers, count, columns.source, to: memory + used))
    if columns.marks != nil {
      unsafe end(MarkColumn.encode(rows.source, count, to: memory + used))
    } else if unsafe MarkColumn.count(rows.source, count) > 0 {
      isKnown = false
    }
    guard isKnown else { return nil }
    let bytes = used
    strings.removeAll(keepingCapacity: true)
    for column in rows.strings {
      let before = strings.count
      StringColumn.encode(column, to: &strings)
      end(strings.count - before)
    }
    return bytes
  }
}
