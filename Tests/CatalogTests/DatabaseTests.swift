import Catalog
import Clicks
import Glibc
import Platform
import Testing

@Suite struct DatabaseTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test func whatWasPutIsThereAfterReopening() throws {
    let full = try draft(
      "42", url: "https://a.example/x?y=%20", campaign: "c-1", status: "paused", fallback: "http://b.example")
    var catalog: Catalog? = try scratch.open()
    let put = try #require(try catalog?.put(full, hasCounts: false))
    catalog = nil
    let again = try scratch.open()
    #expect(try again.ad(full.id) == put.ad)
    #expect(put.ad.status == .paused && put.ad.campaignID == "c-1" && put.ad.fallbackURL == "http://b.example")
  }

  @Test func theFileAndItsCompanionsAreTheOwnersAlone() throws {
    let catalog = try scratch.open()
    _ = try catalog.addKey()
    #expect(scratch.mode("catalog.sqlite") == 0o600)
    #expect(scratch.mode("catalog.sqlite-wal") == 0o600)
    #expect(scratch.mode("catalog.sqlite-shm") == 0o600)
  }

  @Test func rightsThatWereWidenedAreTakenBack() throws {
    _ = try scratch.open()
    let widened = unsafe chmod(scratch.catalog, 0o644)
    #expect(widened == 0)
    _ = try scratch.open()
    #expect(scratch.mode("catalog.sqlite") == 0o600)
  }

  @Test func aConnectionIsDurableAndDistrustful() throws {
    let database = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    #expect(try database.pragma("journal_mode") == "wal")
    #expect(try database.pragma("synchronous") == "2")
    #expect(try database.pragma("foreign_keys") == "1")
    #expect(try database.pragma("trusted_schema") == "0")
  }

  @Test func everyKindOfValueComesBack() throws {
    let database = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    let values: [Value] = [
      .null, .integer(.min), .integer(.max), .text(""), .text("a\u{0}ü"), .blob([]), .blob([0, 255]),
    ]
    let rows = try database.query("SELECT ?, ?, ?, ?, ?, ?, ?, typeof(?4), typeof(?6)", values, doing: "testing") {
      row in
      #expect(row.optionalText(0) == nil && row.optionalInteger(0) == nil)
      #expect(row.integer(1) == .min && row.integer(2) == .max)
      #expect(row.text(3) == "" && row.text(4) == "a\u{0}ü" && row.blob(5) == [] && row.blob(6) == [0, 255])
      return [row.text(7), row.text(8)]
    }
    #expect(rows == [["text", "blob"]])
  }

  @Test func aTransactionIsAllOrNothing() throws {
    let database = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    try database.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)", doing: "testing")
    let error = failure {
      try database.transaction(doing: "adding rows") { () throws(CatalogError) in
        try database.run("INSERT INTO t VALUES (1)", doing: "adding 1")
        try database.run("INSERT INTO t VALUES (1)", doing: "adding 1 again")
      }
    }
    guard case .sqlite(let file, let doing, let code, let text) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(file == scratch.catalog && doing == "adding 1 again" && code & 0xFF == 19)
    #expect(text.contains("UNIQUE"))
    #expect(try database.query("SELECT count(*) FROM t", doing: "counting") { $0.integer(0) } == [0])
    // The connection and the statement are usable again.
    try database.transaction(doing: "adding a row") { () throws(CatalogError) in
      _ = try database.run("INSERT INTO t VALUES (1)", doing: "adding 1")
    }
    #expect(try database.query("SELECT count(*) FROM t", doing: "counting") { $0.integer(0) } == [1])
  }

  @Test func readingNeedsTheFileAndCannotWrite() throws {
    guard case .sqlite(let file, _, _, _) = failure({ _ = try scratch.open(.readOnly) }) else {
      Issue.record("a missing file was opened")
      return
    }
    #expect(file == scratch.catalog)
    #expect(!scratch.files.exists(scratch.catalog))
    try { _ = try scratch.open().put(draft("1"), hasCounts: false) }()
    let reader = try scratch.open(.readOnly)
    #expect(try reader.countAds() == 1)
    #expect(failure { _ = try reader.put(draft("2"), hasCounts: false) } != nil)
    #expect(try reader.countAds() == 1)
  }

  @Test func othersReadWhileOneWrites() throws {
    let writer = try scratch.open()
    _ = try writer.put(draft("1"), hasCounts: false)
    let readers = try [scratch.open(.readOnly), scratch.open(.readOnly)]
    let raw = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    try raw.transaction(doing: "writing") { () throws(CatalogError) in
      try raw.run("UPDATE ad SET advertiser_id = 'other'", doing: "writing")
      try sign(.ad, in: raw)
      // In the middle of the transaction everybody sees the state before it, without waiting.
      for reader in readers { #expect(try reader.ad(AdID("1")!)?.advertiserID == "acme") }
    }
    for reader in readers { #expect(try reader.ad(AdID("1")!)?.advertiserID == "other") }
  }

  @Test func anotherProcessReadsWhileThisOneWrites() async throws {
    let catalog = try scratch.open()
    _ = try catalog.put(draft("1"), hasCounts: false)
    let raw = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    try raw.execute("BEGIN IMMEDIATE; UPDATE ad SET advertiser_id = 'other'", doing: "writing")
    try sign(.ad, in: raw)
    await #expect(processExitsWith: .success) { [path = scratch.catalog as String] in
      let reader = try Catalog.open(path, .readOnly, in: .kernel)
      try #require(try reader.ad(AdID("1")!)?.advertiserID == "acme")
    }
    try raw.execute("COMMIT", doing: "writing")
    await #expect(processExitsWith: .success) { [path = scratch.catalog as String] in
      let reader = try Catalog.open(path, .readOnly, in: .kernel)
      try #require(try reader.ad(AdID("1")!)?.advertiserID == "other")
    }
  }
}

