import Clicks
import Runs

// Hour and day rows in a recount. Those of a minute that it changes follow in the same record (R7). The others are held against
// their minutes when these are right; one that is not their sum is wrong by itself, and is corrected by the difference, chunk
// by chunk: a late click that comes meanwhile changes it and its minutes alike. The rows that are compared are those of one
// version, each once, so a chunk that is written changes no row that is still to come.

/// The comparison of hour and day rows in one recount.
struct RollUpComparison {
  let writer: RecountWriter
  let seals: SealCheck
  let pacer: Pacer

  /// Holds hour and day rows of rolled-up days against their minutes as they are now; of sealed months as well, where the
  /// minutes are what was sealed.
  func run(in minutes: Range<Int64>, _ books: inout RecountBooks) throws {
    var uneven: Set<Month> = []
    try compare(minutes, &books) { minute, books in
      guard books.sealed.contains(minute: minute) else { return true }
      uneven.insert(Month(containing: Minute(index: minute)))
      return false
    }
    for month in uneven.sorted() {
      try writer.check(sealed: month.minutes.lowerBound, seals, pacer, &books)
      let standing = books.report.standings[month]
      // A dry run has not put back the minutes that hours and days have to follow.
      if standing == .damaged, books.isDry { continue }
      try compare(seals.kept(month), &books) { _, books in
        if standing == .unknown { books.report.leave(month) }
        return standing != .unknown
      }
    }
  }

  /// The same; `isOurs` says of a row that differs, by the first of its minutes, whether it is corrected here.
  private func compare(
    _ minutes: Range<Int64>, _ books: inout RecountBooks,
    isOurs: (_ minute: Int64, inout RecountBooks) -> Bool
  ) throws {
    // What chunks have changed in minutes is to be seen, and a row may be changed once in a chunk.
    if !books.isEmpty, !books.isDry { try writer.write(&books) }
    let state = writer.core.manifest.state
    let version = writer.core.live.version
    for (key, buckets) in Self.buckets(minutes, rolledUp: state.rolledUp) {
      let width = Int64(key.bucketSeconds) / 60
      let narrow = buckets.lowerBound * width..<buckets.upperBound * width
      let due = try RowStream(version.table(.minutes).limited(to: narrow)).limited(to: narrow).widened(by: width)
      let have = try RowStream(version.table(key).limited(to: buckets)).limited(to: buckets)
      try RowStream.compare(have, due) { row, have, due in
        try pacer.row()
        books.report.rollUpRows += 1
        guard have != due, isOurs(row.bucket * width, &books) else { return }
        books.add(wide: row, key, have: have, due: due)
        if books.isFull, !books.isDry { try writer.write(&books) }
      }
    }
  }

  /// Of each table the rows that there have to be for `minutes`, by what days before `rolledUp` have: from the first bucket
  /// whose minutes are all among them up to the end of those days.
  static func buckets(_ minutes: Range<Int64>, rolledUp: Int64) -> [(RunTableKey, Range<Int64>)] {
    guard rolledUp > .min else { return [] }
    return [RunTableKey.hours, .days].compactMap { key in
      let width = Int64(key.bucketSeconds) / 60
      let start = minutes.lowerBound.dividedUp(by: width)
      let end = min(rolledUp * 1_440, minutes.upperBound).dividedDown(by: width)
      return start < end ? (key, start..<end) : nil
    }
  }
}
