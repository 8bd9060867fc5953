import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Segments

/// A raw click with the times at which it was received, and what was captured of it.
package struct RetainedClick: Sendable {
  package var position: UInt64
  package var click: Click
  /// Whether a merge has marked it: it repeats an earlier click, and counts no longer.
  package var isRepeat: Bool
  /// Milliseconds that the store had been running.
  package var runningTime: UInt64
  /// Which strings it has; empty where none were captured.
  package var set: CaptureSet
  package var strings: ClickStrings?
}

extension ShardRecovery {
  /// Every raw click that is kept, from `position` on, in the order of the log: from the segments, then from the log behind
  /// them. The rows of one segment are in memory at once; where it has captured strings, those of half a million clicks, for
  /// which it is read again. Throws `FormatError` where something is damaged.
  package func forEachRetained(
    _ files: any FileSystem, store: StoreID, from position: UInt64 = 0,
    _ visit: (borrowing RetainedClick) throws -> Void
  ) throws {
    for segment in version.segments where segment.summary.positions.upperBound > position {
      var times = StepTimes(try steps(of: segment))
      let positions = segment.summary.positions
      let step = segment.summary.captured.isEmpty ? positions.count : Self.rowsWithStrings
      for first in stride(from: positions.lowerBound, to: positions.upperBound, by: step) {
        let end = min(first + UInt64(step), positions.upperBound)
        guard end > position else { continue }
        try visitRows(of: segment, max(first, position)..<end, &times, visit)
      }
    }
    let sealed = max(manifest?.state.sealed ?? 0, position)
    for (extent, end, _) in tails {
      let path = "\(directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
      let reader = try LogReader(files, path, extent: extent, store: store)
      _ = try reader.walk(to: Int(end.offset)) { frame in
        guard frame.positions.upperBound > sealed else { return }
        let captured = try frame.annex().strings
        let (first, runningTime) = (frame.positions.lowerBound, frame.header.runningTime)
        try frame.forEachClick(in: sealed..<UInt64.max) { position, click in
          try visit(
            RetainedClick(
              position: position, click: click, isRepeat: false, runningTime: runningTime, set: captured?.set ?? [],
              strings: captured.map { ClickStrings($0.strings(at: Int(position - first))) }))
        }
      }
    }
  }

  /// The same, the clicks alone.
  package func forEachClick(
    _ files: any FileSystem, store: StoreID, from position: UInt64 = 0,
    _ visit: (_ position: UInt64, Click) throws -> Void
  ) throws {
    try forEachRetained(files, store: store, from: position) { found in try visit(found.position, found.click) }
  }

  private static var rowsWithStrings: Int { 1 << 19 }

  private func visitRows(
    of segment: Segment, _ positions: Range<UInt64>, _ times: inout StepTimes,
    _ visit: (borrowing RetainedClick) throws -> Void
  ) throws {
    let set = CaptureSet(segment.summary.captured)
    var rows: [(row: SegmentRow, strings: ClickStrings?)] = []
    rows.reserveCapacity(min(positions.count, segment.summary.rows))
    let cursor = segment.cursor(set.isEmpty ? .all : [.all, .strings])
    while try cursor.nextPage() {
      for i in cursor.range {
        let row = cursor.row(i)
        guard positions.contains(row.position) else { continue }
        rows.append((row, set.isEmpty ? nil : ClickStrings(cursor.rows.strings.map { $0[i] })))
      }
    }
    rows.sort { $0.row.position < $1.row.position }
    for (row, strings) in rows {
      guard Int(row.code) < minutes.ads.count else {
        throw FormatError(file: segment.file.path, offset: 0, reason: "code \(row.code) has no ad")
      }
      let step = times.step(at: row.position)
      try visit(
        RetainedClick(
          position: row.position,
          click: Click(
            impression: row.impression, ad: minutes.ads.key(row.code), eventTime: row.eventTime,
            receiveTime: step?.receiveTime ?? 0, source: row.source), isRepeat: row.isRepeat,
          runningTime: step?.runningTime ?? 0, set: set,
          strings: strings))
    }
  }

  private func steps(of segment: Segment) throws -> [SegmentStep] {
    var steps: [SegmentStep] = []
    try segment.forEachStep { steps.append($0) }
    return steps
  }

  /// Goes through a segment's steps as positions ascend.
  private struct StepTimes {
    private let steps: [SegmentStep]
    private var at = 0

    init(_ steps: [SegmentStep]) { self.steps = steps }

    mutating func step(at position: UInt64) -> SegmentStep? {
      while at + 1 < steps.count, steps[at + 1].position <= position { at += 1 }
      return steps.isEmpty ? nil : steps[at]
    }
  }
}
