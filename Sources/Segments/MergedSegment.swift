import Clicks
import Files
import Platform

/// Writes one segment in the place of several whose rows somebody else has merged, and may have left some of out.
package struct MergedSegmentWriter: ~Copyable {
  private let inputs: [Segment]
  private var writer: SegmentWriter

  /// A writer for rows of `inputs`, which follow each other and capture the same strings; the models of the result are made
  /// from theirs. Throws `FormatError` where an input has columns that this version does not know.
  package init(_ inputs: [Segment], into target: SegmentTarget) throws {
    precondition(
      inputs.allSatisfy { $0.summary.captured == inputs[0].summary.captured }, "segments that capture other strings")
    self.inputs = inputs
    writer = try SegmentMerge.writer(inputs, target)
  }

  /// One that encodes groups of rows for this segment; any number of them may work at a time, each on one thread. Positions
  /// count from the first input's first.
  package func groupEncoder() -> GroupEncoder { writer.groupEncoder() }

  /// Writes a group: rows that follow those before. Full groups but for the last one.
  package mutating func write(_ group: EncodedGroup) throws(SystemError) { try writer.append(group) }

  /// Ends the segment and puts it in its place. `sums` gives the clicks per (ad code, minute) of the rows, in order. There is
  /// at least one row. After any error nothing has the target's name, except as `SealedFileWriter.finish` says.
  package consuming func finish(
    _ sums: () throws -> SegmentSum?
  ) throws -> (SealedReference, SegmentSummary) {
    try writer.endRows()
    try SegmentMerge.mergeSteps(inputs, &writer)
    while let sum = try sums() { try writer.add(sum) }
    return try SegmentMerge.finish(inputs, writer)
  }
}
