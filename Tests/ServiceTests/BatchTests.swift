import Clicks
import Glibc
import HTTP
import Platform
import Service
import Simulation
import Synchronization
import Testing
import Traffic

@Suite(.serialized) struct BatchTests {
  /// History comes through a running server: clicks of long ago count, once, in their own minutes, and move neither what is
  /// complete nor what is open.
  @Test func historyIsTakenByThoseWhoMay() throws {
    let service = try TestService()
    let now = KernelTime().wall()
    let day: Int64 = 86_400_000
    let lines = (1...60).map { i in
      TestService.line(
        i % 20 == 0 ? "resting" : "active", "0123456789abcdef\(String("000000000000000\(i)".suffix(16)))",
        time: "\(now - Int64(i) * 5 * day)", signed: nil)
    }
    let may = try service.token("ingest,trusted,history")
    let mayNot = try service.token("ingest,trusted")
    func post(_ target: String, _ token: String) throws -> (status: Int, text: String) {
      let response = try HTTPClient(service.address).request(
        "POST", target, headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")],
        body: Array(lines.joined().utf8))
      return (response.status, String(decoding: response.body, as: UTF8.self))
    }
    #expect(try post("/api/v1/clicks", may).text.contains("\"too-old\":57"))
    for target in ["/api/v1/clicks?history=true", "/api/v1/clicks?sealed=credit"] {
      let refused = try post(target, mayNot)
      #expect(refused.status == 403 && refused.text.contains("history"), "\(refused.text)")
    }
    for target in ["?history=yes", "?sealed=no", "?history=true&history=true", "?old=true"] {
      #expect(try post("/api/v1/clicks\(target)", may).status == 400, "\(target)")
    }
    let taken = try post("/api/v1/clicks?history=true", may)
    #expect(taken.text.contains("\"accepted\":60,") && taken.text.contains("\"rejectedCount\":{}"), "\(taken.text)")
    let again = try post("/api/v1/clicks?history=true&sealed=reject", may)
    #expect(again.text.contains("\"duplicate\":60,"), "\(again.text)")
    // A click of now counts in its minute all the same.
    let live = try service.post([TestService.line("active", signed: nil)], token: may)
    #expect(live.number("accepted") == 1)
    let query = try service.api(
      "GET", "/api/v1/ads/active/aggregates?from=-400d&to=now&granularity=day")
    // Three of sixty are another ad's.
    #expect(query.text.contains("\"total\":58,") && query.text.contains("\"clicks\":1,"), "\(query.text)")
  }

