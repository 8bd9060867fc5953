import Clicks
import Files
import Runs
import Segments

// What the rows of closed minutes have to be (R6). One equation, row by row:
//
//     rows + Σ credits  =  BASE + raw clicks − repeats                 who compares:  present()  and  clicks(of: raw)
//     rows              =  BASE + raw clicks − repeats − Σ credits     who writes:    rows(of: raw)
//
//     BASE       clicks whose raw records have retired; their repeats are not in it
//     raw        sums of segments, or their rows counted, and the log behind them: streams that add up
//     repeats    clicks that recounts took away, as far as the raw counts still have them
//     credits    what would have changed rows of sealed months (Credits.swift)
//
// Recounts list repeats by position. Where a merge has marked one since, the sums of its segment are without it, so it is passed
// over here (`Version.isMarked`). Of the others each caller takes those whose clicks its raw counts have:
//
//     recount at X     retired ..< X        its segments end at X: the recount flushes all that is below, and compares no more
//     rebuild          retired ..< sealed   it counts the log behind the segments too, but repeats lie in segments alone
//     sealed month     retired ..< max      every segment of the version that the recount reads
//     verify           retired ..< max      every segment and the whole log
//     deep check       retired ..< max      it compares identities, not rows: each record is held against what it finds
//     retention        of one segment       its sums become BASE rows, and from then on lie below `retired`
//     merge            of its inputs        they get their marks, and their records are passed over from then on
//     reshard          0 ..< max            each raw click that goes on as a marked one; none is left below `retired`
//     books            0 ..< max            positions count every click that ever came, so repeats that have retired as well
//
// Whoever counts BASE rows begins at `retired`: a repeat below was left out when they were written, so that taking it away would
// take a click that counts. `DoubleEntry` has the same equation summed over all rows, from headers alone.

/// The two sides of the equation for the minutes of one version.
package struct ExpectedRows {
  /// All minutes.
  package static let everyMinute = Int64.min..<Int64.max

  private let version: Version
  private let minutes: Range<Int64>
  /// Clicks that the raw counts have and that count no longer.
  private let repeats: [RowCount]
  private let credits: [RunChange]
  /// What `FormatError`s name.
  private let file: String

  /// `repeats` and `credits` are in order, each key once. Errors name `file`.
  init(_ version: Version, in minutes: Range<Int64>, repeats: [RowCount], credits: [RunChange], file: String) {
    self.version = version
    self.minutes = minutes
    self.repeats = repeats.filter { minutes.contains($0.bucket) }
    self.credits = credits.filter { minutes.contains($0.bucket) }
    self.file = file
  }

  /// The same with the credits of `version`, and with its repeats in `positions`.
  package init(
    _ version: Version, in minutes: Range<Int64> = everyMinute, repeats positions: Range<UInt64>, file: String
  ) throws {
    self.init(
      version, in: minutes, repeats: try version.repeats(in: positions), credits: try version.credits(in: minutes),
      file: file)
  }

  /// The same of fewer minutes.
  package func limited(to minutes: Range<Int64>) -> ExpectedRows {
    ExpectedRows(
      version, in: minutes.clamped(to: self.minutes), repeats: repeats, credits: credits, file: file)
  }

  /// BASE + raw − repeats. Throws `FormatError` where a row has more repeats than clicks.
  package func clicks(of raw: [RowStream]) throws -> RowStream {
    let streams = try [RowStream(version.table(.base).limited(to: minutes))] + raw
    return try RowStream.sum(streams.map { $0.limited(to: minutes) }).less(RowStream(repeats), file: file)
  }

  /// BASE + raw − repeats − credits: what has to be written.
  package func rows(of raw: [RowStream]) throws -> RowStream {
    try clicks(of: raw).adding(credits.map { RunChange(code: $0.code, bucket: $0.bucket, change: -$0.change) })
  }

  /// The rows that are there, and `memory` beside them, + credits. `visit` sees those that are there, on their way.
  package func present(
    beside memory: [RowCount] = [], _ visit: (([RowCount]) throws -> Void)? = nil
  ) throws -> RowStream {
    var rows = try RowStream(version.table(.minutes).limited(to: minutes)).limited(to: minutes)
    if let visit { rows = rows.passing(visit) }
    let all = memory.isEmpty ? rows : try RowStream.sum([rows, RowStream(memory).limited(to: minutes)])
    return all.adding(credits)
  }

  /// Looks up the rows of `keys`, which are in order: what is there, and what the sums of `segments` make of it. For few of
  /// them; all are compared as streams.
  package func compare(
    at keys: RowStream, _ segments: [Segment], _ row: (RowCount, _ present: UInt64, _ clicks: UInt64) throws -> Void
  ) throws {
    let sums = segments.filter { $0.overlaps(minutes) }.map { $0.sumCursor() }
    let (base, table) = (TableLookup(version.table(.base)), TableLookup(version.table(.minutes)))
    var repeats = repeats[...]
    var credits = credits[...]
    while let key = try keys.next() {
      var clicks = RowCount(code: key.code, bucket: key.bucket, count: 0)
      clicks.count = try base.count(of: key.code, at: key.bucket)
      for cursor in sums { clicks.count += try cursor.clicks(of: key.code, minute: key.bucket) }
      repeats = repeats.drop { RowCount.precedes($0, key) }
      if let less = repeats.first, !RowCount.precedes(key, less) { clicks = try clicks.less(less, file: file) }
      var present = Int64(clamping: try table.count(of: key.code, at: key.bucket))
      credits = credits.drop { ($0.code, $0.bucket) < (key.code, key.bucket) }
      if let credit = credits.first, (credit.code, credit.bucket) == (key.code, key.bucket) { present += credit.change }
      try row(key, UInt64(max(0, present)), clicks.count)
    }
  }
}

extension Version {
  /// The sums of its segments that may have clicks of `minutes`: raw counts, in streams that add up.
  package func sums(in minutes: Range<Int64> = ExpectedRows.everyMinute) -> [RowStream] {
    segments.filter { $0.overlaps(minutes) }.map { RowStream($0) }
  }
}

extension RunTable {
  /// The runs that may hold rows of `buckets`.
  func limited(to buckets: Range<Int64>) -> RunTable {
    var table = self
    table.remove(Set(runs.filter { !$0.window.overlaps(buckets) }.map(\.file.reference.number)))
    return table
  }
}

extension Segment {
  /// Whether it may have clicks of `minutes`.
  func overlaps(_ minutes: Range<Int64>) -> Bool {
    let times = summary.eventTimes
    return Minute(containing: times.lowerBound).index < minutes.upperBound
      && Minute(containing: times.upperBound).index >= minutes.lowerBound
  }
}
