import Clicks

/// A recount met sealed months whose rows are not those that were sealed, and nothing tells what they were.
package struct SealedRowsDiffer: Error, CustomStringConvertible {
  /// With the rows that were found to differ, by month.
  package var months: [(month: Month, rows: UInt64)]

  package init?(_ report: RecountReport) {
    months = report.leftAlone.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    if months.isEmpty { return nil }
  }

  package var description: String { months.map { Self.words($0.month, $0.rows) }.joined(separator: "; ") }

  /// What an operator has to know of one month.
  package static func words(_ month: Month, _ rows: UInt64) -> String {
    "\(month) has other rows than were sealed, and raw clicks, base rows and credits do not tell which: \(rows) rows that "
      + "differ were left as they are, and nothing was credited; tally verify names them, a backup may have what was sealed"
  }
}
