import Clicks
import Corrections
import Files
import Minutes
import Platform
import Runs
import Segments

// The background of a shard: it turns the log's clicks into files, and many files into few. One thread drives it, a step at
// a time, the most urgent first:
//
//   checkpoint   closed minutes and late rows → runs; position, closed minute and floor move (K3)
//   seal         the log below the applied position → segments; slots become free
//   retain       what is older than its retention goes; sums of raw clicks go to BASE first (R6)
//   merge        runs by time, days with their roll-ups; segments; patches; dictionaries
//
// Each step writes new files under `tmp`, names them, and lists them with one manifest record; then readers get the new
// version. A crash anywhere leaves files that no manifest names, which the next opening removes. An error that is not the
// manifest's leaves everything as it was: inputs stay, outputs are removed, and the step is tried again later.

/// The background of one shard.
package final class Upkeep {
  package let core: ShardCore
  /// Files of merges are written within the budget.
  private(set) var paced: any FileSystem
  /// The same within the budget of sealing.
  let pacedSealing: any FileSystem
  /// A long merge is under way whose inputs no checkpoint changes: what is urgent may be done in its pauses.
  var isInterruptible = false
  /// The dictionary files, by first code.
  var dictionaries: [DictionaryPart]
  /// Ads that they hold.
  var codes: Int { dictionaries.last.map { Int($0.firstCode) + $0.count } ?? 0 }
  private var nextFile: UInt64
  private var sealedAt: Int64
  private var checkpointedAt: Int64
  private var retainedAt: Int64?
  /// The number of the recount that is under way; 0 where none is.
  var recountUnderWay: UInt64 = 0
  /// When the last incremental recount was tried, monotonic ns.
  var recountedAt: Int64
  private var retryAt: Int64 = 0
  /// What the background has done, for metrics.
  package private(set) var counters = UpkeepCounters()

  init(_ core: ShardCore, dictionaries: [DictionaryPart]) {
    self.core = core
    self.dictionaries = dictionaries
    paced = core.environment.files
    pacedSealing = PacedFileSystem.pace(core.environment, core.options.budget.sealing, until: core.interruption) {}
    nextFile = core.manifest.state.lastFile + 1
    sealedAt = core.environment.time.monotonic()
    recountedAt = sealedAt
    checkpointedAt = sealedAt
    let pause = Pause()
    paced = PacedFileSystem.pace(core.environment, core.options.budget, until: core.interruption) {
      pause.upkeep?.urgent()
    }
    pause.upkeep = self
    audit()
  }

  /// Leads from a pause back to the background that pauses, on its own thread.
  private final class Pause: @unchecked Sendable {
    weak var upkeep: Upkeep?
  }

  /// The backgrounds of the other shards, where one thread drives them all.
  private var neighbours: [Pause] = []

  /// The background of each shard looks after the others in the pauses of its merges. One thread must drive all of them.
  static func shareThread(_ all: [Upkeep]) {
    for upkeep in all {
      upkeep.neighbours = all.filter { $0 !== upkeep }.map { other in
        let pause = Pause()
        pause.upkeep = other
        return pause
      }
    }
  }

  /// What cannot wait for the end of a merge, here and in the other shards.
  func urgent() {
    for neighbour in neighbours { neighbour.upkeep?.doUrgent() }
    guard isInterruptible else { return }
    isInterruptible = false
    defer { isInterruptible = true }
    doUrgent()
  }

  private func doUrgent() {
    guard core.environment.time.monotonic() >= retryAt else { return }
    if case .failed = core.condition.state { return }
    if isCheckpointDue { attempt(.checkpoint) }
    if isSealDue { attempt(.seal) }
  }

  // MARK: - Deciding

  /// What is due.
  enum Step: Equatable {
    case checkpoint
    case seal
    case recount
    case retain
    case compact(CompactionTask)
  }

  private func due() -> Step? {
    if isCheckpointDue { return .checkpoint }
    if isSealDue { return .seal }
    if isRecountDue { return .recount }
    let now = core.environment.time.monotonic()
    if now - (retainedAt ?? .min / 2) >= 600_000_000_000, hasExpired { return .retain }
    return nextCompaction().map { .compact($0) }
  }

  private var isCheckpointDue: Bool {
    let state = core.manifest.state
    if closable > state.closedThrough { return true }
    let behind = core.live.position - state.applied
    guard behind > 0 else { return false }
    return behind >= core.options.checkpointClicks
      || core.environment.time.monotonic() - checkpointedAt >= core.options.checkpointInterval * 1_000_000
  }

  /// Minutes before this one may close now: the watermark is the allowed lateness past them.
  var closable: Int64 {
    let watermark = core.watermark.value(at: core.clock.now())
    return watermark > .min ? Minute(containing: watermark - core.options.allowedLateness).index : .min
  }

  private var isSealDue: Bool {
    let state = core.manifest.state
    guard state.applied > state.sealed else { return false }
    if state.applied - state.sealed >= UInt64(core.options.segmentRows) { return true }
    let sealable = state.extents.count {
      $0.end.map { $0.position > state.sealed && $0.position <= state.applied } ?? false
    }
    if sealable > 0, sealable * core.options.slotBytes >= core.options.sealLogBytes { return true }
    return core.environment.time.monotonic() - sealedAt >= core.options.sealAfter * 1_000_000
  }

  /// Does the most urgent step that is due. True: there may be another. A failure is noted in the counters, and the next
  /// try waits; a failure of the manifest ends the shard (K8).
  package func turn() -> Bool {
    if case .failed = core.condition.state { return false }
    guard core.environment.time.monotonic() >= retryAt, let step = due() else { return false }
    return attempt(step)
  }

  @discardableResult
  private func attempt(_ step: Step) -> Bool {
    do {
      try perform(step)
      counters.lastError = nil
      core.condition.publish(counters)
      return true
    } catch {
      // Called off, as a step may be at any time; the next opening does it.
      if core.interruption.isRequested { return false }
      counters.failures += 1
      counters.lastError = "\(error)"
      core.condition.publish(counters)
      retryAt = core.environment.time.monotonic() + 1_000_000_000
      return false
    }
  }

  private func perform(_ step: Step) throws {
    switch step {
    case .checkpoint: try checkpoint()
    case .seal: try seal()
    case .recount: if let fault = SealedRowsDiffer(try recount(.changes)) { throw fault }
    case .retain: try retain()
    case .compact(let task): try compact(task)
    }
  }

  /// After a failed write or sync of log or manifest nothing is changed any more (K8).
  func checkRunning() throws(SystemError) {
    if case .failed(let reason) = core.condition.state {
      throw SystemError("change", "\(core.directory): \(reason)", code: 5)
    }
  }

  // MARK: - On request

  /// Does everything that can be done now, whether it is due or not: what `tally compact` asks for.
  package func settle() throws {
    try checkpoint()
    while try seal(all: true) {}
    try retain()
    while let task = nextCompaction() { try compact(task) }
  }

  /// Does `retain` now.
  package func retain() throws {
    try checkRunning()
    retainedAt = core.environment.time.monotonic()
    try retireRaw()
    try dropMinutes()
  }

  func noteCheckpoint() {
    checkpointedAt = core.environment.time.monotonic()
    counters.checkpoints += 1
  }

  func noteSeal() {
    sealedAt = core.environment.time.monotonic()
    counters.seals += 1
  }

  func count(_ body: (inout UpkeepCounters) -> Void) { body(&counters) }

  // MARK: - Files

  /// A new file's number, path and place of birth.
  func newFile(_ kind: StoreFile.Kind) -> (number: UInt64, path: String, temporary: String) {
    let number = nextFile
    nextFile += 1
    let name = StoreFiles.path(kind, number)
    return (
      number, "\(core.directory)/\(name)",
      "\(core.directory)/\(StoreFiles.temporary)/\(name[name.index(after: name.lastIndex(of: "/")!)...])"
    )
  }

  /// The header of a file that is made now.
  func header(_ kind: StoreFile.Kind, _ number: UInt64) -> FileHeader {
    FileHeader(
      magic: kind.magic, store: core.store, number: number, created: core.clock.now(),
      blockBytes: SealedFileWriter.defaultBlockBytes)
  }

  /// Where a segment that is made now goes.
  func target(
    _ file: (number: UInt64, path: String, temporary: String), _ files: any FileSystem
  ) -> SegmentTarget {
    SegmentTarget(
      files: files, path: file.path, temporary: file.temporary, store: core.store, number: file.number,
      created: core.clock.now())
  }

  /// Files that a step has made and nothing lists yet.
  struct Made {
    var files: [StoreFile] = []
    var added = Version.Added()
    /// A dictionary of codes behind the last one.
    var dictionary: DictionaryPart?
    /// Rows of minutes that were closed before, which late clicks change.
    var late: [LiveRow] = []
  }

  /// Opens a run that was just written.
  func opened(_ kind: StoreFile.Kind, _ reference: SealedReference, _ made: inout Made) throws {
    made.files.append(StoreFile(kind: kind, reference: reference))
    let path = "\(core.directory)/\(StoreFiles.path(kind, reference.number))"
    let files = core.environment.files
    switch kind {
    case .segment:
      made.added.segments.append(
        try Segment.open(files, path, store: core.store, reference: reference, access: core.options.access))
    case .run, .base, .external:
      made.added.runs.append(
        (kind, try Run.open(files, path, store: core.store, reference: reference, access: core.options.access)))
    case .corrections:
      made.added.corrections.append(
        try CorrectionFile.open(files, path, store: core.store, reference: reference, access: core.options.access))
    case .dictionary: break
    }
  }

  /// Takes away what a failed step has made.
  func discard(_ made: Made) {
    // After a failed manifest nobody knows whether its last record lists them.
    if core.manifest.hasFailed { return }
    for file in made.files {
      let path = "\(core.directory)/\(StoreFiles.path(file.kind, file.reference.number))"
      do throws(SystemError) { try core.environment.files.remove(path) } catch {}
    }
  }

  /// Lists what a step has made, and no longer what it replaces, in one manifest record with `changes`; then readers see it.
  /// Slots whose clicks are all sealed and below the replay floor go in the same record.
  func install(
    _ made: Made, removing removed: [StoreFile] = [], files: [SealedFile] = [], closedThrough: Int64? = nil,
    mark: RecountMark? = nil, sealed: MonthSeal? = nil, _ changes: [ManifestChange] = []
  ) throws(SystemError) {
    var freed: [UInt32] = []
    var logStart: UInt64 = 0
    var floor: UInt64 = 0
    var after = ManifestState()
    do throws(SystemError) {
      try core.manifest.change { state in
        var record = removed.map { ManifestChange.removeFile(number: $0.reference.number) }
        record += made.files.map { .addFile($0) }
        record += changes
        // Before a slot is used again, the manifest knows what its frames said of sources.
        if !sabotaged(.forgetProgress) { record += core.sources.withLock { $0.changes(since: state.sources) } }
        var next = state
        for change in record {
          do throws(ManifestFault) { try next.apply(change) } catch { preconditionFailure("manifest: \(error)") }
        }
        floor = next.floor
        after = next
        for extent in next.extents {
          let limit = sabotaged(.recycleBeforeSeal) ? next.floor : next.logFloor
          guard let end = extent.end, end.position <= limit else { break }
          record.append(.remove(generation: extent.generation))
          freed.append(extent.slot)
          logStart = end.position
        }
        record.append(.logicalTime(core.clock.now()))
        return record
      }
    } catch {
      if core.manifest.hasFailed { core.fail(error) }
      throw error
    }
    core.floor.store(floor, ordering: .relaxed)
    if let dictionary = made.dictionary { dictionaries.append(dictionary) }
    core.live.publish(
      core.live.version.changed(removing: files, adding: made.added, after), closedThrough: closedThrough,
      late: made.late,
      mark: mark, sealed: sealed)
    audit()
    if !freed.isEmpty { core.leave(freed, logStart: logStart) }
  }
}
