import Catalog
import Clicks
import Platform
import Testing

/// A catalog of version 3, as 0.2 and 0.3 wrote it, is brought to version 4: its rows are signed over their new columns, and what
/// was damaged stays damaged.
@Suite struct OlderCatalogTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private static let newColumns: [(table: SignedTable, columns: [String])] = [
    (.token, ["expires_at", "last_used_at"]), (.signingKey, ["advertiser_id"]),
  ]

  /// Takes away what step 4 brought, and signs the rows as version 3 did.
  private func makeOlder() throws -> Database {
    let database = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    try database.execute("DROP TABLE share; PRAGMA user_version = 3", doing: "testing")
    for (table, columns) in Self.newColumns {
      for column in columns {
        try database.execute("ALTER TABLE \(table.rawValue) DROP COLUMN \(column)", doing: "testing")
      }
      try sign(table, in: database, columns: table.columns.filter { !columns.contains($0) })
    }
    return database
  }

  private func fill() throws -> (tokens: [NewToken], keys: [ActiveKey]) {
    let catalog = try scratch.open()
    _ = try catalog.put(draft("42"), hasCounts: false)
    return (
      try (0..<5).map { try catalog.createToken(scopes: [.read], advertiserID: "adv\($0)", label: "of \($0)") },
      try (0..<3).map { try catalog.addKey(kid: "k\($0)") }
    )
  }

  @Test func itsRowsAreSignedOverTheirNewColumns() throws {
    let (tokens, keys) = try fill()
    _ = try makeOlder()
    guard case .version(_, 3, 4) = failure({ _ = try scratch.open(.readOnly) }) else {
      Issue.record("it was read without what step 4 brings")
      return
    }
    let catalog = try scratch.open()
    #expect(try catalog.damagedRows() == [] && catalog.structuralFault() == nil)
    #expect(try catalog.tokens() == tokens.map(\.info))
    for token in tokens { #expect(try catalog.authenticate(token.text.reveal())?.tokenID == token.info.id) }
    #expect(try catalog.activeKeys().map(\.secret.bytes) == keys.reversed().map(\.secret.bytes))
    #expect(try catalog.shares() == [])
  }

  /// Damage of the time before is not signed away.
  @Test func whatWasDamagedStaysSo() throws {
    let (tokens, _) = try fill()
    let older = try makeOlder()
    try older.execute(
      """
      UPDATE token SET advertiser_id = 'adv3' WHERE id = '\(tokens[1].info.id)';
      UPDATE token SET checksum = NULL WHERE id = '\(tokens[2].info.id)';
      UPDATE signing_key SET secret = X'\(String(repeating: "41", count: 16))' WHERE kid = 'k1';
      """, doing: "testing")
    let catalog = try scratch.open()
    #expect(try Set(catalog.damagedRows().map(\.name)) == [tokens[1].info.id, tokens[2].info.id, "k1"])
    #expect(try catalog.authenticate(tokens[1].text.reveal()) == nil)
    #expect(try catalog.authenticate(tokens[3].text.reveal()) != nil)
    #expect(try catalog.activeKeys().map(\.kid) == ["k2", "k0"])
  }

  @Test func aFileThatSaysItIsOfVersion3AndIsNotIsDamaged() throws {
    _ = try scratch.open()
    try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(
      "PRAGMA user_version = 3", doing: "testing")
    for access in [Database.Access.readOnly, .readWrite] {
      guard case .damaged = failure({ _ = try scratch.open(access) }) else {
        Issue.record("it was believed")
        continue
      }
    }
  }
}