@Suite struct SchemaTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func raw(_ access: Database.Access = .readWrite) throws -> Database {
    try Database.open(scratch.catalog, access, files: scratch.files)
  }

  @Test func aNewerVersionIsRefusedWithBothVersions() throws {
    _ = try scratch.open()
    try raw().execute("PRAGMA user_version = 99", doing: "testing")
    for access in [Database.Access.readWrite, .readOnly] {
      let error = try #require(failure { _ = try scratch.open(access) })
      #expect(error == .version(file: scratch.catalog, found: 99, known: Int64(Schema.steps.count)))
      #expect(error.description.contains("newer") && error.description.contains(scratch.catalog))
    }
  }

  @Test func anotherApplicationsFileIsRefusedAndLeftAlone() throws {
    try raw().execute("CREATE TABLE notes (text)", doing: "testing")
    #expect(failure { _ = try scratch.open() } == .foreign(file: scratch.catalog))
    try raw().execute("PRAGMA application_id = 5", doing: "testing")
    #expect(failure { _ = try scratch.open() } == .foreign(file: scratch.catalog))
    #expect(try raw().query("SELECT name FROM sqlite_schema", doing: "testing") { $0.text(0) } == ["notes"])
  }

  @Test func anOlderVersionTakesTheMissingStepsOnly() throws {
    let steps = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)"]
    try Schema.establish(in: raw(), .readWrite, steps: [steps[0]])
    #expect(
      failure { try Schema.establish(in: raw(.readOnly), .readOnly, steps: steps) }
        == .version(file: scratch.catalog, found: 1, known: 2))
    for _ in 0..<2 { try Schema.establish(in: raw(), .readWrite, steps: steps) }
    #expect(try raw().query("SELECT y FROM a", doing: "testing") { $0.integer(0) } == [2])
    try Schema.establish(in: raw(.readOnly), .readOnly, steps: steps)
  }

  @Test func aFailingStepLeavesTheOldVersion() throws {
    try Schema.establish(in: raw(), .readWrite, steps: ["CREATE TABLE a (x)"])
    let bad = ["", "CREATE TABLE b (x)", "CREATE TABLE a (x)"]
    #expect(failure { try Schema.establish(in: raw(), .readWrite, steps: bad) } != nil)
    #expect(try raw().pragma("user_version") == "1")
    #expect(try raw().query("SELECT name FROM sqlite_schema", doing: "testing") { $0.text(0) } == ["a"])
  }

  @Test func damageAnywhereIsNamedNeverRead() throws {
    try {
      let catalog = try scratch.open()
      for number in 0..<200 { _ = try catalog.put(draft("ad-\(number)"), hasCounts: false) }
    }()
    let sound = try scratch.files.contents(scratch.catalog)
    #expect(!scratch.files.exists(scratch.catalog + "-wal"))
    let file = try scratch.files.open(scratch.catalog, .readWrite)
    for page in 0..<sound.count / 4096 {
      var damaged = sound
      for offset in 0..<100 { damaged[page * 4096 + offset] = 0xFF }
      try file.writeAll(damaged, at: 0)
      let error = failure { _ = try scratch.open() }
      guard case .damaged(scratch.catalog, _, _) = error else {
        Issue.record("page \(page): \(String(describing: error))")
        continue
      }
    }
    try file.writeAll(sound, at: 0)
    #expect(try scratch.open().countAds() == 200)
  }

  /// What a large file has damaged is for those who read it, and for the background: nobody waits for a pass over gigabytes.
  @Test func aLargeFileIsCheckedWhereThatIsAskedFor() throws {
    let note = "CREATE TABLE note (text BLOB); INSERT INTO note VALUES (zeroblob(70000000)), (x'00')"
    try {
      let catalog = try scratch.open()
      _ = try catalog.put(draft("ad-1"), hasCounts: false)
      try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(note, doing: "filling it")
    }()
    let file = try scratch.files.open(scratch.catalog, .readWrite)
    let size = try file.size()
    #expect(size > 64 << 20)
    // A page of the chain of the large value.
    try file.writeAll(Array(repeating: 0xFF, count: 4096), at: size / 2 / 4096 * 4096)
    let environment = Environment(files: scratch.files, time: KernelTime(), chance: KernelChance())
    for access in [.readOnly, .readWrite] as [Database.Access] {
      #expect(try scratch.open(access).ad(AdID("ad-1")!) != nil)
      guard case .damaged = failure({ _ = try Catalog.open(scratch.catalog, access, check: .whole, in: environment) })
      else {
        Issue.record("\(access): opened")
        continue
      }
    }
  }

  @Test func textIsNoDatabase() throws {
    let file = try scratch.files.open(scratch.catalog, .create)
    try file.writeAll(Array(repeating: 0x41, count: 5000), at: 0)
    guard case .damaged(scratch.catalog, _, let text) = failure({ _ = try scratch.open() }) else {
      Issue.record("opened")
      return
    }
    #expect(text.contains("not a database"))
  }
}
