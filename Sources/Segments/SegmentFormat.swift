import Bytes
import Clicks
import Files

// The clicks of the positions first ..< end of a shard's log, each once, in the order of (impression, ad code, position). A
// click that repeats an earlier one may be marked: then it counts no longer, and is found like any other.
// See Formats/segment.md.
//
//   header page   56 u64 first   64 u64 end                 positions
//                 72 i64 least   80 i64 greatest            event time, ms
//                 88 i64 least   96 i64 greatest            receive time, ms
//                104 i64 least  112 i64 greatest            minting time, ms, of the rows that filters leave out; least >
//                                                           greatest: none
//                120 u64 least  128 u64 greatest            running time, ms
//                136 u64 steps  144 u64 rows of sums           152 u64 clicks left out   160 u64 marked clicks
//                168 u64 recount: what it and earlier ones recorded as repeats is marked; 0: nothing is known
//
//   section 1 columns     which columns a page has, how each is coded, and the models
//           2 positions   from event times to the positions to be expected (PositionTable.swift)
//           3 rows        pages of 1,024 clicks (RowPage.swift), 16 zeros behind the last
//           4 fences      for each page: u64 first impression's high half; then for each page: u32 bytes
//           5 steps       when clicks were received: blocks of 1,024 steps (StepBlock.swift)
//           6 step fences
//           7 sums        clicks per (ad code, minute) that are not marked: blocks of at most 4,096 rows (SumBlock.swift)
//           8 sum fences
//           9 filters     which ids are surely not in a group of pages (IDFilter.swift)
//          10 early       ids whose time was still to come when they were received (EarlyRows.swift)
//
// Version 1 left every id that looks like a UUID of version 7 out of the filters, and had no section 10. Version 2 had no marks.

/// The sections of a segment.
enum SegmentSection: UInt32 {
  case columns = 1
  case positions = 2
  case rows = 3
  case fences = 4
  case steps = 5
  case stepFences = 6
  case sums = 7
  case sumFences = 8
  case filters = 9
  case early = 10
}

/// One click of a segment.
package struct SegmentRow: Hashable, Sendable {
  /// Which showing was clicked.
  package var impression: ImpressionID
  /// The shard's number of the ad (R11).
  package var code: UInt32
  /// The click's own time, ms since 1970.
  package var eventTime: Int64
  /// Its position in the shard's log.
  package var position: UInt64
  /// Which door it came through.
  package var source: Click.Source
  /// Whether it is marked: it repeats an earlier click, and counts no longer.
  package var isRepeat: Bool

  package init(
    impression: ImpressionID, code: UInt32, eventTime: Int64, position: UInt64, source: Click.Source,
    isRepeat: Bool = false
  ) {
    self.impression = impression
    self.code = code
    self.eventTime = eventTime
    self.position = position
    self.source = source
    self.isRepeat = isRepeat
  }

  /// The minute it counts in.
  package var minute: Minute { Minute(containing: eventTime) }
}

/// When clicks were received: those from `position` on, up to the next step.
package struct SegmentStep: Hashable, Sendable {
  /// The first click's position.
  package var position: UInt64
  /// Logical ms since 1970.
  package var receiveTime: Int64
  /// Ms that the store had been running, over all its lives.
  package var runningTime: UInt64

  package init(position: UInt64, receiveTime: Int64, runningTime: UInt64) {
    self.position = position
    self.receiveTime = receiveTime
    self.runningTime = runningTime
  }
}

/// Clicks of one ad in one minute that are not marked.
package struct SegmentSum: Hashable, Sendable {
  package var code: UInt32
  package var minute: Minute
  package var clicks: UInt64

  package init(code: UInt32, minute: Minute, clicks: UInt64) {
    self.code = code
    self.minute = minute
    self.clicks = clicks
  }
}

