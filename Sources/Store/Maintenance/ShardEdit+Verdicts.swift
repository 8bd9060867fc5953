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
    _ verdicts: VerdictCounts.Taken, position: UInt64, _ state: ManifestState
  ) throws -> [ManifestChange] {
    var changes: [ManifestChange] = []
    var numbers = state.tables
    func number(_ name: String) -> UInt32 {
      if let known = numbers.first(where: { $0.value == name })?.key { return known }
      let number = (numbers.keys.max() ?? 0) + 1
      changes.append(.table(number: number, name: name))
      numbers[number] = name
      return number
    }
    if !verdicts.lost.isEmpty {
      let code = core.live.code(of: VerdictCounts.other)!
      let rows = verdicts.lost.map { RunRow(code: code, bucket: $0, value: 1, version: position) }
      try writeExternal(rows, .external(number(Verdict.lostTable)), position: position)
    }
    for verdict in Verdict.allCases {
      let own = verdicts.counts.filter { $0.key.verdict == verdict }
      guard !own.isEmpty else { continue }
      let number = number(verdict.table)
      var rows: [RunRow] = []
      for (key, count) in own {
        let minute = Minute(index: key.minute)
        let present = try core.live.external(number, of: key.ad, from: minute, to: Minute(index: key.minute + 1))
        let total = (present.first?.value ?? 0) + count
        rows.append(
          RunRow(code: core.live.code(of: key.ad)!, bucket: key.minute, value: total, version: position))
      }
      rows.sort { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
      try writeExternal(rows, .external(number), position: position)
    }
    return changes
  }
}
