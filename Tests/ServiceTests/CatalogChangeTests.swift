import Clicks
import HTTP
import Platform
import Synchronization
import Testing

/// Who changes the catalog and has read the answer meets the change with the next click, on every connection and loop.
@Suite struct CatalogChangeTests {
  private func put(_ service: TestService, _ ad: String, _ url: String, _ more: String = "") throws -> Int {
    try service.api("PUT", "/api/v1/ads/\(ad)", "{\"redirectUrl\":\"\(url)\",\"advertiserId\":\"acme\"\(more)}").status
  }

  private final class Shared: Sendable {
    let isOver = Atomic<Bool>(false)
    let valid = Atomic<Int>(0)
    let others = Atomic<Int>(0)
  }

  @Test(arguments: [1, 2]) func aChangeIsSeenByTheNextClick(loops: Int) throws {
    let service = try TestService { $0.loops = loops }
    // Connections that stay, so that every loop has looked the ad up before.
    let clients = try (0..<8).map { _ in try HTTPClient(service.address) }
    func answers(_ ad: String = "fresh") throws -> Set<String> {
      Set(
        try clients.map {
          let answer = try $0.request("GET", TestService.link(ad, TestService.impression()))
          return "\(answer.status) \(answer.location ?? "-")"
        })
    }
    for round in 0..<20 {
      // Unknown, so that the negative cache has it.
      #expect(try answers() == ["404 -"])
      #expect(try put(service, "fresh", "https://one.example/\(round)") == 201)
      #expect(try answers() == ["302 https://one.example/\(round)"])
      #expect(try put(service, "fresh", "https://two.example/\(round)") == 200)
      #expect(try answers() == ["302 https://two.example/\(round)"])
      #expect(try put(service, "fresh", "https://two.example/", ",\"status\":\"paused\"") == 200)
      #expect(try answers() == ["410 -"])
      let fallback = ",\"status\":\"paused\",\"fallbackUrl\":\"\(TestService.fallback)\""
      #expect(try put(service, "fresh", "https://two.example/", fallback) == 200)
      #expect(try answers() == ["302 \(TestService.fallback)"])
      #expect(try service.api("DELETE", "/api/v1/ads/fresh").status == 204)
    }
    #expect(try answers() == ["404 -"])
    #expect(try service.total("fresh") == 20 * 2 * clients.count)
  }

  @Test func anImportIsSeenAtOnce() throws {
    let service = try TestService()
    for ad in ["batch-1", "batch-2"] { #expect(try service.click(ad).status == 404) }
    let rows = "adId,redirectUrl,advertiserId\nbatch-1,https://one.example/,acme\nbatch-2,https://two.example/,acme\n"
    let headers = [("Authorization", "Bearer \(service.token)"), ("Content-Type", "text/csv")]
    let answer = try HTTPClient(service.address).request(
      "POST", "/api/v1/ads:import", headers: headers, body: Array(rows.utf8))
    #expect(answer.status == 200, "\(answer.text)")
    #expect(try service.click("batch-1").location == "https://one.example/")
    #expect(try service.click("batch-2").location == "https://two.example/")
  }

  /// Clicks race with changes of their ad: each gets what was true at some time, none is lost, and after the last
  /// change only the last state is seen.
  @Test func clicksRacingWithChanges() throws {
    let service = try TestService { $0.loops = 2 }
    let shared = Shared()
    #expect(try put(service, "racing", "https://racing.example/0") == 201)
    let address = service.address
    try withThreads(
      3,
      { _ in
        guard let client = try? HTTPClient(address) else {
          shared.others.add(1, ordering: .relaxed)
          return
        }
        while !shared.isOver.load(ordering: .relaxed) {
          let answer = try? client.request("GET", TestService.link("racing", TestService.impression()))
          let isRight = answer?.location?.hasPrefix("https://racing.example/") ?? false
          if answer?.verdict == "valid", isRight {
            shared.valid.add(1, ordering: .relaxed)
          } else if answer?.verdict != "paused" {
            shared.others.add(1, ordering: .relaxed)
          }
        }
      }
    ) { () throws in
      for round in 1...100 {
        let status = round % 3 == 0 ? ",\"status\":\"paused\"" : ""
        #expect(try put(service, "racing", "https://racing.example/\(round)", status) == 200)
      }
      shared.isOver.store(true, ordering: .relaxed)
    }
    #expect(shared.others.load(ordering: .relaxed) == 0)
    #expect(try service.click("racing").location == "https://racing.example/100")
    #expect(try service.total("racing") == shared.valid.load(ordering: .relaxed) + 1)
    #expect(shared.valid.load(ordering: .relaxed) > 0)
  }
}

/// Runs `body` on `count` threads and `main` on this one; returns when all have ended.
func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void, _ main: () throws -> Void = {}) throws {
  let threads = try (0..<count).map { number in try Thread("test-\(number)") { body(number) } }
  defer { for thread in threads { thread.join() } }
  try main()
}
