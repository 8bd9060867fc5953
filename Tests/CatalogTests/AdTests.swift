import Catalog
import Clicks
import Platform
import Simulation
import Testing

@Suite struct AdTests {
  let scratch: Scratch
  let time = TestTime()
  let catalog: Catalog

  init() throws {
    scratch = try Scratch()
    catalog = try scratch.open(time: time)
  }

  @Test func putTellsNewFromOldAndKeepsTheTimes() throws {
    let first = try catalog.put(draft("a"), hasCounts: false)
    time.advance(5)
    let second = try catalog.put(draft("a", url: "http://new.example/"), hasCounts: true)
    #expect(first.outcome == .created && second.outcome == .updated)
    #expect(first.ad.createdAt == 1000 && first.ad.updatedAt == 1000)
    #expect(second.ad.createdAt == 1000 && second.ad.updatedAt == 1005)
    #expect(second.ad.redirectURL == "http://new.example/")
    #expect(try catalog.ad(second.ad.id) == second.ad)
    #expect(try catalog.ad(AdKey(second.ad.id)) == second.ad)
    #expect(try catalog.ad(AdID("b")!) == nil)
  }

  @Test func aDeletedAdKeepsItsKeyAndComesBack() throws {
    let id = AdID("a")!
    _ = try catalog.put(draft("a"), hasCounts: false)
    time.advance(1)
    #expect(try catalog.delete(id))
    #expect(try !catalog.delete(id))
    #expect(try catalog.ad(id) == nil)
    #expect(try catalog.ad(AdKey(id)) == nil)
    #expect(try catalog.countAds() == 0)
    #expect(try catalog.ads(limit: 10).ads.isEmpty)
    let kept = try #require(try catalog.ad(AdKey(id), includingDeleted: true))
    #expect(kept.id == id && kept.advertiserID == "acme" && kept.deletedAt == 1001)
    #expect(try catalog.ad(id, includingDeleted: true) == kept)
    // Its counts still belong to its advertiser.
    #expect(
      failure { _ = try catalog.put(draft("a", advertiser: "other"), hasCounts: true) }
        == .advertiserFixed(ad: id, advertiserID: "acme"))
    #expect(try catalog.ad(id) == nil)
    let revived = try catalog.put(draft("a"), hasCounts: true)
    #expect(revived.outcome == .created && revived.ad.createdAt == 1001 && revived.ad.deletedAt == nil)
    #expect(try catalog.ad(id) == revived.ad)
  }

  @Test func theAdvertiserOfCountsIsFixed() throws {
    _ = try catalog.put(draft("a"), hasCounts: false)
    #expect(
      failure { _ = try catalog.put(draft("a", advertiser: "other"), hasCounts: true) }
        == .advertiserFixed(ad: AdID("a")!, advertiserID: "acme"))
    #expect(try catalog.ad(AdID("a")!)?.advertiserID == "acme")
    _ = try catalog.put(draft("a", advertiser: "other"), hasCounts: false)
    #expect(try catalog.ad(AdID("a")!)?.advertiserID == "other")
    // The counts are asked for only where it matters.
    _ = try catalog.put(
      draft("a", advertiser: "other"),
      hasCounts: {
        Issue.record("asked")
        return true
      }())
  }

  @Test func twoIdsNeverShareAKey() throws {
    // No two ids are known to collide, so a row under another id is planted.
    let planted = try Database.open(scratch.catalog, .readWrite, files: scratch.files)
    let key = Int64(bitPattern: AdKey(AdID("victim")!).rawValue)
    try planted.run(
      "INSERT INTO ad VALUES (?, 'planted', 'http://x', 'acme', NULL, 0, NULL, 0, 0, ?, NULL, NULL)",
      [.integer(key), .integer(5)], doing: "testing")
    for deletedAt: Value in [.integer(5), .null] {
      try planted.run("UPDATE ad SET deleted_at = ?", [deletedAt], doing: "testing")
      try sign(.ad, in: planted)
      #expect(
        failure { _ = try catalog.put(draft("victim"), hasCounts: false) }
          == .keyCollision(ad: AdID("victim")!, other: AdID("planted")!))
      #expect(try catalog.ad(AdID("victim")!, includingDeleted: true) == nil)
      #expect(try !catalog.delete(AdID("victim")!))
    }
    #expect(try catalog.ad(AdKey(AdID("victim")!))?.id.text == "planted")
  }

  @Test func pagesMakeUpTheWholeListInIdOrder() throws {
    var random = SeededGenerator(seed: 7)
    var expected: [String: String] = [:]
    let alphabet = Array("aAzZ09._-")
    while expected.count < 150 {
      let id = String((0..<Int.random(in: 1...4, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
      let advertiser = ["acme", "b", "c"].randomElement(using: &random)!
      expected[id] = advertiser
      _ = try catalog.put(draft(id, advertiser: advertiser), hasCounts: false)
    }
    for id in expected.keys.sorted().prefix(10) {
      expected[id] = nil
      #expect(try catalog.delete(AdID(id)!))
    }
    for advertiser in [nil, "acme", "b", "nobody"] {
      let wanted = expected.filter { advertiser == nil || $0.value == advertiser }.keys
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      #expect(try catalog.countAds(advertiserID: advertiser) == wanted.count)
      for limit in [1, 7, wanted.count, wanted.count + 1, 10_000] where limit > 0 {
        var seen: [String] = []
        var after: AdID?
        repeat {
          let page = try catalog.ads(advertiserID: advertiser, after: after, limit: limit)
          #expect(page.ads.count <= limit)
          #expect(page.next == nil || page.ads.count == limit)
          seen += page.ads.map(\.id.text)
          after = page.next
        } while after != nil
        #expect(seen == wanted)
      }
    }
  }

  @Test func anImportStoresGoodRowsAndNamesBadOnes() throws {
    _ = try catalog.put(draft("fixed"), hasCounts: false)
    _ = try catalog.put(draft("old"), hasCounts: false)
    func row(_ line: Int, _ id: String?, _ advertiser: String = "acme", url: String = "http://x.example") -> AdRow {
      AdRow(line: line, fields: AdFields(adID: id, redirectURL: url, advertiserID: advertiser))
    }
    let rows = [
      row(2, "new"), row(3, nil), row(4, "fixed", "other"), row(5, "old"), row(6, "b c", url: "ftp://x"),
      AdRow(line: 7, fields: AdFields(), faults: [FieldFault("row", "is broken")]), row(8, "new", "later"),
    ]
    let report = try catalog.importAds(rows) { $0 == AdKey(AdID("fixed")!) }
    #expect(report.created == 1 && report.updated == 2 && report.rejected == 4)
    #expect(report.changed == ["new", "old", "new"].map { AdKey(AdID($0)!) })
    #expect(report.faults.map(\.line) == [3, 4, 6, 7])
    #expect(report.faults.map(\.code) == [.invalid, .advertiserFixed, .invalid, .invalid])
    #expect(report.faults[0].faults == [FieldFault("adId", "is missing")])
    #expect(report.faults[2].faults.map(\.field) == ["adId", "redirectUrl"])
    #expect(try catalog.ad(AdID("new")!)?.advertiserID == "later")
    #expect(try catalog.ad(AdID("fixed")!)?.advertiserID == "acme")
  }

  /// Rows are stored in the order of their keys, and nobody sees it: against a dictionary that takes them one by one.
  @Test func aLargeImportIsThatOfItsRowsInTurn() throws {
    for seed: UInt64 in 1...3 {
      var generator = SeededGenerator(seed: seed)
      let scratch = try Scratch()
      let catalog = try scratch.open(time: time)
      var rows: [AdRow] = []
      var owners: [String: String] = [:]
      var (created, updated): (Int, Int) = (0, 0)
      var (changed, refused): ([String], [Int]) = ([], [])
      for line in 2..<12_002 {
        let (id, owner) = ("ad-\(generator.below(9_000))", "adv-\(generator.below(3))")
        let isGood = !generator.oneIn(50)
        rows.append(
          AdRow(
            line: line,
            fields: AdFields(adID: id, redirectURL: isGood ? "https://x.example/\(line)" : "x", advertiserID: owner)))
        guard isGood else {
          refused.append(line)
          continue
        }
        changed.append(id)
        if owners.updateValue("\(owner) \(line)", forKey: id) == nil { created += 1 } else { updated += 1 }
      }
      let report = try catalog.importAds(rows) { _ in false }
      #expect(
        report.created == created && report.updated == updated && report.rejected == refused.count, "seed \(seed)")
      #expect(report.changed == changed.map { AdKey(AdID($0)!) }, "seed \(seed)")
      #expect(report.faults.map(\.line) == refused.sorted(), "seed \(seed)")
      #expect(try catalog.countAds() == owners.count)
      for (id, text) in owners {
        let ad = try #require(try catalog.ad(AdID(id)!))
        #expect("\(ad.advertiserID) \(ad.redirectURL.split(separator: "/").last!)" == text, "seed \(seed): \(id)")
      }
    }
  }

  @Test func faultsOfAnImportAreBounded() throws {
    let rows = (1...1500).map { AdRow(line: $0, fields: AdFields()) }
    var report = try catalog.importAds(rows) { _ in false }
    #expect(report.rejected == 1500 && report.faults.count == 1000)
    report.add(report)
    #expect(report.rejected == 3000 && report.faults.count == 1000)
  }

  @Test func theEveryFieldIsChecked() throws {
    let wrong = AdFields(
      adID: "", redirectURL: "shop", advertiserID: "a b", campaignID: String(repeating: "x", count: 65),
      status: "Active", fallbackURL: "javascript:alert(1)", passQuery: "*")
    #expect(wrong.faults().map(\.field) == AdFields.columns.map(\.name))
    #expect(failure { _ = try AdDraft(wrong) } == .invalid(wrong.faults()))
    #expect(AdFields().faults().map(\.field) == AdFields.required)
  }
}

@Suite struct TargetURLTests {
  @Test(arguments: [
    "http://a", "https://shop.example/", "HTTPS://Shop.Example:8443/landing?x=1&y=%20#top", "http://a?q", "http://a#f",
    "http://192.0.2.1:80/", "http://[2001:db8::1]/x", "http://[::1]:8080", "https://xn--bcher-kva.example./",
    "http://a_b.example/{macro}|^[]@:!$'()*+,;=~", "http://a:65535", "http://a:1/x@y:z", "http://a/%",
  ])
  func goodTargets(url: String) {
    #expect(TargetURL.fault(in: url) == nil)
  }

  @Test(arguments: [
    "", "/relative", "//host/x", "shop.example", "ftp://a/", "javascript:alert(1)", "http:a", "http:/a", "http://",
    "http:///x", "https://?x", "http://:80/", "http://a b/", "http://a/ b", "http://a/\r\nSet-Cookie: x=1",
    "http://a/\n",
    "http://a/\u{0}", "http://a/\u{7F}", "http://a/\t", " http://a", "http://a ", "http://bücher.example/",
    "http://a/ü", "http://user@a/", "http://user:pw@a/", "http://good.example\\@evil.example/", "http://a/\"",
    "http://a/<b>",
    "http://a/`", "http://a:0/", "http://a:65536/", "http://a:/", "http://a:8x/", "http://a:-1", "http://a:999999/",
    "http://a..b/", "http://.a/", "http://./", "http://a,b/", "http://a%2Fb/", "http://[::1/", "http://[]/",
    "http://[1]/", "http://[::1]x/", "http://[::g]/", "http://]/", "http://a[b]/",
  ])
  func badTargets(url: String) {
    #expect(TargetURL.fault(in: url) != nil)
  }

  @Test func lengthsAreBounded() {
    let start = "http://a/"
    let longest = start + String(repeating: "x", count: TargetURL.maximumBytes - start.count)
    #expect(TargetURL.fault(in: longest) == nil)
    #expect(TargetURL.fault(in: longest + "x") != nil)
    let label = String(repeating: "x", count: 63)
    #expect(TargetURL.fault(in: "http://\(label)/") == nil)
    #expect(TargetURL.fault(in: "http://\(label)x/") != nil)
    #expect(TargetURL.fault(in: "http://\(label).\(label).\(label).\(label)/") != nil)
  }

  @Test func aGoodTargetIsVisibleAsciiWhateverIsTried() {
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let pieces = [
      "http://", "HTTPS://", "a", ".", ":", "80", "/", "?", "#", "[", "]", "::1", "@", "%0d", "\r", "\n", " ", "\u{0}",
      "é",
      "\\", "\u{85}", "\u{2028}", "-",
    ]
    var good = 0
    for _ in 0..<20_000 {
      let url = (0..<Int.random(in: 1...6, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
      guard TargetURL.fault(in: url) == nil else { continue }
      good += 1
      #expect(url.utf8.allSatisfy { 0x21...0x7E ~= $0 && $0 != 0x5C }, "\(url.debugDescription), seed \(seed)")
      #expect(url.lowercased().hasPrefix("http"))
    }
    #expect(good > 10, "seed \(seed)")
  }
}
