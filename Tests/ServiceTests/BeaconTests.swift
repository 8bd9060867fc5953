import Clicks
import HTTP
import Platform
import Testing

// Clicks as scripts and pings send them: POST, with any body, and the browser's question before it.

@Suite struct BeaconTests {
  private let origin = "https://publisher.example"

  @Test func aPostCountsLikeAGet() throws {
    let service = try TestService()
    let id = TestService.impression()
    let link = TestService.link("active", id)
    let client = try HTTPClient(service.address)
    for (number, body) in ["", "{}", String(repeating: "a=b&", count: 16_000)].enumerated() {
      let answer = try client.request(
        "POST", link, headers: [("Origin", origin), ("Content-Type", "text/ping")], body: Array(body.utf8))
      #expect(answer.status == 204 && answer.body.isEmpty && answer.location == nil)
      #expect(answer.verdict == (number == 0 ? "valid" : "duplicate"))
      #expect(answer.header("Access-Control-Allow-Origin") == origin)
      #expect(answer.header("Access-Control-Allow-Credentials") == "true")
      #expect(answer.header("Vary") == "Origin" && answer.header("Cache-Control") == "no-store")
    }
    #expect(try service.request("GET", link).verdict == "duplicate")
    #expect(try service.total() == 1)
  }

  /// 204 wherever GET has 302; the rest as for GET, and a page may look at all of it.
  @Test func answersToAPostFollowThoseToAGet() throws {
    let service = try TestService {
      $0.onBadSignature = .redirect
      $0.unknownAdURL = TestService.fallback
    }
    let strict = try TestService()
    func link(_ ad: String) -> String { TestService.link(ad, TestService.impression()) }
    let forged = link("active").dropLast(2) + "zz"
    let old = TestService.link("active", TestService.impression(mintedIn: -90_000_000))
    let cases: [(TestService, String, [(String, String)])] = [
      (service, link("retreat"), []), (service, link("nobody"), []), (service, String(forged), []), (service, old, []),
      (service, link("active"), [("User-Agent", "Twitterbot/1.0")]),
      (service, link("active"), [("Purpose", "prefetch")]),
      (strict, link("resting"), []), (strict, link("nobody"), []), (strict, String(forged), []), (strict, "/click", []),
    ]
    for (service, target, fields) in cases {
      let get = try service.request("GET", target, fields)
      let post = try service.request("POST", target, fields + [("Origin", origin)])
      #expect(post.status == (get.status == 302 ? 204 : get.status), "\(target)")
      #expect(post.verdict == get.verdict && post.location == nil, "\(target)")
      #expect(post.header("Access-Control-Allow-Origin") == origin, "\(target)")
      #expect(get.header("Access-Control-Allow-Origin") == nil, "\(target)")
    }
  }

  @Test func aPreflightIsAnswered() throws {
    let service = try TestService()
    let id = TestService.impression()
    let link = TestService.link("active", id)
    let answer = try service.request(
      "OPTIONS", link,
      [
        ("Origin", origin), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type, x-a"),
      ])
    #expect(answer.status == 204 && answer.verdict == "preflight" && answer.body.isEmpty)
    #expect(answer.header("Access-Control-Allow-Origin") == origin)
    #expect(answer.header("Access-Control-Allow-Credentials") == "true")
    #expect(answer.header("Access-Control-Allow-Methods") == "GET, HEAD, POST")
    #expect(answer.header("Access-Control-Allow-Headers") == "content-type, x-a")
    #expect(answer.header("Vary") == "Origin" && answer.header("Cache-Control") == "no-store")
    // A client that says no origin gets none; one that says nonsense gets none back.
    for fields in [[], [("Origin", "https://\u{E9}.example")]] {
      let answer = try service.request("OPTIONS", link, fields)
      #expect(answer.status == 204 && answer.header("Access-Control-Allow-Origin") == nil)
      #expect(answer.header("Vary") == "Origin")
    }
    #expect(try service.request("OPTIONS", "/click?adId=active").status == 400)
    #expect(try service.click(id: id).verdict == "valid")
    #expect(try service.total() == 1)
  }

  /// Bodies are read over on every method, however they are framed, and the connection goes on.
  @Test func bodiesAreReadOver() throws {
    let service = try TestService()
    let wire = try Wire(service.address)
    func link() -> String { TestService.link("active", TestService.impression()) }
    let chunks = "5;x=y\r\nhello\r\n1\r\n \r\n0\r\nTrailer: a\r\n\r\n"
    let bodies = [
      "Content-Length: 2\r\n\r\n{}", "Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n" + chunks,
      "Content-Length: 65536\r\n\r\n" + String(repeating: "b", count: 65_536),
      "Transfer-Encoding: chunked\r\n\r\n"
        + String(repeating: "800\r\n\(String(repeating: "c", count: 2_048))\r\n", count: 32)
        + "0\r\n\r\n",
    ]
    var sent = 0
    for method in ["GET", "POST"] {
      for body in bodies {
        wire.send("\(method) \(link()) HTTP/1.1\r\nHost: t\r\n" + body)
        sent += 1
      }
    }
    for _ in 0..<sent { #expect(wire.answer()?.verdict == "valid") }
    // A client that waits to be told is told.
    wire.send("POST \(link()) HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    #expect(eventually { wire.isReadable })
    wire.send("abc")
    #expect(wire.answer()?.verdict == "valid")
    #expect(try service.total() == sent + 1)
  }
}
