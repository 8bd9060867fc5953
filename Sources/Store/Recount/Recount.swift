import Clicks
import Corrections
import Platform
import Reconciliation
import Runs
import Segments

// The recount of a shard (K6, R6, R7), on the background's thread:
//
//   1. checkpoint at position X, seal everything below: raw ≤ X is in segments, the table of closed minutes is a version
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

extension Upkeep {
  /// Whether the next incremental recount is due and has anything to do.
  var isRecountDue: Bool {
    let interval = core.options.recountInterval
    guard interval > 0, core.environment.time.monotonic() - recountedAt >= interval * 1_000_000 else { return false }
    let state = core.manifest.state
    return state.applied > state.recounted.position || state.closedThrough > state.recounted.through
  }

  /// Recounts and corrects; with `isDry` it only says what it would do. Asks `goesOn` now and then, and false ends it with
  /// `RecountStopped`: what was corrected stays corrected.
  @discardableResult
  package func recount(
    _ scope: RecountScope, isDry: Bool = false, goesOn: @escaping () -> Bool = { true },
    progress: @escaping (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws -> RecountReport {
    try checkRunning()
    recountedAt = core.environment.time.monotonic()
    try checkpoint()
    while try seal(all: true) {}
    let state = core.manifest.state
    precondition(state.sealed == state.applied, "clicks below the checkpoint are in segments")
    let target = RecountMark(
      position: state.applied, floor: sabotaged(.forgetOpenRepeats) ? state.applied : state.floor,
      through: state.closedThrough)
    if scope == .changes, target == state.recounted { return RecountReport(mark: target) }
    core.live.beginRecount()
    let run = nextRun
    recountUnderWay = run
    defer {
      core.live.endRecount()
      recountUnderWay = 0
      isInterruptible = false
      core.condition.publish(counters)
    }
    let pause = RecountPause(every: core.options.recountPause, goesOn: goesOn, progress: progress) { [unowned self] in
      breathe()
    }
    var books = RecountBooks(
      run: CorrectionRun(number: run, position: target.position, time: core.clock.now()),
      limit: core.options.recountChunk, isDry: isDry,
      sealed: SealedMonths(sabotaged(.patchSealedRows) ? [] : state.seals), report: RecountReport(mark: target))
    if sabotaged(.markWithoutRows), !isDry { try move(to: target, run: books.run.number) }
    let version = core.live.version
    if sabotaged(.recountAbsolute) { books.pinned = version }
    let table = RecountTable(version, state, target: target, scope: scope)
    let seals = SealCheck(version: version, state: state, directory: core.directory, live: core.live)
    isInterruptible = true
    try table.compare(to: self, seals, pause, &books)
    if case .deep = scope { try compareRollUps(in: table.minutes, seals, pause, &books) }
    isInterruptible = false
    // Repeats that were left alone must not retire: they are looked for again.
    let isWhole = table.isWhole && books.report.repeatsLeft == 0
    if !isDry { try finish(&books, mark: isWhole ? target : nil) }
    let report = books.report
    count { $0.recounts.add(report, isDry: isDry) }
    return report
  }

  /// Lets what is urgent pass, within the budget. True once the work is called off.
  func breathe() -> Bool {
    guard let paced = paced as? PacedFileSystem else {
      urgent()
      return core.interruption.isRequested
    }
    do throws(SystemError) { try paced.spend(0, core.directory) } catch { return true }
    return false
  }

  /// Moves the mark alone.
  private func move(to mark: RecountMark, run: UInt64) throws {
    // A checkpoint that came meanwhile may have given a higher number.
    try install(Made(), mark: mark, [.recounted(mark, run: max(run, core.manifest.state.lastRecount))])
  }

  private func finish(_ books: inout RecountBooks, mark: RecountMark?) throws {
    if !books.isEmpty {
      try write(&books, mark: mark)
    } else if let mark {
      try move(to: mark, run: books.run.number)
    }
  }

  // MARK: - A chunk

  /// Writes what is gathered as one record, and forgets it; the last chunk brings the mark.
  func write(_ books: inout RecountBooks, mark: RecountMark? = nil) throws {
    let wasInterruptible = isInterruptible
    isInterruptible = false
    defer { isInterruptible = wasInterruptible }
    let state = core.manifest.state
    let version = books.pinned ?? core.live.version
    books.sort()
    var made = Made()
    do {
      try writePatches(&books, version, state, &made)
      if !books.corrections.isEmpty || !books.repeats.isEmpty {
        try writeCorrections(books.corrections, books.repeats, core.environment.files, &made)
      }
      try install(
        made, mark: mark, [.recounted(mark ?? state.recounted, run: max(books.run.number, state.lastRecount))])
    } catch {
      discard(made)
      throw error
    }
    books.removeAll()
  }

  /// Writes corrections in any order as one file.
  func writeCorrections(
    _ rows: [Correction], _ repeats: [RecordedRepeat], _ files: any FileSystem, _ made: inout Made
  ) throws {
    let file = newFile(.corrections)
    let reference = try CorrectionWriter.write(
      rows, repeats, files: files, path: file.path, temporary: file.temporary,
      header: header(.corrections, file.number))
    try opened(.corrections, reference, &made)
  }

  /// The changes of minute rows day by day, each with those of the day's hour and day rows.
  private func writePatches(
    _ books: inout RecountBooks, _ version: Version, _ state: ManifestState, _ made: inout Made
  ) throws {
    let position = books.run.position
    var wide: [RunTableKey: [Int64: [RunChange]]] = [:]
    for (key, changes) in books.wideChanges { wide[key] = changes }
    for day in books.minuteChanges.keys.sorted() {
      let changes = books.minuteChanges[day]!
      try writeChanges(changes, .minutes, version, position, &made)
      guard day < state.rolledUp, !sabotaged(.recountForgetsRollUps) else { continue }
      for key in [RunTableKey.hours, .days] {
        let more = try RollUpChange.follow(changes, key, version, &books)
        wide[key, default: [:]][day, default: []] += more
      }
    }
    for key in [RunTableKey.hours, .days] {
      for (_, changes) in (wide[key] ?? [:]).sorted(by: { $0.key < $1.key }) {
        let sorted = changes.sorted { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
        try writeChanges(sorted, key, version, position, &made)
      }
    }
  }

  /// Changes of one day as one patch: each row as it is now and its change.
  private func writeChanges(
    _ changes: [RunChange], _ key: RunTableKey, _ version: Version, _ position: UInt64, _ made: inout Made
  ) throws {
    let changes = changes.filter { $0.change != 0 }
    guard let first = changes.map(\.bucket).min(), let last = changes.map(\.bucket).max() else { return }
    try writePatch(key, to: version.table(key), window: first..<(last + 1), position: position, &made) { change in
      for row in changes { try change(row) }
    }
  }
}

/// What lets a recount be interrupted.
final class RecountPause: @unchecked Sendable {
  private let goesOn: () -> Bool
  private let report: (UInt64, UInt64) -> Void
  private let breathe: () -> Bool
  private let interval: Int
  private var rows = 0

  init(
    every interval: Int, goesOn: @escaping () -> Bool, progress: @escaping (UInt64, UInt64) -> Void,
    breathe: @escaping () -> Bool
  ) {
    self.interval = interval
    self.goesOn = goesOn
    report = progress
    self.breathe = breathe
  }

  /// Another row was compared.
  func row() throws {
    rows += 1
    guard rows % interval == 0 else { return }
    if shouldStop() { throw RecountStopped() }
  }

  /// Lets others pass; true: the recount is to end.
  func shouldStop() -> Bool {
    breathe() || !goesOn()
  }

  func progress(_ done: UInt64, _ total: UInt64) { report(done, total) }
}
