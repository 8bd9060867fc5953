import ClickLog
import Clicks
import Corrections
import Minutes
import Platform
import Runs
import Synchronization

/// What readers see of a shard: one version of its files, the clicks that no run holds yet at a batch boundary, the
/// position both reflect together, and how far time is closed. The committer applies whole durable batches under one lock,
/// so a reader never sees half a batch, and neither `asOf` nor `closedThrough` ever goes back (K5). The lock is held for
/// the maps alone; files are read outside.
package final class LiveTable: Sendable {
  struct State {
    var minutes: LiveMinutes
    /// On their way into a run; part of every answer until the version that has them is published.
    var frozen: FrozenMinutes?
    var version: Version
    var closedThrough: Int64
    /// How far recounts have come.
    var mark: RecountMark
    /// Rows that clicks at or above the mark's position changed, as far as runs hold them.
    var changed: ChangedRows
    /// The same for the mark that a recount under way will set.
    var changedSince: ChangedRows?
    /// Months whose rows never change.
    var seals: SealedMonths
    /// Goes up whenever counts below the position change, and the position at which it did: see `LiveTable+Changes`.
    var revision: UInt64
    var revisedAt: UInt64
    /// What changed them, as far as it is remembered.
    var news: [News] = []
    /// Which rows the newest clicks were added to.
    var recent: RecentClicks
    /// The ads' codes of the batch that is counted; its memory is used again.
    var codes: [UInt32] = []

    /// The ad's clicks in `from ..< to` that no run holds.
    func taken(of ad: AdKey, from: Minute, to: Minute) -> (live: Series, code: UInt32?) {
      let code = minutes.ads.code(of: ad)
      var points: [(minute: Minute, clicks: UInt64)] = []
      if let code {
        points = minutes.series(of: code, from: from, to: to)
        if let frozen { points = LiveTable.sum(points, frozen.series(of: code, from: from, to: to)) }
      }
      return (standing.series(of: code, points, from: from, to: to), code)
    }

    /// What holds of every ad.
    var standing: Standing {
      Standing(
        position: minutes.position, closedThrough: closedThrough, mark: mark, changed: changed, seals: seals)
    }
  }

  let state: Mutex<State>
  /// Verdicts on their way into their tables. Its lock is taken inside the table's.
  package let verdicts = VerdictCounts()

  /// `revision`: where the process begins to count revisions of its own.
  init(
    _ minutes: LiveMinutes, version: Version = Version(), closedThrough: Int64, mark: RecountMark = RecountMark(),
    changed: ChangedRows = ChangedRows(), seals: SealedMonths = SealedMonths(), revision: UInt64 = 0
  ) {
    state = Mutex(
      State(
        minutes: minutes, frozen: nil, version: version, closedThrough: closedThrough, mark: mark, changed: changed,
        seals: seals, revision: revision, revisedAt: minutes.position, recent: RecentClicks(from: minutes.position)))
  }

  /// A table without clicks.
  package static var empty: LiveTable { LiveTable(LiveMinutes(), closedThrough: .min) }

  // MARK: - Reading

  /// One consistent answer.
  package struct Series: Sendable {
    package var points: [(minute: Minute, clicks: UInt64)]
    /// Position after the last click it reflects.
    package var asOf: UInt64
    /// Minutes before this one are closed.
    package var closedThrough: Minute
    /// Minutes before this one were recounted, but for those of `changed`.
    package var recountedThrough = Minute(index: .min)
    /// Minutes that a click has changed since, ascending.
    package var changed: [Minute] = []
    /// There are too many of those: any may have changed.
    package var isChangeUnknown = false
    /// What counts beside rows of sealed months, ascending; none of 0.
    package var credits: [(minute: Minute, change: Int64)] = []
    /// Months of this shard that are sealed.
    package var sealed = SealedMonths()
    /// Where minute rows that the range needs have retired: they begin here. Nil where the points are exact.
    package var exactFrom: Minute?

    package init(points: [(minute: Minute, clicks: UInt64)], asOf: UInt64, closedThrough: Minute) {
      self.points = points
      self.asOf = asOf
      self.closedThrough = closedThrough
    }
  }

  /// The ad's points in `from ..< to`. Throws `FormatError` where a file is damaged, `SystemError` where the disk does not
  /// answer.
  package func series(of ad: AdKey, from: Minute, to: Minute) throws -> Series {
    let (live, code, version) = taken(of: ad, from: from, to: to)
    var series = live
    guard let code, from < to else { return series }
    try series.addCredits(of: code, version, in: from.index..<to.index)
    let rows = try version.table(.minutes).series(of: code, in: from.index..<to.index)
    series.points = Self.sum(rows.map { (Minute(index: $0.bucket), $0.count) }, series.points)
    return series
  }

  /// The ads' points in `from ..< to`, all at one position; an ad without clicks has none. Credits are left out.
  package func series(of ads: [AdKey], from: Minute, to: Minute) throws -> (
    asOf: UInt64, closedThrough: Minute, points: [[(minute: Minute, clicks: UInt64)]]
  ) {
    typealias Points = [(minute: Minute, clicks: UInt64)]
    let taken = state.withLock { state in
      var parts: [(code: UInt32?, points: Points)] = []
      for ad in ads {
        guard let code = state.minutes.ads.code(of: ad) else {
          parts.append((nil, []))
          continue
        }
        var points = state.minutes.series(of: code, from: from, to: to)
        if let frozen = state.frozen { points = Self.sum(points, frozen.series(of: code, from: from, to: to)) }
        if !state.seals.isEmpty { points.removeAll { state.seals.contains(minute: $0.minute.index) } }
        parts.append((code, points))
      }
      return (parts: parts, asOf: state.minutes.position, closed: state.closedThrough, version: state.version)
    }
    let table = taken.version.table(.minutes)
    let points = try taken.parts.map { part -> Points in
      guard let code = part.code, from < to else { return [] }
      let rows = try table.series(of: code, in: from.index..<to.index)
      return Self.sum(rows.map { (Minute(index: $0.bucket), $0.count) }, part.points)
    }
    return (taken.asOf, Minute(index: taken.closed), points)
  }

  /// Clicks of all ads, for each minute in `from ..< to` that has some, from the runs' own totals. Credits are left out.
  package func totals(from: Minute, to: Minute) throws -> Series {
    let (live, version) = state.withLock { state -> (Series, Version) in
      var points = state.minutes.totals(from: from, to: to)
      if let frozen = state.frozen { points = Self.sum(points, frozen.totals(from: from, to: to)) }
      if !state.seals.isEmpty { points.removeAll { state.seals.contains(minute: $0.minute.index) } }
      return (
        Series(points: points, asOf: state.minutes.position, closedThrough: Minute(index: state.closedThrough)),
        state.version
      )
    }
    guard from < to else { return live }
    let table = version.table(.minutes)
    var series = live
    // Only where there are runs: a range may be centuries long.
    var rows: [(minute: Minute, clicks: UInt64)] = []
    for part in Self.covered(table, from.index..<to.index) {
      for (i, count) in try table.totals(in: part).enumerated() where count > 0 {
        rows.append((Minute(index: part.lowerBound + Int64(i)), UInt64(count)))
      }
    }
    series.points = Self.sum(rows, live.points)
    return series
  }

  /// The parts of `range` that runs cover, ascending and apart.
  private static func covered(_ table: RunTable, _ range: Range<Int64>) -> [Range<Int64>] {
    var parts: [Range<Int64>] = []
    let windows = table.runs.map { $0.window.clamped(to: range) }.filter { !$0.isEmpty }
    for window in windows.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = parts.last, last.upperBound >= window.lowerBound {
        parts[parts.count - 1] = last.lowerBound..<max(last.upperBound, window.upperBound)
      } else {
        parts.append(window)
      }
    }
    return parts
  }

  /// Two ascending lists of points as one; clicks of a minute in both are added.
  static func sum(
    _ a: [(minute: Minute, clicks: UInt64)], _ b: [(minute: Minute, clicks: UInt64)]
  ) -> [(minute: Minute, clicks: UInt64)] {
    if a.isEmpty { return b }
    if b.isEmpty { return a }
    var merged: [(minute: Minute, clicks: UInt64)] = []
    merged.reserveCapacity(a.count + b.count)
    var i = 0
    for point in b {
      while i < a.count, a[i].minute < point.minute {
        merged.append(a[i])
        i += 1
      }
      if i < a.count, a[i].minute == point.minute {
        merged.append((point.minute, a[i].clicks + point.clicks))
        i += 1
      } else {
        merged.append(point)
      }
    }
    merged.append(contentsOf: a[i...])
    return merged
  }

  /// The ad of a code that was given.
  package func key(of code: UInt32) -> AdKey? {
    state.withLock { Int(code) < $0.minutes.ads.count ? $0.minutes.ads.key(code) : nil }
  }

  /// The keys of all ads, by their codes.
  package var adKeys: [UInt64] { state.withLock { $0.minutes.ads.keys(from: 0) } }

  /// Whether the ad was ever clicked.
  package func hasClicks(_ ad: AdKey) -> Bool { state.withLock { $0.minutes.ads.code(of: ad) != nil } }

  /// The code of an ad that was ever clicked.
  package func code(of ad: AdKey) -> UInt32? { state.withLock { $0.minutes.ads.code(of: ad) } }

  /// The files as they are now.
  package var version: Version { state.withLock { $0.version } }

  /// Totals, for metrics and checks.
  package struct Summary: Sendable {
    /// Position after the last click: every click below it is counted.
    package var position: UInt64
    package var ads: Int
    /// Minutes and rows that are in memory alone.
    package var minutes: Int
    package var rows: Int
    package var closedThrough: Minute
    /// The lowest position whose click is in memory alone.
    package var floor: UInt64
    /// Clicks counted.
    package var clicks: UInt64 { position }
  }

  /// Totals, for metrics and checks.
  package var summary: Summary {
    state.withLock {
      Summary(
        position: $0.minutes.position, ads: $0.minutes.ads.count,
        minutes: $0.minutes.minuteCount + ($0.frozen?.times.count ?? 0),
        rows: $0.minutes.rowCount + ($0.frozen?.rowCount ?? 0), closedThrough: Minute(index: $0.closedThrough),
        floor: $0.minutes.floor)
    }
  }

  /// The sealed months of this shard.
  package var sealed: SealedMonths { state.withLock { $0.seals } }

  /// Clicks of sealed months that are in memory alone, all codes' keys, and the version that holds the others.
  func sealedInMemory() -> (changes: [RunChange], keys: [UInt64], version: Version) {
    state.withLock { state in
      var changes: [RunChange] = []
      func add(_ code: UInt32, _ minute: Int64, _ clicks: UInt64) {
        guard state.seals.contains(minute: minute) else { return }
        changes.append(RunChange(code: code, bucket: minute, change: Int64(clamping: clicks)))
      }
      if !state.seals.isEmpty {
        state.minutes.forEachRow { add(state.minutes.ads.code(of: $0)!, $1.index, $2) }
        if let frozen = state.frozen {
          for row in frozen.sortedRows(0..<frozen.times.count) { add(row.code, row.minute, row.clicks) }
        }
      }
      return (changes, state.minutes.ads.keys(from: 0), state.version)
    }
  }

  /// The days among `minutes` in which a click has changed a row since the last recount, or is in memory; nil where there are
  /// too many to tell.
  func changedDays(in minutes: Range<Int64>) -> Set<Int64>? {
    state.withLock { state in
      let (from, to) = (Minute(index: minutes.lowerBound), Minute(index: minutes.upperBound))
      var live = state.minutes.totals(from: from, to: to).map(\.minute.index)
      if let frozen = state.frozen { live += frozen.totals(from: from, to: to).map(\.minute.index) }
      return state.changed.days(in: minutes)?.union(live.map { Day(ofMinute: $0).index })
    }
  }

  /// Every row of the table, sorted by minute and ad, for checks: all in memory at once. Credits are left out.
  package func rows() throws -> [(ad: AdKey, minute: Minute, clicks: UInt64)] {
    struct Row: Hashable {
      var ad: AdKey
      var minute: Int64
    }
    let (live, keys, version) = state.withLock { state in
      var live: [(AdKey, Minute, UInt64)] = []
      state.minutes.forEachRow { if !state.seals.contains(minute: $1.index) { live.append(($0, $1, $2)) } }
      if let frozen = state.frozen {
        for row in frozen.sortedRows(0..<frozen.times.count) where !state.seals.contains(minute: row.minute) {
          live.append((state.minutes.ads.key(row.code), Minute(index: row.minute), row.clicks))
        }
      }
      return (live, state.minutes.ads.keys(from: 0), state.version)
    }
    var rows: [Row: UInt64] = [:]
    let table = version.table(.minutes)
    for run in table.bases + table.patches {
      try run.forEach { rows[Row(ad: AdKey(rawValue: keys[Int($0.code)]), minute: $0.bucket)] = $0.value }
    }
    for (ad, minute, clicks) in live { rows[Row(ad: ad, minute: minute.index), default: 0] += clicks }
    let order = rows.keys.sorted { ($0.minute, $0.ad.rawValue) < ($1.minute, $1.ad.rawValue) }
    return order.compactMap { row in
      rows[row]! == 0 ? nil : (row.ad, Minute(index: row.minute), rows[row]!)
    }
  }

  // MARK: - Writing

  /// Counts a durable batch. Returns how many of its clicks were late: their minute is closed.
  func apply(_ clicks: [(ad: AdKey, minute: Minute)]) -> UInt64 {
    state.withLock { state in
      var late: UInt64 = 0
      state.codes.removeAll(keepingCapacity: true)
      state.minutes.apply(clicks, codes: &state.codes)
      for i in clicks.indices {
        state.recent.append(state.codes[i], clicks[i].minute)
        if clicks[i].minute.index < state.closedThrough { late += 1 }
      }
      return late
    }
  }

  /// Position after the last click that is counted.
  var position: UInt64 { state.withLock { $0.minutes.position } }

  /// The codes of ads that have one, in one hold of the lock.
  func codes(of ads: [AdKey]) -> [UInt32?] {
    state.withLock { $0.minutes.ads.codes(of: ads) }
  }

  /// The keys of a range of codes.
  func keys(_ codes: Range<Int>) -> [UInt64] {
    state.withLock { state in codes.map { state.minutes.ads.key(UInt32($0)).rawValue } }
  }

  /// The codes of `ads`, given now to those that have none, and the keys of all codes from `firstCode` on.
  func assign(_ ads: [AdKey], firstCode: Int) -> (codes: [UInt32], keys: [UInt64]) {
    state.withLock { state in
      let codes = state.minutes.ads.assign(ads)
      return (codes, state.minutes.ads.keys(from: UInt32(firstCode)))
    }
  }

  /// What a checkpoint works on.
  struct Frozen {
    var minutes: FrozenMinutes
    /// Position of the boundary between what is frozen or written and what is not.
    var position: UInt64
    /// The lowest position that replay needs then.
    var floor: UInt64
    var version: Version
    /// Keys of ads from `firstCode` on.
    var keys: [UInt64]
  }

  /// Takes the maps of minutes before `minute` away, at a batch boundary. They stay part of every answer until `publish` or
  /// `restore`. `firstCode`: how many ads the dictionary files hold.
  func freeze(before minute: Minute, firstCode: Int) -> Frozen {
    state.withLock { state in
      precondition(state.frozen == nil, "a checkpoint is under way")
      let frozen = state.minutes.freeze(before: minute)
      state.frozen = frozen
      return Frozen(
        minutes: frozen, position: state.minutes.position, floor: state.minutes.floor, version: state.version,
        keys: state.minutes.ads.keys(from: UInt32(firstCode)))
    }
  }

  /// Gives the frozen maps back: they could not be written.
  func restore() {
    state.withLock { state in
      verdicts.restore()
      guard let frozen = state.frozen else { return }
      state.minutes.restore(frozen)
      state.frozen = nil
    }
  }

  /// A recount begins: what late clicks change from now on, it does not know of.
  func beginRecount() { state.withLock { $0.changedSince = ChangedRows() } }

  /// It has come to its end, or was given up.
  func endRecount() { state.withLock { $0.changedSince = nil } }

  /// What the books say at one moment: every click is in the version's runs or in memory.
  func books() -> (position: UInt64, inMemory: UInt64, version: Version) {
    state.withLock { ($0.minutes.position, $0.minutes.clicks + ($0.frozen?.clicks ?? 0), $0.version) }
  }

  /// From now on readers see `version`. With `closedThrough` it is a checkpoint's, holds what was frozen, and changes the
  /// rows `late` of minutes that were closed before. With `mark` it is a recount's. `sealed`: a month is from now on.
  /// `corrections`: changes of what counts below the position; `isRevised`: there may be others.
  func publish(
    _ version: Version, closedThrough: Int64? = nil, late: [LiveRow] = [], mark: RecountMark? = nil,
    sealed: MonthSeal? = nil, corrections: [CorrectionFile] = [], isRevised: Bool = false
  ) {
    state.withLock { state in
      state.version = version
      if isRevised || sealed != nil { state.revise([]) }
      if !corrections.isEmpty { state.revise(corrections) }
      if let sealed {
        state.seals.insert(sealed)
        state.closedThrough = max(state.closedThrough, sealed.month.minutes.upperBound)
      }
      for row in late {
        if row.minute < state.mark.through { state.changed.insert(row.code, row.minute) }
        state.changedSince?.insert(row.code, row.minute)
      }
      if let mark {
        state.mark = mark
        state.changed = state.changedSince ?? state.changed
        state.changedSince = nil
      }
      guard let closedThrough else { return }
      state.closedThrough = max(state.closedThrough, closedThrough)
      state.frozen = nil
      verdicts.release()
    }
  }
}
