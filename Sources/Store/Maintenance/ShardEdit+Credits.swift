import Clicks
import Corrections
import Minutes

// Late clicks of sealed months, which a checkpoint writes as credits: see `Credits.swift`.

extension ShardEdit {
  /// Clicks of sealed months as credits, in one file. Returns what the record says of it.
  func writeCredits(
    _ rows: [LiveRow], _ frozen: LiveTable.Frozen, _ state: ManifestState
  ) throws -> [ManifestChange] {
    guard !rows.isEmpty else { return [] }
    let run = CorrectionRun(number: context.nextRun, position: frozen.position, time: core.clock.now())
    let table = frozen.version.table(.minutes)
    var credits: [Correction] = []
    var at = 0
    let sorted = rows.sorted { ($0.code, $0.minute) < ($1.code, $1.minute) }
    while at < sorted.count {
      let code = sorted[at].code
      let end = sorted[at...].firstIndex { $0.code != code } ?? sorted.count
      let range = sorted[at].minute..<(sorted[end - 1].minute + 1)
      var have: [Int64: Int64] = [:]
      for row in try table.series(of: code, in: range) { have[row.bucket] = Int64(clamping: row.count) }
      for row in try frozen.version.credits(of: code, in: range) { have[row.minute.index, default: 0] &+= row.change }
      for row in sorted[at..<end] {
        // Of minute rows that are gone their credits are all there is.
        let from = UInt64(max(0, have[row.minute] ?? 0))
        credits.append(
          Correction(
            code: code, bucketSeconds: 60, bucket: row.minute, from: from, to: from + row.clicks, reason: .late,
            isCredit: true, run: run))
      }
      at = end
    }
    try writeCorrections(credits, [], core.environment.files)
    return [.recounted(state.recounted, run: run.number)]
  }
}
