/// Goes through a run's rows one by one, in order. Memory: one decoded block of each part. Copies share memory:
/// one of them goes on.
package struct RunCursor {
  private var stretches: RunStretches
  private let firstBucket: Int64

  /// The row it stands on; nil before the first `advance` and behind the last row.
  package private(set) var row: RunRow?

  /// A cursor before the first row.
  package init(_ run: Run) {
    stretches = RunStretches(run)
    firstBucket = run.descriptor.firstBucket
  }

  /// Goes to the next row. Throws `FormatError` where the rows are damaged.
  package mutating func advance() throws {
    try stretches.advance(row == nil ? 0 : 1)
    let range = stretches.range
    row = range.isEmpty ? nil : RunRow(stretches.rows, range.lowerBound, from: firstBucket)
  }
}
