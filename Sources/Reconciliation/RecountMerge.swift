import Bytes
import Clicks
import Files
import Platform
import Segments

// A recount is a merge of segments. Rows come together by their identity (ad code, impression), in the order of positions, so
// that every copy but the first is seen beside it; copies in older segments are asked for. What repeats is marked, and stays:
//
//     inputs ─▶ RowMerger ─▶ RepeatMarker ─▶ batches ─▶ CountTable (rows without marks) ─▶ CountCursor: exact counts, in order
//                older ──asked──▲                   └─▶ the merged segment's rows               └─▶ the merged segment's sums
//
// No row is lost on the way: rows out = rows in, and rows = counted + marked, or it is an error. Memory is a fixed number of
// buffers; keys that have no room go to a file. Nothing depends on time, chance or the number of threads: the same segments
// give the same bytes. Without a target the same merge is done and nothing is written: for checks, and to find what is wrong.

/// What a merge is asked for.
package struct MergeRequest {
  /// The segments that are merged, in the order of their positions. With a target they follow each other.
  package var inputs: [Segment]
  /// Segments of lower positions, in the order of these: asked whether they have an identity, and not merged.
  package var older: [Segment] = []
  /// Positions among the inputs, ascending, that earlier recounts recorded as repeats. They are marked, whatever else is seen.
  package var recorded: [UInt64] = []
  /// Only rows of minutes from `markedFrom` on and before `markedBefore` are newly marked: a minute that is open has to wait
  /// (R20), and of one whose rows have retired nothing can be corrected any more.
  package var markedFrom: Minute
  package var markedBefore: Minute
  /// Where the segments become one; nil: nowhere.
  package var target: SegmentTarget?

  package init(
    _ inputs: [Segment], older: [Segment] = [], recorded: [UInt64] = [],
    markedFrom: Minute = Minute(index: .min), markedBefore: Minute, into target: SegmentTarget? = nil
  ) {
    self.inputs = inputs
    self.older = older
    self.recorded = recorded
    self.markedFrom = markedFrom
    self.markedBefore = markedBefore
    self.target = target
  }
}

/// What a merge came to.
package struct RecountSummary: Hashable, Sendable {
  /// Clicks of the inputs, and so of the output.
  package var rows: UInt64 = 0
  /// Those that are marked now.
  package var marked: UInt64 = 0
  /// Marks that neither an input nor an earlier recount had.
  package var found: UInt64 = 0
  /// Marks of what earlier recounts recorded, that no input had.
  package var recorded: UInt64 = 0
  /// Repeats of open minutes, which are not marked yet.
  package var waiting: UInt64 = 0

  /// Clicks that count: those of the exact counts.
  package var counted: UInt64 { rows - marked }

  package init() {}
}

