import Clicks

// SQLite checks the structure of its file, not what stands in it: a bit that flips inside a value leads clicks to a stranger
// and bills another advertiser. So each row of the tables that matter carries a checksum of itself:
//
//   checksum = the first 64 bits, big-endian, of SHA-256 over
//              key of the catalog (16 bytes), name of the table, 0, then for each column in the order below:
//              0                              null
//              1, value as 8 bytes            integer          all numbers little-endian
//              2, length as 4 bytes, bytes    text
//              3, length as 4 bytes, bytes    blob
//
// The key makes a row of another catalog as wrong as a damaged one. Whoever writes a row signs it in the same statement;
// whoever reads one checks it before anything in it is believed.

/// The tables whose rows are signed.
package enum SignedTable: String, CaseIterable, Sendable {
  case ad
  case signingKey = "signing_key"
  case token
  case job
  case schedule
  case share

  /// What a row is, in words.
  package var kind: String { self == .signingKey ? "key" : rawValue }

  /// The table of a kind's name.
  package init?(kind: String) {
    guard let found = Self.allCases.first(where: { $0.kind == kind }) else { return nil }
    self = found
  }

  /// Every column but the checksum. The first one that is not the row's number is the name by which people know the row.
  package var columns: [String] { Self.allColumns[self] ?? [] }

  /// Made once: each row that is read asks for them.
  private static let allColumns = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0, $0.originalColumns + $0.columnsOfStep4) })

  /// The columns that rows of a catalog of version `version` are signed over.
  func columns(of version: Int64) -> [String] { version < 4 ? originalColumns : columns }

  /// Those that the schema's fourth step brought: the last ones, so that the others keep their places.
  private var columnsOfStep4: [String] {
    switch self {
    case .token: ["expires_at", "last_used_at"]
    case .signingKey: ["advertiser_id"]
    case .ad, .job, .schedule, .share: []
    }
  }

  private var originalColumns: [String] {
    switch self {
    case .ad:
      [
        "key", "id", "redirect_url", "advertiser_id", "campaign_id", "status", "fallback_url", "pass_query",
        "created_at", "updated_at", "deleted_at",
      ]
    case .signingKey: ["sequence", "kid", "secret", "created_at", "retired_at"]
    case .token: ["sequence", "id", "hash", "scopes", "advertiser_id", "label", "created_at", "revoked_at"]
    case .job:
      [
        "sequence", "id", "kind", "scheduled_at", "queued_at", "started_at", "finished_at", "result", "error",
      ]
    case .schedule: ["kind", "first_seen"]
    case .share:
      [
        "sequence", "id", "hash", "token_id", "advertiser_id", "campaign_id", "created_at", "expires_at", "revoked_at",
      ]
    }
  }

  /// The column by whose value people know a row.
  package var nameColumn: String { self == .schedule ? "kind" : columns[1] }

  /// Columns that nobody may be shown.
  package var secretColumns: Set<String> {
    switch self {
    case .signingKey: ["secret"]
    case .token, .share: ["hash"]
    case .ad, .job, .schedule: []
    }
  }

  /// Columns by name, and the checksum behind them.
  var columnList: String { columns.joined(separator: ", ") }

  /// Selects rows as `StoredRow` reads them; `clause` begins behind the table's name.
  func select(_ clause: String) -> String { (Self.selections[self] ?? "") + clause }

  private static let selections = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0, "SELECT rowid, \($0.columnList), checksum FROM \($0.rawValue) ") })
}

/// Signs rows: the key of one catalog.
struct RowSigner {
  let key: [UInt8]
  let hasher: SHA256

  /// The checksum of a row.
  func checksum(_ table: SignedTable, _ values: [Value]) -> Int64 {
    hasher.digest(table.signedBytes(values, key: key)).prefix(8).reduce(0) { $0 << 8 | Int64($1) }
  }
}

extension SignedTable {
  /// What stands before the values of a row where its checksum is made.
  func begin(_ bytes: inout [UInt8], key: [UInt8]) {
    bytes += key
    bytes += rawValue.utf8
    bytes.append(0)
  }

