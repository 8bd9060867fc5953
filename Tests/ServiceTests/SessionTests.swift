import Catalog
import Clicks
import HTTP
import JSON
import Platform
import Query
import Service
import Shards
import Testing

/// Browsers that sign in, and what their cookies open.
@Suite struct SessionTests {
  let harness: APIHarness
  let browser: Browser

  init() throws {
    harness = try APIHarness()
    browser = Browser(harness)
    harness.put("mine")
    harness.put("theirs", advertiser: "umbra")
  }

  private func string(_ value: JSONValue?) -> String { if case .string(let text)? = value { text } else { "" } }

  @Test func aBrowserSignsInReadsAndSignsOut() throws {
    #expect(browser.get("/session").status == 401)
    let answer = browser.signIn(harness.bound)
    #expect(
      answer.status == 200 && answer.header("Cache-Control") == "no-store" && !answer.text.contains(harness.bound))
    let cookie = try #require(answer.header("Set-Cookie"))
    #expect(
      cookie.wholeMatch(
        of: #/tally_session=[0-9a-f]{64}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict/#) != nil, "\(cookie)")
    let session = browser.get("/session")
    #expect(session.body == answer.body)
    #expect(session.json["advertiserId"] == "acme" && session.json["scopes"] == .array(["read", "ads"]))
    #expect(session.json["share"] == .null && string(session.json["csrfToken"]).count == 64)
    #expect(session.json["serverTime"] == .string(Timestamp.format(harness.now)))
    #expect(session.json["expires"] == .string(Timestamp.format(harness.now + 7 * 86_400_000)))
    #expect(browser.get("/api/v1/ads").text.contains(#""mine""#))
    #expect(browser.get("/api/v1/ads/mine").status == 200 && browser.get("/api/v1/ads/theirs").status == 404)
    #expect(browser.send(.delete, "/session").status == 204)
    #expect(browser.credentials.session == "" && browser.get("/session").problem == "signed-out")
    // The text of a cookie that was kept opens nothing.
    browser.credentials.session = Credentials.cookie("tally_session", in: cookie)
    #expect(browser.get("/api/v1/ads").problem == "signed-out" && browser.get("/session").problem == "signed-out")
  }

