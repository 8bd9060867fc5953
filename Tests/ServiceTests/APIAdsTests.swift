import Catalog
import Clicks
import HTTP
import Service
import Testing

@Suite struct APIAdsTests {
  let harness: APIHarness

  init() throws { harness = try APIHarness() }

  /// The keys in the changes so far.
  private var changed: [AdKey] {
    harness.changes.flatMap { change -> [AdKey] in
      if case .ads(let keys) = change { keys } else { [] }
    }
  }

  private func key(_ id: String) -> AdKey { AdKey(AdID(id)!) }

  @Test func anAdIsPutReadAndDeleted() {
    let created = harness.send(
      .put, "/api/v1/ads/a1", harness.ads,
      json:
        #"{"redirectUrl":"https://shop.example/x","advertiserId":"acme","campaignId":"spring","status":"paused","fallbackUrl":"http://f.example"}"#
    )
    #expect(created.status == 201 && created.header("Location") == "/api/v1/ads/a1")
    #expect(changed == [key("a1")])
    let got = harness.get("/api/v1/ads/a1", harness.ads)
    #expect(got.status == 200 && got.body == created.body)
    #expect(
      got.text == """
        {"adId":"a1","redirectUrl":"https://shop.example/x","advertiserId":"acme","campaignId":"spring",\
        "status":"paused","fallbackUrl":"http://f.example","passQuery":[],"createdAt":"2025-06-15T15:07:00.000Z",\
        "updatedAt":"2025-06-15T15:07:00.000Z"}\n
        """)
    // What was read can be put back; what is left out gets its default.
    #expect(harness.send(.put, "/api/v1/ads/a1", harness.ads, json: got.text).status == 200)
    let replaced = harness.send(
      .put, "/api/v1/ads/a1", harness.ads,
      json: #" { "redirectUrl" : "https://shop.example/y" , "advertiserId" : "acme", "campaignId": null } "#)
    #expect(replaced.status == 200 && replaced.json["status"] == "active" && replaced.json["campaignId"] == .null)
    #expect(changed.count == 3)
    let deleted = harness.send(.delete, "/api/v1/ads/a1", token: harness.ads)
    #expect(deleted.status == 204 && deleted.body.isEmpty && changed.count == 4)
    #expect(harness.get("/api/v1/ads/a1", harness.ads).problem == "unknown-ad")
    #expect(harness.send(.delete, "/api/v1/ads/a1", token: harness.ads).problem == "unknown-ad")
    #expect(changed.count == 4)
  }

