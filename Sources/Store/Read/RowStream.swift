import Bytes
import Clicks
import Files
import Runs
import Segments

// Tables as streams of rows in the order of (ad code, bucket), each key once, so that memory does not grow with them:
//
//     have    rows of runs, newest wins, + what is in memory                    ╮ compared row by row
//     due     BASE rows + sums of each segment + the log behind them            ╯ (or written, where a table is lost)

/// Clicks of an ad in a bucket.
package struct RowCount: Equatable, Sendable {
  package var code: UInt32
  package var bucket: Int64
  package var count: UInt64

  package init(code: UInt32, bucket: Int64, count: UInt64) {
    self.code = code
    self.bucket = bucket
    self.count = count
  }

  /// The order of streams.
  package static func precedes(_ a: RowCount, _ b: RowCount) -> Bool { (a.code, a.bucket) < (b.code, b.bucket) }
}

/// Rows in order, each key once, none with 0 clicks.
package struct RowStream {
  /// The next row; nil at the end.
  package let next: () throws -> RowCount?

  /// Rows in memory, in order.
  package init(_ rows: [RowCount]) {
    var at = 0
    next = {
      guard at < rows.count else { return nil }
      defer { at += 1 }
      return rows[at]
    }
  }

  /// The sums of a segment.
  package init(_ segment: Segment) {
    let cursor = segment.sumCursor()
    next = { try cursor.next().map { RowCount(code: $0.code, bucket: $0.minute.index, count: $0.clicks) } }
  }

  /// The rows of a table's runs, of which the newest of each key holds.
  package init(_ table: RunTable) throws {
    let runs = table.runs
    let windows = runs.map(\.window)
    if let first = windows.map(\.lowerBound).min(), let end = windows.map(\.upperBound).max(),
      end - first >= Int64(UInt32.max)
    {
      throw FormatError(file: runs[0].file.path, offset: 64, reason: "the windows of the runs are too far apart")
    }
    var cursor = try MergeCursor(runs)
    next = {
      repeat { try cursor.advance() } while cursor.row?.value == 0
      return cursor.row.map { RowCount(code: $0.code, bucket: $0.bucket, count: $0.value) }
    }
  }

  /// Rows that `next` makes, in order, each key once, none with 0 clicks.
  package init(next: @escaping () throws -> RowCount?) { self.next = next }

  /// The rows of several streams; those of one key are added.
  package static func sum(_ streams: [RowStream]) throws -> RowStream {
    var heads = try streams.map { try $0.next() }
    return RowStream(next: {
      var least: RowCount?
      for case let head? in heads { least = least.map { RowCount.precedes(head, $0) ? head : $0 } ?? head }
      guard var row = least else { return nil }
      row.count = 0
      for i in heads.indices {
        guard let head = heads[i], head.code == row.code, head.bucket == row.bucket else { continue }
        row.count &+= head.count
        heads[i] = try streams[i].next()
      }
      return row
    })
  }

  /// The rows whose bucket is in `buckets`.
  package func limited(to buckets: Range<Int64>) -> RowStream {
    RowStream(next: { [next] in
      while let row = try next() { if buckets.contains(row.bucket) { return row } }
      return nil
    })
  }

  /// The rows less those of `other`, which has no key that these lack. Throws `FormatError` for `file` where one would fall
  /// below zero.
  package func less(_ other: RowStream, file: String) throws -> RowStream {
    var taken = try other.next()
    func fault(_ row: RowCount) -> FormatError {
      FormatError(
        file: file, offset: 0, reason: "more repeats than clicks of ad code \(row.code) in bucket \(row.bucket)")
    }
    return RowStream(next: { [next] in
      while true {
        guard var row = try next() else {
          if let taken { throw fault(taken) }
          return nil
        }
        if let less = taken {
          if RowCount.precedes(less, row) { throw fault(less) }
          if !RowCount.precedes(row, less) {
            guard less.count <= row.count else { throw fault(less) }
            row.count -= less.count
            taken = try other.next()
            if row.count == 0 { continue }
          }
        }
        return row
      }
    })
  }

  /// The same rows; `visit` sees each on its way.
  package func passing(_ visit: @escaping (RowCount) -> Void) -> RowStream {
    RowStream(next: { [next] in
      let row = try next()
      if let row { visit(row) }
      return row
    })
  }

  /// The rows in buckets `factor` times as wide.
  package func widened(by factor: Int64) -> RowStream {
    var ahead: RowCount?
    func wide(_ row: RowCount?) -> RowCount? {
      guard var row else { return nil }
      row.bucket = row.bucket.dividedDown(by: factor)
      return row
    }
    var isStarted = false
    return RowStream(next: { [next] in
      if !isStarted { ahead = wide(try next()) }
      isStarted = true
      guard var row = ahead else { return nil }
      while true {
        ahead = wide(try next())
        guard let more = ahead, more.code == row.code, more.bucket == row.bucket else { return row }
        row.count &+= more.count
      }
    })
  }

  /// Goes through both. `row` gets each key that either has, with the clicks on both sides.
  package static func compare(
    _ have: RowStream, _ due: RowStream, _ row: (RowCount, _ have: UInt64, _ due: UInt64) throws -> Void
  ) throws {
    var (a, b) = (try have.next(), try due.next())
    while true {
      switch (a, b) {
      case (let left?, let right?) where left.code == right.code && left.bucket == right.bucket:
        try row(left, left.count, right.count)
        (a, b) = (try have.next(), try due.next())
      case (let left?, let right) where right.map({ RowCount.precedes(left, $0) }) ?? true:
        try row(left, left.count, 0)
        a = try have.next()
      case (_, let right?):
        try row(right, 0, right.count)
        b = try due.next()
      case (nil, nil): return
      case (.some, nil): preconditionFailure("taken above")
      }
    }
  }
}
