import Clicks
import Glibc
import HTTP
import Platform
import Service
import Synchronization
import Testing

/// A catalog that does not answer in time: its clicks are turned away, uncounted, and everybody else goes on.
@Suite struct LookupDeadlineTests {
  /// Chance that makes whoever asks for it wait: the catalog's thread, when it makes a token.
  private final class HeldChance: ChanceSource {
    private let base = KernelChance()
    private let held = Atomic(false)
    private let waiting = Atomic(0)

    var isHeld: Bool {
      get { held.load(ordering: .sequentiallyConsistent) }
      set { held.store(newValue, ordering: .sequentiallyConsistent) }
    }
    var holdsSomebody: Bool { waiting.load(ordering: .sequentiallyConsistent) > 0 }

    func next() -> UInt64 {
      waiting.add(1, ordering: .sequentiallyConsistent)
      while isHeld { usleep(1_000) }
      waiting.subtract(1, ordering: .sequentiallyConsistent)
      return base.next()
    }
  }

  private let chance = HeldChance()

  /// Asks for a token, at which the catalog's thread stands still. The answer comes once it is let go.
  private func hold(_ service: TestService) throws -> Wire {
    chance.isHeld = true
    let wire = try Wire(service.server.adminAddress, seconds: 60)
    let body = #"{"scopes":["read"]}"#
    wire.send(
      "POST /admin/v1/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(service.token)\r\n"
        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    #expect(eventually(60) { chance.holdsSomebody })
    return wire
  }

  @Test func aLateLookUpEndsTheClickUncounted() throws {
    let service = try TestService(chance: chance) { $0.lookupDeadline = 50_000_000 }
    defer { service.stop() }
    defer { chance.isHeld = false }
    #expect(try service.click("other").verdict == "valid")
    let asked = try hold(service)

    let ids = (0..<12).map { _ in TestService.impression() }
    // Some wait on one connection, one behind the other; some on their own.
    let shared = try Wire(service.address, seconds: 60)
    for id in ids[..<4] { shared.get(TestService.link("active", id)) }
    var answers: [Response?] = []
    for _ in 0..<4 { answers.append(shared.answer()) }
    for id in ids[4..<8] { answers.append(try service.click("active", id: id)) }
    for id in ids[8..<10] { answers.append(try service.request("POST", TestService.link("active", id))) }
    answers.append(
      try service.request("GET", TestService.link("active", ids[10]), [("Accept", "text/html,*/*;q=0.8")]))
    answers.append(try service.request("HEAD", TestService.link("active", ids[11])))
    for (number, answer) in answers.enumerated() {
      let answer = try #require(answer, "click \(number) hangs")
      #expect(answer.status == 503 && answer.verdict == "unrecorded", "click \(number): \(answer.status)")
      #expect(answer.location == nil && answer.header("Retry-After") != nil, "click \(number)")
      #expect(answer.header("Cache-Control") == "no-store", "click \(number)")
    }
    #expect(answers[10]?.header("Content-Type")?.hasPrefix("text/html") == true)
    // Who knows the ad already needs no catalog; a link that nobody signed is judged without it.
    #expect(try service.click("other").verdict == "valid")
    let forged = "/click?adId=active&impressionId=\(ids[0])&signature=\(String(repeating: "0", count: 64))"
    #expect(try service.request("GET", forged).verdict == "bad-signature")
    let page = try service.metrics()
    #expect(page["tally_catalog_late_lookups_total"] == 12)
    #expect(page[#"tally_click_requests_total{verdict="unrecorded"}"#] == 12)
    #expect(page[#"tally_click_requests_total{verdict="valid"}"#] == 2)

    chance.isHeld = false
    #expect(asked.answer()?.status == 201)
    #expect(try service.total("active") == 0 && service.total("other") == 2)
    // None of them has used its identity up.
    for id in ids {
      #expect(eventually(60) { (try? service.click("active", id: id).verdict) == "valid" })
      #expect(try service.click("active", id: id).verdict == "duplicate")
    }
    #expect(try service.total("active") == ids.count)
    #expect(try service.metrics()["tally_catalog_late_lookups_total"] == 12)
  }

  /// Where forged links are redirected too, their look-ups wait like others, and end as what they are.
  @Test func aLateLookUpOfAForgedLinkIsABadSignature() throws {
    let service = try TestService(chance: chance) {
      $0.lookupDeadline = 50_000_000
      $0.onBadSignature = .redirect
    }
    defer { service.stop() }
    defer { chance.isHeld = false }
    let asked = try hold(service)
    let forged =
      "/click?adId=active&impressionId=\(TestService.impression())&signature=\(String(repeating: "0", count: 64))"
    let answer = try service.request("GET", forged)
    #expect(answer.status == 503 && answer.verdict == "bad-signature" && answer.location == nil)
    #expect(try service.click("active").verdict == "unrecorded")
    let page = try service.metrics()
    #expect(page[#"tally_click_requests_total{verdict="unrecorded"}"#] == 1)
    #expect(page[#"tally_click_requests_total{verdict="bad-signature"}"#] == 1)
    chance.isHeld = false
    #expect(asked.answer()?.status == 201)
  }

  @Test func whoIsLookedUpInTimeIsCounted() throws {
    let service = try TestService(chance: chance) { $0.lookupDeadline = 60_000_000_000 }
    defer { service.stop() }
    defer { chance.isHeld = false }
    let asked = try hold(service)
    let before = try service.metrics()["tally_http_requests_total"] ?? 0
    var pages = 0.0
    let wires = try (0..<6).map { _ in try Wire(service.address, seconds: 60) }
    for wire in wires { wire.get(TestService.link("active", TestService.impression())) }
    // All of them wait: each was read, and none is answered.
    let areRead = try eventually(60) {
      pages += 1
      return try service.metrics()["tally_http_requests_total"] ?? 0 >= before + pages + Double(wires.count)
    }
    #expect(areRead)
    #expect(wires.allSatisfy { !$0.isReadable })
    chance.isHeld = false
    #expect(asked.answer()?.status == 201)
    for wire in wires { #expect(wire.answer()?.verdict == "valid") }
    #expect(try service.total("active") == wires.count)
    #expect(try service.metrics()["tally_catalog_late_lookups_total"] == 0)
  }
}