  @Test(arguments: [
    (#"{"advertiserId":"acme"}"#, ["redirectUrl"]), (#"{"redirectUrl":"https://a.example"}"#, ["advertiserId"]),
    ("{}", ["redirectUrl", "advertiserId"]),
    (#"{"redirectUrl":null,"advertiserId":true}"#, ["advertiserId", "redirectUrl"]),
    (#"{"redirectUrl":"javascript:alert(1)","advertiserId":"acme"}"#, ["redirectUrl"]),
    (#"{"redirectUrl":"https://a.example\r\nX: y","advertiserId":"acme"}"#, ["redirectUrl"]),
    (#"{"redirectUrl":"https://a.example","advertiserId":"a b"}"#, ["advertiserId"]),
    (#"{"redirectUrl":"https://a.example","advertiserId":"acme","status":"on"}"#, ["status"]),
    (#"{"redirectUrl":"https://a.example","advertiserId":"acme","status":true}"#, ["status"]),
    (#"{"redirectUrl":"https://a.example","advertiserId":"acme","adId":"b"}"#, ["adId"]),
    (#"{"redirectUrl":"https://a.example","advertiserId":"acme","redirectURL":"x","":1}"#, ["redirectURL", ""]),
    (#"{"redirectUrl":["https://a.example"],"advertiserId":{}}"#, ["redirectUrl", "advertiserId"]),
  ])
  func wrongFieldsAreNamed(_ body: String, _ fields: [String]) {
    let answer = harness.send(.put, "/api/v1/ads/a", harness.ads, json: body)
    #expect(answer.status == 400 && answer.problem == "invalid-parameter" && answer.faults == fields, "\(answer.text)")
    #expect(harness.changes.isEmpty && harness.get("/api/v1/ads/a", harness.ads).status == 404)
  }

  @Test func aWrongIdInThePathIs400() {
    for method in [Method.get, .put, .delete] {
      for id in ["a b", "é", String(repeating: "a", count: 65), "a:b"] {
        let answer = harness.send(method, "/api/v1/ads/\(id)", harness.ads, json: "{}")
        #expect(answer.status == 400 && answer.faults == ["adId"])
      }
    }
  }

  @Test func bodiesThatAreNoObjectAreRefused() {
    for body in [
      "", " ", "[]", "null", "1", "{", "{}}", "{\"a\":1,\"a\":2}", "{\"a\":\u{1}}", "\u{FEFF}{}", "{a:1}", "{'a':1}",
      "{\"a\":01}",
      "{\"a\":\"\\ud800\"}", "{\"a\":NaN}", "{,}", "{\"a\":1,}", String(repeating: "[", count: 60_000),
      String(repeating: "{\"a\":", count: 10_000),
    ] {
      let answer = harness.send(.put, "/api/v1/ads/a", harness.ads, json: body)
      #expect(answer.status == 400 && answer.problem == "malformed-body", "\(body.prefix(20)): \(answer.text)")
    }
    let invalid = harness.send(
      .put, "/api/v1/ads/a", token: harness.ads, body: Array("{\"a\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8),
      type: "application/json")
    #expect(invalid.status == 400 && invalid.problem == "malformed-body")
  }

  @Test func anotherTypeIs415() {
    let body = Array(#"{"redirectUrl":"https://a.example","advertiserId":"acme"}"#.utf8)
    func put(_ type: String?) -> APIResponse {
      harness.send(.put, "/api/v1/ads/a", token: harness.ads, body: body, type: type)
    }
    for type in [nil, "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
      #expect(put(type).status == 415 && put(type).problem == "unsupported-media-type", "\(type ?? "nil")")
    }
    for type in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"; q=1"] {
      #expect([200, 201].contains(put(type).status), "\(type)")
    }
    let upload = harness.send(.post, "/api/v1/ads:import", token: harness.ads, body: body, type: "application/xml")
    #expect(upload.status == 415)
  }

  @Test func theAdvertiserOfAnAdWithCountsIsFixed() throws {
    harness.put("a")
    #expect(harness.put("a", advertiser: "other").status == 200)
    #expect(harness.put("a").status == 200)
    try harness.click("a", 1, shard: 1)
    let answer = harness.put("a", advertiser: "other")
    #expect(answer.status == 409 && answer.problem == "advertiser-fixed")
    _ = harness.send(.delete, "/api/v1/ads/a", token: harness.ads)
    #expect(harness.put("a", advertiser: "other").status == 409)
    #expect(harness.put("a").status == 201)
  }

  @Test func aBoundTokenTouchesItsOwnAdvertisersAdsAlone() {
    harness.put("mine")
    harness.put("theirs", advertiser: "other")
    harness.put("gone", advertiser: "other")
    _ = harness.send(.delete, "/api/v1/ads/gone", token: harness.ads)
    let before = harness.changes.count
    #expect(harness.get("/api/v1/ads/mine", harness.bound).status == 200)
    for id in ["theirs", "gone", "nowhere"] {
      #expect(harness.get("/api/v1/ads/\(id)", harness.bound).problem == "unknown-ad")
      #expect(harness.send(.delete, "/api/v1/ads/\(id)", token: harness.bound).problem == "unknown-ad")
    }
    #expect(harness.put("theirs", harness.bound).problem == "unknown-ad")
    #expect(harness.put("gone", harness.bound).problem == "unknown-ad")
    let foreign = harness.put("new", harness.bound, advertiser: "other")
    #expect(foreign.status == 403 && foreign.problem == "other-advertiser")
    #expect(harness.put("mine", harness.bound, advertiser: "other").status == 403)
    #expect(harness.changes.count == before)
    #expect(harness.put("new", harness.bound).status == 201 && harness.put("mine", harness.bound).status == 200)
    #expect(harness.get("/api/v1/ads?advertiserId=other", harness.bound).status == 403)
    for target in ["/api/v1/ads", "/api/v1/ads?advertiserId=acme"] {
      #expect(ids(harness.get(target, harness.bound)).0 == ["mine", "new"])
    }
  }

  private func ids(_ answer: APIResponse) -> ([String], next: String?) {
    guard case .array(let ads)? = answer.json["ads"] else { return (["no list"], nil) }
    let ids = ads.map { ad in if case .string(let id)? = ad["adId"] { id } else { "?" } }
    if case .string(let next)? = answer.json["next"] { return (ids, next) }
    return (ids, nil)
  }

  @Test func pagesOfAdsConcatenateToAll() {
    let all = (0..<25).map { "ad-\(10 + $0)" }
    for (index, id) in all.enumerated() { harness.put(id, advertiser: index % 3 == 0 ? "x" : "y") }
    for (filter, expected) in [
      ("", all), ("advertiserId=x&", all.indices.filter { $0 % 3 == 0 }.map { all[$0] }), ("advertiserId=z&", []),
    ] {
      for limit in [1, 4, 25, 1000] {
        var found: [String] = []
        var cursor = ""
        for _ in 0..<30 {
          let page = ids(harness.get("/api/v1/ads?\(filter)limit=\(limit)\(cursor)", harness.ads))
          found += page.0
          guard let next = page.next else { break }
          cursor = "&cursor=\(next)"
        }
        #expect(found == expected)
      }
    }
    let next = ids(harness.get("/api/v1/ads?limit=1", harness.ads)).next ?? ""
    #expect(harness.get("/api/v1/ads?advertiserId=x&cursor=\(next)", harness.ads).problem == "cursor-mismatch")
    #expect(harness.get("/api/v1/ads?cursor=\(next.dropLast(3))z", harness.ads).problem == "invalid-cursor")
    for bad in ["limit=0", "limit=1001", "limit=x", "advertiserId=a%20b", "advertiserId="] {
      #expect(harness.get("/api/v1/ads?\(bad)", harness.ads).status == 400, "\(bad)")
    }
  }

  @Test func whatTheClientHasIsNotSentAgain() {
    harness.put("a")
    for target in ["/api/v1/ads/a", "/api/v1/ads", "/openapi.json"] {
      let first = harness.get(target, harness.ads)
      let tag = first.header("ETag") ?? ""
      #expect(tag.hasPrefix("\"") && first.header("Cache-Control") == "private, no-cache")
      for condition in [tag, "W/\(tag)", "\"x\", \(tag)", "*", "\"x\" ,\t\(tag) "] {
        let again = harness.send(.get, target, token: harness.ads, ifNoneMatch: condition)
        #expect(again.status == 304 && again.body.isEmpty && again.header("ETag") == tag)
      }
      for condition in ["", "\"x\"", String(tag.dropFirst().dropLast()), "\"\""] {
        #expect(harness.send(.get, target, token: harness.ads, ifNoneMatch: condition).status == 200)
      }
      guard target != "/openapi.json" else { continue }
      harness.machine.time.advance(milliseconds: 1)
      harness.put("a")
      #expect(harness.send(.get, target, token: harness.ads, ifNoneMatch: tag).status == 200)
    }
  }
}
