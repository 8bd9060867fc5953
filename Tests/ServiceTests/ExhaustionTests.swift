import Clicks
import Glibc
import HTTP
import Platform
import Service
import Store
import Synchronization
import Testing

/// Nobody takes what others need: memory, descriptors, threads.
@Suite(.serialized) struct ExhaustionTests {
  /// Every route that takes a body judges the token at the head: no body is waited for, no 100 is given.
  @Test func aTokenIsAskedForBeforeTheBody() throws {
    let service = try TestService()
    let (reader, sender) = (try service.newToken(["read"]), try service.newToken(["trusted"]))
    for admin in [false, true] {
      let authority = admin ? service.server.adminAddress : service.address
      for route in Route.allCases where route.isAdminOnly == admin && route.scope != nil {
        guard [.post, .put, .delete].contains(route.method) else { continue }
        let path = route.path.replacing("{adId}", with: "x").replacing("{kid}", with: "x").replacing("{id}", with: "x")
        let name = "\(route.method)".uppercased()
        let other = route.scope?.scope.contains(.read) == true ? sender : reader
        for (token, status) in [(nil, 401), ("tally_nobody", 401), (other, 403)] as [(String?, Int)] {
          let wire = try Wire(authority, seconds: 5)
          wire.send(
            "\(name) \(path) HTTP/1.1\r\nHost: localhost\r\n"
              + (token.map { "Authorization: Bearer \($0)\r\n" } ?? "")
              + "Content-Type: text/csv\r\nExpect: 100-continue\r\nContent-Length: 60000\r\n\r\n")
          let answer = try #require(wire.answer(), "\(name) \(path)")
          #expect(answer.status == status, "\(name) \(path) \(token ?? "-"): \(answer.status)")
        }
      }
    }
  }

  @Test func aRevokedTokenLetsNobodyInAndEndsItsStreams() throws {
    let service = try TestService()
    let token = try service.newToken(["read"])
    let other = try service.newToken(["read"])
    func open(_ token: String) throws -> Wire {
      let wire = try Wire(service.address, seconds: 3)
      wire.send(
        "GET /api/v1/ads/active/stream HTTP/1.0\r\nHost: t\r\nAuthorization: Bearer \(token)\r\n\r\n")
      return wire
    }
    let (ended, goesOn) = (try open(token), try open(other))
    #expect(eventually { (try? service.metrics())?["tally_streams_open"] == 2 })
    let id = token.split(separator: "_")[1]
    #expect(try service.api("DELETE", "/admin/v1/tokens/\(id)", admin: true).status == 204)
    // The answer to a stream of HTTP/1.0 ends with its connection.
    #expect(ended.answer() != nil, "the stream goes on without its token")
    #expect(eventually { (try? service.metrics())?["tally_streams_open"] == 1 })
    let refused = try HTTPClient(service.address).request(
      "GET", "/api/v1/ads/active/aggregates", headers: [("Authorization", "Bearer \(token)")])
    #expect(refused.status == 401)
    // A stream ends with its ad too.
    #expect(try service.api("DELETE", "/api/v1/ads/active").status == 204)
    #expect(goesOn.answer() != nil, "the stream goes on without its ad")
  }

