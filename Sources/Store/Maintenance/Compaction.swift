import Bytes
import Clicks
import Corrections
import Files
import Platform
import Reconciliation
import Runs
import Segments

// The deeds of `CompactionPlan`. A merge reads files that no checkpoint changes, so that it lets urgent work pass between two
// pieces; where it does not, it says why.

/// Merges of one shard.
struct Compaction {
  private let context: MaintenanceContext
  private let pacer: Pacer
  private var core: ShardCore { context.core }

  init(_ context: MaintenanceContext, _ pacer: Pacer) {
    self.context = context
    self.pacer = pacer
  }

  /// Makes one merge.
  func run(_ task: CompactionTask) throws {
    try context.checkRunning()
    try ShardEdit.perform(context, yields: task.yields) { edit in
      switch task {
      case .merge(let key, let window): try merge(key, window, edit)
      case .fold(let key, let window): try fold(key, window, edit)
      case .rollUp(let day): try rollUp(day, edit)
      case .patches(let key, let day): try mergePatches(key, day, edit)
      case .segments(let range): try mergeSegments(range, edit)
      case .dictionaries(let count): try mergeDictionaries(count, edit)
      case .corrections(let indices): try mergeCorrections(indices, edit)
      }
    }
    context.count { $0.merges += 1 }
  }

  private func listed(_ runs: [Run], _ kind: StoreFile.Kind) -> [StoreFile] {
    runs.map { StoreFile(kind: kind, reference: $0.file.reference) }
  }

  /// Merges wait while the volume could not hold what they write three times over.
  private func checkSpace(_ files: [SealedFile]) throws {
    let bytes = files.reduce(0) { $0 + $1.reference.bytes }
    let available = try core.environment.files.availableSpace(at: core.directory)
    guard available >= 3 * bytes + core.options.diskReserve else {
      throw ShardError.insufficientSpace(core.directory, available: available, wanted: 3 * bytes)
    }
  }

  // MARK: - Runs

  private func merge(_ key: RunTableKey, _ window: Range<Int64>, _ edit: ShardEdit) throws {
    let table = core.live.version.table(key)
    let wholeDays = Int64(window.count) >= key.bucketsPerDay
    let bases = table.bases.filter { window.contains($0.window) }
    // A patch over a run that reaches over the window's edge stays: what is merged must not lie on that run.
    let patches = table.patches.filter { patch in
      wholeDays && window.contains(patch.window)
        && table.bases(in: patch.window).allSatisfy { window.contains($0.window) }
    }
    let inputs = bases + patches
    // A run of several minutes may reach over the window's edge and stay outside: the merged one must not overlap it.
    var hull = Self.hull(inputs)
    if key == .minutes, wholeDays {
      // A patch may reach to the middle of a day, where minute rows must not begin once the run has retired.
      let end = hull.upperBound.dividedUp(by: Day.minutes) * Day.minutes
      hull = Day(ofMinute: hull.lowerBound).minutes.lowerBound..<end
    }
    try writeMerged(inputs, key, .base, window: hull, edit) { try pacer.rows($0) }
    try edit.install(removing: listed(inputs, key.kind), closing: inputs.map(\.file))
  }

  /// No other run has rows in the window, so that patches become rows of the base run.
  private func fold(_ key: RunTableKey, _ window: Range<Int64>, _ edit: ShardEdit) throws {
    let inputs = core.live.version.table(key).runs.filter { window.contains($0.window) }
    try writeMerged(inputs, key, .base, window: window, edit) { try pacer.rows($0) }
    try edit.install(removing: listed(inputs, key.kind), closing: inputs.map(\.file))
  }

  /// The least window that holds all runs.
  private static func hull(_ runs: [Run]) -> Range<Int64> {
    runs.map(\.window.lowerBound).min()!..<runs.map(\.window.upperBound).max()!
  }

  private func mergePatches(_ key: RunTableKey, _ day: Int64, _ edit: ShardEdit) throws {
    let perDay = key.bucketsPerDay
    let window = day * perDay..<(day + 1) * perDay
    let inputs = core.live.version.table(key).patches.filter { window.contains($0.window) }
    try writeMerged(inputs, key, .patch, window: Self.hull(inputs), edit) { try pacer.rows($0) }
    try edit.install(removing: listed(inputs, key.kind), closing: inputs.map(\.file))
  }

  private func rollUp(_ day: Int64, _ edit: ShardEdit) throws {
    let window = Day(index: day).minutes
    let table = core.live.version.table(.minutes)
    let inputs = table.runs.filter { window.contains($0.window) }
    // A checkpoint in the middle could bring late rows whose hours the roll-up has passed already.
    let minutes = try writeMerged(inputs, .minutes, .base, window: window, edit) { _ in try pacer.check() }
    for key in [RunTableKey.hours, .days] {
      let perDay = key.bucketsPerDay
      let wide = try edit.writeRun(
        key, .base, window: day * perDay..<(day + 1) * perDay, position: minutes.descriptor.position,
        files: context.mergeFiles
      ) { writer in
        try RunMerge.widen([minutes], into: &writer) { _ in try pacer.check() }
      }
      try checkTotal([minutes], wide)
    }
    try edit.install(
      removing: listed(inputs, .run), closing: inputs.map(\.file), [.rolledUp(before: day + 1)])
  }

