import Clicks
import FoundationEssentials
import Glibc
import HTTP
import Platform
import Service
import Testing
import Traffic

@Suite(.serialized) struct LiveStreamTests {
  private let target = "/api/v1/ads/active/stream"

  @Test func clicksArriveWithinASecondOfTheirAnswers() throws {
    let service = try TestService()
    for _ in 0..<3 { #expect(try service.click().verdict == "valid") }
    let stream = try EventSource(service, target)
    #expect(stream.read { $0.total == 3 })
    #expect(stream.head.hasPrefix("HTTP/1.1 200 OK\r\n") && stream.head.contains("Content-Type: text/event-stream\r\n"))
    #expect(stream.head.contains("Cache-Control: no-store\r\n"))
    for number in 4...12 {
      #expect(try service.click().verdict == "valid")
      let answered = KernelTime().monotonic()
      #expect(stream.read { $0.total == number })
      #expect(KernelTime().monotonic() - answered < 1_000_000_000)
    }
    // Clicks on other ads are nobody's business here.
    let before = stream.events
    #expect(try service.click("other").verdict == "valid")
    stream.read(0.6) { _ in false }
    #expect(stream.events == before)
    // The points are those of the series.
    let series = try service.api("GET", "/api/v1/ads/active/aggregates?from=-1h&format=ndjson").text
    for line in series.split(separator: "\n") {
      let point = try JSONDecoder().decode(EventSource.Point.self, from: Data(line.utf8))
      #expect(stream.points[point.minute]?.clicks == point.clicks)
    }
  }

  @Test func aStreamGoesOnFromAnAnswer() throws {
    let service = try TestService()
    let now = KernelTime().wall()
    let late = (1...5).map { TestService.line("active", Self.untimed(), time: "\(now - Int64($0) * 60_000)") }
    #expect(try service.post(late).number("accepted") == 5)
    let asOf = try service.series().asOf
    // Nothing has changed: nothing is said, except that minutes have closed.
    let first = try EventSource(service, target + "?from=-2h&since=\(asOf)")
    first.read(0.8) { _ in false }
    #expect(first.points.values.allSatisfy { $0.status == "closed" })
    #expect(try service.click().verdict == "valid")
    #expect(first.read { $0.points.values.contains { $0.status == "provisional" && $0.clicks == 1 } })
    // Behind another answer everything is said again, as totals.
    let second = try EventSource(service, target + "?from=-2h&since=\(asOf)")
    #expect(second.read { $0.total == 6 })
    for text in ["", "0", "0:", ":1", "0:1,", "0:-1", "a:b", "0:1:2"] {
      let answer = try service.api("GET", target + "?since=\(text)")
      #expect(answer.status == 400 && answer.text.contains("since"), "\(text)")
    }
  }

  @Test func aResumedStreamSendsWhatMayHaveChanged() throws {
    let service = try TestService()
    let now = KernelTime().wall()
    let late = (1...5).map { TestService.line("active", Self.untimed(), time: "\(now - Int64($0) * 60_000)") }
    #expect(try service.post(late).number("accepted") == 5)
    let first = try EventSource(service, target + "?from=-2h")
    #expect(first.read { $0.total == 5 && $0.lastID != nil })
    let id = try #require(first.lastID)
    // Nothing has changed: nothing is said, except that minutes have closed meanwhile.
    let second = try EventSource(service, target + "?from=-2h", lastID: id)
    second.read(0.8) { _ in false }
    #expect(second.points.values.allSatisfy { $0.status == "closed" })
    // A click while nobody listened is there afterwards, and so is everything else.
    #expect(try service.click().verdict == "valid")
    let third = try EventSource(service, target + "?from=-2h", lastID: id)
    #expect(third.read { $0.total == 6 })
    // A mark that is none of ours is none.
    for wrong in ["", "x", "1;2", "a;b;c", "-1;2;3", "1;2;x;0:1"] {
      let stream = try EventSource(service, target + "?from=-2h", lastID: wrong)
      #expect(stream.read { $0.total == 6 }, "\(wrong)")
    }
  }

  /// The counts below a position may become less: positions alone say nothing of that.
  @Test func aStreamThatWentThroughARecountIsToldEverythingAgain() throws {
    let service = try TestService {
      $0.shardOptions.allowedLateness = 0
      $0.reconcileSchedule = nil
    }
    let time = (KernelTime().wall() / 60_000 - 5) * 60_000
    let lines = (0..<4).map { TestService.line("active", Self.untimed(), time: "\(time + Int64($0 / 3) * 60_000)") }
    #expect(try service.post(lines).number("accepted") == 4)
    // A minute that no click speaks for, and one that has more than its clicks.
    try service.plant("active", [time - 60_000: 2, time: 5])
    let asOf = try service.series().asOf
    let first = try EventSource(service, target + "?from=-1h")
    #expect(first.read { $0.total == 11 && $0.lastID != nil })
    let id = try #require(first.lastID)
    // The stream that stays is told by and by.
    _ = try service.job("reconcile")
    #expect(first.read { $0.total == 4 })
    // The table is at the same position as before.
    #expect(try service.series().asOf == asOf)
    for (target, lastID) in [(target + "?from=-1h", id), (target + "?from=-1h&since=\(asOf)", nil)] {
      let again = try EventSource(service, target, lastID: lastID)
      let gone = Timestamp.format(time - 60_000, fraction: false)
      #expect(again.read { $0.points[gone]?.clicks == 0 && $0.total == 4 }, "\(lastID ?? "since")")
    }
    // Whoever has seen it all is told no more.
    let current = try #require(first.lastID)
    let last = try EventSource(service, target + "?from=-1h", lastID: current)
    last.read(0.8) { _ in false }
    #expect(last.points.values.allSatisfy { $0.clicks > 0 })
  }

  @Test func closedMinutesAreToldAsSuch() throws {
    let service = try TestService { $0.shardOptions.allowedLateness = 0 }
    let time = (KernelTime().wall() / 60_000 - 2) * 60_000
    let stream = try EventSource(service, target)
    #expect(try service.post([TestService.line("active", Self.untimed(), time: "\(time)")]).number("accepted") == 1)
    let minute = Timestamp.format(time, fraction: false)
    #expect(stream.read(10) { $0.points[minute]?.status == "closed" })
    // A late click changes a closed point.
    #expect(try service.post([TestService.line("active", Self.untimed(), time: "\(time + 1)")]).number("accepted") == 1)
    #expect(stream.read { $0.points[minute]?.clicks == 2 })
  }

  @Test func whoMayNotReadOrAsksWronglyGetsAnAnswer() throws {
    let service = try TestService { $0.maxStreams = 1 }
    func status(_ path: String, _ token: String) throws -> Int {
      try HTTPClient(service.address).request("GET", path, headers: [("Authorization", "Bearer \(token)")]).status
    }
    #expect(try status(target, "x") == 401)
    #expect(try status(target, try service.token("ingest")) == 403)
    #expect(try status(target, try service.token("read", advertiser: "else")) == 404)
    #expect(try status("/api/v1/ads/nobody/stream", service.token) == 404)
    for wrong in ["?from=x", "?from=-49h", "?form=-1h", "?from=2999-01-01T00:00:00Z"] {
      #expect(try status(target + wrong, service.token) == 400, "\(wrong)")
    }
    do {
      let stream = try EventSource(service, target, token: try service.token("read", advertiser: "acme"))
      #expect(stream.read { !$0.head.isEmpty })
      #expect(try status(target, service.token) == 503)
    }
    // The place is free once the client has gone.
    #expect(try eventually(5) { try service.metrics()["tally_streams_open"] == 0 })
    let stream = try EventSource(service, target)
    #expect(stream.read { $0.head.hasPrefix("HTTP/1.1 200") })
  }

  @Test func aSilentStreamSaysThatItIsAliveAndEndsInTime() throws {
    let service = try TestService {
      $0.streamKeepAlive = 300_000_000
      $0.streamLifetime = 1_500_000_000
    }
    let stream = try EventSource(service, target)
    #expect(stream.read { $0.comments >= 2 })
    #expect(stream.events == 0)
    #expect(!stream.read(5) { _ in false } && stream.ended)
    #expect(stream.all.last?.name == "end" && stream.all.last?.data["reason"] == "lifetime")
    #expect(try eventually { try service.metrics()["tally_streams_open"] == 0 })
  }

  @Test func aStreamEndsWithTheService() throws {
    let service = try TestService()
    let stream = try EventSource(service, target)
    #expect(stream.read { !$0.head.isEmpty })
    let began = KernelTime().monotonic()
    service.stop()
    #expect(KernelTime().monotonic() - began < 3_000_000_000)
    #expect(!stream.read { _ in false } && stream.ended)
    #expect(stream.all.last?.name == "end" && stream.all.last?.data["reason"] == "stopping")
  }

  /// An impression without a minting time, which is good at any time.
  private static func untimed() -> String {
    "\(ImpressionID(high: .random(in: 0 ... .max) & ~0xF000, low: .random(in: 0 ... .max)))"
  }

  /// Whoever reads slowly gets the newest values in the end and costs no memory meanwhile.
  @Test func aSlowClientGetsTheNewestValues() throws {
    let service = try TestService()
    let now = KernelTime().wall()
    let stream = try EventSource(service, target + "?from=-47h", receiveBuffer: 4_096)
    let rounds = 6
    for _ in 0..<rounds {
      let lines = (0..<1_500).map { minute in
        TestService.line("active", Self.untimed(), time: "\(now - Int64(minute) * 60_000)", signed: nil)
      }
      #expect(try service.post(lines).number("accepted") == 1_500)
      usleep(300_000)
    }
    #expect(stream.read(20) { $0.total == 1_500 * rounds })
    #expect(stream.points.count == 1_500 && stream.points.values.allSatisfy { $0.clicks == rounds })
    #expect(stream.events < 1_500 * rounds + 1_500, "old values were kept for a client that did not read them")
  }
}