/// What a segment holds, from its header page.
package struct SegmentSummary: Hashable, Sendable {
  /// The positions whose clicks it holds, every one of them but for `leftOut`; never empty.
  package var positions: Range<UInt64>
  /// How many of the positions have no click here, as earlier programs wrote segments. At least one has one.
  package var leftOut: UInt64 = 0
  /// How many of the clicks are marked as repeats.
  package var marked: UInt64 = 0
  /// The number of the shard's recount up to which every repeat that was recorded among these clicks is marked; 0: nothing is said.
  package var recount: UInt64 = 0
  /// Least and greatest event time, ms since 1970.
  package var eventTimes: ClosedRange<Int64>
  /// Least and greatest receive time, ms since 1970.
  package var receiveTimes: ClosedRange<Int64>
  /// Least and greatest running time, ms.
  package var runningTimes: ClosedRange<UInt64>
  /// Least and greatest minting time of those rows that the filters leave out; nil where there is none.
  package var mintingTimes: ClosedRange<Int64>?
  /// Steps of the receive time.
  package var steps: UInt64
  /// Rows (ad code, minute) of its sums.
  package var sums: UInt64
  /// The strings kept with each click.
  package var captured: [CapturedColumn]

  /// Clicks.
  package var rows: Int { positions.count - Int(leftOut) }
  /// Those that count.
  package var counted: UInt64 { UInt64(rows) - marked }
}

extension SegmentSummary {
  /// Writes the type's fields of the header page.
  func write(to page: UnsafeMutableRawPointer) {
    unsafe page.unsafeStoreLE(positions.lowerBound, 56)
    unsafe page.unsafeStoreLE(positions.upperBound, 64)
    unsafe page.unsafeStoreLE(eventTimes.lowerBound, 72)
    unsafe page.unsafeStoreLE(eventTimes.upperBound, 80)
    unsafe page.unsafeStoreLE(receiveTimes.lowerBound, 88)
    unsafe page.unsafeStoreLE(receiveTimes.upperBound, 96)
    unsafe page.unsafeStoreLE(mintingTimes?.lowerBound ?? 1, 104)
    unsafe page.unsafeStoreLE(mintingTimes?.upperBound ?? 0, 112)
    unsafe page.unsafeStoreLE(runningTimes.lowerBound, 120)
    unsafe page.unsafeStoreLE(runningTimes.upperBound, 128)
    unsafe page.unsafeStoreLE(steps, 136)
    unsafe page.unsafeStoreLE(sums, 144)
    unsafe page.unsafeStoreLE(leftOut, 152)
    unsafe page.unsafeStoreLE(marked, 160)
    unsafe page.unsafeStoreLE(recount, 168)
  }

  /// Reads them. `columns` are those of the columns' section.
  static func read(_ page: [UInt8], columns: SegmentColumns, path: String) throws(FormatError) -> SegmentSummary {
    var reader = ByteReader(page[FileHeader.typeFields...])
    let (first, end): (UInt64, UInt64) = (reader.next()!, reader.next()!)
    guard first < end, end - first <= UInt64(maximumRows) else {
      throw FormatError(file: path, offset: 56, reason: "no segment has the positions \(first) to \(end)")
    }
    func range<T: FixedWidthInteger>(_ offset: UInt64) throws(FormatError) -> ClosedRange<T> {
      let (low, high): (T, T) = (reader.next()!, reader.next()!)
      guard low <= high else {
        throw FormatError(file: path, offset: offset, reason: "a least time \(low) above the greatest, \(high)")
      }
      return low...high
    }
    let event: ClosedRange<Int64> = try range(72)
    let receive: ClosedRange<Int64> = try range(88)
    let (minted, mintedLast): (Int64, Int64) = (reader.next()!, reader.next()!)
    let running: ClosedRange<UInt64> = try range(120)
    let (steps, sums, leftOut): (UInt64, UInt64, UInt64) = (reader.next()!, reader.next()!, reader.next()!)
    guard leftOut < end - first else {
      throw FormatError(file: path, offset: 152, reason: "of \(end - first) clicks \(leftOut) are left out")
    }
    // Without a column no row has a mark; versions without marks have zeros here.
    let marked = columns.marks == nil ? 0 : reader.next(UInt64.self)!
    guard marked <= end - first - leftOut else {
      throw FormatError(
        file: path, offset: 160, reason: "of \(end - first - leftOut) clicks \(marked) are marked")
    }
    let recount = columns.marks == nil ? 0 : reader.next(UInt64.self)!
    return SegmentSummary(
      positions: first..<end, leftOut: leftOut, marked: marked, recount: recount, eventTimes: event,
      receiveTimes: receive,
      runningTimes: running,
      mintingTimes: minted <= mintedLast ? minted...mintedLast : nil, steps: steps, sums: sums,
      captured: columns.captured)
  }

  /// The most clicks of one segment: a position less the first is a number of 32 bits.
  package static let maximumRows = 1 << 32
}

/// The doors that this version knows.
enum SegmentSource {
  static let highest: UInt16 = Click.Source.allCases.map(\.rawValue).max()!
}
