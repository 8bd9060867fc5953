import Catalog
import Clicks
import HTTP
import JSON
import Platform
import Service
import Simulation
import Store
import Testing

/// A catalog that is damaged behind a server's back: what of it is wrong serves nothing, and the rest goes on.
@Suite struct DamagedCatalogTests {
  /// Changes the stopped service's catalog without signing.
  private func damage(_ service: TestService, _ sql: String) throws {
    let database = try Database.open(
      "\(service.dataDirectory)/\(StoreFiles.catalog)", .readWrite, files: KernelFileSystem())
    try database.execute(sql, doing: "testing")
  }

  private func decide(_ service: TestService, _ id: String, _ decision: String, kind: String = "ad") throws -> Int {
    let list = try service.api("GET", "/admin/v1/catalog/damaged?kind=\(kind)&id=\(id)", admin: true)
    guard case .array(let rows)? = try JSONReader.read(list.body)["rows"], let row = rows.first else {
      Issue.record("\(list.text)")
      return 0
    }
    let body = JSONValue.object([
      "kind": row["kind"] ?? .null, "row": row["row"] ?? .null, "token": row["token"] ?? .null,
      "decision": .string(decision),
    ])
    return try service.api(
      "POST", "/admin/v1/catalog/damaged:decide", String(decoding: body.encoded(), as: UTF8.self), admin: true
    ).status
  }

  @Test func aDamagedAdRedirectsNowhereAndIsNamed() throws {
    let service = try TestService { $0.catalogPace.interval = 50_000_000 }
    service.stop()
    try damage(service, "UPDATE ad SET redirect_url = replace(redirect_url, 'shop', 'smop') WHERE id = 'active'")
    try service.start()
    for _ in 0..<3 {
      let answer = try service.click("active")
      #expect(answer.status == 503 && answer.location == nil && answer.verdict == "unrecorded")
      #expect(answer.header("Retry-After") != nil)
    }
    let head = try service.request("HEAD", TestService.link("active", TestService.impression()))
    #expect(head.status == 503 && head.location == nil)
    // All else goes on.
    #expect(try service.click("other").location == TestService.otherLanding)
    let ready = try service.ready()
    #expect(ready.status == 200 && ready.text.hasPrefix("ready\n") && ready.text.contains("ad active"))
    #expect(try service.metrics()[#"tally_catalog_damaged_rows{kind="ad"}"#] == 1)
    #expect(service.lines.all.withLock { $0 }.filter { $0.contains("ad active") }.count == 1)
    // Its advertiser's list does not have it, the batch door says so.
    let list = try service.api("GET", "/api/v1/ads")
    #expect(!list.text.contains(#""adId":"active""#) && list.text.contains(#""adId":"other""#))
    let line = #"{"adId":"active","impressionId":"\#(TestService.impression())","time":\#(KernelTime().wall())}"#
    let batch = try HTTPClient(service.address).request(
      "POST", "/api/v1/clicks",
      headers: [("Authorization", "Bearer \(service.token)"), ("Content-Type", "application/x-ndjson")],
      body: Array(line.utf8)
    ).text
    #expect(batch.contains(#""rejectedCount":{"unrecorded":1}"#) && batch.contains("damaged"), "\(batch)")
    // 'h' and 'm' differ in two bits.
    #expect(try decide(service, "active", "restore") == 400)
    #expect(try decide(service, "active", "accept") == 204)
    #expect(try service.click("active").location == TestService.landing.replacing("shop", with: "smop"))
    #expect(try service.ready().text == "ready\n")
    // Or it is put again.
    service.stop()
    try damage(service, "UPDATE ad SET advertiser_id = 'acmd' WHERE id = 'active'")
    try service.start()
    #expect(try service.click("active").status == 503)
    let put = try service.api(
      "PUT", "/api/v1/ads/active", #"{"redirectUrl":"\#(TestService.landing)","advertiserId":"acme"}"#)
    #expect(put.status == 200)
    #expect(try service.click("active").location == TestService.landing && service.ready().text == "ready\n")
  }

  @Test func theBackgroundFindsWhatNobodyAsksFor() throws {
    let service = try TestService {
      $0.catalogPace.interval = 20_000_000
      $0.catalogPace.pause = 0
    }
    try damage(
      service,
      "UPDATE ad SET status = 0 WHERE id = 'resting'; UPDATE signing_key SET retired_at = NULL WHERE kid = 'old'")
    #expect(
      try eventually { try service.ready().text.contains("ad resting") && service.ready().text.contains("key old") })
    #expect(try service.ready().status == 200)
    // The retired key does not come back with its row.
    let old = try service.request("GET", TestService.link("other", TestService.impression(), kid: "old"))
    #expect(old.status == 403)
    #expect(try decide(service, "old", "drop", kind: "key") == 204)
    try damage(service, "UPDATE ad SET status = 1 WHERE id = 'resting'")
    #expect(try eventually { try service.ready().text == "ready\n" })
  }

