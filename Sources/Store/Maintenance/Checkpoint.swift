import Bytes
import Clicks
import Files
import Minutes
import Platform
import Runs

// A checkpoint: closed minutes and late clicks leave memory for runs.
//
//   1. at a batch boundary, position L, the maps of minutes before M are frozen
//   2. minutes that close now become base runs, one a day; a row is written once
//   3. rows of minutes that were closed before are late: each becomes the absolute value (row on disk + clicks), in one patch a
//      day; where the day has hour and day rows, patches of these come along (R7). Of a sealed month they become credits
//   4. ads seen for the first time go to a dictionary file
//   5. one record: files, applied position L, closed minute M, replay floor R = lowest position in a map that stayed
//
// After a crash the log is replayed from R: a click above L is applied, one below it only if its minute was not before M.

extension Upkeep {
  /// Writes what is closed. Does nothing where no minute closes and no click came late.
  package func checkpoint() throws {
    try checkRunning()
    let before = core.manifest.state
    let closed = max(before.closedThrough, closable)
    let verdicts = core.verdicts.take(before: closed)
    _ = core.live.assign(verdicts.map(\.key.ad), firstCode: codes)
    let frozen = core.live.freeze(before: Minute(index: closed), firstCode: codes)
    let isIdle =
      verdicts.isEmpty && frozen.minutes.times.isEmpty && closed == before.closedThrough
      && frozen.position == before.applied
    if isIdle {
      core.live.restore()
      return
    }
    var made = Made()
    do {
      try writeDictionary(frozen.keys, &made)
      let credits = try writeRows(frozen, before, &made)
      let tables = try writeVerdicts(verdicts, position: frozen.position, before, &made)
      let floor = sabotaged(.floorTooHigh) ? frozen.position : frozen.floor
      try install(
        made, closedThrough: closed,
        tables + credits + [.closedThrough(minute: closed), .checkpoint(applied: frozen.position, floor: floor)])
    } catch {
      discard(made)
      // Right also where the record became durable and only its sync failed: readers have the old version still.
      core.live.restore()
      core.verdicts.add(Dictionary(uniqueKeysWithValues: verdicts.map { ($0.key, $0.count) }))
      throw error
    }
    noteCheckpoint()
  }

  /// Writes the keys of ads that no dictionary holds yet.
  func writeDictionary(_ keys: [UInt64], _ made: inout Made) throws {
    guard !keys.isEmpty else { return }
    let file = newFile(.dictionary)
    let reference = try AdDictionary.write(
      keys, firstCode: UInt32(codes), files: core.environment.files, path: file.path, temporary: file.temporary,
      store: core.store, number: file.number, created: core.clock.now())
    try opened(.dictionary, reference, &made)
    made.dictionary = DictionaryPart(firstCode: UInt32(codes), count: keys.count, reference: reference)
  }

  private func writeRows(
    _ frozen: LiveTable.Frozen, _ before: ManifestState, _ made: inout Made
  ) throws -> [ManifestChange] {
    let (closedBefore, rolledUp) = (before.closedThrough, before.rolledUp)
    let minutes = frozen.minutes
    let sealed = SealedMonths(sabotaged(.patchSealedRows) ? [] : before.seals)
    var credits: [LiveRow] = []
    // Days, ascending: minutes of one day are neighbours.
    var start = 0
    while start < minutes.times.count {
      let day = Day(ofMinute: minutes.times[start].index).index
      var end = start
      var late = start
      while end < minutes.times.count, Day(ofMinute: minutes.times[end].index).index == day {
        if minutes.times[end].index < closedBefore { late = end + 1 }
        end += 1
      }
      if sealed.contains(minute: minutes.times[start].index) {
        credits += minutes.sortedRows(start..<end)
        start = end
        continue
      }
      if late > start {
        try writeLate(minutes.sortedRows(start..<late), day: day, isRolledUp: day < rolledUp, frozen, &made)
      }
      if late < end {
        let window = minutes.times[late].index..<(minutes.times[end - 1].index + 1)
        let rows = minutes.sortedRows(late..<end).map { RunRow(code: $0.code, bucket: $0.minute, value: $0.clicks) }
        try write(rows, .minutes, .base, window: window, position: frozen.position, &made)
      }
      start = end
    }
    return try writeCredits(credits, frozen, before, &made)
  }

