import Catalog
import Clicks
import HTTP
import Query
import Service
import Testing

@Suite struct APIGroupsTests {
  let harness: APIHarness

  init() throws {
    harness = try APIHarness()
    harness.put("a1")
    harness.put("a2", json: #""campaignId":"spring""#)
    harness.put("a3", json: #""campaignId":"spring""#)
    harness.put("b1", advertiser: "bolt", json: #""campaignId":"spring""#)
    for (ad, count, shard) in [("a1", 3, 0), ("a2", 5, 1), ("a3", 2, 0), ("b1", 40, 1)] {
      try harness.click(ad, count, shard: shard)
    }
  }

  private func series(_ target: String, _ token: String) -> [String] {
    let answer = harness.get("/api/v1/aggregates" + target, token)
    guard case .array(let points)? = answer.json["series"] else { return ["?"] }
    return points.map { point in
      ["advertiserId", "adId", "campaignId", "clicks"].compactMap { name in
        switch point[name] {
        case .string(let text)?: text
        case .number(let text)?: text
        case .null?: "null"
        default: nil
        }
      }.joined(separator: " ")
    }
  }

  /// The list of an advertiser's ads is kept, and not beyond a change of the catalog.
  @Test func changesOfTheCatalogAreSeen() throws {
    #expect(series("?advertiserId=acme&groupBy=ad", harness.read).count == 3)
    harness.put("a4")
    try harness.click("a4", 7, shard: 0)
    #expect(series("?advertiserId=acme", harness.read) == ["17"])
    harness.put("a2", json: #""campaignId":"winter""#)
    #expect(series("?campaignId=spring", harness.bound) == ["2"])
    #expect(series("?campaignId=winter", harness.bound) == ["5"])
  }

  @Test func groupsAreAdsOrCampaignsOfAdvertisers() {
    #expect(series("?advertiserId=acme", harness.read) == ["10"])
    #expect(series("?advertiserId=acme&groupBy=ad", harness.read) == ["a1 3", "a2 5", "a3 2"])
    #expect(series("?campaignId=spring&groupBy=ad", harness.read) == ["a2 5", "a3 2", "b1 40"])
    // The same name of two advertisers is two campaigns.
    #expect(series("?campaignId=spring&groupBy=campaign", harness.read) == ["acme spring 7", "bolt spring 40"])
    let mixed = series("?adId=b1,a1,a3&groupBy=campaign", harness.read)
    #expect(mixed == ["acme null 3", "acme spring 2", "bolt spring 40"])
    #expect(series("?adId=b1,a1,a3&advertiserId=acme", harness.read) == ["5"])
    #expect(series("?advertiserId=nobody", harness.read) == [])
    let empty = harness.get("/api/v1/aggregates?advertiserId=nobody", harness.read)
    #expect(empty.status == 200 && empty.json["total"] == .integer(0) && empty.json["completeThrough"] == .null)
  }

  @Test func aBoundTokenMeansItsAdvertiser() {
    #expect(series("", harness.bound) == ["10"])
    #expect(series("?groupBy=ad", harness.bound) == ["a1 3", "a2 5", "a3 2"])
    #expect(series("?campaignId=spring&groupBy=campaign", harness.bound) == ["acme spring 7"])
    let answer = harness.get("/api/v1/aggregates?groupBy=ad", harness.bound)
    #expect(answer.json["advertiserId"] == "acme" && answer.json["ads"] == .integer(3))
    #expect(harness.get("/api/v1/aggregates?advertiserId=bolt", harness.bound).problem == "other-advertiser")
    // A foreign ad is as one that there is not, byte for byte.
    func text(_ ad: String) -> String {
      harness.get("/api/v1/aggregates?adId=a1,\(ad)", harness.bound).text.replacing(ad, with: "?")
    }
    #expect(text("b1") == text("nothing"))
    let refused = harness.get("/api/v1/aggregates?adId=a1,b1", harness.bound)
    #expect(refused.problem == "unknown-ad" && refused.faults == ["adId"])
    #expect(harness.get("/api/v1/top?adId=b1", harness.bound).problem == "unknown-ad")
    #expect(harness.get("/api/v1/top?advertiserId=bolt", harness.bound).problem == "other-advertiser")
    #expect(harness.get("/api/v1/aggregates", harness.ads).problem == "scope-missing")
    #expect(harness.get("/api/v1/top", nil).status == 401)
  }

  @Test func aQuestionAboutAllAdsNamesThem() {
    let answer = harness.get("/api/v1/aggregates", harness.read)
    #expect(answer.problem == "invalid-parameter" && answer.faults == ["advertiserId", "campaignId", "adId"])
  }

  @Test func deletedAdsAndThoseThatTheCatalogNeverHadCount() throws {
    _ = harness.send(.delete, "/api/v1/ads/a2", token: harness.ads)
    try harness.click("stray", 7)
    #expect(series("?groupBy=ad", harness.bound) == ["a1 3", "a2 5", "a3 2"])
    #expect(series("?adId=a1,stray&groupBy=ad", harness.read) == ["a1 3", "stray 7"])
    #expect(harness.get("/api/v1/aggregates?adId=a1,stray", harness.bound).problem == "unknown-ad")
    let top = harness.get("/api/v1/top?limit=2", harness.read)
    #expect(top.json["total"] == .integer(57) && top.json["ads"] == .integer(5))
    guard case .array(let rows)? = top.json["top"] else { return #expect(Bool(false)) }
    // Whose id nobody has said is told by its key.
    #expect(rows.map { $0["adId"] } == ["b1", .null] && rows[1]["clicks"] == .integer(7))
    #expect(rows[1]["adKey"] == .string("\(AdKey(AdID("stray")!))"))
  }

  @Test func theHeaviestComeFirst() {
    func top(_ target: String, _ token: String) -> [String] {
      guard case .array(let rows)? = harness.get("/api/v1/top" + target, token).json["top"] else { return ["?"] }
      return rows.map { row in
        ["adId", "campaignId", "clicks"].compactMap { name in
          switch row[name] {
          case .string(let text)?, .number(let text)?: text
          default: nil
          }
        }.joined(separator: " ")
      }
    }
    #expect(top("", harness.bound) == ["a2 spring 5", "a1 3", "a3 spring 2"])
    #expect(top("?limit=1&by=clicks", harness.read) == ["b1 spring 40"])
    #expect(top("?groupBy=campaign&advertiserId=acme", harness.read) == ["spring 7", "3"])
    #expect(top("?from=2020-01-01&to=2020-02-01", harness.read) == [])
    for (text, name) in [
      ("by=cost", "by"), ("limit=10001", "limit"), ("groupBy=none", "groupBy"), ("fill=zero", "fill"),
    ] {
      #expect(harness.get("/api/v1/top?" + text, harness.read).faults == [name], "\(text)")
    }
  }

  /// More ads than a question may be about: who asks for the heaviest of all gets them by a scan, whoever is bound does not see it.
  @Test func theHeaviestOfVeryManyAreFoundByAScan() throws {
    try harness.clickEach(AdSelection.maximumAds)
    let top = harness.get("/api/v1/top?limit=3", harness.read)
    #expect(top.status == 200, "\(top.text)")
    #expect(top.json["ads"] == .integer(AdSelection.maximumAds + 4))
    #expect(top.json["total"] == .integer(AdSelection.maximumAds + 50))
    guard case .array(let rows)? = top.json["top"] else { return #expect(Bool(false)) }
    #expect(rows.map { $0["adId"] } == ["b1", "a2", "a1"])
    #expect(rows.map { $0["clicks"] } == [.integer(40), .integer(5), .integer(3)])
    #expect(rows[0]["campaignId"] == "spring" && rows[0]["advertiserId"] == "bolt")
    #expect(harness.get("/api/v1/top?from=2020-01-01&to=2020-02-01", harness.read).json["top"] == .array([]))
    for query in ["groupBy=campaign", "metrics=duplicate"] {
      #expect(harness.get("/api/v1/top?" + query, harness.read).problem == "too-many-ads", "\(query)")
    }
    let own = harness.get("/api/v1/top", harness.bound)
    #expect(own.json["ads"] == .integer(3) && own.json["total"] == .integer(10))
  }

  @Test func anAnswerIsValidUntilItsOwnAdsChange() throws {
    for path in ["/api/v1/aggregates?groupBy=ad&", "/api/v1/top?"] {
      let target = path + "from=2025-06-15T15:00:00Z&to=2025-06-15T16:00:00Z"
      let tag = try #require(harness.get(target, harness.bound).header("ETag"))
      func again() -> Int { harness.send(.get, target, token: harness.bound, ifNoneMatch: tag).status }
      try harness.click("b1", 1)
      #expect(again() == 304, "\(path)")
      try harness.click("a1", 1)
      #expect(again() == 200, "\(path)")
    }
    let csv = harness.send(.get, "/api/v1/aggregates?groupBy=ad", token: harness.bound, accept: "text/csv")
    #expect(csv.header("Content-Type")?.hasPrefix("text/csv") == true && csv.header("X-Tally-Total") == "12")
    #expect(csv.text.hasPrefix("adId,minute,clicks,status,credits\r\na1,2025-06-15T15:07:00Z,5,provisional,0\r\n"))
  }
}
