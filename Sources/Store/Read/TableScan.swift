import Clicks
import Minutes
import Runs

// The clicks of every ad of a shard in a range, ad by ad in the order of their codes: for questions about so many ads that no list
// of them is wanted. Each part of the range is read from the widest rows that lie in it, as `WideRows` does for one ad, and all parts go
// by side by side, so that memory holds a block of each run, and the ads that have clicks in memory anyway:
//
//     rows of days    ─╮
//     rows of hours   ─┤ by code ─▶ sum of the ad
//     rows of minutes ─┤
//     memory          ─╯

/// All ads of a shard at one position. Belongs to one thread.
package final class TableScan {
  /// Position after the last click it reflects.
  package let asOf: UInt64
  /// Minutes before this one are closed, and recounted at least once.
  package let closedThrough: Minute
  package let recountedThrough: Minute
  /// Where minute rows that the range needs have retired: they begin here. Nil where the sums are exact.
  package let exactFrom: Minute?
  private var streams: [RowStream]
  private var heads: [RowCount?] = []
  private var credits: [(code: UInt32, change: Int64)]
  private var creditIndex = 0

  /// An ad's sums.
  package struct Sum: Sendable {
    package var code: UInt32
    package var clicks: UInt64
    package var credits: Int64
  }

  fileprivate init(_ taken: LiveTable.Snapshot, _ range: Range<Int64>) throws {
    asOf = taken.position
    closedThrough = Minute(index: taken.closedThrough)
    recountedThrough = Minute(index: taken.recountedThrough)
    let version = taken.version
    var clicks: [UInt32: UInt64] = [:]
    var changes: [UInt32: Int64] = [:]
    for (minute, map) in taken.maps {
      if taken.seals.contains(minute: minute) {
        map.forEach { changes[$0, default: 0] += Int64($1) }
      } else {
        map.forEach { clicks[$0, default: 0] += UInt64($1) }
      }
    }
    for file in version.corrections where !range.isEmpty {
      try file.forEachRow { row in
        guard row.isCredit, range.contains(row.bucket) else { return }
        changes[row.code, default: 0] += row.change
      }
    }
    credits = changes.filter { $0.value != 0 }.map { ($0.key, $0.value) }.sorted { $0.code < $1.code }
    streams = [
      RowStream(clicks.map { RowCount(code: $0.key, bucket: 0, count: $0.value) }.sorted(by: RowCount.precedes))
    ]
    var exactFrom: Minute?
    // Nothing but sums is told, so no bound of a bucket keeps a row from being read.
    for piece in WidePlan(range, BucketGrid(.month), version).pieces {
      streams.append(try RowStream(version.table(piece.table).limited(to: piece.rows)).limited(to: piece.rows))
      guard piece.width == 1, piece.rows.lowerBound < version.minutesFrom else { continue }
      if try !Self.isWhole(piece.rows, version) { exactFrom = Minute(index: version.minutesFrom) }
    }
    self.exactFrom = exactFrom
    heads = try streams.map { try $0.next() }
  }

  /// The next ad that has clicks or credits; nil behind the last.
  package func next() throws -> Sum? {
    var least = creditIndex < credits.count ? credits[creditIndex].code : .max
    for head in heads { if let head { least = min(least, head.code) } }
    // No ad has this code.
    guard least < .max else { return nil }
    var sum = Sum(code: least, clicks: 0, credits: 0)
    if creditIndex < credits.count, credits[creditIndex].code == least {
      sum.credits = credits[creditIndex].change
      creditIndex += 1
    }
    for i in heads.indices {
      while let head = heads[i], head.code == least {
        sum.clicks += head.count
        heads[i] = try streams[i].next()
      }
    }
    return sum
  }

  /// Whether minutes of which some have retired still come to what their hours say.
  private static func isWhole(_ minutes: Range<Int64>, _ version: Version) throws -> Bool {
    let retired = min(minutes.upperBound, version.minutesFrom)
    let hours = minutes.lowerBound.dividedDown(by: 60)..<retired.dividedUp(by: 60)
    let due = try RowStream(version.table(.hours).limited(to: hours)).limited(to: hours)
    let range = hours.lowerBound * 60..<hours.upperBound * 60
    let have = try RowStream(version.table(.minutes).limited(to: range)).limited(to: range).widened(by: 60)
    var isWhole = true
    try RowStream.compare(have, due) { _, have, due in if have != due { isWhole = false } }
    return isWhole
  }
}

extension LiveTable {
  /// What memory has of a range, and the version that has the rest, at one moment.
  struct Snapshot {
    var position: UInt64
    var closedThrough: Int64
    var recountedThrough: Int64
    var seals: SealedMonths
    var maps: [(minute: Int64, map: MinuteMap)]
    var version: Version
  }

  /// Every ad with clicks or credits in `from ..< to`, at one moment. Throws `FormatError` where a file is damaged, `SystemError` where
  /// the disk does not answer.
  package func scan(from: Minute, to: Minute) throws -> TableScan {
    let taken = state.withLock { state in
      Snapshot(
        position: state.minutes.position, closedThrough: state.closedThrough, recountedThrough: state.mark.through,
        seals: state.seals,
        maps: from < to
          ? state.minutes.maps(from: from, to: to) + (state.frozen?.maps(from: from, to: to) ?? []) : [],
        version: state.version)
    }
    return try TableScan(taken, from.index..<max(from.index, to.index))
  }
}
