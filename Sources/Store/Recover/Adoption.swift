import Clicks
import Corrections
import Files
import Platform
import Runs

// What a rewritten store takes over that is not made from raw clicks: the rows that retired ones left, and what recounts
// have changed.

/// Clicks of an ad in a minute.
package struct AdMinuteCount: Sendable {
  package var ad: AdKey
  package var minute: Int64
  package var clicks: UInt64

  package init(ad: AdKey, minute: Int64, clicks: UInt64) {
    self.ad = ad
    self.minute = minute
    self.clicks = clicks
  }
}

/// What a recount changed in a row of an ad.
package struct AdCorrection: Sendable {
  package var ad: AdKey
  /// Its code says nothing.
  package var correction: Correction

  package init(ad: AdKey, correction: Correction) {
    self.ad = ad
    self.correction = correction
  }
}

extension Maintenance {
  /// Corrections of one file that is taken over.
  private static let correctionsAtOnce = 1 << 18

  /// Takes the history of corrections over, into a shard that has none. Its next recount has a number above `lastRun`, and
  /// counts all raw clicks.
  package func adoptCorrections(_ rows: [AdCorrection], lastRun: UInt64) throws {
    try exclusively { try adoptCorrections(rows, lastRun: lastRun, $0) }
  }

  private func adoptCorrections(_ rows: [AdCorrection], lastRun: UInt64, _ context: MaintenanceContext) throws {
    precondition(
      core.live.version.corrections.isEmpty && core.manifest.state.lastRecount == 0, "there is a history already")
    guard lastRun > 0 else { return }
    let assigned = core.live.assign(rows.map(\.ad), firstCode: context.codes)
    let sorted = zip(rows, assigned.codes).map { row, code in
      var correction = row.correction
      correction.code = code
      return correction
    }.sorted { ($0.run.number, $0.code) < ($1.run.number, $1.code) }
    try ShardEdit.perform(context) { edit in
      try edit.writeDictionary(assigned.keys)
      for start in stride(from: 0, to: sorted.count, by: Self.correctionsAtOnce) {
        let part = Array(sorted[start..<min(start + Self.correctionsAtOnce, sorted.count)])
        try edit.writeCorrections(part, [], core.environment.files)
      }
      try edit.install([.recounted(core.manifest.state.recounted, run: lastRun)])
    }
  }

  /// Takes `rows` over as the BASE rows of a shard that has none: clicks that its raw ones do not tell of, below the position
  /// up to which raw clicks are retired.
  package func adoptBase(_ rows: [AdMinuteCount]) throws { try exclusively { try adoptBase(rows, $0) } }

  private func adoptBase(_ rows: [AdMinuteCount], _ context: MaintenanceContext) throws {
    precondition(core.live.version.table(.base).runs.isEmpty, "there are BASE rows already")
    guard !rows.isEmpty else { return }
    let assigned = core.live.assign(rows.map(\.ad), firstCode: context.codes)
    var days: [Int64: [RunRow]] = [:]
    for (row, code) in zip(rows, assigned.codes) {
      days[Day(ofMinute: row.minute).index, default: []]
        .append(RunRow(code: code, bucket: row.minute, value: row.clicks))
    }
    try ShardEdit.perform(context) { edit in
      try edit.writeDictionary(assigned.keys)
      for day in days.keys.sorted() {
        var sums: [RunRow] = []
        for row in days[day]!.sorted(by: { ($0.code, $0.bucket) < ($1.code, $1.bucket) }) {
          if let last = sums.last, last.code == row.code, last.bucket == row.bucket {
            sums[sums.count - 1].value += row.value
          } else {
            sums.append(row)
          }
        }
        try edit.write(
          sums, .base, .patch, window: Day(index: day).minutes, position: core.manifest.state.retired)
      }
      try edit.install()
    }
  }

  /// Drops minute rows that lie before `minute` as a whole; hours and days stay.
  package func dropMinutes(before minute: Int64) throws {
    let runs = core.live.version.table(.minutes).runs.filter { $0.window.upperBound <= minute }
    guard let end = runs.map(\.window.upperBound).max() else { return }
    try exclusively { context in
      try ShardEdit.perform(context) { edit in
        try edit.install(
          removing: runs.map { StoreFile(kind: .run, reference: $0.file.reference) }, closing: runs.map(\.file),
          isRevised: true, [.minutesFrom(minute: end)])
      }
    }
  }
}
