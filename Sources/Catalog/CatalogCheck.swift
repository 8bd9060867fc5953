import Clicks

// Looking for damage without being asked for a row: every row of the signed tables, a few at a time, in the order of SQLite's
// numbers. Each row must be what was signed, and the indexes must lead to it, since lists and look-ups go by them.

/// A walk over all signed rows of a catalog, from the first to the last.
package struct CatalogCheck {
  private var tables = SignedTable.allCases[...]
  private var after = Int64.min
  /// Rows that were looked at.
  package private(set) var rows: UInt64 = 0
  /// Those that are not what was signed.
  package private(set) var damaged: [DamagedRow] = []

  package init() {}

  /// Looks at up to `limit` further rows; false where none is left. Throws `.damaged` where the file itself is.
  package mutating func next(_ catalog: Catalog, limit: Int) throws(CatalogError) -> Bool {
    guard let table = tables.first else { return false }
    let found = try catalog.rows(
      table, "WHERE rowid > ? ORDER BY rowid LIMIT ?", [.integer(after), .integer(Int64(limit))],
      doing: "checking its rows")
    for row in found {
      rows += 1
      if row.isSound { try catalog.checkIndexes(of: row) } else { damaged.append(row.identity) }
    }
    if let last = found.last, found.count == limit {
      after = last.rowID
    } else {
      tables.removeFirst()
      after = .min
    }
    return !tables.isEmpty
  }
}

extension Catalog {
  /// Lets this connection hold many pages in memory, hundreds of megabytes of a large file: for a process of its own that goes
  /// through all rows and their indexes.
  package func holdPages() throws(CatalogError) { try database.setCache(.large) }

  /// Every damaged row; reads all of them.
  package func damagedRows() throws(CatalogError) -> [DamagedRow] {
    var check = CatalogCheck()
    while try check.next(self, limit: 1_000) {}
    return check.damaged
  }

  /// What SQLite finds wrong with its file, indexes included; nil where it is sound. Reads all of it.
  package func structuralFault() throws(CatalogError) -> String? {
    let verdict = try database.pragma("integrity_check(1)")
    return verdict == "ok" ? nil : verdict
  }

  /// Throws `.damaged` where an index does not lead to a sound row.
  fileprivate func checkIndexes(of row: StoredRow) throws(CatalogError) {
    let doing = "checking its indexes"
    func leads(_ clause: String, _ values: [Value]) throws(CatalogError) {
      let found = try database.query(
        "SELECT rowid FROM \(row.table.rawValue) \(clause)", values, doing: doing
      ) { $0.integer(0) }
      guard found.contains(row.rowID) else {
        throw .damaged(file: database.path, doing: doing, text: "an index does not lead to \(row.identity)")
      }
    }
    // Each column that is asked for stands in the index, so that the row itself is not read.
    try leads("WHERE \(row.table.nameColumn) = ?", [row[row.table.nameColumn]])
    guard row.table == .ad else { return }
    try leads(
      "INDEXED BY ad_by_advertiser WHERE advertiser_id = ? AND id = ?", [row["advertiser_id"], row["id"]])
    if row["campaign_id"] != .null {
      try leads("INDEXED BY ad_by_campaign WHERE campaign_id = ? AND id = ?", [row["campaign_id"], row["id"]])
    }
  }
}
