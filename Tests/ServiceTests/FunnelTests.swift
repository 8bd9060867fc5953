import Clicks
import FoundationEssentials
import HTTP
import Platform
import Records
import Service
import Testing

/// Counts from gross to net, and answers as gzip, over real sockets.
@Suite struct FunnelTests {
  private struct Answer: Decodable {
    var total: Int
    var metrics: [String: Int]
    var notBillingGrade: [String]
    var verdictsIncomplete: Bool
  }

  private func funnel(_ service: TestService, _ path: String = "/api/v1/ads/active/aggregates") throws -> Answer {
    let answer = try service.api("GET", path + "?from=-1h&metrics=duplicate,bot,head,corrected,gross")
    try #require(answer.status == 200, "\(answer.text)")
    return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
  }

  @Test func whatAnAdMetIsToldWithinASecond() throws {
    let service = try TestService()
    let id = TestService.impression()
    for _ in 0..<3 { _ = try service.click(id: id) }
    _ = try service.click()
    _ = try service.request("HEAD", TestService.link("active", TestService.impression()))
    #expect(try eventually { try funnel(service).metrics["head"] == 1 })
    let found = try funnel(service)
    #expect(found.total == 2 && found.metrics == ["duplicate": 2, "bot": 0, "head": 1, "corrected": 0, "gross": 5])
    #expect(found.notBillingGrade == ["duplicate", "bot", "head", "gross"] && !found.verdictsIncomplete)
    for path in ["/api/v1/aggregates", "/api/v1/top"] {
      let answer = try service.api("GET", path + "?adId=active&from=-1h&metrics=duplicate,gross")
      #expect(answer.text.contains(#""metrics":{"duplicate":2,"gross":5}"#), "\(answer.text)")
    }
    // What was open when the process ended is gone, and that is said.
    try service.restart()
    #expect(try funnel(service).verdictsIncomplete && funnel(service).total == 2)
    #expect(
      try service.api("GET", "/api/v1/ads/active/aggregates?from=-1h&metrics=corrected").text.contains("Incomplete")
        == false)
  }

  /// What a link claims is told of its ad where the ad is known: prefetches and forged links never come to a look at it.
  @Test func refusedLinksAreToldOfTheAdTheyName() throws {
    let service = try TestService()
    _ = try service.click()
    for _ in 0..<3 {
      let link = TestService.link("active", TestService.impression())
      #expect(try service.request("GET", link, [("Sec-Purpose", "prefetch")]).verdict == "prefetch")
      #expect(try service.request("GET", link.replacing("signature=", with: "signature=0")).verdict == "malformed")
      let forged = TestService.link("active", TestService.impression(), kid: "old")
      #expect(try service.request("GET", forged).verdict == "bad-signature")
      // Nobody knows this one.
      #expect(try service.request("GET", forged.replacing("adId=active", with: "adId=none")).verdict == "bad-signature")
    }
    let told = try eventually {
      let path = "/api/v1/ads/active/aggregates?from=-1h&metrics=prefetch,bad-signature,gross"
      return try service.api("GET", path).text.contains(#""metrics":{"prefetch":3,"bad-signature":3,"gross":7}"#)
    }
    #expect(told)
    #expect(try service.api("GET", "/api/v1/ads/none/aggregates?metrics=bad-signature").status == 404)
  }

  @Test func answersAreGzipWhereThatIsTaken() throws {
    let service = try TestService()
    _ = try service.click()
    let target = "/api/v1/ads/active/aggregates?from=2026-01-01&to=2026-01-02&fill=zero"
    func get(_ target: String, _ headers: [(String, String)]) throws -> Response {
      try service.request("GET", target, [("Authorization", "Bearer \(service.token)")] + headers)
    }
    for target in [target, "/openapi.json"] {
      var plain = try get(target, [])
      #expect(plain.header("Content-Encoding") == nil && plain.header("Vary")?.contains("Accept-Encoding") == true)
      var packed = try get(target, [("Accept-Encoding", "br, gzip;q=0.5")])
      // The click or the end of a minute may come in between: then the answer is another one.
      for _ in 0..<5 {
        let again = try get(target, [])
        if again.body == plain.body { break }
        plain = again
        packed = try get(target, [("Accept-Encoding", "br, gzip;q=0.5")])
      }
      #expect(packed.header("Content-Encoding") == "gzip" && packed.body.count * 3 < plain.body.count)
      var text: [UInt8] = []
      let front = TextFront(limit: 1 << 24, mustBeGzip: true)
      try unsafe packed.body.withUnsafeBytes { unsafe try front.feed($0) { unsafe text.append(contentsOf: $0) } }
      try unsafe front.finish { unsafe text.append(contentsOf: $0) }
      #expect(text == plain.body)
      // Either validator holds for either form.
      for tag in [plain.header("ETag"), packed.header("ETag")] {
        let again = try get(target, [("Accept-Encoding", "gzip"), ("If-None-Match", try #require(tag))])
        // A minute may have closed meanwhile: then the answer is another one.
        if again.status == 200, try get(target, []).header("ETag") != plain.header("ETag") { continue }
        #expect(again.status == 304 && again.body.isEmpty && again.header("Content-Encoding") == nil)
      }
    }
    for field in ["identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "br"] {
      #expect(try get(target, [("Accept-Encoding", field)]).header("Content-Encoding") == nil, "\(field)")
    }
    for field in ["*", "x-gzip", "GZIP", "deflate;q=1, gzip ; q=0.1"] {
      #expect(try get(target, [("Accept-Encoding", field)]).header("Content-Encoding") == "gzip", "\(field)")
    }
    // A short answer stays as it is, and so does a problem.
    #expect(try get("/api/v1/top", [("Accept-Encoding", "gzip")]).header("Content-Encoding") == nil)
    #expect(try get("/api/v1/ads/none/aggregates", [("Accept-Encoding", "gzip")]).header("Content-Encoding") == nil)
  }
}
