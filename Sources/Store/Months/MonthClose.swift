import Clicks
import Platform
import Reconciliation

// Closing a month of a shard for good, which operators know as sealing it:
//
//   1. checkpoint: what is closed and what came late is in runs
//   2. nothing may be in the way: every minute of the month is closed and recounted, and no click has come since
//   3. its minute and day rows are read and digested, while urgent work goes on; where that has changed one, from 1 again
//   4. one manifest record: the month is sealed. From then on a click of it becomes a credit
//
// Each shard is sealed by its own record. A crash between two leaves some sealed and some not; the next attempt finds the
// first done and does the others, and readers call a point sealed where all shards that can hold its ad say so.

/// The sealing of one month of a shard.
struct MonthClose {
  private let context: MaintenanceContext
  private let pacer: Pacer
  private var core: ShardCore { context.core }

  init(_ context: MaintenanceContext, _ pacer: Pacer) {
    self.context = context
    self.pacer = pacer
  }

  /// Seals `month`, or with `isDry` says how it would be; where it is sealed, gives its seal again. Throws `NotSealable` where
  /// something is in the way, also where its rows do not agree with each other, `RecountStopped` where it is called
  /// off with nothing done.
  func run(_ month: Month, isDry: Bool, progress: (_ minuteRows: UInt64) -> Void) throws -> MonthSeal {
    do { return try close(month, isDry: isDry, progress) } catch ShardError.cancelled { throw RecountStopped() }
  }

  private func close(_ month: Month, isDry: Bool, _ progress: (UInt64) -> Void) throws -> MonthSeal {
    while true {
      if let seal = core.manifest.state.seal(of: month) { return seal }
      try Checkpoint(context).run()
      if let obstacle = core.obstacle(to: month) { throw NotSealable(month: month, obstacle: obstacle) }
      let version = core.live.version
      let state = core.manifest.state
      let seal: MonthSeal
      do { seal = try digest(month, version, state, progress) } catch let error as UnevenRows {
        throw NotSealable(month: month, obstacle: .uneven(error.reason))
      }
      // A checkpoint in a pause may have changed a row that was read already.
      guard Self.runs(of: month, in: core.live.version) == Self.runs(of: month, in: version) else { continue }
      guard !isDry else { return seal }
      return try ShardEdit.perform(context) { edit in
        try edit.install(
          sealed: seal, [.closedThrough(minute: month.minutes.upperBound), .monthSealed(seal)])
        return seal
      }
    }
  }

  /// The seal of a month as its rows are.
  private func digest(
    _ month: Month, _ version: Version, _ state: ManifestState, _ progress: (UInt64) -> Void
  ) throws -> MonthSeal {
    let keys = core.live.adKeys
    try version.checkHours(of: month, state) { try pacer.row() }
    return try version.seal(
      month, at: core.clock.now(), state,
      key: { Int($0) < keys.count ? AdKey(rawValue: keys[Int($0)]) : nil }
    ) { rows in
      progress(rows)
      try pacer.row()
    }
  }

  /// The runs that may hold rows of a month.
  private static func runs(of month: Month, in version: Version) -> Set<UInt64> {
    let numbers = [(RunTableKey.minutes, month.minutes), (.days, month.days)].flatMap { key, buckets in
      version.table(key).limited(to: buckets).runs.map(\.file.reference.number)
    }
    return Set(numbers)
  }
}

extension ShardCore {
  /// What keeps `month` from being sealed; nil where nothing does, or it is sealed. The month is over, and so is the time in
  /// which clicks of it come: that is for the caller to see to, who knows how late they may be.
  package func obstacle(to month: Month) -> SealObstacle? {
    let state = manifest.state
    // A shard that never had a click has nothing to close or to recount.
    guard live.position > 0, state.seal(of: month) == nil else { return nil }
    let minutes = month.minutes
    if state.closedThrough < minutes.upperBound { return .open(from: max(state.closedThrough, minutes.lowerBound)) }
    let through = state.recounted.through
    if through < minutes.upperBound { return .notRecounted(from: max(through, minutes.lowerBound)) }
    let changed = live.changedDays(in: minutes)
    return changed?.isEmpty == true ? nil : .changed(days: changed?.sorted())
  }

  /// Whether the rows of this shard have no click of `month`.
  package func isEmpty(_ month: Month) throws -> Bool { try live.version.dayRows(of: month).next() == nil }

  /// Minute rows that sealing `month` will read, about.
  package func rows(of month: Month) -> UInt64 {
    live.version.table(.minutes).limited(to: month.minutes).runs.reduce(0) { $0 + $1.descriptor.rows }
  }
}