  /// What the checksum of a row is made of.
  package func signedBytes(_ values: [Value], key: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    begin(&bytes, key: key)
    func number(_ value: some FixedWidthInteger) {
      unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes += $0 }
    }
    for value in values {
      switch value {
      case .null: bytes.append(0)
      case .integer(let integer):
        bytes.append(1)
        number(integer)
      case .text(var text):
        bytes.append(2)
        text.withUTF8 {
          number(UInt32(truncatingIfNeeded: $0.count))
          unsafe bytes += $0
        }
      case .blob(let blob):
        bytes.append(3)
        number(UInt32(truncatingIfNeeded: blob.count))
        bytes += blob
      }
    }
    return bytes
  }
}

/// A row as it stands in the file.
struct StoredRow {
  let table: SignedTable
  let rowID: Int64
  var values: [Value]
  /// Nil where it has none.
  let checksum: Int64?
  /// Whether it is what was signed.
  let isSound: Bool

  /// Reads a row that `SignedTable.select` asked for.
  init(_ table: SignedTable, _ row: Row, by signer: RowSigner) {
    self.table = table
    rowID = row.integer(0)
    let count = table.columns.count
    values = (1...count).map { row.value(Int32($0)) }
    checksum = row.optionalInteger(Int32(count + 1))
    isSound = checksum == signer.checksum(table, values)
  }

  /// The value of a column.
  subscript(column: String) -> Value {
    get { values[table.columns.firstIndex(of: column)!] }
    set { values[table.columns.firstIndex(of: column)!] = newValue }
  }

  /// Which row it is, for people.
  var identity: DamagedRow {
    DamagedRow(table: table, rowID: rowID, name: self[table.nameColumn].text ?? "")
  }
}

/// A row that is not what was signed: nothing in it is believed, its name neither.
package struct DamagedRow: Hashable, Sendable, CustomStringConvertible {
  package var table: SignedTable
  /// SQLite's number of the row.
  package var rowID: Int64
  /// What stands there now.
  package var name: String

  package init(table: SignedTable, rowID: Int64, name: String) {
    self.table = table
    self.rowID = rowID
    self.name = String(
      String.UnicodeScalarView(name.unicodeScalars.prefix(64).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
  }

  package var description: String { "\(table.kind) \(name) (row \(rowID))" }
}

extension Catalog {
  /// Rows of a table; `clause` begins behind its name.
  func rows(
    _ table: SignedTable, _ clause: String, _ values: [Value] = [], doing: @autoclosure () -> String
  ) throws(CatalogError) -> [StoredRow] {
    try database.query(table.select(clause), values, doing: doing()) { [signer] in StoredRow(table, $0, by: signer) }
  }

  /// The same rows without those that are damaged, each of which is told.
  func soundRows(
    _ table: SignedTable, _ clause: String, _ values: [Value] = [], doing: @autoclosure () -> String
  ) throws(CatalogError) -> [StoredRow] {
    try rows(table, clause, values, doing: doing()).filter { row in
      if !row.isSound { found?(row.identity) }
      return row.isSound
    }
  }

  /// Throws `.damagedRow` where the row is not what was signed, and tells of it.
  func check(_ row: StoredRow) throws(CatalogError) {
    guard !row.isSound else { return }
    found?(row.identity)
    throw .damagedRow(file: database.path, row: row.identity)
  }

  /// Adds a row, signed. The caller has chosen its number.
  func insert(_ table: SignedTable, _ values: [Value], doing: @autoclosure () -> String) throws(CatalogError) {
    try database.run(
      "INSERT INTO \(table.rawValue) (\(table.columnList), checksum) VALUES (\(places(table)))",
      values + [.integer(signer.checksum(table, values))], doing: doing())
  }

  /// Puts new values into a row, signed.
  func update(_ row: StoredRow, doing: @autoclosure () -> String) throws(CatalogError) {
    let assignments = row.table.columns.map { "\($0) = ?" }.joined(separator: ", ")
    try database.run(
      "UPDATE \(row.table.rawValue) SET \(assignments), checksum = ? WHERE rowid = ?",
      row.values + [.integer(signer.checksum(row.table, row.values)), .integer(row.rowID)], doing: doing())
  }

  /// The number that a new row of a table gets.
  func nextNumber(_ table: SignedTable, doing: @autoclosure () -> String) throws(CatalogError) -> Int64 {
    try database.query("SELECT coalesce(max(rowid), 0) FROM \(table.rawValue)", doing: doing()) { $0.integer(0) }[0]
      &+ 1
  }

  func places(_ table: SignedTable) -> String {
    [String](repeating: "?", count: table.columns.count + 1).joined(separator: ", ")
  }
}
