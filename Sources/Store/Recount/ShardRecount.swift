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
// Segments that no recount has seen are merged on the way (R20): the merge marks their repeats, and the record of the last chunk
// swaps the files. A crash anywhere leaves whole chunks: the next recount finds the rest. Repeats in segments that stay are
// recorded by their position until a merge marks them; whatever counts raw clicks takes recorded ones away.

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
    if target == state.recounted, scope == .changes { return RecountReport(mark: target) }
    if scope == .deep(nil), !isDry, isCompared(state, target) {
      // Minutes without clicks may have closed.
      if target != state.recounted { try RecountWriter(context).move(to: target, run: state.lastRecount) }
      return RecountReport(mark: target)
    }
    core.live.beginRecount()
    let run = context.nextRun
    context.recountUnderWay = run
    defer {
      core.live.endRecount()
      context.recountUnderWay = 0
    }
    let version = core.live.version
    let table = RecountTable(version, state, target: target, scope: scope)
    let rollUps = scope == .changes ? nil : try RollUpSums(version, in: table.minutes, rolledUp: state.rolledUp)
    let writer = RecountWriter(context, rollUps)
    var books = RecountBooks(
      run: CorrectionRun(number: run, position: target.position, time: core.clock.now()),
      limit: core.options.recountChunk, isDry: isDry,
      sealed: SealedMonths(sabotaged(.patchSealedRows) ? [] : state.seals), reading: version,
      report: RecountReport(mark: target))
    if sabotaged(.markWithoutRows), !isDry { try writer.move(to: target, run: books.run.number) }
    if sabotaged(.recountAbsolute) { books.pinned = version }
    let seals = SealCheck(version: version, state: state, directory: core.directory, live: core.live)
    // Checkpoints may come between: the edit has merged segments from the beginning, and is installed last.
    try ShardEdit.perform(context, yields: true) { edit in
      let merged = try table.compare(
        to: writer, context.mergeSettings(pacer), seals, pacer, merging: isDry ? nil : edit, rollUps, &books)
      if let rollUps, rollUps.areRight {
        books.report.rollUpRows += rollUps.rows
      } else if rollUps != nil {
        try RollUpComparison(writer: writer, seals: seals, pacer: pacer).run(in: table.minutes, &books)
      }
      guard !isDry else { return }
      // Repeats that were left alone must not retire, nor be marked: they are looked for again.
      let isWhole = table.isWhole && books.report.repeatsLeft == 0
      try writer.finish(
        &books, mark: isWhole ? target : nil, merged: isWhole ? merged : nil,
        isCompared: scope == .deep(nil) && books.report.leftAlone.isEmpty)
    }
    let report = books.report
    context.count { $0.recounts.add(report, isDry: isDry) }
    return report
  }

  /// Whether neither clicks nor files have come since everything was compared, and no click waited for its minute to close then.
  private func isCompared(_ state: ManifestState, _ target: RecountMark) -> Bool {
    guard state.lastFile > 0, state.comparedThrough == state.lastFile else { return false }
    let mark = state.recounted
    return target == mark || target.position == mark.position && mark.floor == mark.position
  }
}

extension MaintenanceContext {
  /// Bytes that a merge has however many shards there are.
  private static var leastMergeMemory: Int { 24 << 20 }

  /// How a merge of segments goes through raw clicks: within the budget, and making room at each batch of rows. Shards are
  /// recounted side by side, each in its part of the memory.
  func mergeSettings(_ pacer: Pacer) -> RecountSettings {
    let shards = core.budget.shards
    var settings = RecountSettings(
      files: mergeFiles, temporary: "\(core.directory)/\(StoreFiles.temporary)",
      memory: max(Self.leastMergeMemory, RecountSettings.defaultMemory / shards), threads: shards > 1 ? 1 : 2,
      shouldStop: {
        do { try pacer.yield() } catch { return true }
        return false
      }, progress: { pacer.progress($0, $1) })
    settings.mergesWhenIdle = core.options.mergesWhenIdle
    if let threads = core.options.mergeThreads { (settings.threads, settings.rowsOfOneThread) = (threads, 0) }
    return settings
  }
}
