import Catalog
import Clicks
import HTTP
import Service
import Testing

/// Whoever is bound to one advertiser gets nothing of another, by whatever door, on every route there is. A route that has no row
/// in the table fails.
@Suite struct TenancyTests {
  let harness: APIHarness

  /// What a route answers about one's own: to a token with every scope but admin, to its session, to a share link of the
  /// advertiser, and to one of a campaign.
  private typealias Row = (token: Int, session: Int, share: Int, campaign: Int)

  private static let closed: Row = (403, 401, 401, 401)
  private static let table: [Route: Row] = [
    .specification: (200, 200, 200, 200),
    .ingest: (409, 403, 403, 403), .importAds: (200, 403, 403, 403), .putAd: (200, 403, 403, 403),
    .deleteAd: (204, 403, 403, 403),
    .listAds: (200, 200, 200, 200), .getAd: (200, 200, 200, 200), .aggregates: (200, 200, 200, 200),
    .stream: (200, 200, 200, 200), .corrections: (200, 200, 200, 200), .statement: (409, 409, 409, 403),
    .manyAggregates: (200, 200, 200, 200), .manyStream: (200, 200, 200, 200), .manyCorrections: (200, 200, 200, 200),
    .top: (200, 200, 200, 200),
    .signIn: (400, 400, 400, 400), .session: (401, 200, 200, 200), .signOut: (401, 403, 403, 403),
    .listShares: (200, 200, 403, 403), .createShare: (201, 403, 403, 403), .revokeShare: (404, 403, 403, 403),
    .mint: (201, 403, 403, 403), .check: (400, 403, 403, 403),
    .opsSummary: (403, 403, 403, 403), .opsStream: (403, 403, 403, 403),
    .listKeys: closed, .addKey: closed, .retireKey: closed, .listTokens: closed, .createToken: closed,
    .revokeToken: closed, .shards: closed, .hotAds: closed, .files: closed, .damagedRows: closed, .decideRow: closed,
    .flush: closed, .sealLog: closed, .compact: closed, .retain: closed, .verify: closed, .reconcile: closed,
    .seal: closed, .listJobs: closed, .getJob: closed, .schedules: closed,
  ]

  /// What nobody of acme may ever read.
  private static let foreign = ["umbra", "hidden"]

  init() throws {
    harness = try APIHarness()
    for (ad, advertiser, campaign) in [
      ("own", "acme", "winter"), ("own2", "acme", "summer"), ("hidden-1", "umbra", "winter"),
      ("hidden-2", "umbra", "hidden-campaign"),
    ] {
      let answer = harness.send(
        .put, "/api/v1/ads/\(ad)", harness.ads,
        json:
          #"{"redirectUrl":"https://\#(advertiser).example/","advertiserId":"\#(advertiser)","campaignId":"\#(campaign)"}"#
      )
      #expect(answer.status == 201)
      try harness.click(ad, advertiser == "acme" ? 3 : 97)
    }
    _ = try harness.catalog.addKey(kid: "k1")
    #expect(harness.send(.post, "/api/v1/shares", harness.read, json: #"{"advertiserId":"umbra"}"#).status == 201)
  }

  private func target(_ route: Route, _ name: String) -> String {
    route == .statement ? "/api/v1/statements/2025-05" : APIAccessTests.target(route).replacing("n1", with: name)
  }

  private func body(_ route: Route, _ advertiser: String) -> (json: String, type: String)? {
    switch route {
    case .importAds: ("adId,redirectUrl,advertiserId\nnew,https://x.example/,\(advertiser)\n", "text/csv")
    case .putAd, .createShare:
      (
        route == .putAd
          ? #"{"redirectUrl":"https://x.example/","advertiserId":"\#(advertiser)"}"#
          : #"{"advertiserId":"\#(advertiser)"}"#, "application/json"
      )
    case .ingest: ("{}\n", "application/x-ndjson")
    case _ where route.method == .post: ("{}", "application/json")
    default: nil
    }
  }

  /// The four ways in, each asking as a page of this origin would, without a session's CSRF token.
  private func askers() throws -> [(name: String, expected: KeyPath<Row, Int>, credentials: Credentials)] {
    let scopes = Scopes.named.filter { $0.name != "admin" }.reduce(into: Scopes()) { $0.insert($1.scope) }
    let token = try harness.catalog.createToken(scopes: scopes, advertiserID: "acme").text.reveal()
    harness.board.show(try harness.catalog.tokenView())
    func browser(_ signIn: (Browser) -> APIResponse) -> Credentials {
      let browser = Browser(harness)
      #expect(signIn(browser).status == 200)
      browser.credentials.csrf = nil
      return browser.credentials
    }
    func share(_ json: String) -> APIResponse { harness.send(.post, "/api/v1/shares", token, json: json) }
    return [
      ("token", \.token, Credentials(authorization: "Bearer \(token)")),
      ("session", \.session, browser { $0.signIn(token) }),
      ("share", \.share, browser { $0.open(share("{}")) }),
      ("campaign", \.campaign, browser { $0.open(share(#"{"campaignId":"winter"}"#)) }),
    ]
  }

  private func ask(
    _ route: Route, _ target: String, _ credentials: Credentials, _ body: (json: String, type: String)?
  ) -> APIResponse {
    harness.send(
      route.method, target, token: nil, body: body.map { Array($0.json.utf8) } ?? [], type: body?.type, admin: true
    ) { $0.credentials = credentials }
  }

  @Test(arguments: Route.allCases)
  func nothingOfAnotherIsAnswered(_ route: Route) throws {
    let row = try #require(Self.table[route], "\(route) has no row in the table")
    for (name, expected, credentials) in try askers() {
      let own = ask(route, target(route, "own"), credentials, body(route, "acme"))
      if route != .deleteAd || own.status != 204 {
        #expect(own.status == row[keyPath: expected], "\(route) by \(name): \(own.text)")
      }
      // Another's is answered as what is not there.
      let missing = ask(route, target(route, "nothing"), credentials, body(route, "umbra"))
      for ad in ["hidden-1", "hidden-2"] {
        let answer = ask(route, target(route, ad), credentials, body(route, "umbra"))
        #expect(
          answer.status == missing.status && answer.problem == missing.problem || route == .putAd,
          "\(route) by \(name): \(answer.text)")
        #expect(answer.status >= 400 || !Self.foreign.contains { answer.text.contains($0) }, "\(route) by \(name)")
        #expect(!answer.text.contains(":97"), "\(route) by \(name): \(answer.text)")
      }
      for query in [
        "advertiserId=umbra", "campaignId=hidden-campaign", "campaignId=winter", "advertiserId=umbra&campaignId=winter",
        "adId=hidden-1", "adId=own,hidden-1", "groupBy=ad", "cursor=\(String(repeating: "0", count: 16))",
      ] {
        let answer = ask(route, target(route, "own") + "?" + query, credentials, body(route, "acme"))
        // An answer may repeat what was asked for.
        let words = Self.foreign.filter { !query.contains($0) }
        #expect(!words.contains { answer.text.contains($0) }, "\(route)?\(query) by \(name): \(answer.text)")
        #expect(!answer.text.contains(":97"), "\(route)?\(query) by \(name): \(answer.text)")
      }
    }
    let ad = try #require(try harness.catalog.ad(AdID("hidden-1")!))
    #expect(ad.redirectURL == "https://umbra.example/" && ad.advertiserID == "umbra")
    #expect(try harness.catalog.ads(advertiserID: "umbra", limit: 10).ads.count == 2)
    #expect(try harness.catalog.shares(advertiserID: "umbra").allSatisfy { $0.revokedAt == nil })
  }
}
