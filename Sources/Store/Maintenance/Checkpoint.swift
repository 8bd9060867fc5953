import Bytes
import Clicks
import Files
import Minutes
import Platform
import Runs

// A checkpoint: closed minutes and late clicks leave memory for runs.
//
//   1. at a batch boundary, position L, the maps of minutes before M are frozen
//   2. minutes that close now become base runs, one a day; a row is written once
//   3. rows of minutes that were closed before are late: each becomes the absolute value (row on disk + clicks), in one patch a
//      day; where the day has hour and day rows, patches of these come along (R7). Of a sealed month they become credits
//   4. ads seen for the first time go to a dictionary file
//   5. one record: files, applied position L, closed minute M, replay floor R = lowest position in a map that stayed
//
// After a crash the log is replayed from R: a click above L is applied, one below it only if its minute was not before M.

/// One checkpoint of a shard.
struct Checkpoint {
  private let context: MaintenanceContext
  private var core: ShardCore { context.core }

  init(_ context: MaintenanceContext) { self.context = context }

  /// Writes what is closed. Does nothing where no minute closes and no click came late.
  func run() throws {
    try context.checkRunning()
    let before = core.manifest.state
    let closed = max(before.closedThrough, core.closable)
    let verdicts = core.verdicts.take(before: closed)
    _ = core.live.assign(verdicts.ads, firstCode: context.codes)
    let frozen = core.live.freeze(before: Minute(index: closed), firstCode: context.codes)
    let isIdle =
      verdicts.isEmpty && frozen.minutes.times.isEmpty && closed == before.closedThrough
      && frozen.position == before.applied
    if isIdle {
      core.live.restore()
      return
    }
    do {
      try ShardEdit.perform(context) { edit in
        try edit.writeDictionary(frozen.keys)
        let credits = try writeRows(frozen, before, edit)
        let tables = try edit.writeVerdicts(verdicts, position: frozen.position, before)
        let floor = sabotaged(.floorTooHigh) ? frozen.position : frozen.floor
        try edit.install(
          closedThrough: closed,
          tables + credits + [.closedThrough(minute: closed), .checkpoint(applied: frozen.position, floor: floor)])
      }
    } catch {
      // Right also where the record became durable and only its sync failed: readers have the old version still.
      core.live.restore()
      throw error
    }
    context.times.checkpoint = context.now
    context.count { $0.checkpoints += 1 }
  }

  private func writeRows(
    _ frozen: LiveTable.Frozen, _ before: ManifestState, _ edit: ShardEdit
  ) throws -> [ManifestChange] {
    let (closedBefore, rolledUp) = (before.closedThrough, before.rolledUp)
    let minutes = frozen.minutes
    let sealed = SealedMonths(sabotaged(.patchSealedRows) ? [] : before.seals)
    var credits: [LiveRow] = []
    // Days, ascending: minutes of one day are neighbours.
    var start = 0
    while start < minutes.times.count {
      let day = Day(ofMinute: minutes.times[start].index).index
      var end = start
      var late = start
      while end < minutes.times.count, Day(ofMinute: minutes.times[end].index).index == day {
        if minutes.times[end].index < closedBefore { late = end + 1 }
        end += 1
      }
      if sealed.contains(minute: minutes.times[start].index) {
        credits += minutes.sortedRows(start..<end)
        start = end
        continue
      }
      if late > start {
        try writeLate(minutes.sortedRows(start..<late), day: day, isRolledUp: day < rolledUp, frozen, edit)
      }
      if late < end {
        let window = minutes.times[late].index..<(minutes.times[end - 1].index + 1)
        let rows = minutes.sortedRows(late..<end).map { RunRow(code: $0.code, bucket: $0.minute, value: $0.clicks) }
        try edit.write(rows, .minutes, .base, window: window, position: frozen.position)
      }
      start = end
    }
    return try edit.writeCredits(credits, frozen, before)
  }

  /// Late clicks of one day, as absolute rows.
  private func writeLate(
    _ rows: [LiveRow], day: Int64, isRolledUp: Bool, _ frozen: LiveTable.Frozen, _ edit: ShardEdit
  ) throws {
    context.count { $0.lateRows += UInt64(rows.count) }
    edit.late += rows
    try writeChange(
      rows.map { RunChange(code: $0.code, bucket: $0.minute, change: Int64($0.clicks)) }, .minutes, frozen, edit)
    guard isRolledUp, !sabotaged(.forgetRollUps) else { return }
    for key in [RunTableKey.hours, .days] {
      try writeChange(RunChange.widened(rows, by: Int64(key.bucketSeconds) / 60), key, frozen, edit)
    }
  }

  private func writeChange(
    _ changes: [RunChange], _ key: RunTableKey, _ frozen: LiveTable.Frozen, _ edit: ShardEdit
  ) throws {
    guard let first = changes.map(\.bucket).min(), let last = changes.map(\.bucket).max() else { return }
    try edit.writePatch(
      key, to: frozen.version.table(key), window: first..<(last + 1), position: frozen.position
    ) { change in
      for row in changes { try change(row) }
    }
  }
}
