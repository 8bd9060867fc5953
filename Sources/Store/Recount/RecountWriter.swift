import Clicks
import Corrections
import Platform
import Runs
import Segments

// A chunk of what a recount has found, on disk with one record (R7): a file of corrections, and patches of minute, hour and day
// rows. Rows are read where they are written, from the newest version, so that late clicks which came meanwhile are in them.

/// Writes the chunks of one recount.
struct RecountWriter {
  let context: MaintenanceContext
  /// What is known of hour and day rows, where all minute rows go by.
  private let rollUps: RollUpSums?
  var core: ShardCore { context.core }

  init(_ context: MaintenanceContext, _ rollUps: RollUpSums? = nil) {
    self.context = context
    self.rollUps = rollUps
  }

  /// Moves the mark alone.
  func move(to mark: RecountMark, run: UInt64) throws {
    try ShardEdit.perform(context) { edit in
      // A checkpoint that came meanwhile may have given a higher number.
      try edit.install(mark: mark, [.recounted(mark, run: max(run, core.manifest.state.lastRecount))])
    }
  }

  /// Writes the last chunk, which brings the mark, and swaps the segments that were merged: with its record repeats are marked,
  /// and rows changed by what they had counted. `isCompared`: every row was held against every raw click.
  func finish(
    _ books: inout RecountBooks, mark: RecountMark?, merged: MergedSegments? = nil, isCompared: Bool = false
  ) throws {
    guard let merged else {
      let isIdle = books.isEmpty && mark == nil
      if !isIdle { try write(&books, mark: mark, isCompared: isCompared) }
      return
    }
    books.forgetRepeats(in: merged.positions)
    if sabotaged(.swapWithoutDifferences) { books.removeAll() }
    try write(&books, mark: mark, isCompared: isCompared, with: merged.edit, replacing: merged.inputs)
    books.removeAll()
  }

  /// Writes what is gathered as one record, and forgets it; the last chunk brings the mark.
  func write(_ books: inout RecountBooks, mark: RecountMark? = nil, isCompared: Bool = false) throws {
    try ShardEdit.perform(context) { edit in
      try write(&books, mark: mark, isCompared: isCompared, with: edit, replacing: [])
    }
    books.removeAll()
  }

  private func write(
    _ books: inout RecountBooks, mark: RecountMark?, isCompared: Bool, with edit: ShardEdit, replacing inputs: [Segment]
  ) throws {
    let state = core.manifest.state
    let version = books.pinned ?? core.live.version
    books.sort()
    try writePatches(&books, version, state, edit)
    if !books.corrections.isEmpty || !books.repeats.isEmpty {
      try edit.writeCorrections(books.corrections, books.repeats, core.environment.files)
    }
    if !sabotaged(.forgetEarlierCopies) { edit.earlierCopies = books.earlierCopies }
    var changes = [ManifestChange.recounted(mark ?? state.recounted, run: max(books.run.number, state.lastRecount))]
    if isCompared {
      changes.append(.compared(throughFile: max(state.lastFile, edit.files.last?.reference.number ?? 0)))
    }
    books.wrote(edit.added.runs.map(\.1))
    try edit.install(
      removing: inputs.map { StoreFile(kind: .segment, reference: $0.file.reference) }, closing: inputs.map(\.file),
      mark: mark, changes)
  }

  /// The changes of minute rows day by day, each with those of the day's hour and day rows.
  private func writePatches(
    _ books: inout RecountBooks, _ version: Version, _ state: ManifestState, _ edit: ShardEdit
  ) throws {
    let position = books.run.position
    let isAsRead = books.isAsRead(version)
    var wide: [RunTableKey: [Int64: [RunChange]]] = [:]
    for (key, changes) in books.wideChanges { wide[key] = changes }
    for day in books.minuteChanges.keys.sorted() {
      var changes = books.minuteChanges[day]!
      // Late clicks have come meanwhile: rows may have become others.
      if !isAsRead { for i in changes.indices { changes[i].present = nil } }
      try writeChanges(changes, .minutes, version, position, edit)
      guard day < state.rolledUp, !sabotaged(.recountForgetsRollUps) else { continue }
      for key in [RunTableKey.hours, .days] {
        let more = try RollUpChange.follow(changes, key, version, &books) { code, bucket in
          isAsRead && rollUps?.isRight(key, code: code, bucket: bucket) ?? false
        }
        wide[key, default: [:]][day, default: []] += more
      }
    }
    for key in [RunTableKey.hours, .days] {
      for (_, changes) in (wide[key] ?? [:]).sorted(by: { $0.key < $1.key }) {
        let sorted = changes.sorted { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
        try writeChanges(sorted, key, version, position, edit)
      }
    }
  }

  /// Changes of one day as one patch: each row as it is now and its change.
  private func writeChanges(
    _ changes: [RunChange], _ key: RunTableKey, _ version: Version, _ position: UInt64, _ edit: ShardEdit
  ) throws {
    let changes = changes.filter { $0.change != 0 }
    guard let first = changes.map(\.bucket).min(), let last = changes.map(\.bucket).max() else { return }
    try edit.writePatch(key, to: version.table(key), window: first..<(last + 1), position: position) { change in
      for row in changes { try change(row) }
    }
  }
}
