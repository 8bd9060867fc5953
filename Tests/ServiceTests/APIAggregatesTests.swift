import Catalog
import Clicks
import HTTP
import JSON
import Service
import Testing

@Suite struct APIAggregatesTests {
  let harness: APIHarness

  init() throws { harness = try APIHarness() }

  private let path = "/api/v1/ads/a/aggregates"

  @Test func countsAreThereAsSoonAsTheyAreCommitted() throws {
    harness.put("a")
    let empty = harness.get(path, harness.read)
    #expect(empty.status == 200 && empty.json["total"] == .integer(0) && empty.json["series"] == .array([]))
    try harness.click("a", 3)
    try harness.click("a", 4, shard: 1)
    try harness.click("b", 2, shard: 1)
    let answer = harness.get(path + "?from=-5m", harness.read)
    #expect(
      answer.text == """
        {"adId":"a","from":"2025-06-15T15:02:00Z","to":"2025-06-15T15:08:00Z","granularity":"minute",\
        "completeThrough":null,"reconciledThrough":null,"asOf":"0:3,1:6","total":7,"next":null,\
        "series":[{"minute":"2025-06-15T15:07:00Z","clicks":7,"status":"provisional"}]}\n
        """)
    harness.machine.time.advance(milliseconds: 181_000)
    for shard in harness.store.shards { while shard.maintenance.turn() {} }
    let later = harness.get(path + "?from=-5m&fill=zero&limit=2", harness.read)
    #expect(later.json["total"] == .integer(7) && later.header("X-Tally-Total") == "7")
    #expect(later.json["completeThrough"] == "2025-06-15T15:08:00Z")
    #expect(later.header("X-Tally-Complete-Through") == "2025-06-15T15:08:00Z")
    #expect(later.json["next"] == .optional(later.header("X-Tally-Next")) && later.json["next"] != .null)
    let csv = harness.send(.get, path + "?from=-5m&status=final", token: harness.read, accept: "text/csv")
    #expect(csv.text == "minute,clicks,status,credits\r\n2025-06-15T15:07:00Z,7,closed,0\r\n")
    #expect(csv.header("Content-Type")?.hasPrefix("text/csv") == true && csv.header("X-Tally-As-Of") == "0:3,1:6")
  }

  @Test func theFormatIsThatOfTheParameterOrOfAccept() throws {
    harness.put("a")
    for (accept, format, type) in [
      (nil, nil, "application/json"), ("*/*", nil, "application/json"), ("image/png", nil, "application/json"),
      ("text/html, application/x-ndjson;q=0.9, */*", nil, "application/x-ndjson"), ("text/csv", nil, "text/csv"),
      ("text/csv", "json", "application/json"), (nil, "ndjson", "application/x-ndjson"),
    ] as [(String?, String?, String)] {
      let answer = harness.send(
        .get, path + (format.map { "?format=\($0)" } ?? ""), token: harness.read, accept: accept)
      #expect(answer.header("Content-Type")?.hasPrefix(type) == true, "\(accept ?? "-") \(format ?? "-")")
      #expect(answer.header("Vary") == "Accept, Authorization")
    }
  }

  @Test func anUnknownAdIs404AndADeletedOneKeepsItsCounts() throws {
    #expect(harness.get(path, harness.read).problem == "unknown-ad")
    harness.put("a")
    try harness.click("a", 1)
    try harness.click("never-put", 1)
    harness.machine.time.advance(milliseconds: 1000)
    _ = harness.send(.delete, "/api/v1/ads/a", token: harness.ads)
    #expect(harness.get(path, harness.read).json["total"] == .integer(1))
    #expect(harness.get(path, harness.bound).json["total"] == .integer(1))
    #expect(harness.get("/api/v1/ads/never-put/aggregates", harness.read).json["total"] == .integer(1))
    #expect(harness.get("/api/v1/ads/never-put/aggregates", harness.bound).problem == "unknown-ad")
    harness.put("b", advertiser: "other")
    try harness.click("b", 1)
    #expect(harness.get("/api/v1/ads/b/aggregates", harness.bound).problem == "unknown-ad")
    #expect(harness.get("/api/v1/ads/b%20/aggregates", harness.read).status == 400)
  }

  @Test(arguments: [
    ("granularity=fortnight", "invalid-parameter", "granularity"),
    ("tz=Europe/Atlantis", "unsupported-time-zone", "tz"),
    ("from=0", "range-too-long", "from"), ("cursor=ab", "invalid-cursor", "cursor"),
    ("limit=0", "invalid-parameter", "limit"),
    ("from=soon", "invalid-parameter", "from"), ("until=now", "invalid-parameter", "until"),
  ])
  func aBadQueryIsAProblemThatNamesTheParameter(_ query: String, _ code: String, _ name: String) {
    harness.put("a")
    let answer = harness.get(path + "?" + query, harness.read)
    #expect(answer.status == 400 && answer.problem == code && answer.faults == [name], "\(answer.text)")
  }

  @Test func pagesFollowTheirCursors() throws {
    harness.put("a")
    for _ in 0..<7 {
      try harness.click("a", 2)
      harness.machine.time.advance(milliseconds: 60_000)
    }
    let range = "?from=2025-06-15T15:07:00Z&to=2025-06-15T15:14:00Z"
    let whole = harness.get(path + range, harness.read)
    guard case .array(let points)? = whole.json["series"] else { return #expect(Bool(false)) }
    #expect(points.count == 7)
    var found: [JSONValue] = []
    var cursor = ""
    for _ in 0..<4 {
      let page = harness.get(path + range + "&limit=2" + cursor, harness.read)
      guard case .array(let points)? = page.json["series"] else { return #expect(Bool(false), "\(page.text)") }
      #expect(page.json["total"] == .integer(14))
      found += points
      if case .string(let next)? = page.json["next"] { cursor = "&cursor=\(next)" } else { cursor = "" }
    }
    #expect(found == points && cursor.isEmpty)
  }

  @Test func anAnswerStaysValidUntilTheAdsOwnCountsChange() throws {
    harness.put("a")
    try harness.click("a", 1)
    harness.machine.time.advance(milliseconds: 1000)
    let range = path + "?from=2025-06-15T15:00:00Z&to=2025-06-15T16:00:00Z"
    let tag = try #require(harness.get(range, harness.read).header("ETag"))
    #expect(tag.hasPrefix("W/\""))
    func again() -> APIResponse { harness.send(.get, range, token: harness.read, ifNoneMatch: tag) }
    try harness.click("b", 1)
    #expect(again().status == 304 && again().header("X-Tally-As-Of") == "0:2,1:0" && again().body.isEmpty)
    try harness.click("a", 1)
    #expect(again().status == 200)
  }
}
