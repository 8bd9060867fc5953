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

  // Reused from batch to batch.
  private var keys: [SegmentKey] = []
  private var asked: [SegmentKey] = []
  private var high: [UInt64] = []
  private var low: [UInt64] = []
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
    for i in 0..<batch.count {
      let (high, low, code) = unsafe (rows.high[i], rows.low[i], rows.code[i])
      let position = unsafe rows.position[i]
      let isSame = high == last.high && low == last.low && code == last.code && !isFirst
      if isSame {
        guard position > lastPosition else { throw batch.disorder }
      } else {
        isFirst = false
        last = (high, low, code)
        lastOlder = older.isEmpty ? 0 : found[i]
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
    keys.removeAll(keepingCapacity: true)
    let rows = batch.rows
    for i in 0..<batch.count {
      let isSame =
        i > 0
        ? batch.isSameIdentity(i - 1, i)
        : unsafe !isFirst && rows.high[0] == last.high && rows.low[0] == last.low && rows.code[0] == last.code
      guard !isSame else { continue }
      let id = unsafe ImpressionID(high: rows.high[i], low: rows.low[i])
      keys.append(SegmentKey(impression: id, code: unsafe rows.code[i], tag: i))
    }
    for probe in older.reversed() where !keys.isEmpty {
      asked.removeAll(keepingCapacity: true)
      try probe.narrow(keys, into: &asked)
      guard !asked.isEmpty else { continue }
      // The latest copy is the one that retires last: the identity is not looked for in the segments before.
      if try search(probe) > 0 { keys.removeAll { found[$0.tag] > 0 } }
    }
  }

  /// Looks for the keys that are asked for in one segment; returns how many are there.
  private func search(_ probe: SegmentProbe) throws -> Int {
    high.removeAll(keepingCapacity: true)
    low.removeAll(keepingCapacity: true)
    for key in asked {
      high.append(key.impression.high)
      low.append(key.impression.low)
    }
    var count = 0
    try unsafe high.withUnsafeBufferPointer { high in
      try unsafe low.withUnsafeBufferPointer { low in
        let wanted = unsafe SegmentProbe.Wanted(
          high: high.baseAddress!, low: low.baseAddress!, count: asked.count)
        try probe.find(wanted) { place, code, position in
          let key = asked[place]
          guard key.code == code else { return }
          if found[key.tag] == 0 { count += 1 }
          found[key.tag] = max(found[key.tag], try position() + 1)
        }
      }
    }
    return count
  }
}