  /// Writes `inputs` as one run. `progress` is told of rows that are done, again and again.
  @discardableResult
  private func writeMerged(
    _ inputs: [Run], _ key: RunTableKey, _ kind: RunKind, window: Range<Int64>, _ edit: ShardEdit,
    progress: (_ rows: Int) throws -> Void
  ) throws -> Run {
    try checkSpace(inputs.map(\.file))
    let merged = try edit.writeRun(
      key, kind, window: window, position: inputs.map(\.descriptor.position).max()!,
      totals: {
        guard kind == .patch else { return nil }
        return try summedTotals(inputs, window)
      },
      sequence: inputs.map(\.descriptor.sequence).max()!, files: context.mergeFiles
    ) { writer in
      try RunMerge.merge(inputs, into: &writer, progress: progress)
    }
    // External tables have no totals of their own: newer rows replace older ones.
    if key.kind != .external { try checkTotal(inputs, merged) }
    return merged
  }

  /// A patch's totals are changes, so those of several add up.
  private func summedTotals(_ inputs: [Run], _ window: Range<Int64>) throws -> [Int64] {
    var totals = [Int64](repeating: 0, count: window.count)
    for run in inputs {
      var part = [Int64](repeating: 0, count: run.window.count)
      try run.totals(buckets: run.window, into: &part)
      for (i, change) in part.enumerated() { totals[Int(run.window.lowerBound - window.lowerBound) + i] += change }
    }
    return totals
  }

  /// Double entry: no merge makes or loses a click.
  private func checkTotal(_ inputs: [Run], _ output: Run) throws(FormatError) {
    let before = inputs.reduce(0) { $0 + $1.descriptor.total }
    guard output.descriptor.total == before else {
      throw FormatError(
        file: output.file.path, offset: UInt64(FileHeader.typeFields),
        reason: "a merge of \(before) clicks came out as \(output.descriptor.total)")
    }
  }

  // MARK: - Segments and dictionaries

  private func mergeSegments(_ range: Range<Int>, _ edit: ShardEdit) throws {
    let inputs = Array(core.live.version.segments[range])
    try checkSpace(inputs.map(\.file))
    let positions = inputs[0].summary.positions.lowerBound..<inputs.last!.summary.positions.upperBound
    let recorded = try core.live.version.recordedRepeats(in: positions).positions(in: inputs)
    var target = edit.target(try edit.newFile(.segment), context.mergeFiles)
    // What recounts recorded becomes marks, and nothing else: new repeats are a recount's to find.
    if !recorded.isEmpty || inputs.contains(where: { $0.summary.recount > 0 }) {
      target.recount = core.manifest.state.lastRecount
    }
    let merge: RecountMerge
    do {
      merge = try RecountMerge.run(
        MergeRequest(
          inputs,
          older: sabotaged(.forgetOrphanMark) ? Array(core.live.version.segments[..<range.lowerBound]) : [],
          recorded: recorded, markedBefore: Minute(index: .min), into: target),
        context.mergeSettings(pacer))
    } catch is RecountStopped { throw ShardError.cancelled(core.directory) }
    let (reference, _) = try merge.finish()!
    context.count { $0.segmentBytes += reference.bytes }
    try edit.open(.segment, reference)
    let removed = inputs.map { StoreFile(kind: .segment, reference: $0.file.reference) }
    try edit.install(removing: removed, closing: inputs.map(\.file))
  }

  private func mergeCorrections(_ indices: [Int], _ edit: ShardEdit) throws {
    let version = core.live.version
    let inputs = indices.map { version.corrections[$0] }
    var rows: [Correction] = []
    var repeats: [RecordedRepeat] = []
    for input in inputs {
      try input.forEachRow { row in
        rows.append(row)
        if sabotaged(.mergeCreditsAsChanges) { rows[rows.count - 1].isCredit = false }
      }
      // Positions are listed until a merge of segments has marked them.
      try input.forEachRepeat { if !version.isMarked($0) { repeats.append($0) } }
    }
    if let reason = CorrectionWriter.contradiction(rows, repeats) {
      throw FormatError(
        file: inputs[0].file.path, offset: 0, reason: "\(reason) in this file and those that it is merged with")
    }
    try edit.writeCorrections(rows, sabotaged(.dropMergedRepeats) ? [] : repeats, context.mergeFiles)
    let removed = inputs.map { StoreFile(kind: .corrections, reference: $0.reference) }
    try edit.install(removing: removed, closing: inputs.map(\.file))
  }

  private func mergeDictionaries(_ count: Int, _ edit: ShardEdit) throws {
    let inputs = context.dictionaries.suffix(count)
    let first = inputs.first!.firstCode
    let keys = core.live.keys(Int(first)..<context.codes)
    let reference = try edit.writeDictionary(keys, firstCode: first, context.mergeFiles)
    let old = inputs.map { StoreFile(kind: .dictionary, reference: $0.reference) }
    try edit.install(removing: old)
    context.dictionaries.removeLast(count)
    context.dictionaries.append(DictionaryPart(firstCode: first, count: keys.count, reference: reference))
    // No reader holds a dictionary open: the codes are in memory.
    for file in old {
      let path = "\(core.directory)/\(StoreFiles.path(.dictionary, file.reference.number))"
      do throws(SystemError) { try core.environment.files.remove(path) } catch {}
    }
  }
}

extension CompactionTask {
  /// Whether checkpoints may come between two pieces of it.
  fileprivate var yields: Bool {
    switch self {
    case .merge, .fold, .patches, .segments: true
    case .rollUp, .dictionaries, .corrections: false
    }
  }
}

extension Range<Int64> {
  /// Whether all of `other` lies inside.
  func contains(_ other: Range<Int64>) -> Bool { lowerBound <= other.lowerBound && other.upperBound <= upperBound }
}
