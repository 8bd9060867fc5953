import Clicks
import HTTP
import Platform
import Testing

// What people and programs read when a click leads nowhere.

@Suite struct ProblemPageTests {
  private let browser = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8")

  @Test func aPersonSeesAPage() throws {
    let service = try TestService()
    let link = TestService.link("active", TestService.impression())
    let cases: [(String, Int, String)] = [
      ("/click?adId=<script>alert(1)</script>", 400, "This link is incomplete"),
      (String(link.dropLast(2)) + "zz", 403, "This link is not valid"),
      (TestService.link("nobody", TestService.impression()), 404, "There is nothing behind this link"),
      (TestService.link("resting", TestService.impression()), 410, "This offer is not available now"),
      ("/click?" + String(repeating: "x", count: 20_000), 414, "This link is incomplete"),
    ]
    for (target, status, heading) in cases {
      for _ in 0..<2 where status != 414 {
        let page = try service.request("GET", target, [browser, ("X-Request-Id", "abc-1")])
        #expect(page.status == status)
        #expect(page.header("Content-Type") == "text/html; charset=utf-8")
        #expect(page.header("X-Content-Type-Options") == "nosniff")
        #expect(page.header("Content-Security-Policy")?.contains("default-src 'none'") == true)
        #expect(page.header("Cache-Control") == "no-store" && page.verdict != nil)
        #expect(page.text.contains("<h1>\(heading)</h1>") && page.text.contains("<html lang=\"en\">"))
        #expect(page.text.contains("abc-1") && page.header("X-Request-Id") == "abc-1")
        #expect(!page.text.contains("<script") && !page.text.contains("http"))
      }
      let document = try service.request("GET", target)
      #expect(document.status == status && document.header("Content-Type") == "application/problem+json")
      let id = try #require(document.header("X-Request-Id"))
      #expect(document.text.contains("\"requestId\":\"\(id)\""))
      #expect(document.header("X-Content-Type-Options") == "nosniff")
    }
  }

  @Test func onlyWhoAsksForHTMLGetsIt() throws {
    let service = try TestService()
    let cases: [(String, Bool)] = [
      ("text/html", true), ("TEXT/HTML;level=1", true), ("application/xhtml+xml", true), ("text/html;q=0.1, */*", true),
      ("*/*", false), ("", false), ("text/html;q=0", false), ("application/json, text/plain, */*", false),
      ("application/json, text/html;q=0.5", false), ("application/problem+json;q=0.2,text/html", true),
      ("text/htmlx", false), ("text/html;q=x", false),
    ]
    for (accept, isPage) in cases {
      let answer = try service.request("GET", "/click", [("Accept", accept)])
      #expect((answer.header("Content-Type") == "text/html; charset=utf-8") == isPage, "\(accept)")
    }
  }

  @Test func everythingThatIsMissingIsNamedAtOnce() throws {
    let service = try TestService()
    for target in ["/click", "/click?", "/click?utm_source=x", "/click?adid=1&signature="] {
      let answer = try service.request("GET", target)
      #expect(answer.status == 400 && answer.text.contains("\"code\":\"malformed\""))
      for name in ["adId", "impressionId", "signature"] {
        #expect(answer.text.contains("\"parameter\":\"\(name)\""), "\(target): \(answer.text)")
      }
    }
  }

  @Test func aProxysNameForTheRequestIsTakenOver() throws {
    let service = try TestService()
    for id in [
      "a", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "Root=1-67891233-abc:9/+@~._", String(repeating: "x", count: 128),
    ] {
      for target in ["/click", "/api/v1/ads"] {
        let answer = try service.request("GET", target, [("X-Request-Id", id)])
        #expect(answer.header("X-Request-Id") == id && answer.text.contains("\"requestId\":\"\(id)\""), "\(target)")
      }
    }
    for id in ["", "a b", "a\"b", "<a>", "a\u{E9}", String(repeating: "x", count: 129)] {
      let answer = try service.request("GET", "/click", [("X-Request-Id", id)])
      #expect(answer.header("X-Request-Id") != id && answer.header("X-Request-Id") != nil, "\(id)")
      #expect(!answer.text.contains("<"))
    }
  }
}