  @Test func everyLineGetsItsVerdict() throws {
    let service = try TestService()
    let now = KernelTime().wall()
    let known = "\(TestService.impression())"
    let old = "\(TestService.impression(mintedIn: -25 * 3_600_000))"
    let untimed = "0123456789abcdef0123456789abcdef"
    let token = try service.token("ingest")
    let lines: [(line: String, outcome: String)] = [
      (TestService.line("active", known), ""),
      (TestService.line("other"), ""),
      (TestService.line("active", known), "duplicate"),
      ("\n", "blank"), (" \r\n", "blank"),
      (TestService.line("active", kid: "second"), ""),
      (TestService.line("active", kid: "first", signer: "first"), ""),
      (TestService.line("active", time: "\"\(Timestamp.format(now))\""), ""),
      (TestService.line("active", time: "\(now / 1000)"), ""),
      (TestService.line("active", untimed), ""),
      ("{\"adId\":\"active\"}\n", "malformed"), ("nonsense\n", "malformed"), ("{\n", "malformed"),
      (String(repeating: "x", count: 70_000) + "\n", "malformed"),
      (TestService.line("active", time: "true"), "malformed"),
      (TestService.line("active", signed: "other"), "bad-signature"),
      (TestService.line("active", signed: nil), "bad-signature"),
      (TestService.line("active", signer: "old"), "bad-signature"),
      (TestService.line("active", kid: "first"), "bad-signature"),
      (TestService.line("nobody"), "unknown-ad"),
      (TestService.line("resting"), "paused"), (TestService.line("retreat"), "paused"),
      (TestService.line("active", old), "expired"),
      (TestService.line("active", "\(TestService.impression(mintedIn: 120_000))"), "expired"),
      // Without hyphens, or with a time of another age, an id claims none.
      (TestService.line("active", TestService.impression(mintedIn: -25 * 3_600_000).digits), ""),
      (TestService.line("active", "\(TestService.impression(mintedIn: 25 * 3_600_000))"), ""),
      (TestService.line("active", "\(ImpressionID.version7(at: 1 << 48 - 1, random: (1, 2)))"), ""),
      (TestService.line("active", time: "\(now - 49 * 3_600_000)"), "too-old"),
      (
        TestService.line("active", "\(TestService.impression(mintedIn: -3_600_000))", time: "\(now + 301_000)"),
        "in-future"
      ),
      // The impression was good when it was clicked.
      (TestService.line("active", old, time: "\(now - 24 * 3_600_000)"), ""),
      // The last line needs no newline.
      (String(TestService.line("other").dropLast()), ""),
    ]
    let answer = try service.post(lines.map(\.line), token: token)
    #expect(answer.status == 200, "\(answer.text)")
    let expected = lines.enumerated().filter { !["", "blank", "duplicate"].contains($0.element.outcome) }.map {
      "\($0.offset + 1) \($0.element.outcome)"
    }
    #expect(answer.rejections == expected)
    #expect(answer.number("accepted") == lines.count { $0.outcome == "" })
    #expect(answer.number("duplicate") == 1)
    let counts = Dictionary(grouping: lines.map(\.outcome).filter { !["", "blank", "duplicate"].contains($0) }) { $0 }
    #expect(answer.rejectedCount == counts.mapValues(\.count))
    #expect(try service.total("other") == 2)

    // The worker tells what it has done behind the answer.
    #expect(eventually { (try? service.metrics())?["tally_batches_total{outcome=\"done\"}"] == 1 })
    let page = try service.metrics()
    #expect(page["tally_batch_lines_total{verdict=\"accepted\"}"] == Double(answer.number("accepted")))
    #expect(page["tally_batch_lines_total{verdict=\"malformed\"}"] == 5)
    #expect(page["tally_batch_received_bytes_total"] == Double(lines.reduce(0) { $0 + $1.line.utf8.count }))
    #expect(page["tally_batches_open"] == 0)
  }

  @Test func theDetailNamesTheField() throws {
    let service = try TestService()
    let answer = try service.post(["{\"adId\":[7]}\n", TestService.line("nobody"), TestService.line(time: "\"x\"")])
    for words in ["adId must be a string", "adId is not in the catalog", "time must be RFC 3339"] {
      #expect(answer.text.contains(words), "\(answer.text)")
    }
  }