  @Test func withoutDescriptorsTheLogWaitsAndGoesOn() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) {
      $0.shards = 2
      $0.shardOptions.slotBytes = 65_536
    }
    defer { disk.faults = .init() }
    disk.faults.isOutOfDescriptors = true
    // The slot that was made ahead is open: it is taken without a descriptor. Then there is no other.
    var verdicts: [String: Int] = [:]
    for _ in 0..<200 where verdicts["unrecorded"] == nil {
      verdicts[try service.click().verdict ?? "none", default: 0] += 1
    }
    #expect(verdicts["unrecorded"] != nil && verdicts["valid", default: 0] > 0, "\(verdicts)")
    let (status, reason) = try service.ready()
    #expect(status == 503 && reason.contains("errno 24") && !reason.contains("until a restart"), "\(reason)")
    #expect(service.server.failure == nil)
    disk.faults = .init()
    #expect(eventually { (try? service.click().verdict) == "valid" })
    #expect(try service.ready().0 == 200)
  }

  @Test func theAdminDoorHasPlacesOfItsOwn() throws {
    let service = try TestService { $0.loopSettings.maxConnections = 4 }
    let strangers = try (0..<12).map { _ in try Wire(service.address) }
    for _ in 0..<5 {
      #expect(try HTTPClient(service.server.adminAddress).request("GET", "/-/ready").status == 200)
      #expect(try service.click().verdict == "valid")
    }
    withExtendedLifetime(strangers) {}
    #expect(try service.metrics()["tally_http_connections_evicted_total"] ?? 0 > 0)
  }

  @Test func theAdminDoorAnswersToItsOwnNamesOnly() throws {
    let service = try TestService { $0.adminHosts = ["tally.internal"] }
    for (host, status) in [
      ("127.0.0.1:1", 200), ("localhost:8081", 200), ("LOCALHOST", 200), ("[::1]:8081", 200), ("tally.internal:9", 200),
      ("evil.example", 421), ("evil.example:8081", 421), ("127.0.0.1.evil.example", 421), ("1.2.3.4.5", 421),
      ("999.0.0.1", 421), ("localhost.evil.example", 421),
    ] as [(String, Int)] {
      for path in ["/metrics", "/-/ready", "/admin/v1/jobs"] {
        let wire = try Wire(service.server.adminAddress)
        wire.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nAuthorization: Bearer \(service.token)\r\n\r\n")
        let answer = try #require(wire.answer())
        #expect(answer.status == status, "\(host) \(path)")
        #expect(answer.header("X-Content-Type-Options") == "nosniff")
        if path == "/metrics" { #expect(answer.header("Cache-Control") == "no-store") }
      }
    }
    // The public door answers to any.
    let wire = try Wire(service.address)
    wire.send("GET /-/healthy HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    #expect(wire.answer()?.status == 200)
    #expect(try service.click().header("X-Content-Type-Options") == nil)
  }

  /// Links that nobody signed name ads that there are, and ads that there are not: the table of verdicts grows by neither beyond
  /// its bound, and every request has its verdict.
  @Test(arguments: [ServeSettings.OnBadSignature.reject, .redirect])
  func requestsWithoutSignatureFillNoTable(_ policy: ServeSettings.OnBadSignature) throws {
    let service = try TestService {
      $0.shards = 1
      $0.onBadSignature = policy
    }
    let known = VerdictCounts.unsignedLimit + 200
    let ads = (0..<known).map { "ad-\($0)" }
    let rows = "adId,redirectUrl,advertiserId\n" + ads.map { "\($0),https://x.example/,acme\n" }.joined()
    let headers = [("Authorization", "Bearer \(service.token)"), ("Content-Type", "text/csv")]
    let made = try HTTPClient(service.address).request(
      "POST", "/api/v1/ads:import", headers: headers, body: Array(rows.utf8))
    #expect(made.status == 200, "\(made.text)")
    let wire = try Wire(service.address, seconds: 60)
    let forged = String(repeating: "0", count: 64)
    let strangers = (0..<1_000).map { "nobody-\($0)" }
    let all = ads + strangers
    for start in stride(from: 0, to: all.count, by: 50) {
      let part = all[start..<min(start + 50, all.count)]
      let links = part.map { ad in
        Wire.get("/click?adId=\(ad)&impressionId=\(TestService.impression())&signature=\(forged)")
      }
      wire.send(links.joined())
      for ad in part { #expect(wire.answer()?.verdict == "bad-signature", "\(ad)") }
    }
    var (entries, unlisted) = (0.0, 0.0)
    // The loop hands them over once a second.
    _ = try eventually(policy == .reject ? 1.5 : 60) {
      let page = try service.metrics()
      entries = try #require(page["tally_verdict_entries"])
      unlisted = try #require(page[#"tally_verdicts_unlisted_total{reason="unsigned"}"#])
      return entries + unlisted >= Double(known)
    }
    let page = try service.metrics()
    #expect(page[#"tally_click_requests_total{verdict="bad-signature"}"#] == Double(all.count))
    // A minute that ends meanwhile begins the bound anew.
    let minutes = 3.0
    #expect(entries <= minutes * Double(VerdictCounts.unsignedLimit + 1))
    switch policy {
    case .reject: #expect(entries == 0 && unlisted == 0)
    case .redirect: #expect(entries + unlisted >= Double(known), "\(entries), \(unlisted)")
    }
    #expect(page[#"tally_verdicts_unlisted_total{reason="memory"}"#] == 0)
  }

  @Test func aTokenHasHalfOfTheBatchesAtMost() throws {
    let service = try TestService { $0.maxBatches = 4 }
    let (greedy, other) = (try service.newToken(["ingest"]), try service.newToken(["ingest"]))
    func begin(_ token: String) throws -> Wire {
      let wire = try Wire(service.address, seconds: 1)
      wire.send(
        "POST /api/v1/clicks HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(token)\r\n"
          + "Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n")
      return wire
    }
    var open = try (0..<2).map { _ in try begin(greedy) }
    #expect(eventually { (try? service.metrics())?["tally_batches_open"] == 2 })
    #expect(try begin(greedy).answer()?.status == 503)
    open.append(try begin(other))
    #expect(eventually { (try? service.metrics())?["tally_batches_open"] == 3 })
    withExtendedLifetime(open) {}
  }
}

/// Whose turn it is.
@Suite struct FairnessTests {
  private final class Notes: Sendable { let words = Mutex<[String]>([]) }

  /// Queries of a queue that is not started yet: what waits is fixed, so the order is.
  private func entry(_ notes: Notes, _ word: String, _ ticket: Ticket = Ticket()) -> QueryQueue.Entry {
    QueryQueue.Entry(
      ticket: ticket, compute: { notes.words.withLock { $0.append(word) } },
      refuse: { notes.words.withLock { $0.append("no " + word) } })
  }

  @Test func tokensTakeTurns() throws {
    let notes = Notes()
    let queue = QueryQueue(BufferBudget())
    for number in 0..<5 { #expect(queue.submit("a", entry(notes, "a\(number)"))) }
    for number in 0..<2 { #expect(queue.submit("b", entry(notes, "b\(number)"))) }
    #expect(queue.submit("c", entry(notes, "c0")) && queue.depth == 8)
    try queue.start()
    queue.stop()
    #expect(notes.words.withLock { $0 } == ["a0", "b0", "c0", "a1", "b1", "a2", "a3", "a4"])
  }

  @Test func whoHasGoneIsNotComputedAndWhoMayHaveGoneComesLast() throws {
    let notes = Notes()
    let queue = QueryQueue(BufferBudget())
    for number in 0..<200 {
      let ticket = Ticket()
      if number % 2 == 0 { ticket.leave() } else { ticket.hangUp() }
      #expect(queue.submit("a", entry(notes, "\(number)", ticket)))
    }
    #expect(queue.submit("a", entry(notes, "light")))
    try queue.start()
    queue.stop()
    let words = notes.words.withLock { $0 }
    let computed = words.filter { !$0.hasPrefix("no ") }
    #expect(computed.first == "light" && computed.count == 17, "\(words)")
    #expect(queue.counts.dropped == 100 && queue.counts.refused == 84 && queue.depth == 0)
  }

  @Test func aTokenFillsItsOwnQueueAlone() {
    let queue = QueryQueue(BufferBudget())
    let notes = Notes()
    var taken = 0
    while queue.submit("a", entry(notes, "a")) { taken += 1 }
    #expect(taken == 256)
    #expect(queue.submit("b", entry(notes, "b")))
  }

  @Test func nothingIsComputedWhileAnswersTakeTheMemory() throws {
    let budget = BufferBudget(limit: 1 << 20)
    let charge = BufferBudget.Charge(budget, 1 << 20)
    let notes = Notes()
    let queue = QueryQueue(budget)
    #expect(queue.submit("a", entry(notes, "a")))
    try queue.start()
    queue.stop()
    #expect(notes.words.withLock { $0 } == ["no a"])
    withExtendedLifetime(charge) {}
  }

  /// A click's look-up goes before what was there first, and a long import in parts starves nobody and is not starved.
  @Test func clicksGoFirstAndPartsLetOthersBy() throws {
    let worker = Worker<Void>("test")
    let notes = Notes()
    func note(_ word: String) { notes.words.withLock { $0.append(word) } }
    @Sendable func part(_ number: Int) {
      notes.words.withLock { $0.append("part") }
      if number < 20 { _ = worker.submit(as: .part) { _ in part(number + 1) } }
    }
    #expect(worker.submit(as: .part) { _ in part(1) })
    for _ in 0..<20 { #expect(worker.submit(as: .request) { _ in notes.words.withLock { $0.append("request") } }) }
    for _ in 0..<100 { #expect(worker.submit(as: .click) { _ in notes.words.withLock { $0.append("click") } }) }
    try worker.start { () }
    #expect(eventually { notes.words.withLock { $0.count } == 140 })
    worker.stop()
    let words = notes.words.withLock { $0 }
    #expect(words.prefix(64).allSatisfy { $0 == "click" })
    #expect(words.prefix(102).count { $0 == "click" } == 100)
    #expect(words.count { $0 == "part" } == 20 && words.count == 140)
    // One part behind eight requests.
    #expect(words.firstIndex(of: "part")! < words.lastIndex(of: "request")!)
  }
}