  @Test func aDamagedKeyVerifiesNothingAndADamagedTokenOpensNothing() throws {
    let service = try TestService()
    let made = try service.api("POST", "/admin/v1/tokens", #"{"scopes":["read"],"label":"l"}"#, admin: true)
    guard case .string(let token)? = try JSONReader.read(made.body)["token"] else {
      Issue.record("\(made.text)")
      return
    }
    service.stop()
    try damage(
      service,
      "UPDATE signing_key SET secret = CAST('the secret of thirds' AS BLOB) WHERE kid = 'second'; UPDATE token SET scopes = 31 WHERE label = 'l'"
    )
    try service.start()
    let id = TestService.impression()
    let forged =
      "\(SigningKey(id: "", secret: Array("the secret of thirds".utf8)).sign(ad: "active", impression: "\(id)"))"
    #expect(try service.request("GET", "/click?adId=active&impressionId=\(id)&signature=\(forged)").status == 403)
    #expect(try service.request("GET", TestService.link("active", id)).status == 403)
    #expect(try service.request("GET", TestService.link("active", id, kid: "first")).verdict == "valid")
    #expect(try service.request("GET", "/api/v1/ads", [("Authorization", "Bearer \(token)")]).status == 401)
    let ready = try service.ready()
    #expect(ready.status == 200 && ready.text.contains("key second") && ready.text.contains("token "))
    #expect(try service.metrics()[#"tally_catalog_damaged_rows{kind="key"}"#] == 1)
  }

  /// One bit of the file, at every start another: the server refuses it by name, or no click is led anywhere but where its ad
  /// leads.
  @Test func noBitLeadsAClickAstray() throws {
    let service = try TestService()
    #expect(try service.click().verdict == "valid")
    service.stop()
    let files = KernelFileSystem()
    let path = StoreCatalog.path(in: service.dataDirectory)
    let sound = try files.contents(path)
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let full = sound.indices.filter { sound[$0] != 0 }
    var (refused, damaged, whole) = (0, 0, 0)
    for _ in 0..<60 {
      let place = full.randomElement(using: &random)!
      let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
      var bytes = sound
      bytes[place] ^= bit
      for suffix in ["-wal", "-shm", ""] where files.exists(path + suffix) { try files.remove(path + suffix) }
      try files.open(path, .create).writeAll(bytes, at: 0)
      let around = String(decoding: bytes[max(0, place - 30)..<min(bytes.count, place + 30)], as: UTF8.self)
      let context: Comment = "byte \(place), bit \(bit), seed \(seed), in \(around.debugDescription)"
      do { try service.start() } catch {
        #expect("\(error)".contains(path), context)
        refused += 1
        continue
      }
      var statuses: [Int] = []
      for (ad, landing) in TestService.ads + [("resting", ""), ("retreat", TestService.fallback)] {
        let answer = try service.click(ad)
        statuses.append(answer.status)
        #expect(answer.location == nil || answer.location == landing, "\(context): \(ad): \(answer.text)")
        guard answer.location == nil, landing != "" else { continue }
        // A row under another number is no row of its ad any more: 404 until somebody reads what is told of it.
        #expect([403, 404, 503].contains(answer.status), "\(context): \(ad): \(answer.status) \(answer.text)")
        #expect(try eventually { try service.ready().text != "ready\n" }, "\(context): \(ad): \(answer.text)")
      }
      if statuses == [302, 302, 410, 302] { whole += 1 } else { damaged += 1 }
      service.stop()
    }
    print("bits of a catalog: \(refused) refused, \(damaged) damaged, \(whole) whole, seed \(seed)")
  }

  @Test func aCatalogThatIsGoneOrAnotherStoresIsRefused() throws {
    let service = try TestService()
    #expect(try service.click().verdict == "valid")
    service.stop()
    let files = KernelFileSystem()
    let path = "\(service.dataDirectory)/\(StoreFiles.catalog)"
    let own = try files.contents(path)
    try files.remove(path)
    #expect(throws: CatalogError.gone(file: path)) { try service.start() }
    #expect(!files.exists(path))
    let other = try TestService()
    other.stop()
    try files.open(path, .create).writeAll(
      try files.contents("\(other.dataDirectory)/\(StoreFiles.catalog)"), at: 0)
    #expect { try service.start() } throws: { error in
      if case .otherStore? = error as? CatalogError { true } else { false }
    }
    try files.remove(path)
    try files.open(path, .create).writeAll(own, at: 0)
    try service.start()
    #expect(try service.click().verdict == "valid")
  }
}

