import Catalog
import Clicks
import HTTP
import JSON
import Service
import Testing

@Suite struct APIAdminTests {
  let harness: APIHarness

  init() throws { harness = try APIHarness() }

  private func send(_ method: HTTP.Method, _ path: String, _ json: String? = nil) -> APIResponse {
    guard let json else { return harness.send(method, path, token: harness.admin, admin: true) }
    return harness.send(method, path, harness.admin, json: json, admin: true)
  }

  private func string(_ value: JSONValue?) -> String {
    if case .string(let text)? = value { text } else { "" }
  }

  private var keyChanges: Int {
    harness.changes.count { if case .keys = $0 { true } else { false } }
  }

  @Test func keysComeAndGo() throws {
    let made = send(.post, "/admin/v1/keys", #"{"kid":"k1","secret":"hush, and nobody hears"}"#)
    #expect(made.status == 201 && made.header("Cache-Control") == "no-store" && keyChanges == 1)
    #expect(
      made.text
        == #"{"kid":"k1","secret":"hush, and nobody hears","createdAt":"2025-06-15T15:07:00.000Z","advertiserId":null}"#
        + "\n")
    let generated = send(.post, "/admin/v1/keys")
    #expect(generated.status == 201 && string(generated.json["secret"]).count == 64 && keyChanges == 2)
    let again = send(.post, "/admin/v1/keys", #"{"kid":"k1","secret":"other-secret-of-k1"}"#)
    #expect(again.status == 409 && again.problem == "key-exists" && !again.text.contains("other-secret"))
    #expect(send(.post, "/admin/v1/keys/k1:retire").status == 204 && keyChanges == 3)
    #expect(send(.post, "/admin/v1/keys/k1:retire").problem == "not-found")
    #expect(send(.post, "/admin/v1/keys/nobody:retire").status == 404 && keyChanges == 3)
    let list = send(.get, "/admin/v1/keys")
    let kid = string(generated.json["kid"])
    #expect(
      list.text == """
        {"keys":[{"kid":"\(kid)","createdAt":"2025-06-15T15:07:00.000Z","retiredAt":null,"advertiserId":null},\
        {"kid":"k1","createdAt":"2025-06-15T15:07:00.000Z","retiredAt":"2025-06-15T15:07:00.000Z",\
        "advertiserId":null}]}\n
        """)
    #expect(try harness.catalog.activeKeys().map(\.kid) == [kid])
    for _ in 1..<Catalog.maximumActiveKeys { #expect(send(.post, "/admin/v1/keys", "{}").status == 201) }
    #expect(send(.post, "/admin/v1/keys", "{}").problem == "too-many-keys")
  }

  @Test(arguments: [
    (#"{"kid":"a b"}"#, ["kid"]), (#"{"secret":""}"#, ["secret"]), (#"{"secret":"fifteen bytes.."}"#, ["secret"]),
    (#"{"kid":1,"secret":["s3cr3t"]}"#, ["kid", "secret"]),
    (#"{"Kid":"k"}"#, ["Kid"]), (#"{"kid":"k:retire"}"#, ["kid"]),
    (#"{"secret":"\#(String(repeating: "s3cr3t", count: 1000))"}"#, ["secret"]),
  ])
  func aBadKeyIsNamedAndItsSecretIsNot(_ body: String, _ names: [String]) throws {
    let answer = send(.post, "/admin/v1/keys", body)
    #expect(answer.status == 400 && answer.problem == "invalid-parameter" && answer.faults == names, "\(answer.text)")
    #expect(!answer.text.contains("s3cr3t") && keyChanges == 0)
    #expect(try harness.catalog.keys().isEmpty)
  }

  @Test func aMalformedBodyIsNotQuoted() {
    for body in [#"{"secret":"s3cr3t"#, #"{"secret":s3cr3t}"#, #"{"secret":"s3cr3t","secret":"s3cr3t"}"#] {
      let answer = send(.post, "/admin/v1/keys", body)
      #expect(answer.problem == "malformed-body" && !answer.text.contains("s3cr3t"))
    }
    let typed = harness.send(
      .post, "/admin/v1/keys", token: harness.admin, body: Array("s3cr3t".utf8), type: "text/plain", admin: true)
    #expect(typed.status == 415 && !typed.text.contains("s3cr3t"))
  }

  @Test func tokensComeAndGo() throws {
    let made = send(.post, "/admin/v1/tokens", #"{"scopes":["ads","read"],"advertiserId":"acme","label":"shop"}"#)
    #expect(made.status == 201 && made.header("Cache-Control") == "no-store")
    #expect(made.json["scopes"] == .array(["read", "ads"]) && made.json["advertiserId"] == "acme")
    #expect(made.json["label"] == "shop" && made.json["revokedAt"] == .null)
    let (id, token) = (string(made.json["id"]), string(made.json["token"]))
    #expect(harness.get("/api/v1/ads", token).status == 200)
    let list = send(.get, "/admin/v1/tokens")
    guard case .array(let tokens)? = list.json["tokens"] else { return #expect(Bool(false)) }
    #expect(tokens.count == 5 && tokens.last?["id"] == .string(id) && !list.text.contains(token.suffix(43)))
    #expect(send(.delete, "/admin/v1/tokens/\(id)").status == 204)
    #expect(send(.delete, "/admin/v1/tokens/\(id)").problem == "not-found")
    #expect(harness.get("/api/v1/ads", token).status == 401)
    #expect(send(.post, "/admin/v1/tokens", #"{"scopes":["admin"]}"#).json["advertiserId"] == .null)
  }

  @Test(arguments: [
    ("{}", ["scopes"]), (#"{"scopes":[]}"#, ["scopes"]), (#"{"scopes":"read"}"#, ["scopes"]),
    (#"{"scopes":["read,ads"]}"#, ["scopes"]), (#"{"scopes":["read",1]}"#, ["scopes"]),
    (#"{"scopes":["Read"]}"#, ["scopes"]),
    (#"{"scopes":["read"],"advertiserId":"a b"}"#, ["advertiserId"]),
    (#"{"scopes":["admin"],"advertiserId":"acme"}"#, ["advertiserId"]),
    (#"{"scopes":["read"],"label":"a\nb"}"#, ["label"]), (#"{"scopes":["read"],"expires":"never"}"#, ["expires"]),
  ])
  func aBadTokenIsNamed(_ body: String, _ names: [String]) throws {
    let before = try harness.catalog.tokens().count
    let answer = send(.post, "/admin/v1/tokens", body)
    #expect(answer.status == 400 && answer.problem == "invalid-parameter" && answer.faults == names, "\(answer.text)")
    #expect(try harness.catalog.tokens().count == before)
    #expect(send(.post, "/admin/v1/tokens").status == 415)
  }

  @Test func tokensExpire() throws {
    let now = harness.machine.time.wall()
    func made(_ expires: String) -> APIResponse {
      send(.post, "/admin/v1/tokens", #"{"scopes":["read"],"expires":"\#(expires)"}"#)
    }
    let moment = made(Timestamp.format(now + 60_000))
    #expect(moment.status == 201 && moment.json["expires"] == .string(Timestamp.format(now + 60_000)))
    let span = made("2m")
    #expect(span.json["expires"] == .string(Timestamp.format(now + 120_000)) && span.json["lastUsed"] == .null)
    for wrong in ["", "soon", "1y", "-1h", "1.5h", "99999d", "+1h", "2m ", "2025-06-15", Timestamp.format(now)] {
      let answer = made(wrong)
      #expect(answer.status == 400 && answer.faults == ["expires"], "\(wrong): \(answer.text)")
    }
    let (first, second) = (string(moment.json["token"]), string(span.json["token"]))
    harness.machine.time.advance(milliseconds: 59_999)
    #expect(harness.get("/api/v1/ads", first).status == 200)
    harness.machine.time.advance(milliseconds: 1)
    let ended = harness.get("/api/v1/ads", first)
    #expect(ended.status == 401 && ended.problem == "unauthorized")
    #expect(ended.header("WWW-Authenticate") == "Bearer realm=\"tally\", error=\"invalid_token\"")
    #expect(harness.get("/api/v1/ads", second).status == 200)
  }

  @Test func theShardsAreListed() throws {
    try harness.click("a", 3)
    try harness.click("b", 1)
    #expect(
      send(.get, "/admin/v1/shards").text == """
        {"shards":[{"shard":0,"position":4,"clicks":4,"ads":2,"minutes":1,"liveRows":2,"closedThrough":null},\
        {"shard":1,"position":0,"clicks":0,"ads":0,"minutes":0,"liveRows":0,"closedThrough":null}]}\n
        """)
  }

  /// A catalog that another connection holds, or that has failed, is told apart from a request that is wrong.
  @Test func failuresOfTheCatalogAreNoFaultOfTheRequest() {
    let file = harness.path + "/catalog.sqlite"
    for (error, status, code) in [
      (CatalogError.sqlite(file: file, doing: "storing", code: 13, text: "full"), 507, "disk-full"),
      (.sqlite(file: file, doing: "storing", code: 261, text: "busy"), 503, "catalog-busy"),
      (.sqlite(file: file, doing: "storing", code: 10, text: "disk I/O error"), 500, "catalog-failed"),
      (.damaged(file: file, doing: "reading", text: "no row"), 500, "catalog-failed"),
    ] {
      let answer = Problem(error).response(requestID: "r-1")
      #expect(answer.status == status && answer.problem == code && !answer.text.contains("sqlite"))
    }
  }
}
