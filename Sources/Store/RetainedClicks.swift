import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Segments

extension ShardRecovery {
  /// Every raw click that is kept, from `position` on, in the order of the log: from the segments, then from the log behind
  /// them. The rows of one
  /// segment are in memory at once. Throws `FormatError` where something is damaged.
  package func forEachClick(
    _ files: any FileSystem, store: StoreID, from position: UInt64 = 0,
    _ visit: (_ position: UInt64, Click) throws -> Void
  ) throws {
    try forEachTimedClick(files, store: store, from: position) { position, click, _ in try visit(position, click) }
  }

  /// The same, with the running time at which each click was received.
  package func forEachTimedClick(
    _ files: any FileSystem, store: StoreID, from position: UInt64 = 0,
    _ visit: (_ position: UInt64, Click, _ runningTime: UInt64) throws -> Void
  ) throws {
    for segment in version.segments where segment.summary.positions.upperBound > position {
      var rows: [SegmentRow] = []
      rows.reserveCapacity(segment.summary.rows)
      let cursor = segment.cursor()
      while let row = try cursor.next() { if row.position >= position { rows.append(row) } }
      rows.sort { $0.position < $1.position }
      var times = StepTimes(try steps(of: segment))
      for row in rows {
        guard Int(row.code) < minutes.ads.count else {
          throw FormatError(file: segment.file.path, offset: 0, reason: "code \(row.code) has no ad")
        }
        let step = times.step(at: row.position)
        try visit(
          row.position,
          Click(
            impression: row.impression, ad: minutes.ads.key(row.code), eventTime: row.eventTime,
            receiveTime: step?.receiveTime ?? 0, source: row.source), step?.runningTime ?? 0)
      }
    }
    let sealed = max(manifest?.state.sealed ?? 0, position)
    for (extent, end, _) in tails {
      let path = "\(directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
      let reader = try LogReader(files, path, extent: extent, store: store)
      _ = unsafe try reader.walk(to: Int(end.offset)) { frame, payload, offset in
        for i in 0..<Int(frame.records) where frame.firstPosition + UInt64(i) >= sealed {
          let at = i * RecordFormat.size
          guard let click = unsafe RecordFormat.read(payload.baseAddress! + at, base: frame.logicalTime) else {
            throw FormatError(
              file: path, offset: UInt64(offset + FrameHeader.size + at), reason: "an unknown source or flag")
          }
          try visit(frame.firstPosition + UInt64(i), click, frame.runningTime)
        }
      }
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
