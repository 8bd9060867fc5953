import Catalog
import HTTP
import Service
import Testing

@Suite struct APIAccessTests {
  let harness: APIHarness

  init() throws { harness = try APIHarness() }

  /// A path of the route, with names filled in.
  static func target(_ route: Route) -> String {
    route.path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
      segment.hasPrefix("{")
        ? "n1" + (segment.firstIndex(of: "}").map { segment[segment.index(after: $0)...] } ?? "") : String(segment)
    }.joined(separator: "/")
  }

  @Test(arguments: Route.allCases)
  func everyRouteAsksForItsTokenAndScope(_ route: Route) throws {
    guard let scope = route.scope else { return }
    func ask(_ token: String?) -> APIResponse {
      harness.send(route.method, Self.target(route), token: token, admin: true)
    }
    let none = ask(nil)
    #expect(none.status == 401 && none.problem == "unauthorized")
    #expect(none.header("WWW-Authenticate") == "Bearer realm=\"tally\"")
    for wrong in ["", "x", "tally_aaaaaaaaaa_" + String(repeating: "A", count: 43), harness.admin + "x"] {
      let answer = ask(wrong)
      #expect(answer.status == 401 && answer.problem == "unauthorized")
      #expect(answer.header("WWW-Authenticate") == "Bearer realm=\"tally\", error=\"invalid_token\"")
    }
    let others = Scopes.named.filter { scope.scope.isDisjoint(with: $0.scope) && $0.name != "admin" }
    let token = try harness.catalog.createToken(scopes: others.reduce(into: Scopes()) { $0.insert($1.scope) })
    let other = ask(token.text.reveal())
    #expect(other.status == 403 && other.problem == "scope-missing")
    #expect(other.header("WWW-Authenticate")?.contains("scope=\"\(scope.name.replacing(" or ", with: " "))\"") == true)
    #expect(![401, 403].contains(ask(harness.admin).status))
    #expect(try harness.catalog.revokeToken(token.info.id))
    #expect(ask(token.text.reveal()).status == 401)
  }

  @Test func theSchemeIsBearer() {
    for (value, status) in [
      ("Bearer \(harness.ads)", 200), ("bearer  \(harness.ads)", 200), ("BEARER \(harness.ads)", 200),
      ("Basic \(harness.ads)", 401), (harness.ads, 401), ("Bearer", 401), ("Bearer \(harness.ads), Bearer x", 401),
    ] {
      let request = APIRequest(method: .get, segments: ["api", "v1", "ads"], authorization: value, requestID: "r-1")
      guard case .done(let answer) = harness.api.answer(request) else { continue }
      #expect(answer.status == status, "\(value.prefix(6))")
      #expect(!answer.text.contains(harness.ads))
    }
  }

  @Test(arguments: Route.allCases)
  func theAdminListenerAloneHasTheAdminRoutes(_ route: Route) {
    let answer = harness.send(route.method, Self.target(route), token: harness.admin)
    #expect((answer.problem == "not-found") == route.path.hasPrefix("/admin/"), "\(answer.text)")
  }

  @Test func whatIsNotThereIs404() {
    for path in [
      "/", "", "/api", "/api/v1", "/api/v1/", "/api/v1/ads/", "/api/v1/ads/a/", "/api/v1/ads/a/b", "/api/v2/ads",
      "/api/v1/ads:export", "/API/v1/ads", "//api/v1/ads", "/admin/v1/keys/k", "/admin/v1/keys/:retire",
      "/admin/v1/tokens/", "/openapi.json/", "/api/v1/ads/a/aggregates/",
    ] {
      for token in [nil, harness.admin] {
        let answer = harness.send(.get, path, token: token, admin: true)
        // A key alone can't be read, but its path is that of no route.
        #expect(answer.status == 404 && answer.problem == "not-found", "\(path)")
      }
    }
  }

  @Test func anotherMethodIs405WithWhatIsAllowed() {
    for (path, allowed) in [
      ("/api/v1/ads", "GET, HEAD"), ("/api/v1/ads:import", "POST"), ("/api/v1/ads/a", "GET, HEAD, PUT, DELETE"),
      ("/api/v1/ads/a/aggregates", "GET, HEAD"), ("/openapi.json", "GET, HEAD"), ("/admin/v1/keys", "GET, HEAD, POST"),
      ("/admin/v1/keys/k:retire", "POST"), ("/admin/v1/tokens/t", "DELETE"),
    ] {
      for method in [Method.patch, .options, .other] {
        let answer = harness.send(method, path, token: nil, admin: true)
        #expect(answer.status == 405 && answer.problem == "method-not-allowed" && answer.header("Allow") == allowed)
      }
    }
    #expect(harness.send(.head, "/api/v1/ads", token: harness.ads).status == 200)
  }

  @Test(arguments: Route.allCases)
  func unknownAndDoubleParametersAreNamed(_ route: Route) throws {
    if [.aggregates, .stream, .corrections].contains(route) { harness.put("n1") }
    let answer = harness.send(route.method, Self.target(route) + "?frm=1&x=2", token: harness.admin, admin: true)
    #expect(
      answer.status == 400 && answer.problem == "invalid-parameter" && answer.faults == ["frm", "x"], "\(answer.text)")
    #expect(harness.get("/api/v1/ads?limit=1&limit=1", harness.ads).faults == ["limit"])
  }

  @Test func bodiesHaveLimits() {
    func limit(_ method: Method, _ path: String) -> Int {
      Route.bodyLimit(method: method, segments: path.split(separator: "/").map(String.init))
    }
    #expect(limit(.get, "/api/v1/ads:import") == 0 && limit(.head, "/x") == 0)
    #expect(limit(.post, "/api/v1/ads:import") == 64 << 20)
    #expect(limit(.put, "/api/v1/ads/a") == 64 << 10 && limit(.post, "/admin/v1/keys") == 64 << 10)
    #expect(limit(.put, "/api/v1/ads:import") == 64 << 10 && limit(.post, "/nothing") == 64 << 10)
  }
}
