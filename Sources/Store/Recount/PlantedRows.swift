import Clicks
import Runs

// What a recount has to find: rows that are wrong. Nothing but tests calls it.

extension Maintenance {
  /// Writes a patch that changes rows of `key` by what no click says, in one record, for tests of the recount. Ads without a
  /// code are left out; no row falls below zero.
  package func plant(
    _ changes: [(ad: AdKey, bucket: Int64, change: Int64)], in key: RunTableKey = .minutes
  ) throws {
    try exclusively { try plant(changes, in: key, $0) }
  }

  private func plant(
    _ changes: [(ad: AdKey, bucket: Int64, change: Int64)], in key: RunTableKey, _ context: MaintenanceContext
  ) throws {
    let table = core.live.version.table(key)
    var days: [Int64: [RunChange]] = [:]
    for change in changes {
      guard let code = core.live.code(of: change.ad) else { continue }
      let present = try table.series(of: code, in: change.bucket..<(change.bucket + 1)).first?.count ?? 0
      let day = change.bucket.dividedDown(by: key.bucketsPerDay)
      guard !(days[day] ?? []).contains(where: { $0.code == code && $0.bucket == change.bucket }) else { continue }
      days[day, default: []].append(
        RunChange(code: code, bucket: change.bucket, change: max(change.change, -Int64(present))))
    }
    guard !days.isEmpty else { return }
    try ShardEdit.perform(context) { edit in
      for (_, rows) in days.sorted(by: { $0.key < $1.key }) {
        let sorted = rows.sorted { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
        let window = sorted.map(\.bucket).min()!..<(sorted.map(\.bucket).max()! + 1)
        try edit.writePatch(key, to: table, window: window, position: core.manifest.state.applied) { change in
          for row in sorted { try change(row) }
        }
      }
      try edit.install()
    }
  }
}
