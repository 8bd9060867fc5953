import Bytes
import Clicks
import Corrections
import Files
import Minutes
import Platform
import Runs
import Segments

// The deeds of `CompactionPlan`.

extension Upkeep {
  /// The next merge that is due.
  func nextCompaction() -> CompactionTask? {
    let state = core.manifest.state
    let version = core.live.version
    var plan = CompactionPlan()
    plan.closedThrough = state.closedThrough
    plan.rolledUp = state.rolledUp
    plan.now = core.clock.now()
    plan.runTiers = core.options.runTiers
    plan.patchFanIn = core.options.patchFanIn
    plan.correctionFanIn = core.options.correctionFanIn
    plan.segmentFanIn = core.options.segmentFanIn
    plan.segmentLimit = UInt64(core.options.segmentLimit)
    for key in version.tables.keys.sorted() {
      var table = CompactionPlan.Table()
      table.bases = version.tables[key]!.bases.map(Self.shape)
      table.patches = version.tables[key]!.patches.map(Self.shape)
      plan.tables[key] = table
    }
    plan.segments = version.segments.map { UInt64($0.summary.rows) }
    plan.dictionaries = dictionaries.map(\.count)
    plan.recountedSegments = version.segments.count { $0.summary.positions.upperBound <= state.recounted.position }
    plan.corrections = version.corrections.map { $0.rowCount + $0.repeatCount }
    return plan.next()
  }

  private static func shape(_ run: Run) -> CompactionPlan.Shape {
    CompactionPlan.Shape(window: run.window, bytes: run.file.reference.bytes, created: run.file.header.created)
  }

  func compact(_ task: CompactionTask) throws {
    try checkRunning()
    var made = Made()
    defer { isInterruptible = false }
    do {
      switch task {
      case .merge(let key, let window): try merge(key, window, &made)
      case .rollUp(let day): try rollUp(day, &made)
      case .patches(let key, let day): try mergePatches(key, day, &made)
      case .segments(let range): try mergeSegments(range, &made)
      case .dictionaries(let count): try mergeDictionaries(count, &made)
      case .corrections(let indices): try mergeCorrections(indices, &made)
      }
    } catch {
      discard(made)
      throw error
    }
    count { $0.merges += 1 }
  }

  private func listed(_ runs: [Run], _ kind: StoreFile.Kind) -> [StoreFile] {
    runs.map { StoreFile(kind: kind, reference: $0.file.reference) }
  }

  /// Merges wait while the volume could not hold what they write three times over.
  private func checkSpace(_ files: [SealedFile]) throws(SystemError) {
    let bytes = files.reduce(0) { $0 + $1.reference.bytes }
    let available = try core.environment.files.availableSpace(at: core.directory)
    guard available >= 3 * bytes + core.options.diskReserve else {
      throw SystemError("merge", "\(core.directory) (\(available) bytes free, \(3 * bytes) wanted)", code: 28)
    }
  }

  // MARK: - Runs

  private func merge(_ key: RunTableKey, _ window: Range<Int64>, _ made: inout Made) throws {
    let table = core.live.version.table(key)
    let wholeDays = Int64(window.count) >= key.bucketsPerDay
    let inputs =
      table.bases.filter { window.contains($0.window) }
      + (wholeDays ? table.patches.filter { window.contains($0.window) } : [])
    // A run of several minutes may reach over the window's edge and stay outside: the merged one must not overlap it.
    var hull = Self.hull(inputs)
    if key == .minutes, wholeDays {
      // A patch may reach to the middle of a day, where minute rows must not begin once the run has retired.
      let end = hull.upperBound.dividedUp(by: Day.minutes) * Day.minutes
      hull = Day(ofMinute: hull.lowerBound).minutes.lowerBound..<end
    }
    try writeMerged(inputs, key, .base, window: hull, &made)
    try install(made, removing: listed(inputs, key.kind), files: inputs.map(\.file))
  }

  /// The least window that holds all runs.
  private static func hull(_ runs: [Run]) -> Range<Int64> {
    runs.map(\.window.lowerBound).min()!..<runs.map(\.window.upperBound).max()!
  }

  private func mergePatches(_ key: RunTableKey, _ day: Int64, _ made: inout Made) throws {
    let perDay = key.bucketsPerDay
    let window = day * perDay..<(day + 1) * perDay
    let inputs = core.live.version.table(key).patches.filter { window.contains($0.window) }
    try writeMerged(inputs, key, .patch, window: Self.hull(inputs), &made)
    try install(made, removing: listed(inputs, key.kind), files: inputs.map(\.file))
  }

