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
  @inline(__always)
  package static func precedes(_ a: RowCount, _ b: RowCount) -> Bool {
    a.code != b.code ? a.code < b.code : a.bucket < b.bucket
  }

  /// The row less the repeats in it. Throws `FormatError` for `file` where there are more of these.
  func less(_ repeats: RowCount, file: String) throws(FormatError) -> RowCount {
    guard repeats.count <= count else { throw repeats.excess(file) }
    return RowCount(code: code, bucket: bucket, count: count - repeats.count)
  }

  /// There are more repeats of a row than clicks.
  fileprivate func excess(_ file: String) -> FormatError {
    FormatError(file: file, offset: 0, reason: "more repeats than clicks of ad code \(code) in bucket \(bucket)")
  }
}

/// Rows in order, each key once, none with 0 clicks. One thread goes through them, once: whoever is given a stream, or makes
/// another one of it, has its rows.
///
/// Rows are made a few hundred at a time, so that taking the next one is mostly an access to memory.
package final class RowStream {
  /// Adds the next rows to an empty list, about `batch` of them; none at the end.
  private let fill: (inout [RowCount]) throws -> Void
  /// Buckets that all its rows lie in: what is limited to more is left as it is, and what has none is not asked.
  private let extent: Range<Int64>
  // One thread walks, so nothing has to look after who else does.
  @exclusivity(unchecked) private var rows: [RowCount] = []
  @exclusivity(unchecked) private var at = 0

  /// Rows that are made at a time: 12 KB a stream, of which there may be one for each segment.
  package static let batch = 512

  /// Rows that `fill` makes: it adds the next ones to the empty list, some `batch` of them, and none at the end. All of them lie in
  /// buckets of `extent`.
  package init(in extent: Range<Int64> = .min ..< .max, fill: @escaping (inout [RowCount]) throws -> Void) {
    self.extent = extent
    self.fill = fill
  }

  /// Rows that `next` makes, in order, each key once, none with 0 clicks.
  package convenience init(next: @escaping () throws -> RowCount?) {
    var hasEnded = false
    self.init { rows in
      while !hasEnded, rows.count < Self.batch {
        guard let row = try next() else {
          hasEnded = true
          return
        }
        rows.append(row)
      }
    }
  }

  /// The next row; nil at the end.
  @inline(__always)
  package func next() throws -> RowCount? {
    if unsafe at == rows.count, try !refill() { return nil }
    let row = unsafe rows[at]
    unsafe at &+= 1
    return row
  }

  private func refill() throws -> Bool {
    unsafe rows.removeAll(keepingCapacity: true)
    unsafe at = 0
    try unsafe fill(&rows)
    return unsafe !rows.isEmpty
  }

  /// Rows in memory, in order.
  package convenience init(_ rows: [RowCount]) {
    var at = 0
    self.init(
      in: rows.isEmpty ? 0..<0 : .min ..< .max,
      fill: {
        let end = min(rows.count, at + Self.batch)
        $0.append(contentsOf: rows[at..<end])
        at = end
      })
  }

  /// The sums of a segment.
  package convenience init(_ segment: Segment) {
    let cursor = segment.sumCursor()
    let times = segment.summary.eventTimes
    let minutes = Minute(containing: times.lowerBound).index..<(Minute(containing: times.upperBound).index + 1)
    self.init(in: minutes) { rows in
      while rows.count < Self.batch, let sum = try cursor.next() {
        rows.append(RowCount(code: sum.code, bucket: sum.minute.index, count: sum.clicks))
      }
    }
  }

  /// The rows of a table's runs, of which the newest of each key holds.
  package convenience init(_ table: RunTable) throws {
    let runs = table.runs
    let windows = runs.map(\.window)
    if let first = windows.map(\.lowerBound).min(), let end = windows.map(\.upperBound).max(),
      end - first >= Int64(UInt32.max)
    {
      throw FormatError(file: runs[0].file.path, offset: 64, reason: "the windows of the runs are too far apart")
    }
    var cursor = try MergeCursor(runs)
    let buckets = windows.map(\.lowerBound).min().map { $0..<windows.map(\.upperBound).max()! } ?? 0..<0
    self.init(in: buckets) { rows in
      while rows.count < Self.batch {
        let goesOn = try cursor.pass(atMost: Self.batch - rows.count) { code, bucket, value in
          if value > 0 { rows.append(RowCount(code: code, bucket: bucket, count: value)) }
        }
        if !goesOn { return }
      }
    }
  }

  /// The rows of several streams; those of one key are added.
  package static func sum(_ streams: [RowStream]) throws -> RowStream {
    let streams = streams.filter { !$0.extent.isEmpty }
    if streams.count == 1 { return streams[0] }
    var state = StreamHeads(streams)
    try state.start()
    let first = streams.map(\.extent.lowerBound).min() ?? 0
    return RowStream(in: first..<(streams.map(\.extent.upperBound).max() ?? 0)) { rows in
      // What stays from batch to batch is held by hand meanwhile: whoever captures it pays for each access.
      var heads = state
      state = StreamHeads([])
      while rows.count < Self.batch, var row = heads.least {
        try heads.advance()
        while let more = heads.least, more.code == row.code, more.bucket == row.bucket {
          row.count &+= more.count
          try heads.advance()
        }
        rows.append(row)
      }
      state = heads
    }
  }

  /// The rows whose bucket is in `buckets`.
  package func limited(to buckets: Range<Int64>) -> RowStream {
    let inside = extent.clamped(to: buckets)
    if inside == extent { return self }
    return RowStream(in: inside) { rows in
      while rows.count < Self.batch, let row = try self.next() {
        if buckets.contains(row.bucket) { rows.append(row) }
      }
    }
  }

  /// The rows less those of `other`, which has no key that these lack. Throws `FormatError` for `file` where one would fall
  /// below zero.
  package func less(_ other: RowStream, file: String) throws -> RowStream {
    var state = try other.next()
    if state == nil { return self }
    return RowStream(in: extent) { rows in
      var taken = state
      while rows.count < Self.batch {
        guard var row = try self.next() else {
          if let taken { throw taken.excess(file) }
          break
        }
        if let less = taken, !RowCount.precedes(row, less) {
          guard !RowCount.precedes(less, row) else { throw less.excess(file) }
          row = try row.less(less, file: file)
          taken = try other.next()
          if row.count == 0 { continue }
        }
        rows.append(row)
      }
      state = taken
    }
  }

  /// The same rows; `visit` sees them on their way, some hundreds at a time and before they are taken.
  package func passing(_ visit: @escaping ([RowCount]) throws -> Void) -> RowStream {
    RowStream(in: extent) { rows in
      while rows.count < Self.batch, let row = try self.next() { rows.append(row) }
      try visit(rows)
    }
  }

  /// The rows in buckets `factor` times as wide.
  package func widened(by factor: Int64) -> RowStream {
    /// The sum so far of the bucket that the last row fell into.
    var state: RowCount?
    return RowStream { rows in
      var open = state
      while rows.count < Self.batch {
        guard var row = try self.next() else {
          if let open { rows.append(open) }
          state = nil
          return
        }
        row.bucket = row.bucket.dividedDown(by: factor)
        if var sum = open {
          if sum.code == row.code, sum.bucket == row.bucket {
            sum.count &+= row.count
            row = sum
          } else {
            rows.append(sum)
          }
        }
        open = row
      }
      state = open
    }
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

/// The next rows of several streams, the least of them first: a binary heap.
private struct StreamHeads {
  private let streams: [RowStream]
  /// The least one at 0, and none before its parent, which of place i is at (i − 1) / 2.
  private var heads: [(row: RowCount, stream: Int)] = []

  init(_ streams: [RowStream]) { self.streams = streams }

  /// Takes the first row of each.
  mutating func start() throws {
    for (i, stream) in streams.enumerated() { if let row = try stream.next() { heads.append((row, i)) } }
    for place in (0..<(heads.count / 2)).reversed() { sink(place) }
  }

  /// The least row; nil where none is left.
  var least: RowCount? { heads.first?.row }

  /// Goes on behind the least row.
  mutating func advance() throws {
    let stream = heads[0].stream
    if let row = try streams[stream].next() {
      heads[0].row = row
    } else {
      let last = heads.removeLast()
      if heads.isEmpty { return }
      heads[0] = last
    }
    sink(0)
  }

  private mutating func sink(_ start: Int) {
    var place = start
    let moved = heads[place]
    while true {
      var child = 2 * place + 1
      guard child < heads.count else { break }
      if child + 1 < heads.count, RowCount.precedes(heads[child + 1].row, heads[child].row) { child += 1 }
      guard RowCount.precedes(heads[child].row, moved.row) else { break }
      heads[place] = heads[child]
      place = child
    }
    heads[place] = moved
  }
}