  @Test func underTLSTheCookieIsSecure() throws {
    let api = API(
      catalog: harness.catalog, tables: ShardTables([], routes: nil), clock: { 0 },
      zones: ZoneBook(KernelFileSystem()), tokens: harness.board,
      publicURL: "https://tally.example", changed: { _ in })
    let request = APIRequest(
      method: .post, segments: ["session"], contentType: "application/json",
      body: Array(#"{"token":"\#(harness.bound)"}"#.utf8), requestID: "r-1")
    guard case .done(let answer) = api.answer(request) else { return }
    #expect(answer.header("Set-Cookie")?.hasSuffix("; HttpOnly; SameSite=Strict; Secure") == true)
  }

  @Test func whatIsNoTokenSignsNobodyIn() {
    for (json, status) in [
      (#"{"token":"x"}"#, 401), (#"{"token":"\#(harness.bound)x"}"#, 401), (#"{"share":"\#(harness.bound)"}"#, 401),
      (#"{"token":""}"#, 401), ("{}", 400), (#"{"token":"x","share":"y"}"#, 400), (#"{"token":1}"#, 400), ("[]", 400),
      (#"{"tok":"x"}"#, 400),
    ] {
      browser.network += 1
      let answer = browser.send(.post, "/session", json: json)
      #expect(answer.status == status && answer.problem != nil && answer.header("Set-Cookie") == nil, "\(json)")
      #expect(!answer.text.contains(harness.bound))
    }
    #expect(browser.send(.post, "/session").status == 415)
    #expect(browser.credentials.session == nil)
  }

  /// What changes something proves that a page of this origin wants it.
  @Test func writesNeedTheSessionsOwnToken() {
    #expect(browser.signIn(harness.bound).status == 200)
    let csrf = browser.credentials.csrf
    for wrong in [nil, "", "x", String((csrf ?? "").dropLast())] {
      browser.credentials.csrf = wrong
      for (method, target) in [
        (HTTP.Method.post, "/api/v1/shares"), (.delete, "/api/v1/shares/x"), (.delete, "/session"),
      ] {
        #expect(browser.send(method, target).problem == "csrf", "\(target)")
      }
      #expect(browser.get("/api/v1/ads").status == 200)
    }
    browser.credentials.csrf = csrf
    #expect(browser.send(.post, "/api/v1/shares", json: "{}").status == 201)
    let other = Browser(harness)
    #expect(other.signIn(harness.bound).status == 200)
    browser.credentials.csrf = other.credentials.csrf
    #expect(browser.send(.post, "/api/v1/shares", json: "{}").problem == "csrf")
  }

  @Test(arguments: ["cross-site", "same-site", "none", "", "SAME-ORIGIN"])
  func otherSitesAreRefused(_ site: String) {
    browser.credentials.fetchSite = site
    #expect(browser.signIn(harness.bound).problem == "cross-site")
    browser.credentials.fetchSite = nil
    #expect(browser.signIn(harness.bound).status == 200)
    browser.credentials.fetchSite = site
    #expect(browser.send(.post, "/api/v1/shares", json: "{}").problem == "cross-site")
    #expect(browser.send(.delete, "/session").problem == "cross-site")
    // Whoever types an address reads what is theirs.
    #expect(browser.get("/api/v1/ads").status == (site == "none" ? 200 : 401))
    #expect(browser.get("/session").status == (site == "none" ? 200 : 401))
  }

  @Test func anAddressThatFailsTooOftenWaits() {
    for _ in 0..<10 { #expect(browser.signIn("x").status == 401) }
    let refused = browser.signIn(harness.bound)
    #expect(refused.status == 429 && refused.problem == "too-many-sign-ins" && refused.header("Retry-After") == "6")
    let other = Browser(harness)
    other.network = 2
    #expect(other.signIn(harness.bound).status == 200)
    harness.machine.time.advance(milliseconds: 6_000)
    #expect(browser.signIn("x").status == 401 && browser.signIn("x").status == 429)
    harness.machine.time.advance(milliseconds: 60_000)
    // What succeeds costs nothing.
    for _ in 0..<30 { #expect(browser.signIn(harness.bound).status == 200) }
    for _ in 0..<10 { #expect(browser.signIn("x").status == 401) }
    #expect(browser.signIn("x").status == 429)
  }

  /// However many addresses come, the table is as large as it was, and few of them meet one that has failed.
  @Test func strangersHoldNoMemory() {
    for network in 100..<110 {
      browser.network = UInt64(network)
      for _ in 0..<10 { #expect(browser.signIn("x").status == 401) }
    }
    var refused = 0
    for network in 1_000..<3_000 {
      browser.network = UInt64(network)
      if browser.signIn("x").status == 429 { refused += 1 }
    }
    #expect(refused < 200, "\(refused)")
    #expect(harness.board.openSessions == 0)
  }

  @Test func aSessionEndsWithItsToken() throws {
    let brief = try harness.catalog.createToken(
      scopes: [.read], advertiserID: "acme", expiresAt: harness.now + 60_000)
    let other = try harness.catalog.createToken(scopes: [.read], advertiserID: "acme")
    harness.board.show(try harness.catalog.tokenView())
    let answer = browser.signIn(brief.text.reveal())
    #expect(answer.json["expires"] == .string(Timestamp.format(harness.now + 60_000)))
    #expect(answer.header("Set-Cookie")?.contains("; Max-Age=60;") == true)
    harness.machine.time.advance(milliseconds: 59_999)
    #expect(browser.get("/api/v1/ads").status == 200)
    harness.machine.time.advance(milliseconds: 1)
    #expect(browser.get("/api/v1/ads").problem == "signed-out")
    let second = Browser(harness)
    #expect(second.signIn(other.text.reveal()).status == 200 && second.get("/api/v1/ads").status == 200)
    let path = "/admin/v1/tokens/\(other.info.id)"
    #expect(harness.send(.delete, path, token: harness.admin, admin: true).status == 204)
    #expect(second.get("/api/v1/ads").problem == "signed-out" && second.get("/session").problem == "signed-out")
  }

  @Test func aSessionEndsUnusedAndAfterAWeek() {
    let idle: Int64 = 12 * 3_600_000
    #expect(browser.signIn(harness.bound).status == 200)
    for _ in 0..<13 {
      harness.machine.time.advance(milliseconds: idle - 1)
      #expect(browser.get("/api/v1/ads").status == 200)
    }
    harness.machine.time.advance(milliseconds: idle - 1)
    #expect(browser.get("/api/v1/ads").status == 200)
    harness.machine.time.advance(milliseconds: 14)
    #expect(browser.get("/api/v1/ads").status == 401)
    #expect(browser.signIn(harness.bound).status == 200)
    harness.machine.time.advance(milliseconds: idle)
    #expect(browser.get("/api/v1/ads").status == 401)
  }

  @Test func theOldestSessionOfATokenMakesRoom() {
    let others = (0..<256).map { _ in Browser(harness) }
    #expect(browser.signIn(harness.bound).status == 200)
    let reader = Browser(harness)
    #expect(reader.signIn(harness.read).status == 200)
    for other in others { #expect(other.signIn(harness.bound).status == 200) }
    #expect(browser.get("/session").status == 401)
    #expect(others.allSatisfy { $0.get("/session").status == 200 } && reader.get("/session").status == 200)
    #expect(harness.board.openSessions == 257)
  }

  @Test func aCookieOpensNoAdministration() {
    #expect(browser.signIn(harness.admin).status == 200)
    for admin in [false, true] {
      let tokens = browser.send(.get, "/admin/v1/tokens", admin: admin)
      #expect(tokens.status == (admin ? 401 : 404))
    }
    #expect(browser.send(.put, "/api/v1/ads/mine", json: "{}").problem == "not-for-sessions")
    #expect(browser.send(.delete, "/api/v1/ads/mine").problem == "not-for-sessions")
    #expect(browser.send(.post, "/api/v1/clicks").problem == "not-for-sessions")
    // A bearer token comes before a cookie.
    browser.credentials.authorization = "Bearer x"
    #expect(browser.get("/api/v1/ads").status == 401)
  }

  @Test func cookiesAreFoundAmongOthers() {
    for (field, value) in [
      ("tally_session=a", "a"), ("x=1; tally_session=a; y=2", "a"), ("tally_session=", ""), ("x=tally_session=a", nil),
      ("tally_sessions=a", nil), ("Tally_session=a", nil), ("a=1, tally_session=b", "b"), ("tally_session", nil),
      ("tally_session=a; tally_session=b", "a"), (";; ;", nil),
    ] {
      #expect(Credentials.cookie("tally_session", in: field) == value, "\(field)")
    }
  }

  // MARK: - Share links

  private func share(_ token: String, _ json: String = "{}") -> APIResponse {
    harness.send(.post, "/api/v1/shares", token, json: json)
  }

  @Test func aShareIsMadeOpenedListedAndRevoked() throws {
    let made = share(harness.bound, #"{"expires":"30d"}"#)
    #expect(made.status == 201 && made.json["advertiserId"] == "acme" && made.json["campaignId"] == .null)
    #expect(made.json["expires"] == .string(Timestamp.format(harness.now + 30 * 86_400_000)))
    let id = string(made.json["id"])
    #expect(string(made.json["url"]).hasPrefix("/s/\(id)#"))
    let secret = string(made.json["url"]).split(separator: "#").last!
    let list = harness.get("/api/v1/shares", harness.bound)
    #expect(list.text.contains(id) && !list.text.contains(secret))
    let answer = browser.open(made)
    #expect(answer.status == 200 && answer.header("Set-Cookie")?.hasPrefix("tally_share=") == true)
    #expect(answer.json["scopes"] == .array(["read"]) && answer.json["share"]?["id"] == .string(id))
    #expect(answer.json["share"]?["expires"] == made.json["expires"])
    #expect(browser.get("/api/v1/ads").text.contains("mine") && !browser.get("/api/v1/ads").text.contains("theirs"))
    #expect(browser.send(.post, "/api/v1/shares", json: "{}").problem == "not-for-sessions")
    #expect(browser.get("/api/v1/shares").problem == "not-for-sessions")
    #expect(harness.send(.delete, "/api/v1/shares/\(id)", token: harness.bound).status == 204)
    #expect(browser.get("/api/v1/ads").problem == "signed-out")
    #expect(harness.send(.delete, "/api/v1/shares/\(id)", token: harness.bound).status == 404)
    #expect(Browser(harness).open(made).status == 401)
    #expect(string(harness.get("/api/v1/shares", harness.bound).json["shares"]?.first?["revokedAt"]) != "")
  }

  @Test func aShareOfACampaignShowsNothingElse() {
    func put(_ ad: String, _ campaign: String?) {
      let member = campaign.map { #","campaignId":"\#($0)""# } ?? ""
      let answer = harness.send(
        .put, "/api/v1/ads/\(ad)", harness.ads,
        json: #"{"redirectUrl":"https://shop.example/","advertiserId":"acme"\#(member)}"#)
      #expect(answer.status == 201)
    }
    put("w1", "winter")
    put("s1", "summer")
    let made = share(harness.bound, #"{"campaignId":"winter"}"#)
    #expect(browser.open(made).json["share"]?["campaignId"] == "winter")
    let list = browser.get("/api/v1/ads")
    #expect(list.text.contains("w1") && !list.text.contains("s1") && !list.text.contains("mine"))
    #expect(browser.get("/api/v1/ads?campaignId=winter").body == list.body)
    #expect(browser.get("/api/v1/ads?campaignId=summer").problem == "other-campaign")
    for path in ["", "/aggregates?from=-1h", "/stream", "/corrections"] {
      #expect(browser.get("/api/v1/ads/w1\(path)").status == 200, "\(path)")
      for other in ["s1", "mine", "theirs", "nothing"] {
        #expect(browser.get("/api/v1/ads/\(other)\(path)").problem == "unknown-ad", "\(other)\(path)")
      }
    }
    #expect(browser.get("/api/v1/statements/2025-05").problem == "not-for-sessions")
    // An ad that leaves the campaign leaves the link.
    let moved = harness.send(
      .put, "/api/v1/ads/w1", harness.ads,
      json: #"{"redirectUrl":"https://shop.example/","advertiserId":"acme","campaignId":"summer"}"#)
    #expect(moved.status == 200 && browser.get("/api/v1/ads/w1").status == 404)
  }

  @Test func whoSharesWhat() throws {
    #expect(share(harness.read).faults == ["advertiserId"])
    #expect(share(harness.read, #"{"advertiserId":"umbra"}"#).json["advertiserId"] == "umbra")
    #expect(share(harness.bound, #"{"advertiserId":"umbra"}"#).problem == "other-advertiser")
    #expect(share(harness.ads).problem == "scope-missing")
    #expect(share(harness.bound, #"{"campaignId":"a b","expires":"1s"}"#).faults == ["campaignId"])
    #expect(share(harness.bound, #"{"expires":"soon"}"#).faults == ["expires"])
    #expect(!harness.get("/api/v1/shares", harness.bound).text.contains("umbra"))
    #expect(harness.get("/api/v1/shares", harness.read).text.contains("umbra"))
    let foreign = try #require(harness.get("/api/v1/shares", harness.read).json["shares"]?.first)
    let path = "/api/v1/shares/\(string(foreign["id"]))"
    #expect(harness.send(.delete, path, token: harness.bound).status == 404)
    #expect(harness.send(.delete, path, token: harness.read).status == 204)
  }

  /// Both cookies are there: the page says which one speaks.
  @Test func anOpenedShareSignsNobodyOut() {
    #expect(browser.signIn(harness.read).status == 200)
    let made = share(harness.bound)
    let id = string(made.json["id"])
    let csrf = browser.credentials.csrf
    #expect(browser.open(made).status == 200 && browser.credentials.session != nil)
    #expect(browser.get("/api/v1/ads").text.contains("theirs"))
    browser.credentials.shareID = id
    #expect(!browser.get("/api/v1/ads").text.contains("theirs") && browser.get("/api/v1/ads").status == 200)
    #expect(browser.get("/session").json["share"]?["id"] == .string(id))
    browser.credentials.shareID = "other"
    #expect(browser.get("/api/v1/ads").status == 401 && browser.open(made).status == 401)
    browser.credentials.shareID = nil
    browser.credentials.csrf = csrf
    #expect(browser.get("/session").json["share"] == .null && browser.send(.delete, "/session").status == 204)
  }

  @Test func aShareEndsWithTheTokenThatMadeIt() throws {
    let token = try harness.catalog.createToken(scopes: [.read], advertiserID: "acme")
    harness.board.show(try harness.catalog.tokenView())
    let made = share(token.text.reveal())
    #expect(browser.open(made).status == 200 && browser.get("/api/v1/ads").status == 200)
    let path = "/admin/v1/tokens/\(token.info.id)"
    #expect(harness.send(.delete, path, token: harness.admin, admin: true).status == 204)
    #expect(browser.get("/api/v1/ads").problem == "signed-out" && Browser(harness).open(made).status == 401)
  }
}

extension JSONValue {
  /// The first element of an array.
  var first: JSONValue? { if case .array(let values) = self { values.first } else { nil } }
}
