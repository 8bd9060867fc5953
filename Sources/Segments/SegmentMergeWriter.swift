import Bytes
import Clicks
import Files
import Platform

// One segment in the place of several whose positions follow each other. Somebody else merges the rows, marks repeats and counts
// what is left; here are the models, the tables and the steps of the result. All are made from those of the inputs, so that one
// pass over the rows is enough:
//
//   columns, positions   the inputs' models and tables, by their weights
//   rows                 in groups that were encoded elsewhere, or page by page
//   steps                of one input behind those of the other
//   sums                 counted from the rows, never added up from the inputs' sums
//
// The result has the captured columns of all inputs, and marks where an input has some or the merge may set some.

/// Writes the segment that several become.
package struct SegmentMergeWriter: ~Copyable {
  private let inputs: [Segment]
  private var writer: SegmentWriter

  /// A writer for the rows of `inputs`, which follow each other; some of them may be marked where `marks`, or where an input has
  /// marks. Throws `FormatError` where an input has columns that this version does not know.
  package init(_ inputs: [Segment], marks: Bool, into target: SegmentTarget) throws {
    precondition(!inputs.isEmpty, "a merge of no segments")
    for i in inputs.indices.dropFirst() {
      precondition(
        inputs[i].summary.positions.lowerBound == inputs[i - 1].summary.positions.upperBound,
        "a merge of segments that do not follow each other")
    }
    for input in inputs where !input.columns.isKnown {
      throw FormatError(
        file: input.file.path, offset: 0, reason: "a newer version wrote columns that merging would lose")
    }
    let positions = inputs[0].summary.positions.lowerBound..<inputs.last!.summary.positions.upperBound
    var floors = ReceiveFloors(positions)
    for input in inputs { try input.forEachStep { floors.add($0) } }
    floors.end()
    let hasMarks = marks || target.recount > 0 || inputs.contains { $0.columns.marks != nil }
    let writer = try SegmentWriter.create(
      target, positions: positions, columns: Self.columns(inputs, marks: hasMarks),
      table: try Self.positions(inputs), floors: floors)
    self.writer = writer
    self.inputs = inputs
  }

  /// One that encodes groups of rows for this segment; any number of them may work at a time, each on one thread. Positions
  /// count from the first input's first.
  package func groupEncoder() -> GroupEncoder { writer.groupEncoder() }

  /// Writes a group: rows that follow those before. Full groups but for the last one.
  package mutating func write(_ group: EncodedGroup) throws(SystemError) { try writer.append(group) }

  /// Writes a page: rows that follow those before. Full pages but for the last one. Whoever writes pages writes no groups.
  package mutating func write(_ page: RowVector) throws(SystemError) { try writer.write(page) }

  /// Ends the segment and puts it in its place. `sums` gives the clicks per (ad code, minute) of the rows that are not marked, in
  /// order. There is at least one row. After any error nothing has the target's name, except as `SealedFileWriter.finish` says.
  package consuming func finish(_ sums: () throws -> SegmentSum?) throws -> (SealedReference, SegmentSummary) {
    try writer.endRows()
    try writeSteps()
    while let sum = try sums() { try writer.add(sum) }
    try writer.endSums()
    guard writer.isSound else {
      throw FormatError(
        file: inputs[0].file.path, offset: 0,
        reason: "rows, models and sums of this segment, or of one merged with it, do not belong together")
    }
    return try writer.finish()
  }

  /// Writes the steps of all inputs.
  private mutating func writeSteps() throws {
    var last: SegmentStep?
    for input in inputs {
      // The first step of an input may go on with the times of the last one before it.
      try input.forEachStep { step in
        if last?.receiveTime != step.receiveTime || last?.runningTime != step.runningTime { try writer.add(step) }
        last = step
      }
    }
    try writer.endSteps()
  }

  private static func columns(_ inputs: [Segment], marks: Bool) -> SegmentColumns {
    func model(_ path: KeyPath<SegmentColumns, BinModel>) -> BinModel {
      BinFit.model(of: inputs.flatMap { intervals($0.columns[keyPath: path], $0) })
    }
    // An input of version 7 ids alone knows nothing of event times as such; in the result its rows may stand in one page
    // with others, so that it must.
    let isNeeded = inputs.contains { $0.columns.eventTime.count > 0 }
    let eventTime = inputs.flatMap { input in
      guard isNeeded, input.columns.eventTime.count == 0 else { return intervals(input.columns.eventTime, input) }
      let times = input.summary.eventTimes
      return BinFit.cover(RowPage.biased(times.lowerBound)...RowPage.biased(times.upperBound), weight: 1)
    }
    // The table of the result is another one than those of the inputs, and a distance may be any.
    let rows = inputs.reduce(0) { $0 + Int64($1.summary.positions.count) }
    let distances =
      inputs.flatMap { intervals($0.columns.position, $0) }
      + BinFit.cover(RowPage.biased(-rows)...RowPage.biased(rows), weight: 1)
    return SegmentColumns(
      code: model(\.code), eventTime: BinFit.model(of: eventTime), eventDelay: model(\.eventDelay),
      position: BinFit.model(of: distances), source: model(\.source), marks: marks,
      captured: captured(inputs))
  }

  /// The captured columns of the result, those that any of the inputs has: a page has a string for each of them in each row.
  package static func captured(_ inputs: [Segment]) -> [CapturedColumn] {
    CapturedColumn.allCases.filter { column in inputs.contains { $0.summary.captured.contains(column) } }
  }

  private static func positions(_ inputs: [Segment]) throws -> PositionTable {
    let first = inputs[0].summary.positions.lowerBound
    return PositionTable(
      merging: try inputs.map { (try $0.positionTable(), $0.summary.positions.lowerBound - first) },
      rows: inputs.reduce(0) { $0 + $1.summary.rows })
  }

  /// A model's bins, weighted by how many rows of the segment fall into each.
  private static func intervals(_ model: BinModel, _ segment: Segment) -> [BinFit.Interval] {
    (0..<model.count).map { bin in
      (model.lowers[bin], model.widths[bin], model.weight(bin) * Double(segment.summary.rows))
    }
  }
}

extension Segment {
  /// Rows or sums are not in order, whatever the checksums say.
  var disorder: FormatError {
    FormatError(file: file.path, offset: 0, reason: "the segment is out of order")
  }
}
