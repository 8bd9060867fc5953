import Clicks
import Runs

// Hour and day rows in a recount. Those of a minute that it changes follow in the same record (R7). The others are held against
// their minutes when these are right; one that is not their sum is wrong by itself, and is corrected by the difference, chunk
// by chunk: a late click that comes meanwhile changes it and its minutes alike. The rows that are compared are those of one
// version, each once, so a chunk that is written changes no row that is still to come.

extension Upkeep {
  /// Holds hour and day rows of rolled-up days against their minutes as they are now; of sealed months as well, where the
  /// minutes are what was sealed.
  func compareRollUps(
    in minutes: Range<Int64>, _ seals: SealCheck, _ pause: RecountPause, _ books: inout RecountBooks
  ) throws {
    var uneven: Set<Month> = []
    try compareRollUps(in: minutes, pause, &books) { minute, books in
      guard books.sealed.contains(minute: minute) else { return true }
      uneven.insert(Month(containing: Minute(index: minute)))
      return false
    }
    for month in uneven.sorted() {
      try check(sealed: month.minutes.lowerBound, seals, pause, &books)
      let standing = books.report.standings[month]
      // A dry run has not put back the minutes that hours and days have to follow.
      if standing == .damaged, books.isDry { continue }
      try compareRollUps(in: seals.kept(month), pause, &books) { _, books in
        if standing == .unknown { books.report.leave(month) }
        return standing != .unknown
      }
    }
  }

  /// The same; `isOurs` says of a row that differs, by the first of its minutes, whether it is corrected here.
  private func compareRollUps(
    in minutes: Range<Int64>, _ pause: RecountPause, _ books: inout RecountBooks,
    isOurs: (_ minute: Int64, inout RecountBooks) -> Bool
  ) throws {
    // What chunks have changed in minutes is to be seen, and a row may be changed once in a chunk.
    if !books.isEmpty, !books.isDry { try write(&books) }
    let state = core.manifest.state
    let version = core.live.version
    guard state.rolledUp > .min else { return }
    for key in [RunTableKey.hours, .days] {
      let width = Int64(key.bucketSeconds) / 60
      // The first bucket whose minutes are all compared, up to the end of the rolled-up days.
      let start = (minutes.lowerBound + width - 1) / width
      let end = min(state.rolledUp * 1_440, minutes.upperBound) / width
      guard start < end else { continue }
      let due = try RowStream(version.table(.minutes)).limited(to: start * width..<end * width).widened(by: width)
      let have = try RowStream(version.table(key)).limited(to: start..<end)
      try RowStream.compare(have, due) { row, have, due in
        try pause.row()
        books.report.rollUpRows += 1
        guard have != due, isOurs(row.bucket * width, &books) else { return }
        books.add(wide: row, key, have: have, due: due)
        if books.isFull, !books.isDry { try write(&books) }
      }
    }
  }
}

/// What minute rows change in wider rows.
enum RollUpChange {
  /// The changes of `key`'s rows that belong to `changes` of minutes of one day, sorted: each row becomes the sum of its
  /// minutes as they are then. A row that was not their sum before, and is changed, is noted as damaged.
  static func follow(
    _ changes: [RunChange], _ key: RunTableKey, _ version: Version, _ books: inout RecountBooks
  ) throws -> [RunChange] {
    let width = Int64(key.bucketSeconds) / 60
    var wide: [RunChange] = []
    for change in changes {
      let bucket = change.bucket.dividedDown(by: width)
      if let last = wide.last, last.code == change.code, last.bucket == bucket {
        wide[wide.count - 1].change += change.change
      } else {
        wide.append(RunChange(code: change.code, bucket: bucket, change: change.change))
      }
    }
    for i in wide.indices {
      let (code, bucket) = (wide[i].code, wide[i].bucket)
      let minutes = try version.table(.minutes).series(of: code, in: bucket * width..<(bucket + 1) * width)
      let sum = minutes.reduce(UInt64(0)) { $0 &+ $1.count }
      let stored = try version.table(key).series(of: code, in: bucket..<(bucket + 1)).first?.count ?? 0
      if sum != stored {
        let due = sum &+ UInt64(bitPattern: wide[i].change)
        let row = RowCount(code: code, bucket: bucket, count: 0)
        if due != stored { books.note(wide: row, key, from: stored, to: due) }
        wide[i].change = Int64(bitPattern: due &- stored)
      }
    }
    return wide
  }
}
