import Clicks
import Corrections
import Platform
import Reconciliation
import Runs
import Segments

// The recount of a shard (K6, R6, R7), as a step of its maintenance:
//
//   1. checkpoint at position X, flush everything below: raw ≤ X is in segments, the table of closed minutes is a version
//   2. of the clicks since the last recount, or of all, the repeats: each identity counts once, its first received copy
//   3. due(ad, minute) = BASE + raw clicks − repeats, held against the version's rows, minutes that X found closed alone
//   4. chunk by chunk one record: a file of corrections, and patches of minute, hour and day rows, each the row as it is now
//      plus the signed difference. A click that came behind X is in the row or in memory, and no difference touches it
//   5. the mark (position X, floor, closed minute) with the last chunk
//
// In a sealed month rows stay as they are: row + Σ credits is what is compared, and a difference becomes a credit (R8), unless
// the rows are not those that were sealed (SealCheck).
//
// A crash anywhere leaves whole chunks: the next recount finds the rest. Repeats are recorded by their position and stay in
// the segments; whatever counts raw clicks takes the recorded ones away, so nothing counts them again.

/// One recount of a shard.
struct ShardRecount {
  private let context: MaintenanceContext
  private let pacer: Pacer
  private var core: ShardCore { context.core }

  init(_ context: MaintenanceContext, _ pacer: Pacer) {
    self.context = context
    self.pacer = pacer
  }

  /// Recounts and corrects; with `isDry` it only says what it would do. Throws `RecountStopped` where it is called off: what was
  /// corrected stays corrected.
  @discardableResult
  func run(_ scope: RecountScope, isDry: Bool = false) throws -> RecountReport {
    do { return try compare(scope, isDry: isDry) } catch ShardError.cancelled { throw RecountStopped() }
  }

  private func compare(_ scope: RecountScope, isDry: Bool) throws -> RecountReport {
    try context.checkRunning()
    context.times.recount = context.now
    try Checkpoint(context).run()
    while try SegmentFlush(context).run(all: true) {}
    let state = core.manifest.state
    precondition(state.sealed == state.applied, "clicks below the checkpoint are in segments")
    let target = RecountMark(
      position: state.applied, floor: sabotaged(.forgetOpenRepeats) ? state.applied : state.floor,
      through: state.closedThrough)
    if scope == .changes, target == state.recounted { return RecountReport(mark: target) }
    core.live.beginRecount()
    let run = context.nextRun
    context.recountUnderWay = run
    defer {
      core.live.endRecount()
      context.recountUnderWay = 0
    }
    let writer = RecountWriter(context)
    var books = RecountBooks(
      run: CorrectionRun(number: run, position: target.position, time: core.clock.now()),
      limit: core.options.recountChunk, isDry: isDry,
      sealed: SealedMonths(sabotaged(.patchSealedRows) ? [] : state.seals), report: RecountReport(mark: target))
    if sabotaged(.markWithoutRows), !isDry { try writer.move(to: target, run: books.run.number) }
    let version = core.live.version
    if sabotaged(.recountAbsolute) { books.pinned = version }
    let table = RecountTable(version, state, target: target, scope: scope)
    let seals = SealCheck(version: version, state: state, directory: core.directory, live: core.live)
    try table.compare(to: writer, context.mergeSettings(pacer), seals, pacer, &books)
    if case .deep = scope {
      try RollUpComparison(writer: writer, seals: seals, pacer: pacer).run(in: table.minutes, &books)
    }
    // Repeats that were left alone must not retire: they are looked for again.
    let isWhole = table.isWhole && books.report.repeatsLeft == 0
    if !isDry { try writer.finish(&books, mark: isWhole ? target : nil) }
    let report = books.report
    context.count { $0.recounts.add(report, isDry: isDry) }
    return report
  }
}

extension MaintenanceContext {
  /// How a merge of segments goes through raw clicks: within the budget, and making room at each batch of rows.
  func mergeSettings(_ pacer: Pacer) -> RecountSettings {
    RecountSettings(
      files: mergeFiles, temporary: "\(core.directory)/\(StoreFiles.temporary)", threads: 2,
      shouldStop: {
        do { try pacer.yield() } catch { return true }
        return false
      }, progress: { pacer.progress($0, $1) })
  }
}
