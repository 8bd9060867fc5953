import Catalog
import Clicks
import Platform
import Simulation
import Testing

/// Nothing in a row is believed that is not what was written.
@Suite struct SignedRowTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func raw() throws -> Database { try Database.open(scratch.catalog, .readWrite, files: scratch.files) }

  /// A catalog with every kind of row; closed.
  private func fill() throws -> String {
    let catalog = try scratch.open()
    for number in 0..<12 {
      _ = try catalog.put(
        draft(
          "ad-\(number)", url: "https://example.com/landing/\(number)", advertiser: "adv\(number % 3)",
          campaign: number % 2 == 0 ? "c\(number % 4)" : nil, status: number == 5 ? "paused" : nil,
          fallback: number % 3 == 0 ? "https://example.com/else" : nil), hasCounts: false)
    }
    _ = try catalog.delete(AdID("ad-7")!)
    for kid in ["k1", "k2", "k3"] { _ = try catalog.addKey(kid: kid) }
    _ = try catalog.retireKey("k1")
    let token = try catalog.createToken(scopes: [.read], advertiserID: "adv1", label: "of adv1")
    _ = try catalog.createToken(scopes: [.ads, .read])
    _ = try catalog.createShare(
      tokenID: token.info.id, advertiserID: "adv1", campaignID: "c2", expiresAt: catalog.now() + 60_000)
    for number in 0..<3 {
      try catalog.add(
        JobRecord(
          id: "job-\(number)", kind: "reconcile", scheduled: Int64(number), queued: 1, started: 2, finished: 3,
          result: "{}", error: nil))
    }
    _ = try catalog.lastScheduled("reconcile", now: 5)
    return token.text.reveal()
  }

  /// Everything that anybody is told out of a catalog, and whether any of it was refused.
  private struct Answers: Equatable {
    var ads: [String: Ad] = [:]
    var pages: [[Ad]] = []
    var keys: [String: [UInt8]] = [:]
    var grants: [Grant] = []
    var jobs: [JobRecord] = []
    var last: Int64 = 0

    init(_ catalog: Catalog, _ token: String) throws {
      for number in 0..<12 {
        if let ad = try? catalog.ad(AdKey(AdID("ad-\(number)")!), includingDeleted: true) { ads["ad-\(number)"] = ad }
      }
      pages = [
        try catalog.ads(limit: 100).ads, try catalog.ads(advertiserID: "adv1", limit: 100).ads,
        try catalog.ads(campaignID: "c2", limit: 100).ads,
      ]
      for key in try catalog.activeKeys() { keys[key.kid] = key.secret.bytes }
      if let grant = try catalog.authenticate(token) { grants = [grant] }
      jobs = try catalog.jobs(limit: 10)
    }

    /// What differs from `sound` though nothing of it may ever be otherwise.
    func lies(beside sound: Answers) -> [String] {
      var lies = ads.filter { sound.ads[$0.key] != $0.value }.map { "ad \($0.key): \($0.value)" }
      for (page, right) in zip(pages, sound.pages) where !page.allSatisfy(right.contains) {
        lies.append("a page: \(page)")
      }
      lies += keys.filter { sound.keys[$0.key] != $0.value }.map { "key \($0.key)" }
      if !grants.allSatisfy(sound.grants.contains) { lies.append("\(grants)") }
      if !jobs.allSatisfy(sound.jobs.contains) { lies.append("\(jobs)") }
      return lies
    }
  }

  /// What a check of the whole file finds; nil where it is sound.
  private func told() -> String? {
    do {
      let catalog = try scratch.open(.readOnly)
      if let fault = try catalog.structuralFault() { return fault }
      if let copy = catalog.damagedCopies.first { return "copy \(copy)" }
      return try catalog.damagedRows().first.map { "\($0)" }
    } catch { return "\(error)" }
  }

  private func answers(_ token: String) throws -> Answers { try Answers(scratch.open(.readOnly), token) }

  /// One bit anywhere in the file: it is told, or nobody can see it; and never is anything answered that was not written.
  @Test func everyBitIsToldOrHarmless() throws {
    let token = try fill()
    #expect(try answers(token).ads.count == 12)
    #expect(try flipBits(of: scratch.catalog, token, rounds: 1_500) < 1_200)
  }

  /// The same in a catalog that a server has open: what changed since stands in the log beside the file, whose pages SQLite does
  /// not check any more once it knows them.
  @Test(arguments: ["", "-wal"]) func everyBitInUseIsToldOrHarmless(suffix: String) throws {
    let token = try fill()
    let catalog = try scratch.open()
    for number in 0..<6 {
      _ = try catalog.put(
        draft("ad-\(number)", url: "https://new.example/\(number)", advertiser: "adv\(number % 3)"), hasCounts: false)
    }
    _ = try catalog.addKey(kid: "k4")
    #expect(try answers(token).ads["ad-0"]?.redirectURL == "https://new.example/0")
    _ = try flipBits(of: scratch.catalog + suffix, token, rounds: 800)
    // What the server itself reads is what it wrote.
    #expect(try catalog.ad(AdID("ad-0")!)?.redirectURL == "https://new.example/0" && catalog.damagedRows() == [])
  }

  /// Flips random bits of a file of the catalog, one at a time. Returns how many of them nobody was told of.
  private func flipBits(of path: String, _ token: String, rounds: Int) throws -> Int {
    let sound = try scratch.files.contents(path)
    let right = try answers(token)
    #expect(told() == nil && right.grants.count == 1)
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let file = try scratch.files.open(path, .readWrite)
    // Bytes that hold something are tried more often than the empty middle of pages.
    let full = sound.indices.filter { sound[$0] != 0 }
    var silent = 0
    for round in 0..<rounds {
      let place = round % 5 == 0 ? Int.random(in: sound.indices, using: &random) : full.randomElement(using: &random)!
      let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
      try file.writeAll([sound[place] ^ bit], at: UInt64(place))
      let told = told()
      let context: Comment = "byte \(place), bit \(bit), seed \(seed), told \(told ?? "nothing")"
      if let found = try? answers(token) {
        #expect(found.lies(beside: right) == [], context)
        if told == nil {
          silent += 1
          #expect(found == right, context)
        }
      } else {
        #expect(told != nil, context)
      }
      try file.writeAll([sound[place]], at: UInt64(place))
    }
    #expect(told() == nil, "seed \(seed)")
    return silent
  }

  /// Every column of every table: what is changed behind our back is found by whoever reads it, and by a check.
  @Test func everyColumnIsUnderTheChecksum() throws {
    let token = try fill()
    for table in SignedTable.allCases {
      for column in table.columns where !(["key", "sequence"].contains(column)) {
        let before = try raw().query("SELECT quote(\(column)), rowid FROM \(table.rawValue) LIMIT 1", doing: "testing")
        {
          ($0.text(0), $0.integer(1))
        }[0]
        let other =
          before.0 == "NULL"
          ? [
            "redirect", "pass_query", "result", "error", "label", "campaign_id", "fallback_url", "advertiser_id",
            "token_id",
          ]
          .contains(where: column.contains) ? "'other'" : "17"
          : before.0.hasPrefix("'") ? "'other'" : before.0.hasPrefix("X") ? "X'00'" : "\(before.0) + 1"
        try raw().execute(
          "UPDATE \(table.rawValue) SET \(column) = \(other) WHERE rowid = \(before.1)", doing: "testing")
        let catalog = try scratch.open(.readOnly)
        var met: Set<DamagedRow> = []
        catalog.found = { met.insert($0) }
        #expect(try catalog.damagedRows().map(\.rowID) == [before.1], "\(table).\(column)")
        _ = try Answers(catalog, token)
        #expect(
          table == .schedule || table == .token || table == .share || met.count == 1, "\(table).\(column): \(met)")
        try raw().execute(
          "UPDATE \(table.rawValue) SET \(column) = \(before.0) WHERE rowid = \(before.1)", doing: "testing")
        #expect(try scratch.open(.readOnly).damagedRows() == [])
      }
    }
  }

  /// A row of another catalog is as wrong as a damaged one.
  @Test func aRowOfAnotherCatalogIsNone() throws {
    _ = try fill()
    let other = try Scratch()
    _ = try other.open().put(draft("ad-1", url: "https://evil.example/"), hasCounts: false)
    let database = try raw()
    try database.execute("ATTACH '\(other.catalog)' AS other", doing: "testing")
    try database.execute(
      "INSERT OR REPLACE INTO ad SELECT * FROM other.ad WHERE id = 'ad-1'", doing: "testing")
    let catalog = try scratch.open()
    guard case .damagedRow(_, let row) = failure({ _ = try catalog.ad(AdID("ad-1")!) }) else {
      Issue.record("the row was believed")
      return
    }
    #expect(row.name == "ad-1")
  }

  @Test func aDamagedRowIsRestoredAcceptedDroppedOrPutAnew() throws {
    _ = try fill()
    func damage(_ id: String, _ sql: String) throws {
      try raw().execute("UPDATE ad SET \(sql) WHERE id = '\(id)'", doing: "testing")
    }
    try damage("ad-0", "redirect_url = replace(redirect_url, 'example', 'gxample')")
    try damage("ad-1", "advertiser_id = 'adv3'")
    try damage("ad-2", "redirect_url = 'https://evil.example/'")
    try damage("ad-3", "status = 7")
    let catalog = try scratch.open()
    let damaged = try catalog.damagedRows()
    #expect(Set(damaged.map(\.name)) == ["ad-0", "ad-1", "ad-2", "ad-3"])
    func view(_ id: String) throws -> RowView {
      let views = try catalog.views(.ad, id, candidates: damaged)
      return try #require(views.first { $0.isDamaged })
    }
    let first = try view("ad-0")
    // 'e' and 'g' differ in one bit.
    #expect(first.original?.name == "redirect_url" && first.original?.value == "https://example.com/landing/0")
    #expect(failure { try catalog.decide(first.row, "0000000000000000", .restore) } != nil)
    try catalog.decide(first.row, first.token, .restore)
    #expect(try catalog.ad(AdID("ad-0")!)?.redirectURL == "https://example.com/landing/0")
    // '1' and '3' too.
    #expect(try view("ad-1").original?.value == "adv1")
    let third = try view("ad-2")
    #expect(third.original == nil && failure { try catalog.decide(third.row, third.token, .restore) } != nil)
    try catalog.decide(third.row, third.token, .accept)
    #expect(try catalog.ad(AdID("ad-2")!)?.redirectURL == "https://evil.example/")
    let fourth = try view("ad-3")
    #expect(failure { try catalog.decide(fourth.row, fourth.token, .accept) } != nil)
    try catalog.decide(fourth.row, fourth.token, .drop)
    #expect(try catalog.ad(AdID("ad-3")!, includingDeleted: true) == nil)
    // Who may put it for any advertiser puts it anew, whatever stands there.
    let anew = try draft("ad-1", advertiser: "adv1")
    guard case .damagedRow = failure({ _ = try catalog.put(anew, hasCounts: false) }) else {
      Issue.record("a damaged row was taken for the ad")
      return
    }
    guard case .damagedRow = failure({ _ = try catalog.delete(anew.id) }) else {
      Issue.record("a damaged row was signed by deleting it")
      return
    }
    _ = try catalog.put(anew, hasCounts: true, replacesDamaged: true)
    #expect(try catalog.ad(anew.id)?.advertiserID == "adv1")
    #expect(try catalog.damagedRows() == [] && catalog.structuralFault() == nil)
  }

  /// The number of a row is the ad's key: under another one the ad is not found, but the row is, and is put back.
  @Test func aRowUnderAnotherNumberIsToldAndRestored() throws {
    _ = try fill()
    let key = AdKey(AdID("ad-4")!).rawValue
    // As SQLite writes it in the table: seven bits a byte from the top, and the last eight.
    let number = (0..<8).map { UInt8(key >> (57 - 7 * $0) & 0x7F) | 0x80 } + [UInt8(key & 0xFF)]
    let bytes = try scratch.files.contents(scratch.catalog)
    let at = try #require((0..<(bytes.count - 9)).first { Array(bytes[$0..<($0 + 9)]) == number })
    try scratch.files.open(scratch.catalog, .readWrite).writeAll([number[8] ^ 0x10], at: UInt64(at) + 8)
    let catalog = try scratch.open()
    #expect(try catalog.ad(AdID("ad-4")!) == nil)
    let damaged = try catalog.damagedRows()
    #expect(damaged.map(\.name) == ["ad-4"] && damaged.map(\.rowID) == [Int64(bitPattern: key ^ 0x10)])
    let view = try #require(try catalog.views(.ad, "ad-4", candidates: damaged).first)
    #expect(view.original?.name == "key")
    try catalog.decide(view.row, view.token, .restore)
    #expect(try catalog.ad(AdID("ad-4")!)?.redirectURL == "https://example.com/landing/4")
    #expect(try catalog.damagedRows() == [] && catalog.structuralFault() == nil)
  }

  @Test func anIndexThatLeadsNowhereIsTold() throws {
    _ = try fill()
    // The index alone is changed, as a bit in one of its pages would.
    let pages = try raw().query(
      "SELECT rootpage FROM sqlite_schema WHERE name = 'ad_by_advertiser'", doing: "testing"
    ) { $0.integer(0) }
    try raw().execute("PRAGMA wal_checkpoint(TRUNCATE)", doing: "testing")
    let file = try scratch.files.open(scratch.catalog, .readWrite)
    let page = try file.bytes(at: UInt64(pages[0] - 1) * 4096, count: 4096)
    let at = try #require((0..<4090).first { Array(page[$0..<($0 + 4)]) == Array("adv1".utf8) })
    try file.writeAll([UInt8(ascii: "3")], at: UInt64(pages[0] - 1) * 4096 + UInt64(at) + 3)
    let catalog = try scratch.open(.readOnly)
    guard case .damaged = failure({ _ = try catalog.damagedRows() }) else {
      Issue.record("not told")
      return
    }
    #expect(try catalog.structuralFault() != nil)
    #expect(failure { _ = try catalog.adKeys(advertiserID: "adv3") } != nil)
  }
}