/// A merge that has seen all rows: its exact counts, and the segment that is still to be put in its place. Cursors may be made
/// and used by any thread, each by one at a time.
package final class RecountMerge: @unchecked Sendable {
  package let summary: RecountSummary
  private let exact: CountTable
  private let cursorMemory: Int
  private var writer: SegmentMergeWriter?

  /// Merges the rows. `marked` gets every mark, new or not, in the order of ids, on the calling thread.
  ///
  /// Memory is about `settings.memory`. In it each input takes 58 KB at least (with captured strings 2 MB, where all strings are as
  /// long as may be): 300 inputs fit into an eighth of the default, and every other one comes on top.
  ///
  /// Throws `FormatError` where a segment is damaged, or no row is at a recorded position; `SystemError` where the disk does not
  /// answer; `RecountStopped`; and what `marked` throws. Then nothing of it is left in `temporary`.
  package static func run(
    _ request: MergeRequest, _ settings: RecountSettings, marked visit: ((RepeatMark) throws -> Void)? = nil
  ) throws -> RecountMerge {
    let inputs = request.inputs
    request.check()
    let memory = settings.memory
    let plan = try CountPlan(inputs, partRows: min(1 << 17, max(64, memory / 1_024)))
    let exact = CountTable(plan, memory: memory / 2, settings.files, settings.temporary)
    let mayMark = !request.recorded.isEmpty || request.markedBefore > Minute(index: .min)
    let captured = request.target == nil ? [] : SegmentMergeWriter.captured(inputs)
    var sink = RecountSink(
      exact: exact,
      writer: try request.target.map { try SegmentMergeWriter(inputs, marks: mayMark, into: $0) }, captured: captured,
      visit: visit)
    let marker = RepeatMarker(request)
    let merger = try RowMerger(inputs, captured: captured, marker, memory: memory / 8)
    let rows = inputs.reduce(0) { $0 + UInt64($1.summary.rows) }
    do {
      try RecountPipeline.run(merger, sink.encoders(settings.threads), settings, rows: rows) { try sink.take($0) }
    } catch let row as RowOutside {
      throw FormatError(
        file: inputs[0].file.path, offset: 0,
        reason: "this segment, or one recounted with it, has a click of ad code \(row.code) at \(row.eventTime) ms, "
          + "which its header does not know")
    }
    guard sink.summary.rows == rows else {
      throw FormatError(
        file: inputs[0].file.path, offset: 0,
        reason: "this segment and those recounted with it have \(sink.summary.rows) clicks where \(rows) are due")
    }
    guard marker.recordedSeen == UInt64(request.recorded.count) else {
      throw FormatError(
        file: inputs[0].file.path, offset: 0,
        reason: "this segment and those recounted with it have clicks at \(marker.recordedSeen) of the "
          + "\(request.recorded.count) positions of recorded repeats")
    }
    var summary = sink.summary
    summary.waiting = marker.waiting
    exact.close()
    return RecountMerge(summary, exact, sink.writer.take(), cursorMemory: memory / 8)
  }

  private init(
    _ summary: RecountSummary, _ exact: CountTable, _ writer: consuming SegmentMergeWriter?, cursorMemory: Int
  ) {
    self.summary = summary
    self.exact = exact
    self.writer = writer
    self.cursorMemory = cursorMemory
  }

  /// The exact counts of rows without marks, from the first on, as often as they are wanted. For minutes from `markedBefore` on
  /// they have repeats in them.
  package func counts() -> CountCursor { CountCursor(exact, memory: cursorMemory) }

  /// Ends the merged segment and puts it in its place, once; nil where there is none. Until then it stands under its temporary
  /// name, and goes with the merge. May run beside cursors on other threads.
  package func finish() throws -> (SealedReference, SegmentSummary)? {
    guard let writer = writer.take() else { return nil }
    let counts = counts()
    return try writer.finish { try counts.next() }
  }
}

extension MergeRequest {
  /// What the caller has to see to.
  fileprivate func check() {
    let all = older + inputs
    for i in all.indices.dropFirst() {
      precondition(
        all[i].summary.positions.lowerBound >= all[i - 1].summary.positions.upperBound, "segments out of order")
    }
    precondition(target == nil || !inputs.isEmpty, "a segment of no clicks")
    for i in recorded.indices.dropFirst() {
      precondition(recorded[i - 1] < recorded[i], "recorded positions out of order")
    }
    guard let first = recorded.first, let last = recorded.last else { return }
    precondition(
      !inputs.isEmpty && first >= inputs[0].summary.positions.lowerBound
        && last < inputs.last!.summary.positions.upperBound,
      "recorded positions of other segments")
  }
}

/// Where the merged clicks go.
private struct RecountSink: ~Copyable {
  let exact: CountTable
  var writer: SegmentMergeWriter?
  /// The captured columns of the output.
  let captured: [CapturedColumn]
  let visit: ((RepeatMark) throws -> Void)?
  var summary = RecountSummary()

  mutating func take(_ batch: RowBatch) throws {
    summary.rows += UInt64(batch.count)
    summary.marked += UInt64(batch.marks.count)
    let rows = batch.rows
    unsafe try exact.add(rows.code, rows.eventTime, rows.source, batch.count)
    for mark in batch.marks {
      switch mark.origin {
      case .found: summary.found += 1
      case .recorded: summary.recorded += 1
      case .kept: break
      }
      if sabotaged(.trustSums), mark.origin != .kept { try exact.add(mark.code, mark.minute) }
      try visit?(mark)
    }
    if let group = batch.group {
      try writer?.write(group)
    } else if writer != nil {
      for page in 0..<batch.pages { try writer?.write(batch.page(page)) }
    }
  }

  /// For each thread one that encodes groups; none where there is no output. With captured strings, of which a group may have more
  /// than memory, the output is written page by page.
  func encoders(_ threads: Int) -> [GroupEncoder] {
    guard captured.isEmpty else { return [] }
    return (0..<max(threads, 1)).compactMap { _ in writer?.groupEncoder() }
  }
}
