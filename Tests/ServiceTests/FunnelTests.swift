import Clicks
import FoundationEssentials
import HTTP
import Platform
import Service
import Testing

/// Counts from gross to net, over real sockets.
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
}
