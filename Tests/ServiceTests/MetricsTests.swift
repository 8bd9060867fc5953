import Clicks
import Glibc
import HTTP
import OtherPrograms
import Platform
import Testing

@Suite struct MetricsTests {
  /// Every request for `/click` ends in one verdict, and the counters say so.
  @Test func verdictCountersSumToTheRequests() throws {
    let service = try TestService()
    let id = TestService.impression()
    let nothing = String(repeating: "0", count: 64)
    var expected: [Verdict: Int] = [:]
    func send(_ verdict: Verdict, _ times: Int, _ send: () throws -> Response) throws {
      for _ in 0..<times {
        #expect(try send().verdict == verdict.name)
        expected[verdict, default: 0] += 1
      }
    }
    try send(.valid, 1) { try service.click(id: id) }
    try send(.valid, 4) { try service.click() }
    try send(.duplicate, 3) { try service.click(id: id) }
    try send(.expired, 2) { try service.click(id: TestService.impression(mintedIn: 100_000)) }
    try send(.prefetch, 2) {
      try service.request("GET", TestService.link("active", id), [("Purpose", "prefetch")])
    }
    try send(.head, 3) { try service.request("HEAD", TestService.link("active", id)) }
    try send(.badSignature, 2) {
      try service.request("GET", "/click?adId=active&impressionId=\(id)&signature=\(nothing)")
    }
    try send(.paused, 2) { try service.click("resting") }
    try send(.unknownAd, 2) { try service.click("nobody") }
    try send(.malformed, 2) { try service.request("GET", "/click?adId=active") }
    try send(.malformed, 1) { try service.request("PUT", TestService.link("active", id)) }
    try send(.duplicate, 1) { try service.request("POST", TestService.link("active", id)) }
    try send(.preflight, 2) { try service.request("OPTIONS", TestService.link("active", id)) }
    try send(.bot, 2) { try service.request("GET", TestService.link("active", id), [("User-Agent", "Twitterbot/1.0")]) }
    let page = try service.metrics()
    for verdict in Verdict.allCases {
      let sample = "tally_click_requests_total{verdict=\"\(verdict.name)\"}"
      #expect(page[sample] == Double(expected[verdict] ?? 0), "\(sample)")
    }
    #expect(page.sum("tally_click_requests_total") == Double(expected.values.reduce(0, +)))
    // One more request than clicks: the page itself.
    #expect(page["tally_http_requests_total"] == page.sum("tally_click_requests_total") + 1)
    #expect(page.sum("tally_log_clicks_total") == 5)
    #expect(page.sum("tally_log_duplicates_total") == 4)
    #expect(page.sum("tally_log_position") == 5 && page["tally_log_position{shard=\"1\"}"] != nil)
    #expect(page["tally_ready"] == 1)
  }

  @Test func metricsAreForTheAdminListenerAlone() throws {
    let service = try TestService()
    for path in ["/metrics", "/metrics/", "/admin/v1/keys", "/admin/v1/shards"] {
      #expect(try service.api("GET", path).status == 404, "\(path)")
    }
    #expect(try service.api("GET", "/admin/v1/shards", admin: true).status == 200)
    let page = try HTTPClient(service.server.adminAddress).request("GET", "/metrics")
    #expect(page.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    #expect(try HTTPClient(service.server.adminAddress).request("POST", "/metrics").header("Allow") == "GET, HEAD")
  }

  /// The same by Prometheus' own tool, where it is installed.
  @Test func promtoolFindsNothing() throws {
    let service = try TestService()
    _ = try service.click()
    let text = try HTTPClient(service.server.adminAddress).request("GET", "/metrics").text
    guard let tool = try OtherPrograms.path("promtool") else {
      return OtherPrograms.leaveOut("the page of metrics as Prometheus reads it", without: "promtool")
    }
    let page = "\(service.directory.path)/page"
    let log = "\(service.directory.path)/promtool"
    try KernelFileSystem().open(page, .create).writeAll(Array(text.utf8), at: 0)
    let child = try ChildProcess("/bin/sh", ["-c", "\(tool) check metrics <'\(page)'"], log: log, follows: true)
    let status = child.wait()
    #expect(status == 0, "\(String(decoding: (try? KernelFileSystem().contents(log)) ?? [], as: UTF8.self))")
  }

  @Test func aStrictReaderRefusesWhatIsWrong() {
    let good = "# HELP tally_a_total Some.\n# TYPE tally_a_total counter\ntally_a_total{x=\"1\"} 2\n"
    #expect(throws: Never.self) { try MetricsPage(good) }
    let wrong = [
      String(good.dropLast()), good + good, good + "tally_b 1\n", good + "tally_a_total{x=\"1\"} 2\n",
      good.replacing("counter", with: "gauge"), good.replacing("tally_a_total", with: "tally_a_minutes_total"),
      good.replacing("} 2", with: "} "), good.replacing("# TYPE tally_a_total counter\n", with: ""),
      good.replacing("x=\"1\"", with: "x=\"1\",x=\"2\""), good.replacing("Some.", with: ""),
    ]
    for page in wrong { #expect(throws: MetricsPage.Fault.self, "\(page)") { try MetricsPage(page) } }
  }
}
