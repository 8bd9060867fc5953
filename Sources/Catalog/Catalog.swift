import Clicks
import Platform

// Ads, signing keys and API tokens in one SQLite file. The way of a change: one transaction, on disk when the call
// returns; then the caller tells every `AdCache` (`invalidate`) or hands out a new `KeyRing`.
//
//   Catalog.swift           the file            Ads.swift      put, look up, list, delete, import
//   SigningKeys.swift       keys and secrets    Tokens.swift   who may do what
//   SignedTable.swift       checksums of rows   CatalogIdentity.swift   whose it is
//   CatalogCheck.swift      looking for damage  AcceptedRow.swift       what an operator does about it

/// The catalog of one data directory. A connection of one thread at a time; event loops ask the thread that has it and
/// keep the answers in an `AdCache` (rule R15).
package final class Catalog {
  let database: Database
  package let environment: Environment
  let hasher = SHA256()
  var identity: CatalogIdentity
  /// Signs and checks rows.
  let signer: RowSigner
  /// Told of every damaged row that is met.
  package var found: ((DamagedRow) -> Void)?

  private init(_ database: Database, _ identity: CatalogIdentity, _ environment: Environment) {
    self.database = database
    self.identity = identity
    self.environment = environment
    signer = RowSigner(key: identity.key, hasher: hasher)
  }

  /// Opens the catalog in the file `path`; read-write, it is created or brought to the newest version where needed, which
  /// signs the rows of an older one. Damage, another application's file and a newer version are refused with errors that
  /// name the file. Before that the file is looked at as `check` says. With an `owner` a catalog that is gone or another store's is refused too.
  package static func open(
    _ path: String, _ access: Database.Access = .readWrite, owner: CatalogOwner? = nil, check: Database.Check = .small,
    in environment: Environment
  ) throws(CatalogError) -> Catalog {
    if let owner, access == .readWrite, !environment.files.exists(path), owner.hasClicks() { throw .gone(file: path) }
    let database = try Database.open(path, access, check: check, files: environment.files)
    let hasher = SHA256()
    try Schema.checkVersion(of: database)
    let version = try Schema.establish(in: database, access) { found throws(CatalogError) in
      // An empty file is a new catalog to SQLite.
      if found == 0, let owner, owner.hasClicks() { throw .gone(file: path) }
      guard found < Schema.signedVersion else {
        let (identity, _) = try CatalogIdentity.read(database, hasher)
        return try Catalog(database, identity, environment).signAgain(from: found)
      }
      let identity = CatalogIdentity(
        key: environment.chance.bytes(CatalogIdentity.keyBytes), store: owner?.store)
      try identity.write(database, hasher)
      try Catalog(database, identity, environment).signAll()
    }
    let (identity, damaged) = try CatalogIdentity.read(database, hasher)
    if !damaged.isEmpty, access == .readWrite { try identity.write(database, hasher) }
    let catalog = Catalog(database, identity, environment)
    catalog.damagedCopies = damaged
    // A damaged name of a column passes SQLite's check of the file, and would fail whoever asks for a row.
    for table in SignedTable.allCases { _ = try catalog.rows(table, "LIMIT 0", doing: "reading its tables") }
    if let owner {
      if access == .readWrite {
        try catalog.belong(to: owner, isOld: version < Schema.signedVersion)
      } else if identity.store != owner.store, identity.store != nil || owner.hasClicks() {
        throw .otherStore(file: path, found: identity.store, store: owner.store)
      }
    }
    return catalog
  }

  /// Copies of the identity that were not sound when the catalog was opened.
  package private(set) var damagedCopies: [Int64] = []

  /// Signs every row of a catalog that is older than checksums.
  private func signAll() throws(CatalogError) {
    for table in SignedTable.allCases {
      var after = Int64.min
      while true {
        let doing = "signing its rows"
        let rows = try rows(table, "WHERE rowid > ? ORDER BY rowid LIMIT 1000", [.integer(after)], doing: doing)
        guard let last = rows.last else { break }
        for row in rows {
          try database.run(
            "UPDATE \(table.rawValue) SET checksum = ? WHERE rowid = ?",
            [.integer(signer.checksum(table, row.values)), .integer(row.rowID)], doing: doing)
        }
        after = last.rowID
      }
    }
  }

  /// Signs the rows of tables that got further columns since version `found`. A row that was damaged before stays so.
  private func signAgain(from found: Int64) throws(CatalogError) {
    let doing = "signing its rows with their new columns"
    for table in SignedTable.allCases where table.columns(of: found) != table.columns {
      let known = table.columns(of: found)
      let rows = try database.query(
        "SELECT rowid, \(known.joined(separator: ", ")), checksum FROM \(table.rawValue)", doing: doing
      ) { row in
        (
          id: row.integer(0), values: (1...known.count).map { row.value(Int32($0)) },
          checksum: row.optionalInteger(Int32(known.count + 1))
        )
      }
      let empty = [Value](repeating: .null, count: table.columns.count - known.count)
      for row in rows where row.checksum == signer.checksum(table, row.values) {
        try database.run(
          "UPDATE \(table.rawValue) SET checksum = ? WHERE rowid = ?",
          [.integer(signer.checksum(table, row.values + empty)), .integer(row.id)], doing: doing)
      }
    }
  }

  /// Opens the same file once more, to read: for another thread. Where this opening's check is enough, what is damaged since is found
  /// where it is read.
  package func another(check: Database.Check) -> @Sendable () throws(CatalogError) -> Catalog {
    { [path = database.path, environment] () throws(CatalogError) in
      try Catalog.open(path, .readOnly, check: check, in: environment)
    }
  }

  /// The time by which rows are written and tokens expire, milliseconds since 1970.
  package func now() -> Int64 { environment.time.wall() }

  /// A short random name, 10 characters (50 bits) that are hard to misread.
  func shortName() -> String {
    let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
    var bits = environment.chance.next()
    let name = (0..<10).map { _ in
      defer { bits >>= 5 }
      return alphabet[Int(bits & 31)]
    }
    return String(decoding: name, as: UTF8.self)
  }
}