  /// Late clicks of one day, as absolute rows.
  private func writeLate(
    _ rows: [LiveRow], day: Int64, isRolledUp: Bool, _ frozen: LiveTable.Frozen, _ made: inout Made
  ) throws {
    count { $0.lateRows += UInt64(rows.count) }
    made.late += rows
    try writeChange(
      rows.map { RunChange(code: $0.code, bucket: $0.minute, change: Int64($0.clicks)) }, .minutes, frozen, &made)
    guard isRolledUp, !sabotaged(.forgetRollUps) else { return }
    for key in [RunTableKey.hours, .days] {
      try writeChange(RunChange.widened(rows, by: Int64(key.bucketSeconds) / 60), key, frozen, &made)
    }
  }

  private func writeChange(
    _ changes: [RunChange], _ key: RunTableKey, _ frozen: LiveTable.Frozen, _ made: inout Made
  ) throws {
    guard let first = changes.map(\.bucket).min(), let last = changes.map(\.bucket).max() else { return }
    try writePatch(
      key, to: frozen.version.table(key), window: first..<(last + 1), position: frozen.position, &made
    ) { change in
      for row in changes { try change(row) }
    }
  }

  // MARK: - Shared with other steps

  /// Writes a patch: each row's value on disk with its change. `fill` gives the changes, sorted by code and bucket, each key
  /// once and inside `window`; those of one code are held in memory.
  func writePatch(
    _ key: RunTableKey, to table: RunTable, window: Range<Int64>, position: UInt64, _ made: inout Made,
    fill: ((RunChange) throws -> Void) throws -> Void
  ) throws {
    var totals = [Int64](repeating: 0, count: window.count)
    var held: [RunChange] = []
    try writeRun(key, .patch, window: window, position: position, totals: { totals }, &made) { writer in
      func flush() throws {
        guard let first = held.first, let last = held.last else { return }
        let present = try table.series(of: first.code, in: first.bucket..<(last.bucket + 1))
        var at = 0
        for change in held {
          while at < present.count, present[at].bucket < change.bucket { at += 1 }
          var value: Int64 = 0
          if at < present.count, present[at].bucket == change.bucket, !sabotaged(.lateRowsAsChanges) {
            value = Int64(present[at].count)
          }
          value += change.change
          // Only where a row is damaged: it holds less than the clicks that are taken away from it.
          guard value >= 0 else {
            throw FormatError(
              file: core.directory, offset: 0,
              reason: "ad code \(change.code), bucket \(change.bucket) of \(key.bucketSeconds) s: a change of "
                + "\(change.change) clicks leaves \(value)")
          }
          try writer.add(code: change.code, bucket: change.bucket, value: UInt64(value))
          totals[Int(change.bucket - window.lowerBound)] += change.change
        }
        held.removeAll(keepingCapacity: true)
      }
      try fill { change in
        if let first = held.first, first.code != change.code { try flush() }
        held.append(change)
      }
      try flush()
    }
  }

  /// Writes rows, sorted by code and bucket, as one run.
  func write(
    _ rows: [RunRow], _ key: RunTableKey, _ kind: RunKind, window: Range<Int64>, position: UInt64,
    _ made: inout Made
  ) throws {
    try writeRun(key, kind, window: window, position: position, &made) { writer in
      try writer.add(rows)
    }
  }

  /// Writes one run whose rows `fill` adds.
  func writeRun(
    _ key: RunTableKey, _ kind: RunKind, window: Range<Int64>, position: UInt64,
    totals: () throws -> [Int64]? = { nil }, sequence: UInt64? = nil, files: (any FileSystem)? = nil,
    _ made: inout Made,
    fill: (inout RunWriter) throws -> Void
  ) throws {
    let file = newFile(key.kind)
    let descriptor = RunDescriptor(
      table: key.table, bucketSeconds: key.bucketSeconds, firstBucket: window.lowerBound,
      bucketCount: UInt32(window.count), kind: kind, sequence: sequence ?? file.number, position: position,
      hasVersions: key.kind == .external)
    var writer = try RunWriter(
      files ?? core.environment.files, path: file.path, temporary: file.temporary,
      header: header(key.kind, file.number), descriptor: descriptor)
    try fill(&writer)
    let reference = try writer.finish(totals: try totals())
    count { $0.runBytes += reference.bytes }
    try opened(key.kind, reference, &made)
  }
}
