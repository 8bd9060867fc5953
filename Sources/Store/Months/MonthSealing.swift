import Bytes
import Clicks
import Platform
import Runs

// Sealing a month of a shard, on the background's thread:
//
//   1. checkpoint: what is closed and what came late is in runs
//   2. nothing may be in the way: every minute of the month is closed and recounted, and no click has come since
//   3. its minute and day rows are read and digested, while urgent work goes on; where that has changed one, from 1 again
//   4. one manifest record: the month is sealed. From then on a click of it becomes a credit
//
// Each shard is sealed by its own record. A crash between two leaves some sealed and some not; the next attempt finds the
// first done and does the others, and readers call a point sealed where all shards that can hold its ad say so.

/// What keeps a month of a shard from being sealed.
package enum SealObstacle: Equatable, Sendable {
  /// Minutes from this one on are not closed.
  case open(from: Int64)
  /// Minutes from this one on were never recounted.
  case notRecounted(from: Int64)
  /// Clicks came since the last recount, of these days; nil where there are too many to tell.
  case changed(days: [Int64]?)
  /// Rows of hours or days are not the sums of their minutes.
  case uneven(String)
}

/// A month cannot be sealed now.
package struct NotSealable: Error, CustomStringConvertible {
  package var month: Month
  package var obstacle: SealObstacle

  package var description: String { "\(month) cannot be sealed: \(obstacle)" }
}

extension Upkeep {
  /// What keeps `month` from being sealed; nil where nothing does, or it is sealed. The month is over, and so is the time in
  /// which clicks of it come: that is for the caller to see to, who knows how late they may be.
  package func obstacle(to month: Month) -> SealObstacle? {
    let state = core.manifest.state
    // A shard that never had a click has nothing to close or to recount.
    guard core.live.position > 0, state.seal(of: month) == nil else { return nil }
    let minutes = month.minutes
    if state.closedThrough < minutes.upperBound { return .open(from: max(state.closedThrough, minutes.lowerBound)) }
    let through = state.recounted.through
    if through < minutes.upperBound { return .notRecounted(from: max(through, minutes.lowerBound)) }
    let changed = core.live.changedDays(in: minutes)
    return changed?.isEmpty == true ? nil : .changed(days: changed?.sorted())
  }

  /// Seals `month`, or with `isDry` says how it would be; where it is sealed, gives its seal again. Throws `NotSealable` where
  /// something is in the way, `FormatError` where its rows do not agree with each other. Asks `goesOn` now and then, and false
  /// ends it with `RecountStopped` and nothing done.
  @discardableResult
  package func seal(
    _ month: Month, isDry: Bool = false, goesOn: @escaping () -> Bool = { true },
    progress: @escaping (_ minuteRows: UInt64) -> Void = { _ in }
  ) throws -> MonthSeal {
    try checkRunning()
    while true {
      if let seal = core.manifest.state.seal(of: month) { return seal }
      try checkpoint()
      if let obstacle = obstacle(to: month) { throw NotSealable(month: month, obstacle: obstacle) }
      let version = core.live.version
      let state = core.manifest.state
      let seal: MonthSeal
      do { seal = try digest(month, version, state, goesOn, progress) } catch let error as FormatError
        where error.file == core.directory
      {
        throw NotSealable(month: month, obstacle: .uneven(error.reason))
      }
      // A checkpoint in a pause may have changed a row that was read already.
      guard Self.runs(of: month, in: core.live.version) == Self.runs(of: month, in: version) else { continue }
      guard !isDry else { return seal }
      try install(
        Made(), sealed: seal, [.closedThrough(minute: month.minutes.upperBound), .monthSealed(seal)])
      return seal
    }
  }

  /// The seal of a month as its rows are.
  private func digest(
    _ month: Month, _ version: Version, _ state: ManifestState, _ goesOn: @escaping () -> Bool,
    _ progress: @escaping (UInt64) -> Void
  ) throws -> MonthSeal {
    let pause = RecountPause(every: core.options.recountPause, goesOn: goesOn, progress: { _, _ in }) {
      [unowned self] in breathe()
    }
    let keys = core.live.adKeys
    isInterruptible = true
    defer { isInterruptible = false }
    try version.checkHours(of: month, state, directory: core.directory) { try pause.row() }
    return try version.seal(
      month, at: core.clock.now(), state,
      key: { Int($0) < keys.count ? AdKey(rawValue: keys[Int($0)]) : nil }, directory: core.directory
    ) { rows in
      progress(rows)
      try pause.row()
    }
  }

  /// Whether the rows of this shard have no click of `month`.
  package func isEmpty(_ month: Month) throws -> Bool { try core.live.version.dayRows(of: month).next() == nil }

  /// Minute rows that sealing `month` will read, about.
  package func rows(of month: Month) -> UInt64 {
    core.live.version.table(.minutes).limited(to: month.minutes).runs.reduce(0) { $0 + $1.descriptor.rows }
  }

  /// The runs that may hold rows of a month.
  private static func runs(of month: Month, in version: Version) -> Set<UInt64> {
    let numbers = [(RunTableKey.minutes, month.minutes), (.days, month.days)].flatMap { key, buckets in
      version.table(key).limited(to: buckets).runs.map(\.file.reference.number)
    }
    return Set(numbers)
  }
}

extension Version {
  /// What is wrong with the sealed months of `state`, in words; none where each is as it was sealed. `key`: the ad of a
  /// code. Throws `FormatError` where a file is damaged.
  package func sealFaults(
    _ state: ManifestState, key: @escaping (UInt32) -> AdKey?, directory: String
  ) throws -> [String] {
    var faults: [String] = []
    for seal in state.seals {
      var found: [String] = []
      do {
        let now = try self.seal(seal.month, at: seal.time, state, key: key, directory: directory)
        if now.days != seal.days {
          found.append("\(seal.month) was sealed with \(seal.clicks) clicks and has \(now.clicks), or others, by day")
        }
        let isKept = state.minutesFrom <= seal.month.minutes.lowerBound
        if isKept, seal.minutes != MonthSeal.noMinutes, now.minutes != seal.minutes {
          found.append("\(seal.month) was sealed with \(seal.rows) minute rows and has \(now.rows), or others")
        }
      } catch let error as FormatError where error.file == directory {
        found.append("\(seal.month), which is sealed: \(error.reason)")
      }
      faults += found.map { "\($0); \(SealCheck.remedy(seal.month))" }
    }
    let sealed = SealedMonths(state.seals)
    for file in corrections {
      try file.forEachRow { row in
        let minute = row.bucket * Int64(row.bucketSeconds) / 60
        if row.isCredit, !sealed.contains(minute: minute) {
          faults.append("ad code \(row.code) has a credit in minute \(minute), whose month is not sealed")
        }
        // A recount puts back what was damaged, and only what was sealed.
        guard !row.isCredit, row.reason != .damage, sealed.contains(minute: minute),
          let seal = state.seal(of: Month(containing: Minute(index: minute))), row.run.time > seal.time
        else { return }
        faults.append("ad code \(row.code): a row of \(seal.month) was changed after it had been sealed")
      }
    }
    return faults
  }
}
