import Clicks
import Files
import Platform
import Runs

// What a rewritten store takes over that is not made from raw clicks: the rows that retired ones left.

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

extension Upkeep {
  /// Takes `rows` over as the BASE rows of a shard that has none: clicks that its raw ones do not tell of, below the position
  /// up to which raw clicks are retired.
  package func adoptBase(_ rows: [AdMinuteCount]) throws {
    try checkRunning()
    precondition(core.live.version.table(.base).runs.isEmpty, "there are BASE rows already")
    guard !rows.isEmpty else { return }
    let assigned = core.live.assign(rows.map(\.ad), firstCode: codes)
    var days: [Int64: [RunRow]] = [:]
    for (row, code) in zip(rows, assigned.codes) {
      days[Self.day(of: row.minute), default: []].append(RunRow(code: code, bucket: row.minute, value: row.clicks))
    }
    var made = Made()
    do {
      try writeDictionary(assigned.keys, &made)
      for day in days.keys.sorted() {
        var sums: [RunRow] = []
        for row in days[day]!.sorted(by: { ($0.code, $0.bucket) < ($1.code, $1.bucket) }) {
          if let last = sums.last, last.code == row.code, last.bucket == row.bucket {
            sums[sums.count - 1].value += row.value
          } else {
            sums.append(row)
          }
        }
        try write(
          sums, .base, .patch, window: day * 1_440..<(day + 1) * 1_440, position: core.manifest.state.retired, &made)
      }
      try install(made)
    } catch {
      discard(made)
      throw error
    }
  }

  /// Drops minute rows that lie before `minute` as a whole; hours and days stay.
  package func dropMinutes(before minute: Int64) throws {
    try checkRunning()
    let runs = core.live.version.table(.minutes).runs.filter { $0.window.upperBound <= minute }
    guard let end = runs.map(\.window.upperBound).max() else { return }
    try install(
      Made(), removing: runs.map { StoreFile(kind: .run, reference: $0.file.reference) }, files: runs.map(\.file),
      [.minutesFrom(minute: end)])
  }
}
