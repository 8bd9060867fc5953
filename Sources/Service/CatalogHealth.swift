import Catalog
import Synchronization

// What is known of damage in the catalog. A damaged row stops what needs this row and nothing else; readiness falls only
// where no row can be read any more.

/// The damage that was met, by whatever thread. Any thread may use it.
package final class CatalogHealth: Sendable {
  private struct State {
    var rows: Set<DamagedRow> = []
    /// Met since the last check began.
    var fresh: Set<DamagedRow> = []
    /// Why nothing can be read.
    var failure: String?
    var checkedRows: UInt64 = 0
    var checks: UInt64 = 0
  }

  private let state = Mutex(State())
  private let report: @Sendable (String) -> Void

  /// `report` is told once of each damaged row.
  package init(report: @escaping @Sendable (String) -> Void) { self.report = report }

  /// The damaged rows, by kind and name.
  package var damaged: [DamagedRow] {
    state.withLock { $0.rows }.sorted { ($0.table.kind, $0.name, $0.rowID) < ($1.table.kind, $1.name, $1.rowID) }
  }

  /// Why the catalog as a whole cannot be used; nil while it can.
  package var failure: String? { state.withLock { $0.failure } }

  /// Rows that the background has checked, and how often it has come to the end of them.
  var progress: (rows: UInt64, checks: UInt64) { state.withLock { ($0.checkedRows, $0.checks) } }

  /// A row is damaged.
  package func found(_ row: DamagedRow) {
    let isNew = state.withLock { state in
      state.fresh.insert(row)
      return state.rows.insert(row).inserted
    }
    if isNew {
      report(
        "catalog: \(row) is damaged: it is not what was written; `tally catalog accept` shows it and says what can be done"
      )
    }
  }

  /// A row is as it was signed again, or gone.
  func repaired(_ table: SignedTable, _ rowID: Int64) {
    state.withLock { state in
      guard !state.rows.isEmpty else { return }
      state.rows = state.rows.filter { $0.table != table || $0.rowID != rowID }
      state.fresh = state.fresh.filter { $0.table != table || $0.rowID != rowID }
    }
  }

  /// The file itself cannot be read.
  func failed(_ reason: String) {
    let isNew = state.withLock { state in
      defer { state.failure = reason }
      return state.failure == nil
    }
    if isNew { report("catalog: \(reason)") }
  }

  /// A check of all rows begins.
  func beginCheck() { state.withLock { $0.fresh = [] } }

  /// So many rows more were looked at.
  func checked(rows: UInt64) { state.withLock { $0.checkedRows += rows } }

  /// The check has come to its end: what it did not meet is damaged no more.
  func endCheck() {
    state.withLock { state in
      state.rows = state.fresh
      state.failure = nil
      state.checks += 1
    }
  }
}
