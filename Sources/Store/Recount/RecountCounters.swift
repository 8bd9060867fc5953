import Clicks
import Corrections

/// What the recounts of a shard did since it was opened.
package struct RecountCounters: Sendable {
  package var runs: UInt64 = 0
  package var rows: UInt64 = 0
  /// Changes of rows by reason.
  package var corrected: [CorrectionReason: UInt64] = [:]
  package var added: UInt64 = 0
  package var removed: UInt64 = 0
  package var repeats: UInt64 = 0
  /// Rows that the last recount found wrong other than by late repeats.
  package var lastDrift: UInt64 = 0
  /// Sealed months that recounts left alone, as their rows are not those that were sealed.
  package var monthsLeftAlone: Set<Month> = []

  mutating func add(_ report: RecountReport, isDry: Bool) {
    runs += 1
    rows += report.rows
    lastDrift =
      report.corrections - (report.corrected[.lateRepeat] ?? 0) + report.leftAlone.values.reduce(0, +)
    for (month, standing) in report.standings {
      if standing == .unknown { monthsLeftAlone.insert(month) } else { monthsLeftAlone.remove(month) }
    }
    guard !isDry else { return }
    corrected.merge(report.corrected, uniquingKeysWith: +)
    added += report.added
    removed += report.removed
    repeats += report.repeats
  }
}