  private func rollUp(_ day: Int64, _ made: inout Made) throws {
    let window = Day(index: day).minutes
    let table = core.live.version.table(.minutes)
    let inputs = table.runs.filter { window.contains($0.window) }
    try writeMerged(inputs, .minutes, .base, window: window, isRollUp: true, &made)
    let minutes = made.added.runs.last!.1
    for key in [RunTableKey.hours, .days] {
      let perDay = key.bucketsPerDay
      try writeRun(
        key, .base, window: day * perDay..<(day + 1) * perDay, position: minutes.descriptor.position, files: paced,
        &made
      ) { writer in
        try RunMerge.widen(minutes, into: &writer)
      }
      try checkTotal([minutes], made.added.runs.last!.1)
    }
    try install(
      made, removing: listed(inputs, .run), files: inputs.map(\.file), [.rolledUp(before: day + 1)])
  }

  /// A checkpoint in the middle of a roll-up could bring late rows whose hours the roll-up has passed already.
  private func writeMerged(
    _ inputs: [Run], _ key: RunTableKey, _ kind: RunKind, window: Range<Int64>, isRollUp: Bool = false,
    _ made: inout Made
  ) throws {
    try checkSpace(inputs.map(\.file))
    isInterruptible = !isRollUp
    defer { isInterruptible = false }
    try writeRun(
      key, kind, window: window, position: inputs.map(\.descriptor.position).max()!,
      totals: {
        guard kind == .patch else { return nil }
        return try self.summedTotals(inputs, window)
      },
      sequence: inputs.map(\.descriptor.sequence).max()!, files: paced, &made
    ) { writer in
      try RunMerge.merge(inputs, into: &writer)
    }
    // External tables have no totals of their own: newer rows replace older ones.
    if key.kind != .external { try checkTotal(inputs, made.added.runs.last!.1) }
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

  private func mergeSegments(_ range: Range<Int>, _ made: inout Made) throws {
    let inputs = Array(core.live.version.segments[range])
    try checkSpace(inputs.map(\.file))
    let file = newFile(.segment)
    isInterruptible = true
    let (reference, _) = try SegmentMerge.merge(inputs, into: target(file, paced))
    isInterruptible = false
    count { $0.segmentBytes += reference.bytes }
    try opened(.segment, reference, &made)
    let removed = inputs.map { StoreFile(kind: .segment, reference: $0.file.reference) }
    try install(made, removing: removed, files: inputs.map(\.file))
  }

  private func mergeCorrections(_ indices: [Int], _ made: inout Made) throws {
    let inputs = indices.map { core.live.version.corrections[$0] }
    var rows: [Correction] = []
    var repeats: [RecordedRepeat] = []
    for input in inputs {
      try input.forEachRow { row in
        rows.append(row)
        if sabotaged(.mergeCreditsAsChanges) { rows[rows.count - 1].isCredit = false }
      }
      try input.forEachRepeat { repeats.append($0) }
    }
    if let reason = CorrectionWriter.contradiction(rows, repeats) {
      throw FormatError(
        file: inputs[0].file.path, offset: 0, reason: "\(reason) in this file and those that it is merged with")
    }
    try writeCorrections(rows, sabotaged(.dropMergedRepeats) ? [] : repeats, paced, &made)
    let removed = inputs.map { StoreFile(kind: .corrections, reference: $0.reference) }
    try install(made, removing: removed, files: inputs.map(\.file))
  }

  private func mergeDictionaries(_ count: Int, _ made: inout Made) throws {
    let inputs = dictionaries.suffix(count)
    let first = inputs.first!.firstCode
    let keys = core.live.keys(Int(first)..<codes)
    let file = newFile(.dictionary)
    let reference = try AdDictionary.write(
      keys, firstCode: UInt32(first), files: paced, path: file.path, temporary: file.temporary, store: core.store,
      number: file.number, created: core.clock.now())
    try opened(.dictionary, reference, &made)
    let old = inputs.map { StoreFile(kind: .dictionary, reference: $0.reference) }
    try install(made, removing: old)
    dictionaries.removeLast(count)
    dictionaries.append(DictionaryPart(firstCode: first, count: keys.count, reference: reference))
    // No reader holds a dictionary open: the codes are in memory.
    for file in old {
      let path = "\(core.directory)/\(StoreFiles.path(.dictionary, file.reference.number))"
      do throws(SystemError) { try core.environment.files.remove(path) } catch {}
    }
  }
}

extension Range<Int64> {
  /// Whether all of `other` lies inside.
  func contains(_ other: Range<Int64>) -> Bool { lowerBound <= other.lowerBound && other.upperBound <= upperBound }
}
