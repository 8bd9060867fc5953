// The tables of the catalog, as the steps that lead to them. `user_version` counts the steps a file has gone; a step that
// was ever released is never changed, the next change is a further step.
//
//   step   brings
//   1      ads, signing keys, tokens
//   2      jobs that have ended, schedules
//   3      checksums of rows, whose catalog this is, parameters that ads pass on
//   4      when tokens expire and were last used, share links, signing keys of one advertiser

/// The catalog's schema and the way from any older one to it.
package enum Schema {
  /// Marks the file as ours ("taly"), in `application_id`.
  package static let applicationID: Int64 = 0x7461_6C79

  /// Step i leads from version i to version i + 1.
  package static let steps = [
    """
    -- One row for each ad there ever was: the way from the engine's key to the id outlives the ad.
    CREATE TABLE ad (
      key           INTEGER PRIMARY KEY,          -- the ad key's 64 bits, as a signed number
      id            TEXT    NOT NULL UNIQUE,
      redirect_url  TEXT    NOT NULL,
      advertiser_id TEXT    NOT NULL,
      campaign_id   TEXT,
      status        INTEGER NOT NULL,             -- 0 active, 1 paused
      fallback_url  TEXT,
      created_at    INTEGER NOT NULL,             -- all times: milliseconds since 1970
      updated_at    INTEGER NOT NULL,
      deleted_at    INTEGER
    ) STRICT;
    CREATE INDEX ad_by_advertiser ON ad (advertiser_id, id);

    CREATE TABLE signing_key (
      sequence   INTEGER PRIMARY KEY,             -- the newest has the highest
      kid        TEXT    NOT NULL UNIQUE,
      secret     BLOB    NOT NULL,
      created_at INTEGER NOT NULL,
      retired_at INTEGER
    ) STRICT;

    CREATE TABLE token (
      sequence      INTEGER PRIMARY KEY,
      id            TEXT    NOT NULL UNIQUE,
      hash          BLOB    NOT NULL,             -- SHA-256 of the whole text
      scopes        INTEGER NOT NULL,
      advertiser_id TEXT,                         -- null: all
      label         TEXT,
      created_at    INTEGER NOT NULL,
      revoked_at    INTEGER
    ) STRICT;
    """,
    """
    CREATE TABLE job (
      sequence     INTEGER PRIMARY KEY,           -- the newest has the highest
      id           TEXT    NOT NULL,
      kind         TEXT    NOT NULL,
      scheduled_at INTEGER,                       -- null: somebody asked for it
      queued_at    INTEGER NOT NULL,
      started_at   INTEGER NOT NULL,
      finished_at  INTEGER NOT NULL,
      result       TEXT,                          -- JSON; null where it failed
      error        TEXT
    ) STRICT;
    CREATE INDEX job_by_id ON job (id);
    CREATE TABLE schedule (
      kind       TEXT    PRIMARY KEY,
      first_seen INTEGER NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE ad ADD COLUMN pass_query TEXT;    -- names between blanks; null: none
    ALTER TABLE ad ADD COLUMN checksum INTEGER;   -- of the row; see SignedTable
    ALTER TABLE signing_key ADD COLUMN checksum INTEGER;
    ALTER TABLE token ADD COLUMN checksum INTEGER;
    ALTER TABLE job ADD COLUMN checksum INTEGER;
    ALTER TABLE schedule ADD COLUMN checksum INTEGER;
    CREATE INDEX ad_by_campaign ON ad (campaign_id, id) WHERE campaign_id IS NOT NULL;
    CREATE TABLE identity (
      copy     INTEGER PRIMARY KEY,               -- 1 and 2 say the same
      catalog  BLOB    NOT NULL,                  -- 16 random bytes: the key of the checksums
      store    TEXT,                              -- the store's id, 32 hex digits; null while there is none
      checksum INTEGER NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE token ADD COLUMN expires_at INTEGER;       -- null: never
    ALTER TABLE token ADD COLUMN last_used_at INTEGER;     -- null: not since this was kept
    ALTER TABLE signing_key ADD COLUMN advertiser_id TEXT; -- null: verifies everybody's ads
    CREATE TABLE share (
      sequence      INTEGER PRIMARY KEY,
      id            TEXT    NOT NULL UNIQUE,
      hash          BLOB    NOT NULL,             -- SHA-256 of the secret's text
      token_id      TEXT    NOT NULL,             -- the token that made it, with which it ends
      advertiser_id TEXT    NOT NULL,
      campaign_id   TEXT,                         -- null: all of the advertiser's ads
      created_at    INTEGER NOT NULL,
      expires_at    INTEGER NOT NULL,
      revoked_at    INTEGER,
      checksum      INTEGER
    ) STRICT;
    """,
  ]

  /// The version from which on rows are signed.
  static let signedVersion: Int64 = 3

  /// Brings an open database to the newest version, all steps in one transaction; refuses other applications' files and
  /// newer versions. Read-only, an older version is refused too. `finish` ends the transaction of the steps; it is told the
  /// version from which they led. Returns the version that was found.
  @discardableResult
  package static func establish(
    in database: Database, _ access: Database.Access, steps: [String] = steps,
    finish: (_ found: Int64) throws(CatalogError) -> Void = { _ in }
  ) throws(CatalogError) -> Int64 {
    let found = try version(of: database)
    if try check(database, steps.count) { return found }
    guard access == .readWrite else {
      throw .version(file: database.path, found: found, known: Int64(steps.count))
    }
    let doing = "bringing its tables from version \(found) to \(steps.count)"
    try database.transaction(doing: doing) { () throws(CatalogError) in
      // Another process may have been faster.
      if try check(database, steps.count) { return }
      for step in try Int(version(of: database))..<steps.count { try database.execute(steps[step], doing: doing) }
      try database.execute(
        "PRAGMA application_id=\(applicationID); PRAGMA user_version=\(steps.count)", doing: doing)
      try finish(found)
    }
    return found
  }

  /// Throws `.damaged` where the file says that it is older than what it holds.
  static func checkVersion(of database: Database) throws(CatalogError) {
    let version = try version(of: database)
    for (table, step) in [("identity", signedVersion), ("share", 4)] where version < step {
      let tables = try database.query(
        "SELECT count(*) FROM sqlite_schema WHERE name = ?", [.text(table)], doing: "reading its tables"
      ) { $0.integer(0) }
      guard tables == [0] else {
        throw .damaged(
          file: database.path, doing: "reading its version", text: "it says \(version), but has what came later")
      }
    }
  }

  /// Whether the file has the newest version already.
  private static func check(_ database: Database, _ known: Int) throws(CatalogError) -> Bool {
    let found = try version(of: database)
    let application = try database.pragma("application_id")
    if application != String(applicationID) {
      let tables = try database.query("SELECT count(*) FROM sqlite_schema", doing: "reading its tables") {
        $0.integer(0)
      }
      guard application == "0", found == 0, tables == [0] else { throw .foreign(file: database.path) }
    }
    guard found <= known else { throw .version(file: database.path, found: found, known: Int64(known)) }
    return found == known
  }

  static func version(of database: Database) throws(CatalogError) -> Int64 {
    try Int64(database.pragma("user_version")) ?? 0
  }
}
