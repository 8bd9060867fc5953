import Clicks
import Glibc
import HTTP
import Platform
import Testing

// Every request to /click, and every one that ended before it could be read what it was for, has exactly one verdict: the first
// that applies. All pairs of causes, through real sockets, and the counters afterwards.

/// A reason for a click not to be plainly valid, strongest first.
private enum Cause: Int, CaseIterable {
  case unreadable, malformed, preflight, prefetch, forged, unknown, paused, head, bot, expired, repeated

  var verdict: Verdict {
    switch self {
    case .unreadable, .malformed: .malformed
    case .preflight: .preflight
    case .prefetch: .prefetch
    case .forged: .badSignature
    case .unknown: .unknownAd
    case .paused: .paused
    case .head: .head
    case .bot: .bot
    case .expired: .expired
    case .repeated: .duplicate
    }
  }

  /// Two causes that no request has both.
  func excludes(_ other: Cause) -> Bool {
    let pair = Set([self, other])
    return pair == [.preflight, .head] || pair == [.unknown, .paused] || pair == [.expired, .repeated]
      || pair == [.unknown, .repeated] || pair == [.paused, .repeated]
  }
}

@Suite struct PrecedenceTests {
  private func request(_ causes: [Cause], _ id: ImpressionID, method: String = "GET") -> String {
    let ad = causes.contains(.unknown) ? "nobody" : causes.contains(.paused) ? "resting" : "active"
    var target = TestService.link(ad, id)
    if causes.contains(.forged) { target = String(target.dropLast(2)) + "zz" }
    if causes.contains(.malformed) { target += "&adId=another" }
    let verb = causes.contains(.preflight) ? "OPTIONS" : causes.contains(.head) ? "HEAD" : method
    var text = "\(verb) \(target) HTTP/1.1\r\n"
    if !causes.contains(.unreadable) { text += "Host: t\r\n" }
    if causes.contains(.prefetch) { text += "Sec-Purpose: prefetch\r\n" }
    if causes.contains(.bot) { text += "User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1)\r\n" }
    return text + "\r\n"
  }

  private func answer(_ service: TestService, _ text: String) throws -> Response {
    let wire = try Wire(service.address)
    wire.send(text)
    return try #require(wire.answer(isHead: text.hasPrefix("HEAD")), "\(text)")
  }

  @Test(arguments: [false, true]) func theFirstOfEachTwoCausesDecides(redirects: Bool) throws {
    let service = try TestService {
      if redirects {
        $0.onBadSignature = .redirect
        $0.unknownAdURL = TestService.fallback
      }
    }
    var counts: [Verdict: Int] = [:]
    func send(_ causes: [Cause], _ id: ImpressionID, _ verdict: Verdict, method: String = "GET") throws {
      let answer = try answer(service, request(causes, id, method: method))
      #expect(answer.verdict == verdict.name, "\(causes) \(method)")
      counts[verdict, default: 0] += 1
    }
    for first in Cause.allCases {
      for second in Cause.allCases where second.rawValue >= first.rawValue && !first.excludes(second) {
        let causes = [first, second]
        let id = TestService.impression(mintedIn: causes.contains(.expired) ? -90_000_000 : 0)
        if causes.contains(.repeated) { try send([], id, .valid) }
        try send(causes, id, first.verdict)
        let verbs: Set<Cause> = [.preflight, .head]
        if verbs.isDisjoint(with: causes) { try send(causes, id, first.verdict, method: "POST") }
        // Whatever it was, it has not used the identity up.
        let settled: Set<Cause> = [.expired, .repeated]
        if settled.isDisjoint(with: causes) { try send([], id, .valid) }
      }
    }
    let page = try service.metrics()
    for verdict in Verdict.allCases {
      #expect(
        page["tally_click_requests_total{verdict=\"\(verdict.name)\"}"] == Double(counts[verdict] ?? 0), "\(verdict)")
    }
    #expect(page.sum("tally_click_requests_total") == Double(counts.values.reduce(0, +)))
    #expect(try service.total() == counts[.valid])
  }

  /// What the loop refuses before any route sees it.
  @Test func refusalsOfTheReaderAreMalformed() throws {
    let service = try TestService {
      $0.loopSettings.headerTimeout = 200_000_000
      $0.loopSettings.bodyTimeout = 200_000_000
    }
    let link = TestService.link("active", TestService.impression())
    let filler = String(repeating: "x", count: 9_000)
    let unread: [(String, Int)] = [
      ("\u{16}\u{3}\u{1}", 400), ("GE(T / HTTP/1.1\r\n", 400), ("GET \(link) HTTP/2.0\r\n\r\n", 505),
      ("GET \(link)&x=\(filler) HTTP/1.1\r\nHost: t\r\n\r\n", 414), (String(repeating: "A", count: 33) + " ", 501),
      ("GET \(link) FTP/1.1\r\n\r\n", 400), ("GET \(link)&x=a b HTTP/1.1\r\nHost: t\r\n\r\n", 400),
      ("GET \(link)&x=a", 408),
    ]
    let clicks: [(String, Int)] = [
      ("GET \(link) HTTP/1.1\r\n\r\n", 400), ("GET \(link) HTTP/1.1\r\nHost: t\r\nX y\r\n\r\n", 400),
      ("GET \(link) HTTP/1.1\r\nHost: t\r\n" + String(repeating: "A: b\r\n", count: 101) + "\r\n", 431),
      ("GET \(link) HTTP/1.1\r\nHost: t\r\nX: \(filler)\(filler)\r\n\r\n", 431),
      ("GET \(link) HTTP/1.1\r\nHost: t\r\nExpect: more\r\n\r\n", 417),
      ("POST \(link) HTTP/1.1\r\nHost: t\r\nContent-Length: 65537\r\n\r\n", 413),
      ("POST \(link) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n", 413),
      ("GET \(link) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
      ("GET \(link) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
      ("GET \(link) HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
      ("POST /click/ HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nabc", 408),
    ]
    let others: [(String, Int)] = [
      ("GET /-/healthy HTTP/1.1\r\n\r\n", 400), ("GET /clicks HTTP/1.1\r\nHost: t\r\nExpect: more\r\n\r\n", 417),
      ("GET /-/healthy HTTP/1.1\r\nHost: t\r\nX y\r\n\r\n", 400),
    ]
    for (text, status) in unread + clicks {
      let answer = try answer(service, text)
      #expect(answer.status == status && answer.verdict == "malformed", "\(text.prefix(80)): \(answer.status)")
      #expect(answer.header("X-Request-Id") != nil && answer.text.contains("requestId"), "\(text.prefix(80))")
    }
    for (text, status) in others {
      let answer = try answer(service, text)
      #expect(answer.status == status && answer.verdict == nil, "\(text.prefix(80)): \(answer.status)")
    }
    // A connection that ends inside of a request has made none.
    let cut = try Wire(service.address)
    cut.send("GET \(link) HT")
    cut.finish()
    #expect(cut.ends)
    let page = try service.metrics()
    #expect(page.sum("tally_click_requests_total") == Double(unread.count + clicks.count))
    #expect(
      page["tally_click_requests_total{verdict=\"malformed\"}"] == Double(unread.count + clicks.count))
    #expect(page.sum("tally_http_rejected_requests_total") == Double(unread.count + clicks.count + others.count))
  }
}
