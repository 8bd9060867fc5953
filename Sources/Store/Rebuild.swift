import ClickLog
import Clicks
import Files
import Minutes
import Platform
import Runs
import Segments

// Runs of clicks are derived (K9):   table(ad, minute) = BASE + Σ sums of segments + log beyond them.   So where a run is
// lost, all of them are made anew from what is primary, for every minute that is closed, up to the applied position, and
// put in the place of the old ones with one manifest record. Minutes that retention has dropped stay dropped; their hours
// and days, which nothing can make again, are kept where they are whole.

extension Upkeep {
  /// Makes all minute, hour and day runs anew if `damaged` names any; they are left out of the version already.
  package func rebuild(_ damaged: [StoreFile]) throws {
    guard damaged.contains(where: { $0.kind == .run }) else { return }
    try rebuildRuns()
  }

  /// Makes all minute, hour and day runs anew.
  package func rebuildRuns() throws {
    let state = core.manifest.state
    let version = core.live.version
    let kept = keptRuns(version, state)
    var made = Made()
    do {
      try writeMinutes(try sums(state, version), state, &made)
      try writeRollUps(state, &made)
      try keepOlder(version, state, &made)
      let keptNumbers = Set(kept.map(\.file.reference.number))
      let removed = state.files(.run).filter { !keptNumbers.contains($0.reference.number) }
      let open = [RunTableKey.minutes, .hours, .days].flatMap { version.table($0).runs }
        .filter { !keptNumbers.contains($0.file.reference.number) }
      try install(made, removing: removed, files: open.map(\.file))
    } catch {
      discard(made)
      throw error
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
  private func keepOlder(_ version: Version, _ state: ManifestState, _ made: inout Made) throws {
    guard state.minutesFrom > .min else { return }
    for key in [RunTableKey.hours, .days] {
      let border = state.minutesFrom * 60 / Int64(key.bucketSeconds)
      let over = version.table(key).runs.filter { $0.window.lowerBound < border && $0.window.upperBound > border }
      guard let first = over.map(\.window.lowerBound).min() else { continue }
      var cursor = try MergeCursor(over)
      try cursor.advance()
      try writeRun(key, .base, window: first..<border, position: state.applied, &made) { writer in
        while let row = cursor.row {
          if row.bucket < border { try writer.add(code: row.code, bucket: row.bucket, value: row.value) }
          try cursor.advance()
        }
      }
    }
  }

  /// One sorted list of sums each: BASE, every segment, and the log beyond the last segment.
  private func sums(_ state: ManifestState, _ version: Version) throws -> [[LiveRow]] {
    var lists: [[LiveRow]] = []
    for segment in version.segments {
      var rows: [LiveRow] = []
      try segment.forEachSum { rows.append(LiveRow(code: $0.code, minute: $0.minute.index, clicks: $0.clicks)) }
      lists.append(rows)
    }
    let base = version.table(.base)
    var merged: [LiveRow] = []
    for run in base.bases + base.patches {
      var rows: [LiveRow] = []
      try run.forEach { rows.append(LiveRow(code: $0.code, minute: $0.bucket, clicks: $0.value)) }
      merged = Self.overlay(merged, with: rows)
    }
    lists.append(merged)
    lists.append(try logSums(state))
    return lists
  }

  /// Two sorted lists as one; where both have a key, the second wins.
  private static func overlay(_ older: [LiveRow], with newer: [LiveRow]) -> [LiveRow] {
    var merged: [LiveRow] = []
    merged.reserveCapacity(older.count + newer.count)
    var i = 0
    for row in newer {
      while i < older.count, (older[i].code, older[i].minute) < (row.code, row.minute) {
        merged.append(older[i])
        i += 1
      }
      if i < older.count, older[i].code == row.code, older[i].minute == row.minute { i += 1 }
      merged.append(row)
    }
    merged.append(contentsOf: older[i...])
    return merged
  }

  /// Clicks of the log from the sealed position to the applied one.
  private func logSums(_ state: ManifestState) throws -> [LiveRow] {
    var live = LiveMinutes()
    let ads = core.live
    for extent in state.extents where extent.firstPosition < state.applied {
      if let end = extent.end, end.position <= state.sealed { continue }
      let path = "\(core.directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
      let reader = try LogReader(core.environment.files, path, extent: extent, store: core.store)
      _ = unsafe try reader.walk(to: extent.end.map { Int($0.offset) }) { frame, payload, _ in
        for i in 0..<Int(frame.records) {
          let position = frame.firstPosition + UInt64(i)
          guard position >= state.sealed, position < state.applied,
            let click = unsafe RecordFormat.read(
              payload.baseAddress! + i * RecordFormat.size, base: frame.logicalTime)
          else { continue }
          live.apply(ad: click.ad, minute: click.minute)
        }
      }
    }
    var rows: [LiveRow] = []
    live.forEachRow { ad, minute, clicks in
      rows.append(LiveRow(code: ads.code(of: ad)!, minute: minute.index, clicks: clicks))
    }
    return rows.sorted { ($0.code, $0.minute) < ($1.code, $1.minute) }
  }

  /// Writes closed minutes as one base run a day.
  private func writeMinutes(_ lists: [[LiveRow]], _ state: ManifestState, _ made: inout Made) throws {
    var days: [Int64: [LiveRow]] = [:]
    for list in lists {
      for row in list where row.minute < state.closedThrough && row.minute >= state.minutesFrom {
        days[Self.day(of: row.minute), default: []].append(row)
      }
    }
    for day in days.keys.sorted() {
      var rows: [RunRow] = []
      for row in days[day]!.sorted(by: { ($0.code, $0.minute) < ($1.code, $1.minute) }) {
        if let last = rows.last, last.code == row.code, last.bucket == row.minute {
          rows[rows.count - 1].value += row.clicks
        } else {
          rows.append(RunRow(code: row.code, bucket: row.minute, value: row.clicks))
        }
      }
      let window = rows.map(\.bucket).min()!..<(rows.map(\.bucket).max()! + 1)
      try write(rows, .minutes, .base, window: window, position: state.applied, &made)
    }
  }

  /// Writes hours and days of the days that were rolled up.
  private func writeRollUps(_ state: ManifestState, _ made: inout Made) throws {
    for (_, minutes) in made.added.runs {
      let day = Self.day(of: minutes.window.lowerBound)
      guard day < state.rolledUp else { continue }
      for key in [RunTableKey.hours, .days] {
        let perDay = CompactionPlan.perDay(key)
        try writeRun(key, .base, window: day * perDay..<(day + 1) * perDay, position: state.applied, &made) {
          try RunMerge.widen(minutes, into: &$0)
        }
      }
    }
  }
}
