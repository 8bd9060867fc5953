import HTTP
import JSON
import Service
import Testing

/// Sessions over real sockets: what a loop refuses at the head of a request, and streams that end with their session.
@Suite struct SessionWireTests {
  private struct SignedIn {
    var cookie: String
    var csrf: String
    var headers: [(String, String)] { [("Cookie", cookie), ("X-Tally-CSRF", csrf)] }
  }

  private func signIn(_ service: TestService, _ token: String) throws -> SignedIn {
    let answer = try HTTPClient(service.address).request(
      "POST", "/session", headers: [("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")],
      body: Array(#"{"token":"\#(token)"}"#.utf8))
    try #require(answer.status == 200, "\(answer.text)")
    guard case .string(let csrf)? = try JSONReader.read(answer.body)["csrfToken"] else { throw Missing() }
    return SignedIn(cookie: String((answer.header("Set-Cookie") ?? "").prefix { $0 != ";" }), csrf: csrf)
  }

  private struct Missing: Error {}

  /// A stream that was begun by a cookie.
  private func stream(_ service: TestService, _ session: SignedIn) throws -> Wire {
    let wire = try Wire(service.address)
    wire.send(
      "GET /api/v1/ads/active/stream HTTP/1.1\r\nHost: t\r\nCookie: a=b; \(session.cookie)\r\n"
        + "Sec-Fetch-Site: same-origin\r\n\r\n")
    #expect(eventually { wire.isReadable })
    return wire
  }

  @Test func aStreamEndsWithItsSession() throws {
    let service = try TestService()
    let (one, other) = (try signIn(service, service.token), try signIn(service, service.token))
    #expect(try service.request("GET", "/api/v1/ads/active", [("Cookie", one.cookie)]).status == 200)
    let (wire, open) = (try stream(service, one), try stream(service, other))
    #expect(try service.request("DELETE", "/session", one.headers).status == 204)
    let answer = try #require(wire.answer())
    #expect(answer.status == 200 && answer.text.hasPrefix("retry: "))
    #expect(try service.request("GET", "/api/v1/ads/active", [("Cookie", one.cookie)]).status == 401)
    // The other one goes on until its token ends.
    func isOne(_ name: String) throws -> Bool { try service.metrics()[name] == 1 }
    #expect(try eventually { try isOne("tally_streams_open") && isOne("tally_sessions_open") })
    let id = String(service.token.dropFirst(6).prefix { $0 != "_" })
    #expect(try service.api("DELETE", "/admin/v1/tokens/\(id)", admin: true).status == 204)
    #expect(open.answer()?.status == 200)
    #expect(try service.request("GET", "/session", [("Cookie", other.cookie)]).status == 401)
  }

  /// A stranger's body is neither waited for nor read beyond a kibibyte, and an address that fails is stopped at the head.
  @Test func strangersAreStoppedAtTheHead() throws {
    let service = try TestService()
    let large = try Wire(service.address)
    large.send("POST /session HTTP/1.1\r\nHost: t\r\nContent-Length: 1025\r\n\r\n")
    #expect(large.answer()?.status == 413)
    for _ in 0..<10 {
      let answer = try HTTPClient(service.address).request(
        "POST", "/session", headers: [("Content-Type", "application/json")], body: Array(#"{"token":"x"}"#.utf8))
      #expect(answer.status == 401)
    }
    let late = try Wire(service.address)
    late.send("POST /session HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n")
    let answer = try #require(late.answer())
    #expect(answer.status == 429 && answer.header("Retry-After") != nil)
  }
}