/// Placeholders and parameters on their way through a server.
@Suite struct LandingPageTests {
  private func put(_ service: TestService, _ ad: String, _ more: String) throws {
    let url = "https://shop.example/{adId}?cid={impressionId}&c={campaignId}#top"
    let answer = try service.api(
      "PUT", "/api/v1/ads/\(ad)",
      #"{"redirectUrl":"\#(url)","advertiserId":"acme","campaignId":"spring","passQuery":["gclid","utm_*"]\#(more)}"#)
    try #require(answer.status == 201 || answer.status == 200, "\(answer.text)")
  }

  @Test func everyAnswerThatRedirectsFillsTheTargetIn() throws {
    let service = try TestService { $0.onBadSignature = .redirect }
    try put(service, "full", "")
    func location(_ id: String) -> String {
      "https://shop.example/full?cid=\(id)&c=spring&gclid=a%2Fb&utm_source=n&utm_source=m#top"
    }
    let query = "&gclid=a%2Fb&x=1&utm_source=n&cid=own&utm_source=m&kid=second"
    func link(_ id: String) -> String {
      "/click?adId=full&impressionId=\(id)&signature=\(TestService.signature("full", id))" + query
    }
    let id = "\(TestService.impression())"
    // The first one is not in the cache, the later ones are.
    for (target, verdict) in [
      (link(id), "valid"), (link(id), "duplicate"), (link(id.uppercased()), "duplicate"),
      (link("\(TestService.impression(mintedIn: -100 * 3_600_000))"), "expired"),
      (
        link(id).replacing("signature=", with: "signature=00").replacing(
          TestService.signature("full", id), with: String(repeating: "0", count: 62)), "bad-signature"
      ),
    ] {
      let answer = try service.request("GET", target)
      let spelled = target.split(separator: "&")[1].dropFirst("impressionId=".count)
      #expect(answer.status == 302 && answer.verdict == verdict, "\(target): \(answer.text)")
      #expect(answer.location == location(String(spelled)))
    }
    let head = try service.request("HEAD", link(id))
    #expect(head.verdict == "head" && head.location == location(id))
    // A paused ad's fallback likewise.
    try put(service, "full", #","status":"paused","fallbackUrl":"https://else.example/?{impressionId}""#)
    for _ in 0..<2 {
      let paused = try service.request("GET", link(id))
      #expect(paused.verdict == "paused")
      #expect(paused.location == "https://else.example/?\(id)&gclid=a%2Fb&utm_source=n&utm_source=m")
    }
    #expect(try service.total("full") == 1)
    let stored = try service.api("GET", "/api/v1/ads/full")
    #expect(stored.text.contains(#""passQuery":["gclid","utm_*"]"#))
  }

  @Test func aCountedClickStaysShort() throws {
    let service = try TestService()
    try put(service, "full", "")
    let id = "\(TestService.impression())"
    let target =
      "/click?adId=full&impressionId=\(id)&signature=\(TestService.signature("full", id))&gclid="
      + String(repeating: "%22", count: 2_000) + "&utm_a=1"
    let answer = try service.request("GET", target)
    #expect(answer.verdict == "valid" && (answer.location?.utf8.count ?? 0) <= 8192)
    #expect(answer.location?.contains("utm_a=1") == true)
  }
}