  @Test func theTokenDecides() throws {
    let service = try TestService()
    let signed = [TestService.line()]
    let unsigned = [TestService.line(signed: nil)]
    func status(_ lines: [String], _ token: String) throws -> (Int, [String: Int], Int) {
      let answer = try service.post(lines, token: token)
      return (answer.status, answer.rejectedCount, answer.number("accepted"))
    }
    #expect(try status(signed, "nothing").0 == 401)
    #expect(try status(signed, try service.token("read,mint,ads")).0 == 403)
    #expect(try status(unsigned, try service.token("trusted")).0 == 403)
    #expect(try status(unsigned, try service.token("ingest")) == (200, ["bad-signature": 1], 0))
    #expect(try status(unsigned, try service.token("ingest,trusted")) == (200, [:], 1))
    #expect(try status([TestService.line(signed: nil)], service.token) == (200, [:], 1))
    // Trust is for lines without a signature: one that is there has to hold.
    #expect(try status([TestService.line(signed: "other")], service.token) == (200, ["bad-signature": 1], 0))
    #expect(try status(signed, try service.token("ingest", advertiser: "acme")) == (200, [:], 1))
    #expect(
      try status([TestService.line()], try service.token("ingest", advertiser: "else")) == (200, ["unknown-ad": 1], 0))
  }

  @Test func whatIsNoBatchIsRefusedBeforeItsBodyIsTaken() throws {
    let service = try TestService()
    func answer(_ head: String, method: String = "POST") throws -> Response? {
      let wire = try Wire(service.address)
      wire.send("\(method) /api/v1/clicks HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(service.token)\r\n\(head)\r\n")
      return wire.answer()
    }
    let length = "Content-Length: 1000000000\r\n"
    #expect(try answer("Content-Type: text/plain\r\n" + length)?.status == 415)
    let coded = try answer("Content-Type: application/x-ndjson\r\nContent-Encoding: br\r\n" + length)
    #expect(coded?.status == 415 && coded?.header("Accept-Encoding") == "gzip, identity")
    #expect(try answer("Content-Type: application/x-ndjson\r\nContent-Length: 99999999999999\r\n")?.status == 413)
    let old = try answer("", method: "GET")
    #expect(old?.status == 405 && old?.header("Allow") == "POST")
    let empty = try #require(try answer("Content-Type: application/x-ndjson\r\nContent-Length: 0\r\n"))
    #expect(
      empty.status == 200 && empty.text == #"{"accepted":0,"duplicate":0,"rejectedCount":{},"rejected":[]}"# + "\n")
    #expect(try service.request("POST", "/api/v1/clicks?x=1", [("Content-Type", "application/x-ndjson")]).status == 401)
  }

  @Test func aBatchSentAgainChangesNothing() throws {
    let service = try TestService()
    let lines = TestService.lines(3_000) + TestService.lines(500, "other") + ["bad\n"]
    #expect(try service.post(lines).number("accepted") == 3_500)
    let again = try service.post(lines)
    #expect(
      again.number("accepted") == 0 && again.number("duplicate") == 3_500 && again.rejectedCount == ["malformed": 1])
    try service.restart()
    let later = try service.post(lines.reversed())
    #expect(later.number("accepted") == 0 && later.number("duplicate") == 3_500)
    #expect(try service.total() == 3_000 && service.total("other") == 500)
  }

  @Test func aClickAndItsLineCountOnce() throws {
    let service = try TestService()
    let ids = (0..<20).map { _ in TestService.impression() }
    for id in ids.prefix(10) { #expect(try service.click(id: id).verdict == "valid") }
    let answer = try service.post(ids.map { TestService.line("active", "\($0)") })
    #expect(answer.number("accepted") == 10 && answer.number("duplicate") == 10)
    for id in ids { #expect(try service.click(id: id).verdict == "duplicate") }
    #expect(try service.total() == 20)
  }

  /// However the body is cut and framed, the verdicts are the same.
  @Test func splitsDoNotMatter() throws {
    let service = try TestService()
    try Seeds.run(12) { seed in
      var chance = seed.generator
      let lines = TestService.lines(Int.random(in: 1...400, using: &chance)).flatMap { line in
        [line] + (chance.oneIn(10) ? ["broken\n"] : []) + (chance.oneIn(10) ? [line] : [])
      }
      let body = Array(lines.joined().utf8)
      let client = try service.batches
      try client.begin(token: service.token, length: Bool.random(using: &chance) ? body.count : nil)
      var position = 0
      while position < body.count {
        let size = chance.oneIn(3) ? Int.random(in: 1...3, using: &chance) : Int.random(in: 1...20_000, using: &chance)
        let end = min(body.count, position + size)
        try client.send(Array(body[position..<end]))
        position = end
      }
      let answer = try client.finish()
      let broken = lines.count { $0 == "broken\n" }
      let distinct = Set(lines).count - (broken > 0 ? 1 : 0)
      #expect(answer.number("accepted") == distinct, "\(seed): \(answer.text)")
      #expect(answer.number("duplicate") == lines.count - broken - distinct, "\(seed)")
      #expect(answer.rejectedCount == (broken > 0 ? ["malformed": broken] : [:]), "\(seed)")
      #expect(
        answer.rejections == lines.indices.filter { lines[$0] == "broken\n" }.map { "\($0 + 1) malformed" }, "\(seed)")
    }
  }

  @Test func theFirstThousandRejectionsAreSpelledOut() throws {
    let service = try TestService()
    let answer = try service.post([String](repeating: "{}\n", count: 5_000) + [TestService.line()])
    #expect(answer.status == 200 && answer.number("accepted") == 1)
    #expect(answer.rejectedCount == ["malformed": 5_000])
    #expect(answer.rejections == (1...1_000).map { "\($0) malformed" })
  }

  @Test func batchesGoOnBesideEachOtherAndBesideClicks() throws {
    let service = try TestService { $0.batchWorkers = 2 }
    let address = service.address
    let token = service.token
    do {
      let parts = (0..<4).map { _ in (0..<6).map { _ in TestService.lines(700) } }
      let total = Counter()
      let threads = try parts.map { batches in
        try Thread("batches") {
          guard let server = try? ServerAddress(address) else { return }
          let client = BatchClient(server)
          for lines in batches {
            let answer = try? client.post(Array(lines.joined().utf8), token: token)
            total.add(answer?.number("accepted") ?? 0)
          }
        }
      }
      for _ in 0..<200 { #expect(try service.click().verdict == "valid") }
      for thread in threads { thread.join() }
      #expect(total.value == 4 * 6 * 700)
      #expect(try service.total() == 4 * 6 * 700 + 200)
    }
  }

  final class Counter: Sendable {
    private let sum = Atomic<Int>(0)
    func add(_ count: Int) { sum.add(count, ordering: .relaxed) }
    var value: Int { sum.load(ordering: .relaxed) }
  }

  @Test func oneBatchTooManyIsTurnedAway() throws {
    let service = try TestService { $0.maxBatches = 1 }
    let first = try service.batches
    try first.begin(token: service.token)
    try first.send(Array(TestService.line().utf8))
    #expect(try eventually { try service.metrics()["tally_batches_open"] == 1 })
    let refused = try service.post(TestService.lines(1))
    #expect(refused.status == 503 && refused.text.contains("overloaded"))
    #expect(try first.finish().number("accepted") == 1)
    #expect(try service.post(TestService.lines(1)).status == 200)
  }

  /// A client that goes in the middle leaves what it sent; the whole batch again settles it.
  @Test func aBatchThatBreaksOffIsSettledByARetry() throws {
    let service = try TestService()
    for part in [1, 50, 777, 1_999] {
      let lines = TestService.lines(2_000)
      let before = try service.total()
      do {
        let client = try service.batches
        try client.begin(token: service.token)
        try client.send(Array(lines.prefix(part).joined().utf8.dropLast(7)))
      }
      #expect(try eventually { try service.metrics()["tally_batches_open"] == 0 })
      let answer = try service.post(lines)
      #expect(answer.number("accepted") + answer.number("duplicate") == 2_000)
      #expect(answer.number("duplicate") < part)
      #expect(try service.total() == before + 2_000)
    }
    #expect(try service.metrics()["tally_batches_total{outcome=\"abandoned\"}"] == 4)
  }

  @Test func aSlowSenderIsServedLineByLine() throws {
    let service = try TestService()
    let client = try service.batches
    try client.begin(token: service.token)
    for number in 1...10 {
      let line = Array(TestService.line().utf8)
      try client.send(Array(line.prefix(40)))
      usleep(5_000)
      try client.send(Array(line.dropFirst(40)))
      // Counted before the batch has ended.
      #expect(try eventually { try service.total() == number })
    }
    #expect(try client.finish().number("accepted") == 10)
  }

  @Test func changesOfTheCatalogAreSeenByTheNextBatch() throws {
    let service = try TestService()
    func put(_ status: String) throws {
      let body = #"{"redirectUrl":"https://new.example/","advertiserId":"acme","status":"\#(status)"}"#
      let answer = try service.api("PUT", "/api/v1/ads/new", body)
      #expect(answer.status < 300, "\(answer.text)")
    }
    #expect(try service.post([TestService.line("new")]).rejectedCount == ["unknown-ad": 1])
    try put("active")
    #expect(try service.post([TestService.line("new")]).number("accepted") == 1)
    try put("paused")
    #expect(try service.post([TestService.line("new")]).rejectedCount == ["paused": 1])
    let key = try service.api("POST", "/admin/v1/keys", #"{"kid":"third","secret":"the secret of third"}"#, admin: true)
    #expect(key.status == 201, "\(key.text)")
    #expect(try service.post([TestService.line(signer: "third")]).number("accepted") == 1)
    #expect(try service.api("POST", "/admin/v1/keys/third:retire", admin: true).status < 300)
    #expect(try service.post([TestService.line(signer: "third")]).rejectedCount == ["bad-signature": 1])
  }

  @Test func aClickIsInTheSeriesWithinASecondOfItsAnswer() throws {
    let service = try TestService()
    for number in 1...20 {
      if number % 2 == 0 {
        #expect(try service.click().verdict == "valid")
      } else {
        #expect(try service.post([TestService.line()]).number("accepted") == 1)
      }
      let answered = KernelTime().monotonic()
      #expect(try eventually(1) { try service.total() == number })
      #expect(KernelTime().monotonic() - answered < 1_000_000_000)
    }
  }
}