/// Whose a catalog is.
@Suite struct CatalogOwnerTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func open(_ store: String, hasClicks: Bool) throws -> Catalog {
    try Catalog.open(scratch.catalog, owner: CatalogOwner(store: store, hasClicks: { hasClicks }), in: .kernel)
  }

  @Test func aStoreWithClicksNeverHadNone() throws {
    #expect(failure { _ = try open("a", hasClicks: true) } == .gone(file: scratch.catalog))
    #expect(!scratch.files.exists(scratch.catalog))
    // Emptied is gone too.
    _ = try scratch.files.open(scratch.catalog, .create)
    #expect(failure { _ = try open("a", hasClicks: true) } == .gone(file: scratch.catalog))
    #expect(try open("a", hasClicks: false).store == "a")
    #expect(try open("a", hasClicks: true).store == "a")
  }

  @Test func anotherStoresCatalogIsRefusedAndAnOldersStoreTakesItsOwn() throws {
    // It was made before there was a store.
    _ = try scratch.open().put(draft("1"), hasCounts: false)
    #expect(
      failure { _ = try open("a", hasClicks: true) } == .otherStore(file: scratch.catalog, found: nil, store: "a"))
    #expect(try open("a", hasClicks: false).store == "a")
    for hasClicks in [false, true] {
      #expect(
        failure { _ = try open("b", hasClicks: hasClicks) }
          == .otherStore(file: scratch.catalog, found: "a", store: "b"))
    }
    try scratch.open().adopt(store: "b")
    #expect(try open("b", hasClicks: true).countAds() == 1)
  }

  /// A catalog of version 0.1, with rows: signed at its first opening, which gives it to its store.
  @Test func anOlderCatalogIsSignedAtItsFirstOpening() throws {
    let database = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    try Schema.establish(in: database, .readWrite, steps: Array(Schema.steps[..<2]))
    let key = Int64(bitPattern: AdKey(AdID("42")!).rawValue)
    try database.execute(
      """
      INSERT INTO ad VALUES (\(key), '42', 'https://shop.example/{x}', 'acme', NULL, 0, NULL, 5, 6, NULL);
      INSERT INTO signing_key VALUES (1, 'k', X'61', 5, NULL);
      INSERT INTO token VALUES (1, 't', X'00', 1, NULL, NULL, 5, NULL);
      INSERT INTO job VALUES (1, 'j', 'reconcile', 7, 1, 2, 3, NULL, NULL);
      INSERT INTO schedule VALUES ('reconcile', 4);
      """, doing: "testing")
    guard case .version(_, 2, 4) = failure({ _ = try scratch.open(.readOnly) }) else {
      Issue.record("it was read without its checksums")
      return
    }
    let catalog = try open("a", hasClicks: true)
    #expect(try catalog.store == "a" && catalog.damagedRows() == [])
    #expect(try catalog.ad(AdID("42")!)?.redirectURL == "https://shop.example/{x}")
    // A secret that is too short for a new key goes on.
    #expect(try catalog.activeKeys().map { $0.secret.reveal() } == ["a"])
    #expect(try catalog.lastScheduled("reconcile", now: 9) == 7)
    #expect(try scratch.open(.readOnly).damagedRows() == [])
  }

  @Test func aFileThatSaysItIsOlderThanItIsIsDamaged() throws {
    _ = try scratch.open()
    for version in [1, 2] {
      try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(
        "PRAGMA user_version = \(version)", doing: "testing")
      for access in [Database.Access.readOnly, .readWrite] {
        guard case .damaged = failure({ _ = try scratch.open(access) }) else {
          Issue.record("version \(version) was believed")
          continue
        }
      }
    }
  }

  /// SQLite's own check believes the names of columns, whatever they are.
  @Test func aTableThatIsDescribedWronglyIsDamaged() throws {
    _ = try scratch.open()
    for table in SignedTable.allCases.map(\.rawValue) + ["identity"] {
      for (right, wrong) in [("checksum", "chdcksum"), ("chdcksum", "checksum")] {
        try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(
          """
          PRAGMA writable_schema = ON;
          UPDATE sqlite_schema SET sql = replace(sql, '\(right)', '\(wrong)') WHERE name = '\(table)';
          """, doing: "testing")
        for access in [Database.Access.readOnly, .readWrite] {
          let error = failure { _ = try scratch.open(access) }
          if case .damaged(scratch.catalog, _, _)? = error {
            #expect(wrong == "chdcksum", "\(table)")
          } else {
            #expect(wrong == "checksum" && error == nil, "\(table): \(String(describing: error))")
          }
        }
      }
    }
  }

  @Test func oneCopyOfTheIdentityIsEnough() throws {
    _ = try open("a", hasClicks: false).put(draft("1"), hasCounts: false)
    for sql in ["catalog = X'00112233445566778899aabbccddeeff'", "store = 'b'", "checksum = 1"] {
      try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(
        "UPDATE identity SET \(sql) WHERE copy = 1", doing: "testing")
      #expect(try scratch.open(.readOnly).damagedCopies == [1])
      let catalog = try open("a", hasClicks: true)
      #expect(try catalog.damagedCopies == [1] && catalog.ad(AdID("1")!) != nil)
      #expect(try scratch.open(.readOnly).damagedCopies == [])
    }
    try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(
      "UPDATE identity SET store = 'b'", doing: "testing")
    guard case .damaged = failure({ _ = try scratch.open() }) else {
      Issue.record("opened without an identity")
      return
    }
  }
}
