import Bytes
import Catalog
import Clicks
import HTTP
import JSON
import Platform
import Service
import Simulation
import Testing
import Traffic

/// Links that the service makes, links that it looks at, and keys that are for one advertiser alone.
@Suite struct MintTests {
  private func string(_ value: JSONValue?) -> String { if case .string(let text)? = value { text } else { "" } }

  private func json(_ answer: Response) throws -> JSONValue { try JSONReader.read(answer.body) }

  private func mint(_ service: TestService, _ ad: String = "active", _ query: String = "") throws -> JSONValue {
    let answer = try service.api("POST", "/api/v1/ads/\(ad)/impressions\(query)")
    #expect(answer.status == 201, "\(answer.text)")
    return try json(answer)
  }

  /// Path and query of a link.
  private func target(_ link: JSONValue) -> String {
    let url = string(link["clickUrl"])
    return String(url[url.firstRange(of: "/click")!.lowerBound...])
  }

  private func check(_ service: TestService, _ url: String) throws -> String {
    let escaped = PercentCoding.encode(url)
    let answer = try service.api("GET", "/api/v1/check?url=\(escaped)")
    #expect(answer.status == 200, "\(answer.text)")
    return string(try json(answer)["verdict"])
  }

  @Test func aMintedLinkCountsOnce() throws {
    let service = try TestService()
    let link = try mint(service)
    #expect(string(link["clickUrl"]).hasPrefix("http://\(service.address)/click?adId=active&impressionId="))
    #expect(string(link["clickUrl"]).contains(string(link["signature"])))
    let minted = try #require(Timestamp.parse(string(link["expires"])))
    let id = try #require(ImpressionID(string(link["impressionId"])))
    #expect(minted - service.settings.eventTimes.impressionLifetime == id.minting(by: .max))
    let answers = try (0..<2).map { _ in try service.request("GET", target(link)).verdict }
    #expect(answers == ["valid", "duplicate"])
    let batch = try mint(service, "active", "?count=50")
    guard case .array(let links)? = batch["impressions"] else { return #expect(Bool(false)) }
    #expect(Set(links.map { string($0["impressionId"]) }).count == 50)
    for link in links { #expect(try service.request("GET", target(link)).verdict == "valid") }
    #expect(try service.total() == 51)
  }

  @Test func whoMayNotMintMintsNothing() throws {
    let service = try TestService()
    for query in ["?count=0", "?count=10001", "?count=x", "?n=1"] {
      #expect(try service.api("POST", "/api/v1/ads/active/impressions\(query)").status == 400)
    }
    #expect(try service.api("POST", "/api/v1/ads/none/impressions").status == 404)
    let reader = try service.newToken(["read", "ads"])
    let refused = try service.request("POST", "/api/v1/ads/active/impressions", [("Authorization", "Bearer \(reader)")])
    #expect(refused.status == 403)
    for kid in ["first", "second"] {
      #expect(try service.api("POST", "/admin/v1/keys/\(kid):retire", admin: true).status == 204)
    }
    #expect(try service.api("POST", "/api/v1/ads/active/impressions").status == 409)
  }

  @Test func aLinkIsCheckedWithoutCounting() throws {
    let service = try TestService()
    let link = target(try mint(service))
    let old = TestService.link("active", TestService.impression(mintedIn: -2 * 86_400_000))
    for (url, verdict) in [
      ("https://go.example\(link)", "valid"), (link.replacing("&", with: "&amp;"), "valid"),
      (link.replacing("adId=active", with: "adId=other"), "bad-signature"), (link + ".", "valid"),
      (link + "0", "bad-signature"),
      (TestService.link("nothing", TestService.impression()), "unknown-ad"),
      (TestService.link("resting", TestService.impression()), "paused"), (old, "expired"),
      ("/click?adId=active", "malformed"),
      (TestService.link("active", TestService.impression(), kid: "old"), "bad-signature"),
      (TestService.link("active", TestService.impression(), kid: "first", names: true), "valid"),
    ] {
      #expect(try check(service, url) == verdict, "\(url)")
      // As /click says it.
      let path = url.replacing("https://go.example", with: "")
      if verdict != "valid" { #expect(try service.request("GET", path).verdict == verdict, "\(url)") }
    }
    #expect(try service.total() == 0)
    #expect(try service.request("GET", link).verdict == "valid")
    #expect(try check(service, link) == "duplicate")
    for wrong in ["", "?url=", "?url=x", "?url=https%3A%2F%2Fx%2F", "?url=%2Fclick"] {
      #expect(try service.api("GET", "/api/v1/check\(wrong)").status == 400, "\(wrong)")
    }
  }

  /// What the check says of an impression is what the click after it is told: of ids with and without a minting time, of clicks in
  /// the log and in segments, before and after a start.
  @Test(arguments: Seeds.list(3)) func theCheckForetellsTheClick(_ seed: Seed) throws {
    var generator = SplitMix64(seed: seed.value)
    let service = try TestService()
    let ids = (0..<40).map { i in
      i % 2 == 0 ? "\(TestService.impression())" : Hex.encode((0..<16).map { _ in UInt8(generator.below(256)) })
    }
    var counted: Set<Int> = []
    for step in 0..<300 {
      switch generator.below(40) {
      case 0: try service.restart()
      case 1:
        for verb in ["flush", "seal-log"] {
          #expect(try service.api("POST", "/admin/v1/\(verb)", "{}", admin: true).status == 202)
        }
      default: break
      }
      let i = generator.below(ids.count)
      let signature = SigningKey(id: "second", secret: Array(TestService.secret(of: "second").utf8)).sign(
        ad: "active", impression: ids[i])
      let link = "/click?adId=active&impressionId=\(ids[i])&signature=\(signature)"
      let foretold = try check(service, link)
      #expect(foretold == (counted.contains(i) ? "duplicate" : "valid"), "\(seed), step \(step), \(ids[i])")
      guard generator.below(3) > 0 else { continue }
      #expect(try service.request("GET", link).verdict == foretold, "\(seed), step \(step), \(ids[i])")
      counted.insert(i)
    }
    #expect(try service.total() == counted.count)
  }

  /// A bound key signs for its advertiser's ads, and for no other's: at /click, in batches, and where links are checked.
  @Test(arguments: [true, false]) func aBoundKeyIsForItsAdvertiserAlone(_ isCached: Bool) throws {
    let service = try TestService()
    let secret = "the secret of umbra"
    let put = try service.api(
      "PUT", "/api/v1/ads/theirs", #"{"redirectUrl":"https://umbra.example/","advertiserId":"umbra"}"#)
    #expect(put.status == 201)
    let added = try service.api(
      "POST", "/admin/v1/keys", #"{"kid":"umbra","secret":"\#(secret)","advertiserId":"umbra"}"#, admin: true)
    #expect(added.status == 201 && added.text.contains(#""advertiserId":"umbra""#))
    if isCached {
      for ad in ["active", "theirs"] {
        #expect(try service.request("GET", TestService.link(ad, TestService.impression())).verdict == "valid")
      }
    }
    func link(_ ad: String, names: Bool) -> String {
      let id = TestService.impression()
      let signature = SigningKey(id: "umbra", secret: Array(secret.utf8)).sign(ad: ad, impression: "\(id)")
      return "/click?adId=\(ad)&impressionId=\(id)&signature=\(signature)" + (names ? "&kid=umbra" : "")
    }
    for names in [true, false] {
      for (ad, verdict) in [("theirs", "valid"), ("active", "bad-signature"), ("resting", "bad-signature")] {
        let link = link(ad, names: names)
        #expect(try check(service, link) == verdict)
        let answer = try service.request("GET", link)
        #expect(answer.verdict == verdict && answer.status == (verdict == "valid" ? 302 : 403), "\(ad)")
      }
      #expect(try service.request("GET", link("nothing", names: names)).verdict == "unknown-ad")
      let lines = ["theirs", "active"].map { ad in
        let parts = Dictionary(
          uniqueKeysWithValues: link(ad, names: names).dropFirst(7).split(separator: "&").map {
            let pair = $0.split(separator: "=")
            return (String(pair[0]), String(pair[1]))
          })
        return
          #"{"adId":"\#(ad)","impressionId":"\#(parts["impressionId"]!)","signature":"\#(parts["signature"]!)","time":\#(KernelTime().wall())}"#
      }
      let batch = try HTTPClient(service.address).request(
        "POST", "/api/v1/clicks",
        headers: [("Authorization", "Bearer \(service.token)"), ("Content-Type", "application/x-ndjson")],
        body: Array(lines.joined(separator: "\n").utf8))
      let report = try json(batch)
      #expect(
        report["accepted"] == .integer(1) && report["rejectedCount"]?["bad-signature"] == .integer(1), "\(batch.text)")
    }
    // The newest key that may sign for the ad signs.
    #expect(string(try mint(service, "theirs")["clickUrl"]).hasSuffix("&kid=umbra"))
    #expect(string(try mint(service, "active")["clickUrl"]).hasSuffix("&kid=second"))
  }

  @Test func aBoundKeysLinkOfAnothersAdIsRedirectedWhereForgedOnesAre() throws {
    let service = try TestService { $0.onBadSignature = .redirect }
    _ = try service.api(
      "POST", "/admin/v1/keys", #"{"kid":"u","secret":"the secret of umbra","advertiserId":"umbra"}"#, admin: true)
    let id = TestService.impression()
    let signature = SigningKey(id: "u", secret: Array("the secret of umbra".utf8)).sign(
      ad: "active", impression: "\(id)")
    let link = "/click?adId=active&impressionId=\(id)&signature=\(signature)"
    for _ in 0..<2 {
      let answer = try service.request("GET", link)
      #expect(answer.status == 302 && answer.verdict == "bad-signature")
    }
    #expect(try service.total() == 0)
  }
}
