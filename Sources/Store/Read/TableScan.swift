import Clicks
import Minutes
import Runs

// The clicks of every ad of a shard in a range, ad by ad in the order of their codes: for questions about so many ads that no list
// of them is wanted. Each part of the range is read from the widest rows that lie in it, as `WideRows` does for one ad. Sums are made for
// some thousands of ads at a time, in a table by their codes, so that memory does not grow with them:
//
//     runs that no patch touches   ─ block by block, added up ─╮
//     the others                   ─ row by row, newest wins ──┼─▶ sums of ads 0 … 65,535 │ of 65,536 … │ …
//     memory                       ────────────────────────────╯
//
// Who looks for the heaviest ads lets the light ones go by, and asks what these come to.

/// All ads of a shard at one position. Belongs to one thread.
package final class TableScan {
  /// Position after the last click it reflects.
  package let asOf: UInt64
  /// Minutes before this one are closed, and recounted at least once.
  package let closedThrough: Minute
  package let recountedThrough: Minute
  /// Where minute rows that the range needs have retired: they begin here. Nil where the sums are exact.
  package let exactFrom: Minute?
  /// Clicks of the ads that `next` let go by.
  package private(set) var passed: UInt64 = 0
  /// Rows of runs that no patch touches.
  private var runs: [RunSums] = []
  /// Rows of the others, and the next one of each.
  private var streams: [RowStream] = []
  private var heads: [RowCount?] = []
  /// What memory has, by code.
  private let live: [(code: UInt32, clicks: UInt64)]
  private var liveIndex = 0
  /// The ads that are told of however few clicks they have, and their credits.
  private let stops: [(code: UInt32, credits: Int64)]
  private var stopIndex = 0
  /// Codes that were given when the scan began.
  private let codes: UInt64
  /// The sums of the ads from `first` on.
  private var sums: [UInt64] = []
  private var first: UInt64 = 0
  private var at = 0

  /// Ads whose sums are made at a time.
  private static let adsAtOnce: UInt64 = 65_536

  /// An ad's sums.
  package struct Sum: Sendable {
    package var code: UInt32
    package var clicks: UInt64
    package var credits: Int64
  }

  fileprivate init(_ taken: LiveTable.Snapshot, _ range: Range<Int64>, always: [UInt32]) throws {
    asOf = taken.position
    closedThrough = Minute(index: taken.closedThrough)
    recountedThrough = Minute(index: taken.recountedThrough)
    codes = UInt64(taken.ads)
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
    changes = changes.filter { $0.value != 0 }
    for code in always { changes[code, default: 0] += 0 }
    stops = changes.map { ($0.key, $0.value) }.sorted { $0.code < $1.code }
    live = clicks.map { ($0.key, $0.value) }.sorted { $0.code < $1.code }
    var exactFrom: Minute?
    // Nothing but sums is told, so no bound of a bucket keeps a row from being read.
    for piece in WidePlan(range, BucketGrid(.month), version).pieces {
      let table = version.table(piece.table)
      let patches = table.patches(in: piece.rows)
      var touched = RunTable()
      for run in table.bases(in: piece.rows) {
        if patches.contains(where: { $0.window.overlaps(run.window) }) {
          _ = touched.add(run)
        } else if let own = RunSums(run, buckets: piece.rows) {
          runs.append(own)
        }
      }
      for run in patches { _ = touched.add(run) }
      if !touched.runs.isEmpty { streams.append(try RowStream(touched).limited(to: piece.rows)) }
      guard piece.width == 1, piece.rows.lowerBound < version.minutesFrom else { continue }
      if try !Self.isWhole(piece.rows, version) { exactFrom = Minute(index: version.minutesFrom) }
    }
    self.exactFrom = exactFrom
    heads = try streams.map { try $0.next() }
    sums = Array(repeating: 0, count: Int(min(codes, Self.adsAtOnce)))
    try fill()
  }

  /// The next ad that has clicks or credits; nil behind the last. Ads with less than `least` clicks go by, and their clicks are
  /// added to `passed`, but for those that have credits or are to be told of always.
  package func next(least: UInt64 = 0) throws -> Sum? {
    let least = max(1, least)
    while first < codes {
      let end = Int(min(codes - first, Self.adsAtOnce))
      let next = stopIndex < stops.count ? UInt64(stops[stopIndex].code) - first : .max
      let stop = Int(min(UInt64(end), next))
      if let found = Self.next(sums, &at, stop, least, &passed) {
        return Sum(code: UInt32(first) + UInt32(found), clicks: sums[found], credits: 0)
      }
      if stop < end {
        let (code, credits) = stops[stopIndex]
        stopIndex += 1
        at += 1
        if sums[stop] > 0 || credits != 0 { return Sum(code: code, clicks: sums[stop], credits: credits) }
      } else {
        first += UInt64(end)
        at = 0
        if first < codes { try fill() }
      }
    }
    return nil
  }

  /// The first of the sums from `at` on and before `end` that is at least `least`, behind which `at` then stands; the others before
  /// it are added to `passed`.
  private static func next(
    _ sums: [UInt64], _ at: inout Int, _ end: Int, _ least: UInt64, _ passed: inout UInt64
  ) -> Int? {
    unsafe sums.withUnsafeBufferPointer { sums in
      var i = at
      var light: UInt64 = 0
      while i < end {
        let sum = unsafe sums[i]
        if sum >= least { break }
        light &+= sum
        i &+= 1
      }
      passed += light
      at = min(i + 1, end)
      return i < end ? i : nil
    }
  }

  /// Makes the sums of the ads from `first` on.
  private func fill() throws {
    let end = min(codes, first + Self.adsAtOnce)
    let range = first..<end
    unsafe sums.withUnsafeMutableBufferPointer { unsafe $0.update(repeating: 0) }
    for i in runs.indices { try runs[i].add(range, to: &sums) }
    for i in heads.indices {
      while let head = heads[i], UInt64(head.code) < end {
        sums[Int(UInt64(head.code) - first)] += head.count
        heads[i] = try streams[i].next()
      }
    }
    while liveIndex < live.count, UInt64(live[liveIndex].code) < end {
      sums[Int(UInt64(live[liveIndex].code) - first)] += live[liveIndex].clicks
      liveIndex += 1
    }
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
    /// Codes that are given.
    var ads: Int
    var maps: [(minute: Int64, map: MinuteMap)]
    var version: Version
  }

  /// Every ad with clicks or credits in `from ..< to`, at one moment. Throws `FormatError` where a file is damaged, `SystemError` where
  /// the disk does not answer. `always`: codes of ads that are told of however few clicks they have.
  package func scan(from: Minute, to: Minute, always: [UInt32] = []) throws -> TableScan {
    let taken = state.withLock { state in
      Snapshot(
        position: state.minutes.position, closedThrough: state.closedThrough, recountedThrough: state.mark.through,
        seals: state.seals, ads: state.minutes.ads.count,
        maps: from < to
          ? state.minutes.maps(from: from, to: to) + (state.frozen?.maps(from: from, to: to) ?? []) : [],
        version: state.version)
    }
    return try TableScan(taken, from.index..<max(from.index, to.index), always: always)
  }
}
