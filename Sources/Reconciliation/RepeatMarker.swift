import Bytes
import Clicks
import Platform
import Segments

// Which rows are repeats. Rows come in the order of (impression, ad code, position), so the copies of an identity stand together
// and the one received first leads them:
//
//     an older segment has the identity       every copy is a repeat
//     none has it                             every copy but the first is
//
// A repeat is marked where its minute has closed. Whatever is seen, a recorded position is marked, and a mark that a row brought
// with it stays: its first copy may have retired, and nothing else remembers it (R20).

/// Marks the rows of one batch after the other.
final class RepeatMarker {
  private let older: [SegmentProbe]
  private let recorded: PositionSet
  private let markedFrom: Minute
  private let markedBefore: Minute
  /// The position from which those of rows count.
  private let first: UInt64
  /// Where each input ends, for a planted fault.
  private let ends: [UInt64]

  /// The identity of the row before, its position, and that of its latest copy in older segments, plus 1; 0: none.
  private var last: (high: UInt64, low: UInt64, code: UInt32) = (0, 0, 0)
  private var lastPosition: UInt64 = 0
  private var lastOlder: UInt64 = 0
  private var isFirst = true

  /// Rows at recorded positions so far.
  private(set) var recordedSeen: UInt64 = 0
  /// Repeats of open minutes so far.
  private(set) var waiting: UInt64 = 0

  // Reused from batch to batch, where there are older segments.
  private var keys: SegmentKeys?
  private var asked: SegmentKeys?
  /// For each row of a batch that begins an identity which an older segment has: the position of the latest copy, plus 1; else 0.
  private var found: [UInt64] = []

  init(_ request: MergeRequest) {
    older = request.older.map { SegmentProbe($0) }
    recorded = PositionSet(request.recorded)
    markedFrom = request.markedFrom
    markedBefore = request.markedBefore
    first = request.inputs.first?.summary.positions.lowerBound ?? 0
    ends = request.inputs.map(\.summary.positions.upperBound)
  }

  /// Marks the repeats of the batch, and lists all its marks.
  func mark(_ batch: RowBatch) throws {
    if !older.isEmpty { try lookBack(batch) }
    let rows = batch.rows
    let before = sabotaged(.markOpenMinutes) ? Minute(index: .max) : markedBefore
    let (found, asksOlder) = (found, !older.isEmpty)
    // Copies, so that they stay in registers.
    var (last, lastPosition, lastOlder, isFirst) = (self.last, self.lastPosition, self.lastOlder, self.isFirst)
    defer { (self.last, self.lastPosition, self.lastOlder, self.isFirst) = (last, lastPosition, lastOlder, isFirst) }
    for i in 0..<batch.count {
      let (high, low, code) = unsafe (rows.high[i], rows.low[i], rows.code[i])
      let position = unsafe rows.position[i]
      let isSame = high == last.high && low == last.low && code == last.code && !isFirst
      if isSame {
        guard position > lastPosition else { throw batch.disorder }
      } else {
        isFirst = false
        last = (high, low, code)
        lastOlder = asksOlder ? found[i] : 0
      }
      var repeats = isSame || lastOlder > 0
      if sabotaged(.keepRepeatsOfOthers), isSame { repeats = input(position) == input(lastPosition) }
      if sabotaged(.markFirstCopy) { repeats = batch.isSameIdentity(i, i + 1) }
      let copy = lastPosition
      lastPosition = position
      if sabotaged(.unmark) || sabotaged(.forgetOrphanMark) && !repeats { unsafe rows.source[i] &= ~RowVector.mark }
      let isKept = unsafe rows.source[i] & RowVector.mark != 0
      let isRecorded = !recorded.isEmpty && recorded.contains(first &+ position)
      guard repeats || isKept || isRecorded else { continue }
      if isRecorded { recordedSeen += 1 }
      let minute = unsafe Minute(containing: rows.eventTime[i])
      guard isKept || isRecorded || minute >= markedFrom && minute < before else {
        waiting += 1
        continue
      }
      unsafe rows.source[i] |= RowVector.mark
      batch.marks.append(
        RepeatMark(
          code: code, minute: minute, position: first &+ position,
          origin: isKept ? .kept : isRecorded ? .recorded : .found,
          earlier: isSame ? .at(first &+ copy) : lastOlder > 0 ? .at(lastOlder - 1) : .gone))
    }
  }

  /// Which input the row at `position` came from.
  private func input(_ position: UInt64) -> Int { ends.firstIndex { first &+ position < $0 } ?? ends.count }

  /// Finds the latest copy in older segments of each identity that begins in the batch.
  private func lookBack(_ batch: RowBatch) throws {
    found.removeAll(keepingCapacity: true)
    found.append(contentsOf: repeatElement(0, count: batch.count))
    guard batch.count > 0 else { return }
    let keys = keys ?? SegmentKeys(capacity: batch.capacity)
    let asked = asked ?? SegmentKeys(capacity: batch.capacity)
    (self.keys, self.asked) = (keys, asked)
    let rows = batch.rows
    let goesOn = unsafe !isFirst && (rows.high[0], rows.low[0], rows.code[0]) == last
    keys.take(rows, before: batch.count, beginsNew: !goesOn)
    for probe in older.reversed() where keys.count > 0 {
      try probe.narrow(keys, to: asked)
      // The latest copy is the one that retires last: the identity is not looked for in the segments before.
      if asked.count > 0, try search(probe, for: asked) { keys.keep { found[$0] == 0 } }
    }
  }

  /// Looks for the keys in one segment; whether any is there.
  private func search(_ probe: SegmentProbe, for keys: SegmentKeys) throws -> Bool {
    var isAny = false
    try probe.find(unsafe SegmentProbe.Wanted(high: keys.high, low: keys.low, count: keys.count)) {
      place, code, position in
      guard unsafe keys.code[place] == code else { return }
      let row = Int(unsafe keys.tag[place])
      found[row] = max(found[row], try position() + 1)
      isAny = true
    }
    return isAny
  }
}
