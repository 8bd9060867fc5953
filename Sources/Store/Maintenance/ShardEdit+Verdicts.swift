import Clicks
import Minutes
import Runs

// Verdicts on their way into their tables: see `VerdictCounts`.

extension Verdict {
  /// The external table of the verdict.
  package var table: String { "verdict.\(name)" }
}

extension ShardEdit {
  /// Writes verdicts as external rows: what is there already and what came, under the checkpoint's position as their version.
  /// Returns the changes that name new tables.
  func writeVerdicts(
    _ verdicts: [(key: VerdictCounts.Key, count: UInt64)], position: UInt64, _ state: ManifestState
  ) throws -> [ManifestChange] {
    var changes: [ManifestChange] = []
    var numbers = state.tables
    for verdict in Verdict.allCases {
      let own = verdicts.filter { $0.key.verdict == verdict }
      guard !own.isEmpty else { continue }
      let known = numbers.first { $0.value == verdict.table }?.key
      let number = known ?? (numbers.keys.max() ?? 0) + 1
      if known == nil {
        changes.append(.table(number: number, name: verdict.table))
        numbers[number] = verdict.table
      }
      var rows: [RunRow] = []
      for (key, count) in own {
        let minute = Minute(index: key.minute)
        let present = try core.live.external(number, of: key.ad, from: minute, to: Minute(index: key.minute + 1))
        let total = (present.first?.value ?? 0) + count
        rows.append(
          RunRow(code: core.live.code(of: key.ad)!, bucket: key.minute, value: total, version: position))
      }
      rows.sort { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
      try writeExternal(rows, table: number, position: position)
    }
    return changes
  }
}
