import Clicks
import Platform
import Synchronization

// The maintenance of a shard turns the log's clicks into files, and many files into few: a step at a time, which
// `MaintenancePlan` chooses and a struct of its own does (`Checkpoint`, `SegmentFlush`, `ShardRecount`, `Retention`,
// `Compaction`, `MonthClose`, `Rebuild`). Each makes a `ShardEdit`: an error that is not the manifest's leaves everything as it
// was, and the step is tried again later.
//
// Any thread may ask for a step; they are done one after the other. The shard's own thread takes turns; it lets those go first
// who ask for something. Whoever does a long step does what is urgent in between as well (`Pacer`), so that neither
// waits for the other.

/// The maintenance of one shard.
package final class Maintenance: @unchecked Sendable {
  package let core: ShardCore
  /// Held as long as a step or a request takes; guards everything below.
  private let turns = Mutex<Void>(())
  /// How many wait to be done beside the thread that takes turns, or are done now.
  private let asked = Atomic<Int>(0)
  private let context: MaintenanceContext
  /// After a failure no step is tried before, monotonic ns.
  private var retryAt: Int64 = 0

  init(_ core: ShardCore, dictionaries: [DictionaryPart]) {
    self.core = core
    context = MaintenanceContext(core, dictionaries: dictionaries)
  }

  /// What maintenance has done, for metrics.
  package var counters: MaintenanceCounters { core.condition.maintenance }

  // MARK: - By itself

  /// Does the most urgent step that is due. True: there may be another. A failure is noted in the counters, and the next
  /// try waits; a failure of the manifest ends the shard (K8). Does nothing where something was asked for: that goes first.
  package func turn() -> Bool {
    guard asked.load(ordering: .sequentiallyConsistent) == 0 else { return false }
    return turns.withLockIfAvailable { _ in
      guard isReady, let step = due() else { return false }
      return attempt(step)
    } ?? false
  }

  private var isReady: Bool {
    if case .failed = core.condition.state { return false }
    return context.now >= retryAt
  }

  private var plan: MaintenancePlan { MaintenancePlan(core, context.times) }

  private func due() -> MaintenancePlan.Step? {
    plan.next(hasExpired: { retention.hasExpired }, compaction: { CompactionPlan(context).next() })
  }

  /// What cannot wait for the end of a long step; called in its pauses.
  private func urgent() {
    guard isReady else { return }
    if plan.isCheckpointDue { attempt(.checkpoint) }
    if plan.isFlushDue { attempt(.flush) }
  }

  @discardableResult
  private func attempt(_ step: MaintenancePlan.Step) -> Bool {
    do {
      try perform(step)
      if let fault = context.takeAuditFault() { throw fault }
      context.count { $0.lastError = nil }
      return true
    } catch {
      // Called off, as a step may be at any time; the next opening does it.
      if core.interruption.isRequested { return false }
      context.count { $0.fail(error) }
      retryAt = context.now + 1_000_000_000
      return false
    }
  }

  private func perform(_ step: MaintenancePlan.Step) throws {
    let pacer = pacer()
    defer { releaseSegments() }
    switch step {
    case .checkpoint: try Checkpoint(context).run()
    case .flush: try SegmentFlush(context).run()
    case .recount:
      if let fault = SealedRowsDiffer(try ShardRecount(context, pacer).run(.changes)) { throw fault }
    case .retain: try retention.run()
    case .compact(let task): try Compaction(context, pacer).run(task)
    }
  }

  /// Raw clicks that were read are no memory of this process for longer than until the next checkpoint.
  private func releaseSegments() {
    for segment in core.live.version.segments { segment.file.release() }
  }

  private var retention: Retention { Retention(context, pacer()) }

  private func pacer(
    goesOn: @escaping () -> Bool = { true }, progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }
  ) -> Pacer {
    Pacer(context, urgent: { [unowned self] in urgent() }, goesOn: goesOn, progress: progress)
  }

  // MARK: - On request

  /// Does `body` when what is under way is done, before anything that is not asked for.
  func exclusively<R: Sendable>(_ body: (MaintenanceContext) throws -> R) throws -> R {
    asked.add(1, ordering: .sequentiallyConsistent)
    defer { asked.subtract(1, ordering: .sequentiallyConsistent) }
    return try turns.withLock { _ in
      try context.checkRunning()
      defer { releaseSegments() }
      let result = try body(context)
      if let fault = context.takeAuditFault() { throw fault }
      return result
    }
  }

  /// Does what is asked for, step by step. Before each step `goesOn` is asked, and false ends the work there: each step leaves
  /// the store as sound as it was. Returns whether everything was done.
  @discardableResult
  package func perform(_ request: MaintenanceRequest, goesOn: () -> Bool = { true }) throws -> Bool {
    try exclusively { context in
      if request != .retain {
        try Checkpoint(context).run()
        if request == .flush { return true }
        repeat { guard goesOn() else { return false } } while try SegmentFlush(context).run(all: true)
        if request == .sealLog { return true }
      }
      guard goesOn() else { return false }
      try retention.run()
      guard request == .compact else { return true }
      while let task = CompactionPlan(context, isAsked: true).next() {
        guard goesOn() else { return false }
        try Compaction(context, pacer()).run(task)
      }
      return true
    }
  }

  /// Writes what is closed. Does nothing where no minute closes and no click came late.
  package func checkpoint() throws { try exclusively { try Checkpoint($0).run() } }

  /// Does everything that can be done now, whether it is due or not: what `tally compact` asks for.
  package func settle() throws { try perform(.compact) }

  /// Drops what is past its retention.
  package func retain() throws { try perform(.retain) }

  /// Recounts and corrects; with `isDry` it only says what it would do. Asks `goesOn` now and then, and false ends it with
  /// `RecountStopped`: what was corrected stays corrected.
  @discardableResult
  package func recount(
    _ scope: RecountScope, isDry: Bool = false, goesOn: @escaping () -> Bool = { true },
    progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws -> RecountReport {
    try exclusively { context in
      try ShardRecount(context, pacer(goesOn: goesOn, progress: progress)).run(scope, isDry: isDry)
    }
  }

  /// Seals `month`, or with `isDry` says how it would be; where it is sealed, gives its seal again. Throws `NotSealable` where
  /// something is in the way, also where its rows do not agree with each other. Asks `goesOn` now and then, and false
  /// ends it with `RecountStopped` and nothing done.
  @discardableResult
  package func seal(
    _ month: Month, isDry: Bool = false, goesOn: @escaping () -> Bool = { true },
    progress: @escaping (_ minuteRows: UInt64) -> Void = { _ in }
  ) throws -> MonthSeal {
    try exclusively { context in
      try MonthClose(context, pacer(goesOn: goesOn)).run(month, isDry: isDry, progress: progress)
    }
  }

  /// Makes all minute, hour and day runs anew.
  package func rebuildRuns() throws { try exclusively { try Rebuild($0).run() } }
}
