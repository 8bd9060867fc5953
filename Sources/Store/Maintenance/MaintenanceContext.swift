import Files
import Platform

/// What the steps of a shard's maintenance share. One thread at a time has it: whoever does a step.
final class MaintenanceContext {
  let core: ShardCore
  /// Holds merges back within the budget; nil where there is none.
  let pace: PacedFileSystem?
  /// Where merges are written.
  let mergeFiles: any FileSystem
  /// The same for segments made from the log, which have a budget of their own.
  let flushFiles: any FileSystem
  /// The dictionary files, by first code.
  var dictionaries: [DictionaryPart]
  /// When each step was done last.
  var times: MaintenancePlan.Times
  /// The number of the recount that is under way; 0 where none is.
  var recountUnderWay: UInt64 = 0
  private var nextFile: UInt64
  /// The numbers of the step that yields: from the first to before the next. Nil where none is under way.
  private var beyond: (first: UInt64, next: UInt64)?
  private var auditFault: (any Error)?
  private var repeatCounts = RecordedRepeatCounts()

  init(_ core: ShardCore, dictionaries: [DictionaryPart]) {
    self.core = core
    self.dictionaries = dictionaries
    pace = core.budget.merging.map { PacedFileSystem(core.environment, $0, until: core.interruption) }
    mergeFiles = pace ?? core.environment.files
    flushFiles =
      core.budget.flushing.map { PacedFileSystem(core.environment, $0, until: core.interruption) }
      ?? core.environment.files
    nextFile = core.manifest.state.lastFile + 1
    times = MaintenancePlan.Times(opened: core.environment.time.monotonic())
    audit()
    // Nobody has begun a step yet that could fail by it.
    if let fault = takeAuditFault() { count { $0.fail(fault) } }
  }

  /// Ads that dictionary files hold.
  var codes: Int { dictionaries.last.map { Int($0.firstCode) + $0.count } ?? 0 }

  /// The number of a recount that begins now: behind every one that was given, that of a recount under way included.
  var nextRun: UInt64 { max(core.manifest.state.lastRecount, recountUnderWay) + 1 }

  /// The monotonic clock, ns.
  var now: Int64 { core.environment.time.monotonic() }

  // MARK: - File numbers

  // The manifest takes files in the order of their numbers. A step that yields has its number before the steps in its pauses
  // have theirs, and is done behind them: so it takes its own from beyond a gap that it leaves to them.

  /// Numbers that a step which yields leaves to those in its pauses: for a late click on each day of many years.
  private static let gap: UInt64 = 1 << 16

  /// A step begins that yields.
  func beginYielding() {
    precondition(beyond == nil, "steps in the pauses of a step do not yield")
    beyond = (nextFile + Self.gap, nextFile + Self.gap)
  }

  /// It is done, or has failed.
  func endYielding() {
    if let beyond, beyond.next > beyond.first { nextFile = beyond.next }
    beyond = nil
  }

  /// The number of a file that is made now. Throws where a step in a pause makes more than there are numbers for; it is tried
  /// again when the step is done that pauses.
  func takeFileNumber(yielding: Bool) throws(ShardError) -> UInt64 {
    if yielding {
      defer { beyond!.next += 1 }
      return beyond!.next
    }
    if let beyond, nextFile == beyond.first { throw .tooManyFiles(core.directory) }
    defer { nextFile += 1 }
    return nextFile
  }

  /// Adds to what maintenance has done.
  func count(_ body: (inout MaintenanceCounters) -> Void) { core.condition.count(body) }

  /// After a failed write or sync of log or manifest nothing is changed any more (K8).
  func checkRunning() throws(ShardError) {
    if case .failed(let reason) = core.condition.state { throw .poisoned(core.directory, reason) }
  }

  // MARK: - Double entry

  /// Looks whether both sides of the books agree, for metrics and whoever reads them. A file of corrections that cannot be
  /// read leaves the books as they were, and fails the step that is under way: see `takeAuditFault`.
  func audit() {
    let (position, inMemory, version) = core.live.books()
    do {
      let books = try DoubleEntry(version, core.manifest.state, position: position, inMemory: inMemory, &repeatCounts)
      count { $0.books = books }
    } catch { auditFault = error }
  }

  /// Why an audit since the last call failed. The step's files are listed by then, so that it is asked when the step is done.
  func takeAuditFault() -> (any Error)? {
    defer { auditFault = nil }
    return auditFault
  }
}
