import Clicks
import FoundationEssentials
import Glibc
import HTTP
import Platform
import Service
import Testing
import Traffic

/// A client of server-sent events: the stream's events as they come.
private final class EventSource {
  struct Point: Decodable, Equatable {
    var minute: String
    var clicks: Int
    var status: String
  }

  let descriptor: Int32
  private var bytes: [UInt8] = []
  private var hasHead = false
  private(set) var head = ""
  private(set) var lastID: String?
  private(set) var ended = false
  /// The newest point of each minute.
  private(set) var points: [String: Point] = [:]
  private(set) var events = 0
  private(set) var comments = 0

  init(_ service: TestService, _ target: String, token: String? = nil, lastID: String? = nil, receiveBuffer: Int32 = 0)
    throws
  {
    let wire = try Wire(service.address, seconds: 1)
    descriptor = dup(wire.descriptor)
    if receiveBuffer > 0 {
      var size = receiveBuffer
      unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }
    let resume = lastID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
    wire.send(
      "GET \(target) HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(token ?? service.token)\r\n\(resume)\r\n")
  }

  deinit { close(descriptor) }

  /// Takes what comes within `seconds`, or until `condition` holds.
  @discardableResult
  func read(_ seconds: Double = 3, until condition: (EventSource) -> Bool) -> Bool {
    let deadline = KernelTime().monotonic() + Int64(seconds * 1e9)
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while !condition(self) {
      if ended || KernelTime().monotonic() > deadline { return false }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&entry, 1, 50) > 0 else { continue }
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count <= 0 {
        ended = true
      } else {
        bytes += chunk[..<count]
        parse()
      }
    }
    return true
  }

  /// Reads the head, then whole chunks; each is whole events.
  private func parse() {
    if !hasHead {
      guard let end = end(of: "\r\n\r\n", from: 0) else { return }
      head = String(decoding: bytes[..<end], as: UTF8.self)
      bytes.removeFirst(end)
      hasHead = true
    }
    while let line = end(of: "\r\n", from: 0) {
      guard let size = Int(String(decoding: bytes[..<(line - 2)], as: UTF8.self), radix: 16),
        bytes.count >= line + size + 2
      else { return }
      if size == 0 { ended = true }
      let text = String(decoding: bytes[line..<line + size], as: UTF8.self)
      for field in text.split(separator: "\n") {
        if field.hasPrefix(":") { comments += 1 }
        if field.hasPrefix("id: ") { lastID = String(field.dropFirst(4)) }
        guard field.hasPrefix("data: ") else { continue }
        guard let point = try? JSONDecoder().decode(Point.self, from: Data(field.dropFirst(6).utf8)) else {
          preconditionFailure("no point: \(field)")
        }
        points[point.minute] = point
        events += 1
      }
      bytes.removeFirst(line + size + 2)
    }
  }

  private func end(of text: StaticString, from start: Int) -> Int? {
    let wanted = Array("\(text)".utf8)
    guard bytes.count >= wanted.count else { return nil }
    for i in start...(bytes.count - wanted.count) where bytes[i..<i + wanted.count].elementsEqual(wanted) {
      return i + wanted.count
    }
    return nil
  }

  var total: Int { points.values.reduce(0) { $0 + $1.clicks } }
}

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
    for wrong in ["", "x", "1;2", "a;b;c", "-1;2;3"] {
      let stream = try EventSource(service, target + "?from=-2h", lastID: wrong)
      #expect(stream.read { $0.total == 6 }, "\(wrong)")
    }
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
