import Clicks
import Corrections
import Files
import Platform
import Runs
import Segments

// What is too old goes, oldest first, each in one record.
//
//   raw       a segment whose last click was received longer ago than the raw retention. It is recounted first, and its sums
//             less its repeats go to BASE rows in the same record, so that   table(ad, minute) = BASE + Σ distinct retained raw
//             holds for ever (R6)
//   minutes   base runs older than the minute retention, once their hours and days are written; those stay
//   verdicts  by minute, by the same age; their hours are written then, and stay (VerdictRetention.swift)
//
// Age is what is younger of the bucket's time and the time it was written, so that imported history stays (R16).

/// Retention of one shard.
struct Retention {
  let context: MaintenanceContext
  let pacer: Pacer
  var core: ShardCore { context.core }

  init(_ context: MaintenanceContext, _ pacer: Pacer) {
    self.context = context
    self.pacer = pacer
  }

  /// Drops what is past its retention.
  func run() throws {
    try context.checkRunning()
    context.times.retention = context.now
    try retireRaw()
    try dropMinutes()
    try widenVerdicts()
  }

  /// Whether anything is past its retention.
  var hasExpired: Bool { expiredSegments > 0 || !expiredRuns.isEmpty || !expiredVerdicts.isEmpty }

  /// Segments at the beginning that may go: older than the retention by the store's clock, and beyond the dedup horizon by
  /// its running time. A clock that is set right after a week without power moves the first at once, not the second, and
  /// the identities of the last minutes must be there still.
  private var expiredSegments: Int {
    let limit = core.clock.now() - core.options.rawRetention
    let horizon = Int64(core.runningTime) - core.options.dedupHorizon - 2_000
    return core.live.version.segments.prefix {
      $0.summary.receiveTimes.upperBound < limit
        && (Int64($0.summary.runningTimes.upperBound) < horizon || sabotaged(.retireInsideHorizon))
    }.count
  }

  private var expiredRuns: [Run] {
    let now = core.clock.now()
    let limit = now - core.options.minuteRetention
    let rolledUp = core.manifest.state.rolledUp
    guard rolledUp > .min else { return [] }
    let table = core.live.version.table(.minutes)
    let bases = table.bases.prefix {
      $0.window.upperBound <= rolledUp * 1_440 && $0.window.upperBound * 60_000 < limit
        && $0.file.header.created < limit
    }
    guard let last = bases.last else { return [] }
    let patches = table.patches.filter { $0.window.upperBound <= last.window.upperBound }
    // A younger patch keeps its day, and with it everything behind.
    guard patches.allSatisfy({ $0.file.header.created < limit }) else { return [] }
    return Array(bases) + patches
  }

  private func retireRaw() throws {
    guard expiredSegments > 0 else { return }
    // Up to now: a repeat that came since the last recount is one of a click that is about to go.
    if !sabotaged(.retireBeforeRecount) || core.manifest.state.recounted.position == 0 {
      try ShardRecount(context, pacer).run(.changes)
    }
    while expiredSegments > 0 {
      let segment = core.live.version.segments[0]
      // A click of a minute that is still open cannot be recounted yet, nor retire.
      guard segment.summary.positions.upperBound <= core.manifest.state.recounted.floor else { return }
      try pacer.check()
      try ShardEdit.perform(context) { edit in
        if !sabotaged(.retireWithoutBase) { try writeBase(segment, edit) }
        try edit.install(
          removing: [StoreFile(kind: .segment, reference: segment.file.reference)], closing: [segment.file],
          [.retired(to: segment.summary.positions.upperBound)] + (try marks(of: segment)))
      }
    }
  }

  /// The repeats of a segment that nothing lists when it has gone.
  private func marks(of segment: Segment) throws -> [ManifestChange] {
    let positions = segment.summary.positions
    let version = core.live.version
    var (listed, recorded): (UInt64, UInt64) = (0, 0)
    for file in version.corrections {
      try file.forEachRepeat(in: positions) {
        listed += 1
        if !version.isMarked($0) { recorded += 1 }
      }
    }
    let repeats = segment.summary.marked + recorded
    guard repeats > listed else { return [] }
    return [.retiredMarks(core.manifest.state.retiredMarks + repeats - listed)]
  }

  /// Adds a segment's sums, less the repeats that recounts found in it, to the BASE rows, one patch a day.
  private func writeBase(_ segment: Segment, _ edit: ShardEdit) throws {
    let repeats = sabotaged(.repeatsIntoBase) ? [] : try core.live.version.repeats(in: segment.summary.positions)
    let distinct = try RowStream(segment).less(RowStream(repeats), file: segment.file.path)
    let paced = RowStream(next: { [pacer] in
      try pacer.check()
      return try distinct.next()
    })
    let rows = try RowsByDay(paced) {
      try SpillFile.create(core.environment.files, in: "\(core.directory)/\(StoreFiles.temporary)", name: "days")
    }
    let table = core.live.version.table(.base)
    for day in rows.days {
      try edit.writePatch(
        .base, to: table, window: Day(index: day).minutes, position: segment.summary.positions.upperBound
      ) { change in
        try rows.forEach(of: day) { row in
          try pacer.check()
          try change(RunChange(code: row.code, bucket: row.bucket, change: Int64(row.count)))
        }
      }
    }
  }

  private func dropMinutes() throws {
    let runs = expiredRuns
    guard let end = runs.map(\.window.upperBound).max() else { return }
    let dropped = runs.reduce(Int64(core.manifest.state.dropped)) { $0 + $1.descriptor.total }
    try ShardEdit.perform(context) { edit in
      try edit.install(
        removing: runs.map { StoreFile(kind: .run, reference: $0.file.reference) }, closing: runs.map(\.file),
        isRevised: true, [.minutesFrom(minute: end), .dropped(clicks: UInt64(max(0, dropped)))])
    }
  }
}
