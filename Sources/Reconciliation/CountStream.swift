import Bytes
import Clicks
import Files
import Runs
import Segments

// Counts travel as streams in the order of (ad code, minute), each key once and none with 0 clicks, so that tables of any
// size are summed and compared with one row of each in memory.

/// Clicks per (ad code, minute), in order. Each key comes once, with at least one click.
package protocol CountStream: AnyObject {
  /// The next row; nil at the end.
  func next() throws -> SegmentSum?
}

extension SegmentSumCursor: CountStream {}

extension SegmentSum {
  /// Whether the row stands before `other` in every table.
  package func precedes(_ other: SegmentSum) -> Bool {
    code != other.code ? code < other.code : minute < other.minute
  }

  /// Whether both are rows of one key.
  package func isSameRow(as other: SegmentSum) -> Bool { code == other.code && minute == other.minute }
}

/// Rows in memory.
package final class ListedCounts: CountStream {
  private let rows: [SegmentSum]
  private var at = 0

  /// `rows` in order, each key once.
  package init(_ rows: [SegmentSum]) { self.rows = rows }

  package func next() -> SegmentSum? {
    guard at < rows.count else { return nil }
    defer { at += 1 }
    return rows[at]
  }
}

/// The rows of runs whose buckets are minutes; of each key the newest holds.
package final class RunCounts: CountStream {
  private var cursor: MergeCursor

  /// The runs of one table of minutes, in any order. Throws `FormatError` where their windows are too far apart.
  package init(_ runs: [Run]) throws {
    let first = runs.map(\.descriptor.firstBucket).min() ?? 0
    let end = runs.map { $0.descriptor.firstBucket + Int64($0.descriptor.bucketCount) }.max() ?? 0
    guard end - first < Int64(UInt32.max) else {
      throw FormatError(
        file: runs[0].file.path, offset: UInt64(FileHeader.typeFields),
        reason: "the windows of the runs are too far apart")
    }
    cursor = try MergeCursor(runs)
  }

  package func next() throws -> SegmentSum? {
    repeat { try cursor.advance() } while cursor.row?.value == 0
    return cursor.row.map { SegmentSum(code: $0.code, minute: Minute(index: $0.bucket), clicks: $0.value) }
  }
}

/// Several streams as one: rows of one key are added.
package final class SummedCounts: CountStream {
  private let streams: [any CountStream]
  private var heads: [SegmentSum?]

  package init(_ streams: [any CountStream]) throws {
    self.streams = streams
    heads = try streams.map { try $0.next() }
  }

  package func next() throws -> SegmentSum? {
    var least: SegmentSum?
    for case let head? in heads where least == nil || head.precedes(least!) { least = head }
    guard var row = least else { return nil }
    row.clicks = 0
    for i in heads.indices {
      guard let head = heads[i], head.isSameRow(as: row) else { continue }
      row.clicks &+= head.clicks
      heads[i] = try streams[i].next()
    }
    return row
  }
}

/// The rows of a stream in some minutes.
package final class LimitedCounts: CountStream {
  private let stream: any CountStream
  private let minutes: Range<Minute>

  package init(_ stream: any CountStream, to minutes: Range<Minute>) {
    self.stream = stream
    self.minutes = minutes
  }

  package func next() throws -> SegmentSum? {
    while let row = try stream.next() { if minutes.contains(row.minute) { return row } }
    return nil
  }
}
