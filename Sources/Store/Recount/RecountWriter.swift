import Clicks
import Corrections
import Platform
import Runs

// A chunk of what a recount has found, on disk with one record (R7): a file of corrections, and patches of minute, hour and day
// rows. Rows are read where they are written, from the newest version, so that late clicks which came meanwhile are in them.

/// Writes the chunks of one recount.
struct RecountWriter {
  let context: MaintenanceContext
  var core: ShardCore { context.core }

  init(_ context: MaintenanceContext) { self.context = context }

  /// Moves the mark alone.
  func move(to mark: RecountMark, run: UInt64) throws {
    try ShardEdit.perform(context) { edit in
      // A checkpoint that came meanwhile may have given a higher number.
      try edit.install(mark: mark, [.recounted(mark, run: max(run, core.manifest.state.lastRecount))])
    }
  }

  /// Writes the last chunk, which brings the mark.
  func finish(_ books: inout RecountBooks, mark: RecountMark?) throws {
    if !books.isEmpty {
      try write(&books, mark: mark)
    } else if let mark {
      try move(to: mark, run: books.run.number)
    }
  }

  /// Writes what is gathered as one record, and forgets it; the last chunk brings the mark.
  func write(_ books: inout RecountBooks, mark: RecountMark? = nil) throws {
    let state = core.manifest.state
    let version = books.pinned ?? core.live.version
    books.sort()
    try ShardEdit.perform(context) { edit in
      try writePatches(&books, version, state, edit)
      if !books.corrections.isEmpty || !books.repeats.isEmpty {
        try edit.writeCorrections(books.corrections, books.repeats, core.environment.files)
      }
      try edit.install(
        mark: mark, [.recounted(mark ?? state.recounted, run: max(books.run.number, state.lastRecount))])
    }
    books.removeAll()
  }

  /// The changes of minute rows day by day, each with those of the day's hour and day rows.
  private func writePatches(
    _ books: inout RecountBooks, _ version: Version, _ state: ManifestState, _ edit: ShardEdit
  ) throws {
    let position = books.run.position
    var wide: [RunTableKey: [Int64: [RunChange]]] = [:]
    for (key, changes) in books.wideChanges { wide[key] = changes }
    for day in books.minuteChanges.keys.sorted() {
      let changes = books.minuteChanges[day]!
      try writeChanges(changes, .minutes, version, position, edit)
      guard day < state.rolledUp, !sabotaged(.recountForgetsRollUps) else { continue }
      for key in [RunTableKey.hours, .days] {
        let more = try RollUpChange.follow(changes, key, version, &books)
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
