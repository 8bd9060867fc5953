import Clicks
import Corrections
import Reconciliation
import Store

/// What a recount was asked to do, for a server and for a directory alike.
package struct RecountRequest: Sendable {
  /// Event times, ms since 1970, that bound the minutes; nil for no bound.
  package var from: Int64?
  package var to: Int64?
  /// It only says what it would change.
  package var isDry: Bool
  /// Only what clicks have changed since the last recount.
  package var changes: Bool

  package init(from: Int64? = nil, to: Int64? = nil, isDry: Bool = false, changes: Bool = false) {
    self.from = from
    self.to = to
    self.isDry = isDry
    self.changes = changes
  }

  /// What the shards are asked.
  package var scope: RecountScope {
    if changes { return .changes }
    guard from != nil || to != nil else { return .deep(nil) }
    let first = from.map { Minute(containing: $0).index } ?? 0
    let end = to.map { Minute(containing: $0 + 59_999).index } ?? Int64(1) << 40
    return .deep(first..<max(first, end))
  }

  /// Recounts every shard, one after the other, each when it has done what is under way. `progress` is told how many raw
  /// clicks of how many were read, and ends the work by returning false: what was corrected stays corrected.
  package func perform(
    _ shards: [Maintenance], progress: (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) throws -> JSONValue {
    var sum: RecountReport?
    var codes: [(shard: Int, row: Correction)] = []
    var alone: [SealedMonthsDiffer.Entry] = []
    var isComplete = true
    var read: UInt64 = 0
    let total = shards.reduce(UInt64(0)) { sum, maintenance in
      sum + maintenance.core.live.version.segments.reduce(0) { $0 + UInt64($1.summary.rows) }
    }
    do {
      for (shard, maintenance) in shards.enumerated() {
        let before = read
        let report = try withoutActuallyEscaping(progress) { progress in
          let told = Told(progress: progress, total: total)
          return try maintenance.recount(scope, isDry: isDry, goesOn: { told.goesOn() }) { done, _ in
            told.done = before + done
          }
        }
        read = before + report.rawClicks
        codes += report.samples.map { (shard, $0) }
        alone += (SealedRowsDiffer(report)?.months ?? []).map { .init(shard: shard, month: $0.month, rows: $0.rows) }
        sum = sum.map { $0 + report } ?? report
      }
    } catch is RecountStopped { isComplete = false }
    return Self.json(
      sum ?? RecountReport(mark: RecountMark()), codes, alone, shards, isDry: isDry, isComplete: isComplete)
  }

  private final class Told {
    let progress: (UInt64, UInt64) -> Bool
    let total: UInt64
    var done: UInt64 = 0

    init(progress: @escaping (UInt64, UInt64) -> Bool, total: UInt64) {
      self.progress = progress
      self.total = total
    }

    func goesOn() -> Bool { progress(done, total) }
  }

  private static func json(
    _ report: RecountReport, _ samples: [(shard: Int, row: Correction)], _ alone: [SealedMonthsDiffer.Entry],
    _ shards: [Maintenance], isDry: Bool, isComplete: Bool
  ) -> JSONValue {
    let minutes = report.minutes.flatMap { $0.isEmpty ? nil : $0 }
    func moment(_ minute: Int64?) -> JSONValue {
      .optional(minute.flatMap { $0 >= 0 ? "\(Minute(index: $0))" : nil })
    }
    return .object([
      "complete": .bool(isComplete), "dryRun": .bool(isDry), "from": moment(minutes?.lowerBound),
      "to": moment(minutes?.upperBound), "rawClicks": .integer(report.rawClicks),
      "rowsChecked": .integer(report.rows + report.rollUpRows), "clicks": .integer(report.clicks),
      "rowsCorrected": .integer(report.corrections),
      "corrected": .object(
        CorrectionReason.allCases.map { .init($0.name, .integer(report.corrected[$0] ?? 0)) }),
      "clicksAdded": .integer(report.added), "clicksRemoved": .integer(report.removed),
      "repeatsRemoved": .integer(report.repeats), "rowsCredited": .integer(report.credits),
      SealedMonthsDiffer.member: .array(alone.map(\.json)),
      "samples": .array(
        samples.prefix(RecountReport.sampleLimit).map { shard, row in
          guard case .object(let members) = API.json(row) else { return .null }
          let key = shards[shard].core.live.key(of: row.code)
          return .object([.init("adKey", .optional(key.map { "\($0)" }))] + members)
        }),
    ])
  }
}
