import Clicks
import Glibc
import HTTP
import JSON
import Platform
import Service
import Testing
import Traffic

/// Live points of several ads over real sockets.
@Suite(.serialized) struct WatchStreamTests {
  private let path = "/api/v1/stream"

  /// An impression without a minting time, which is good at any time.
  private static func untimed() -> String {
    "\(ImpressionID(high: .random(in: 0 ... .max) & ~0xF000, low: .random(in: 0 ... .max)))"
  }

  private func put(_ service: TestService, _ ad: String, _ advertiser: String, _ campaign: String? = nil) throws {
    let more = campaign.map { #","campaignId":"\#($0)""# } ?? ""
    let body = #"{"redirectUrl":"https://x.example/","advertiserId":"\#(advertiser)"\#(more)}"#
    let answer = try service.api("PUT", "/api/v1/ads/\(ad)", body)
    try #require(200...201 ~= answer.status, "\(answer.text)")
  }

  private func post(_ service: TestService, _ ad: String, _ times: [Int64]) throws {
    let lines = times.map { TestService.line(ad, Self.untimed(), time: "\($0)") }
    try #require(try service.post(lines).number("accepted") == lines.count)
  }

  @Test func sumsGroupsAndAdsAreToldWhole() throws {
    let service = try TestService()
    try put(service, "w1", "umbra", "winter")
    try put(service, "w2", "umbra", "winter")
    try put(service, "s1", "umbra", "summer")
    let now = KernelTime().wall()
    for (ad, count) in [("w1", 3), ("w2", 2), ("s1", 4), ("active", 7)] {
      try post(service, ad, (0..<count).map { now - Int64($0) * 60_000 })
    }
    let sum = try EventSource(service, path + "?advertiserId=umbra")
    let ads = try EventSource(service, path + "?advertiserId=umbra&groupBy=ad")
    let campaigns = try EventSource(service, path + "?advertiserId=umbra&groupBy=campaign")
    let some = try EventSource(service, path + "?adId=w2,active&groupBy=none")
    #expect(sum.read { $0.total == 9 } && some.read { $0.total == 9 })
    #expect(ads.read { $0.total(of: "w1") == 3 && $0.total(of: "w2") == 2 && $0.total(of: "s1") == 4 })
    #expect(campaigns.read { $0.total(of: "winter") == 5 && $0.total(of: "summer") == 4 })
    #expect(sum.head.hasPrefix("HTTP/1.1 200 OK\r\n") && sum.head.contains("Content-Type: text/event-stream\r\n"))
    // A lone click is seen within a second of its answer; one late by minutes replaces its own point alone.
    for round in 0..<3 {
      usleep(1_300_000)
      try post(service, "w1", [round < 2 ? KernelTime().wall() : now - 120_000])
      let answered = KernelTime().monotonic()
      #expect(sum.read { $0.total == 10 + round })
      #expect(KernelTime().monotonic() - answered < 1_000_000_000)
      #expect(ads.read { $0.total(of: "w1") == 4 + round } && campaigns.read { $0.total(of: "winter") == 6 + round })
    }
    #expect(some.total == 9 && !some.all("points").contains { $0.data["points"] == .array([]) && $0.id == nil })
    // What they were told is what the series says.
    let text = try service.api("GET", "/api/v1/aggregates?advertiserId=umbra&from=-1h&groupBy=ad&format=ndjson").text
    for line in text.split(separator: "\n") {
      let point = try JSONReader.read(Array(line.utf8))
      guard case .string(let ad)? = point["adId"], case .string(let minute)? = point["minute"] else { continue }
      #expect(.integer(ads.points["\(ad) \(minute)"]?.clicks ?? -1) == point["clicks"])
    }
  }

  @Test func eventsComeOnceASecond() throws {
    let service = try TestService()
    let stream = try EventSource(service, path + "?adId=active,other&groupBy=ad")
    #expect(stream.read { !$0.all("points").isEmpty })
    let began = KernelTime().monotonic()
    var sent = 0
    while KernelTime().monotonic() - began < 3_000_000_000 {
      #expect(try service.click(sent % 2 == 0 ? "active" : "other").verdict == "valid")
      sent += 1
      stream.read(0.02) { _ in false }
    }
    #expect(stream.read { $0.total == sent })
    let times = stream.all("points").dropFirst().map(\.time)
    // Some 200 ms may lie between a round and the next.
    for (a, b) in zip(times, times.dropFirst()) { #expect(b - a > 700_000_000) }
    #expect(times.count <= 5)
  }

  @Test func aStreamGoesOnOrSaysThatItCannot() throws {
    let service = try TestService()
    let now = KernelTime().wall()
    try post(service, "active", [now, now])
    try post(service, "other", [now, now, now])
    func asOf() throws -> String {
      let answer = try service.api("GET", "/api/v1/aggregates?adId=active,other&from=-1h")
      guard case .string(let text)? = try JSONReader.read(answer.body)["asOf"] else { return "?" }
      return text
    }
    let target = path + "?adId=active,other&groupBy=ad"
    let seen = try asOf()
    let first = try EventSource(service, target + "&since=\(seen)")
    // Nothing has changed: it goes on, and says so.
    #expect(first.read { $0.lastID != nil } && first.all("reset").isEmpty && first.events == 0)
    #expect(try service.click("other").verdict == "valid")
    #expect(first.read { $0.events == 1 } && first.points.values.first?.clicks == 4)
    let id = try #require(first.lastID)
    // What came while nobody listened is told, and nothing else.
    #expect(try service.click("active").verdict == "valid")
    for (target, lastID) in [(target, id), (target + "&since=\(seen)", nil)] as [(String, String?)] {
      let again = try EventSource(service, target, lastID: lastID)
      #expect(again.read { $0.total(of: "active") == 3 }, "\(lastID ?? "since")")
      #expect(again.all("reset").isEmpty && again.total(of: "other") == (lastID == nil ? 4 : 0))
    }
    // A restart: nobody knows what was before it.
    try service.restart()
    for (target, lastID) in [(target, id), (target + "&since=\(try asOf())", nil)] as [(String, String?)] {
      let again = try EventSource(service, target, lastID: lastID)
      #expect(again.read { $0.all("reset").first?.data["reason"] == "since" }, "\(lastID ?? "since")")
      // It goes on from there.
      #expect(try service.click("active").verdict == "valid")
      #expect(again.read { $0.total(of: "active") >= 4 } && again.all("reset").count == 1)
    }
    // An answer that was given behind the last recount and the restart is good again.
    #expect(try service.click("other").verdict == "valid")
    #expect(try service.click("active").verdict == "valid")
    let last = try EventSource(service, target + "&since=\(try asOf())")
    #expect(last.read { $0.lastID != nil } && last.all("reset").isEmpty)
    for wrong in [
      "since=", "since=0:1:2", "since=0:1,0:2", "from=-49h", "groupBy=minute", "frm=-1h", "from=2999-01-01",
    ] {
      let answer = try service.api("GET", target + "&" + wrong)
      #expect(answer.status == 400, "\(wrong)")
    }
    #expect(try service.api("GET", path).status == 400)
    #expect(try service.api("GET", path + "?adId=nobody").status == 404)
  }

  @Test func recountsAreTold() throws {
    let service = try TestService {
      $0.shardOptions.allowedLateness = 0
      $0.reconcileSchedule = nil
    }
    let time = (KernelTime().wall() / 60_000 - 5) * 60_000
    try post(service, "active", [time, time, time])
    try post(service, "other", [time])
    try service.plant("active", [time: 5])
    let streams = try ["none", "ad"].map { try EventSource(service, path + "?adId=active,other&groupBy=\($0)") }
    for stream in streams { #expect(stream.read { $0.total == 9 && $0.lastID != nil }) }
    let ids = streams.map { $0.lastID }
    try service.job("reconcile")
    for stream in streams {
      #expect(stream.read { !$0.all("correction").isEmpty && $0.total == 4 })
      let row = try #require(stream.all("correction").first?.data)
      #expect(row["adId"] == "active" && row["reason"] == "damage" && row["change"] == .integer(-5))
      #expect(row["minute"] == .string(Timestamp.format(time, fraction: false)) && stream.all("reset").isEmpty)
      #expect(stream.read { $0.all("points").last?.data["reconciledThrough"] != .null })
    }
    // It is the row of the list, too.
    let list = try JSONReader.read(try service.api("GET", "/api/v1/corrections?adId=active,other").body)
    #expect(list["corrections"]?.elements.first == streams[0].all("correction").first?.data)
    // Who was away meanwhile is at the same positions, and is not taken for somebody who has it all.
    for (grouping, id) in zip(["none", "ad"], ids) {
      let again = try EventSource(service, path + "?adId=active,other&groupBy=\(grouping)", lastID: id)
      #expect(again.read { $0.all("reset").first?.data["reason"] == "since" })
    }
    let current = try #require(streams[1].lastID)
    let again = try EventSource(service, path + "?adId=active,other&groupBy=ad", lastID: current)
    #expect(again.read { $0.lastID != nil } && again.all("reset").isEmpty && again.events == 0)
  }

  @Test func adsComeIntoASelectionAndGo() throws {
    let service = try TestService()
    try put(service, "w1", "umbra", "winter")
    let stream = try EventSource(service, path + "?advertiserId=umbra&groupBy=ad")
    let winter = try EventSource(service, path + "?campaignId=winter")
    #expect(stream.read { !$0.all("points").isEmpty } && winter.read { !$0.all("points").isEmpty })
    // A new ad without clicks is there at once.
    try put(service, "w2", "umbra", "winter")
    try post(service, "w2", [KernelTime().wall()])
    try post(service, "w1", [KernelTime().wall()])
    #expect(stream.read { $0.total(of: "w2") == 1 && $0.total(of: "w1") == 1 } && winter.read { $0.total == 2 })
    #expect(stream.all("reset").isEmpty && winter.all("reset").isEmpty)
    // One with clicks that goes changes the sum from the first minute on; that of single ads is as it was.
    try put(service, "w2", "umbra", "summer")
    #expect(winter.read { $0.all("reset").first?.data["reason"] == "selection" })
    try post(service, "w2", [KernelTime().wall()])
    #expect(stream.read { $0.total(of: "w2") == 2 } && stream.all("reset").isEmpty)
    winter.read(1.3) { _ in false }
    #expect(
      winter.all("points").allSatisfy { event in
        !(event.data["points"]?.elements.contains { $0["clicks"] == .integer(3) } ?? false)
      })
  }

  @Test func everybodySeesHisOwnUntilItEnds() throws {
    let service = try TestService()
    try put(service, "w1", "umbra", "winter")
    try put(service, "s1", "umbra", "summer")
    let now = KernelTime().wall()
    try post(service, "w1", [now, now])
    try post(service, "s1", [now, now, now])
    try post(service, "active", [now])
    let token = try service.token("read", advertiser: "umbra")
    // A token's own advertiser is meant where nothing is named, and no other.
    let own = try EventSource(service, path + "?groupBy=ad", token: token)
    #expect(own.read { $0.total == 5 } && own.points.keys.allSatisfy { !$0.hasPrefix("active") })
    func status(_ query: String, _ bearer: String) throws -> Int {
      try HTTPClient(service.address).request(
        "GET", path + query, headers: [("Authorization", "Bearer \(bearer)")]
      ).status
    }
    #expect(try status("?adId=active", token) == 404 && status("?advertiserId=acme", token) == 403)
    #expect(try status("", "x") == 401 && status("?adId=w1", try service.token("ingest")) == 403)
    // A share link sees its campaign; a session what its token sees.
    let made = try HTTPClient(service.address).request(
      "POST", "/api/v1/shares", headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
      body: Array(#"{"campaignId":"winter"}"#.utf8))
    try #require(made.status == 201, "\(made.text)")
    let share = try JSONReader.read(made.body)
    guard case .string(let link)? = share["url"], case .string(let shareID)? = share["id"] else {
      throw Missing()
    }
    let secret = String(link.split(separator: "#").last ?? "")
    let shared = try EventSource(service, path + "?groupBy=ad", cookie: try cookie(service, #"{"share":"\#(secret)"}"#))
    #expect(shared.read { $0.total == 2 }, "\(shared.head)")
    let session = try cookie(service, #"{"token":"\#(token)"}"#)
    let signedIn = try EventSource(service, path, cookie: session)
    #expect(signedIn.read { $0.total == 5 })
    try post(service, "s1", [KernelTime().wall()])
    #expect(own.read { $0.total == 6 } && signedIn.read { $0.total == 6 })
    #expect(shared.total == 2)
    // Each ends with what it stands on, and says so.
    #expect(try service.api("DELETE", "/api/v1/shares/\(shareID)").status == 204)
    #expect(!shared.read { _ in false } && shared.all.last?.data["reason"] == "share")
    let id = String(token.dropFirst(6).prefix { $0 != "_" })
    #expect(try service.api("DELETE", "/admin/v1/tokens/\(id)", admin: true).status == 204)
    #expect(!own.read { _ in false } && own.all.last?.name == "end" && own.all.last?.data["reason"] == "token")
    #expect(!signedIn.read { _ in false } && signedIn.all.last?.data["reason"] == "session")
    #expect(try eventually { try service.metrics()["tally_streams_open"] == 0 })
  }

  private struct Missing: Error {}

  private func cookie(_ service: TestService, _ body: String) throws -> String {
    let answer = try HTTPClient(service.address).request(
      "POST", "/session", headers: [("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")],
      body: Array(body.utf8))
    try #require(answer.status == 200, "\(answer.text)")
    return String((answer.header("Set-Cookie") ?? "").prefix { $0 != ";" })
  }

  /// Whoever reads slowly gets the newest values, or is told to ask for everything anew, and costs no memory meanwhile.
  @Test func aSlowClientIsTheOnlyOneThatMissesAnything() throws {
    let service = try TestService()
    let slow = try EventSource(service, path + "?adId=active,other&groupBy=ad&from=-47h", receiveBuffer: 4_096)
    let quick = try EventSource(service, path + "?adId=active,other&groupBy=ad&from=-47h")
    #expect(quick.read { !$0.all("points").isEmpty })
    let now = KernelTime().wall()
    let rounds = 4
    for round in 1...rounds {
      try post(service, "active", (0..<1_000).map { now - Int64($0) * 60_000 })
      #expect(quick.read(20) { $0.total == 1_000 * round })
    }
    #expect(quick.all("reset").isEmpty)
    let isTold = slow.read(60) { $0.total == 1_000 * rounds || !$0.all("reset").isEmpty }
    #expect(isTold && slow.events <= 1_000 * rounds)
    if slow.all("reset").isEmpty { #expect(slow.points.values.allSatisfy { $0.clicks == rounds }) }
  }

  @Test func thereIsABoundToWhatIsToldOneByOne() throws {
    let service = try TestService { $0.maxStreams = 2 }
    let now = KernelTime().wall()
    let minutes = (0..<2_500).map { now - Int64($0) * 60_000 }
    let ads = (0..<5).map { "n\($0)" }
    for ad in ads {
      try put(service, ad, "nimbus")
      try post(service, ad, minutes)
    }
    // More points than a stream begins with.
    let stream = try EventSource(service, path + "?advertiserId=nimbus&groupBy=ad&from=-47h")
    #expect(stream.read { $0.all("reset").first?.data["reason"] == "too-much" } && stream.events == 0)
    try post(service, "n3", [now])
    #expect(stream.read { $0.points.values.first?.clicks == 2 })
    let sum = try EventSource(service, path + "?advertiserId=nimbus&from=-47h")
    #expect(sum.read { $0.total == 12_501 })
    #expect(try service.api("GET", path + "?advertiserId=nimbus").status == 503)
  }
}
