import ClickLog
import Clicks
import Files
import Minutes
import Platform
import Runs
import Segments

// Runs of clicks are derived (K9): their rows are what the equation of ExpectedRows.swift makes of segments and of the log beyond
// them. So where a run is lost, all of them are made anew from what is primary, for every minute that is closed, up to the applied
// position, and put in the place of the old ones with one manifest record. All of it is read as streams: memory holds a block of
// each file and the log's own rows. Minutes that retention has dropped stay dropped; their hours and days, which nothing can make
// again, are kept where they are whole.

/// All runs of one shard, made anew.
struct Rebuild {
  private let context: MaintenanceContext
  private var core: ShardCore { context.core }

  init(_ context: MaintenanceContext) { self.context = context }

  /// Makes all minute, hour and day runs anew.
  func run() throws {
    let state = core.manifest.state
    let version = core.live.version
    let kept = keptRuns(version, state)
    try ShardEdit.perform(context) { edit in
      try writeMinutes(try due(state, version), state, edit)
      try writeRollUps(state, edit)
      try keepOlder(version, state, edit)
      let keptNumbers = Set(kept.map(\.file.reference.number))
      let removed = state.files(.run).filter { !keptNumbers.contains($0.reference.number) }
      let open = [RunTableKey.minutes, .hours, .days].flatMap { version.table($0).runs }
        .filter { !keptNumbers.contains($0.file.reference.number) }
      try edit.install(removing: removed, closing: open.map(\.file), isRevised: true)
    }
  }

  /// Hours and days of minutes that retention has dropped.
  private func keptRuns(_ version: Version, _ state: ManifestState) -> [Run] {
    guard state.minutesFrom > .min else { return [] }
    return [RunTableKey.hours, .days].flatMap { key in
      version.table(key).runs.filter {
        $0.window.upperBound * Int64(key.bucketSeconds) <= state.minutesFrom * 60
      }
    }
  }

  /// Wide hour and day runs may reach over the border of what retention has dropped: their older part is kept.
  private func keepOlder(_ version: Version, _ state: ManifestState, _ edit: ShardEdit) throws {
    guard state.minutesFrom > .min else { return }
    for key in [RunTableKey.hours, .days] {
      let border = state.minutesFrom * 60 / Int64(key.bucketSeconds)
      let over = version.table(key).runs.filter { $0.window.lowerBound < border && $0.window.upperBound > border }
      guard let first = over.map(\.window.lowerBound).min() else { continue }
      var cursor = try MergeCursor(over)
      try cursor.advance()
      try edit.writeRun(key, .base, window: first..<border, position: state.applied) { writer in
        while let row = cursor.row {
          if row.bucket < border { try writer.add(code: row.code, bucket: row.bucket, value: row.value) }
          try cursor.advance()
        }
      }
    }
  }

  /// What the closed minutes must hold: BASE, the sums of every segment, and the log beyond the last segment, less the
  /// clicks that recounts took away.
  private func due(_ state: ManifestState, _ version: Version) throws -> RowStream {
    let minutes = state.minutesFrom..<max(state.minutesFrom, state.closedThrough)
    let repeats = state.retired..<(sabotaged(.repeatsReturn) ? state.retired : state.sealed)
    // Rows of a sealed month are what they were: credits lie beside them.
    return try ExpectedRows(version, in: minutes, repeats: repeats, file: core.directory)
      .rows(of: [RowStream(logSums(state))] + version.sums(in: minutes))
  }

  /// Clicks of the log from the sealed position to the applied one.
  private func logSums(_ state: ManifestState) throws -> [RowCount] {
    var live = LiveMinutes()
    let ads = core.live
    for extent in state.extents where extent.firstPosition < state.applied {
      if let end = extent.end, end.position <= state.sealed { continue }
      let path = "\(core.directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
      let reader = try LogReader(core.environment.files, path, extent: extent, store: core.store)
      _ = try reader.walk(to: extent.end.map { Int($0.offset) }) { frame in
        try frame.forEachClick(in: state.sealed..<state.applied) { _, click in
          live.apply(ad: click.ad, minute: click.minute)
        }
      }
    }
    var rows: [RowCount] = []
    live.forEachRow { ad, minute, clicks in
      rows.append(RowCount(code: ads.code(of: ad)!, bucket: minute.index, count: clicks))
    }
    return rows.sorted(by: RowCount.precedes)
  }

  /// Writes closed minutes as one base run a day. Rows come ad by ad, so the runs of all days grow side by side.
  private func writeMinutes(_ rows: RowStream, _ state: ManifestState, _ edit: ShardEdit) throws {
    var days: [Int64: GrowingRun] = [:]
    while let row = try rows.next() {
      let day = Day(ofMinute: row.bucket).index
      if days[day] == nil { days[day] = try begin(day, state, edit) }
      try days[day]!.add(row)
    }
    // The manifest takes files in the order of their numbers.
    for run in days.values.sorted(by: { $0.number < $1.number }) {
      let reference = try run.finish()
      context.count { $0.runBytes += reference.bytes }
      try edit.open(.run, reference)
    }
  }

  private func begin(_ day: Int64, _ state: ManifestState, _ edit: ShardEdit) throws -> GrowingRun {
    let window = Day(index: day).minutes.clamped(to: state.minutesFrom..<max(state.minutesFrom, state.closedThrough))
    let file = try edit.newFile(.run)
    let descriptor = RunDescriptor(
      table: RunTableKey.minutes.table, bucketSeconds: RunTableKey.minutes.bucketSeconds,
      firstBucket: window.lowerBound,
      bucketCount: UInt32(window.count), kind: .base, sequence: file.number, position: state.applied, hasVersions: false
    )
    return GrowingRun(
      file.number,
      try RunWriter(
        core.environment.files, path: file.path, temporary: file.temporary, header: edit.header(.run, file.number),
        descriptor: descriptor))
  }

  /// Writes hours and days of the days that were rolled up.
  private func writeRollUps(_ state: ManifestState, _ edit: ShardEdit) throws {
    for (_, minutes) in edit.added.runs {
      let day = Day(ofMinute: minutes.window.lowerBound).index
      guard day < state.rolledUp else { continue }
      for key in [RunTableKey.hours, .days] {
        let perDay = key.bucketsPerDay
        try edit.writeRun(key, .base, window: day * perDay..<(day + 1) * perDay, position: state.applied) {
          try RunMerge.widen(minutes, into: &$0)
        }
      }
    }
  }
}

/// A run that takes rows while others do.
private final class GrowingRun {
  let number: UInt64
  private var writer: RunWriter?

  init(_ number: UInt64, _ writer: consuming RunWriter) {
    self.number = number
    self.writer = consume writer
  }

  func add(_ row: RowCount) throws { try writer!.add(code: row.code, bucket: row.bucket, value: row.count) }

  func finish() throws -> SealedReference { try writer.take()!.finish() }
}
