import Catalog
import Clicks
import HTTP
import JSON
import Service
import Testing

@Suite struct APIImportTests {
  let harness: APIHarness

  init() throws { harness = try APIHarness() }

  private func upload(_ text: String, csv: Bool = true, _ token: String? = nil) -> APIResponse {
    harness.send(
      .post, "/api/v1/ads:import", token: token ?? harness.ads, body: Array(text.utf8),
      type: csv ? "text/csv; charset=utf-8" : "application/x-ndjson")
  }

  private var stored: Int { (try? harness.catalog.countAds()) ?? -1 }

  private func summary(_ answer: APIResponse) -> String {
    guard case .array(let rejected)? = answer.json["rejected"] else { return answer.text }
    let rows = rejected.map { "\(text($0["line"])):\(text($0["code"]))" }
    return "\(text(answer.json["created"])) \(text(answer.json["updated"])) \(rows.joined(separator: " "))"
  }

  private func text(_ value: JSONValue?) -> String {
    switch value {
    case .number(let text), .string(let text): text
    default: "?"
    }
  }

  @Test func csvRowsAreStoredAndBadOnesReported() {
    harness.put("a")
    let answer = upload(
      "adId,redirectUrl,advertiserId\r\na,https://a.example,acme\nb,https://b.example,acme\nc c,https://c.example,acme\n"
        + "d,ftp://d.example,acme\ne,https://e.example\nf,https://f.example,acme")
    #expect(answer.status == 200 && summary(answer) == "2 1 4:invalid 5:invalid 6:invalid", "\(answer.text)")
    #expect(answer.json["rejectedCount"] == .object([.init("invalid", .integer(3))]))
    #expect(stored == 3)
    guard case .ads(let keys)? = harness.changes.last else { return #expect(Bool(false), "no change was told") }
    #expect(keys == ["a", "b", "f"].map { AdKey(AdID($0)!) })
  }

  @Test func csvThatCannotBeReadStoresNothing() {
    // The fault stands behind more rows than one transaction has.
    let rows = (0..<1500).map { "ad\($0),https://a.example,acme\n" }.joined()
    for (text, place) in [
      ("adId,redirectUrl,advertiserId\n\(rows)x,\"y,z\n", "line 1502"), ("adId,url\n\(rows)", "line 1"), ("", "line 1"),
    ] {
      let answer = upload(text)
      #expect(
        answer.status == 400 && answer.problem == "malformed-body" && answer.text.contains(place), "\(answer.text)")
    }
    #expect(stored == 0 && harness.changes.isEmpty)
  }

  @Test func linesOfJSONStandForThemselves() {
    let answer = upload(
      """
      {"adId":"a","redirectUrl":"https://a.example","advertiserId":"acme"}\r
      {"adId":"b"

      {"adId":"c","redirectUrl":"https://c.example","advertiserId":"acme","color":"red"}
      [1]
      {"adId":"d","redirectUrl":"https://d.example"}
      {"adId":"e","redirectUrl":"https://e.example","advertiserId":"acme","status":"paused"}
      """, csv: false)
    #expect(answer.status == 200 && summary(answer) == "2 0 2:invalid 4:invalid 5:invalid 6:invalid", "\(answer.text)")
    #expect(stored == 2)
    #expect(answer.text.contains("color is unknown"))
    let long = upload(#"{"adId":"\#(String(repeating: "x", count: 70_000))"}"#, csv: false)
    #expect(summary(long) == "0 0 1:invalid" && long.text.contains("longer than 65536 bytes"))
  }

  @Test func manyRowsGoInSeveralTransactions() {
    let rows = (0..<2500).map { "ad\($0 % 2400),https://a.example,\($0 % 5 == 4 ? "not ok" : "acme")\n" }.joined()
    let answer = upload("adId,redirectUrl,advertiserId\n" + rows)
    #expect(answer.json["created"] == .integer(1920) && answer.json["updated"] == .integer(80))
    #expect(answer.json["rejectedCount"] == .object([.init("invalid", .integer(500))]))
    // Few rows a transaction, so that what waits behind it does not wait long.
    #expect(harness.changes.count == 10 && stored == 1920)
    #expect(upload("adId,redirectUrl,advertiserId\n" + rows).json["updated"] == .integer(2000))
  }

  @Test func noMoreThanAThousandFaultsAreSpelledOut() {
    let answer = upload(String(repeating: "x\n", count: 1700), csv: false)
    #expect(answer.json["rejectedCount"] == .object([.init("invalid", .integer(1700))]))
    guard case .array(let rejected)? = answer.json["rejected"] else { return #expect(Bool(false)) }
    #expect(rejected.count == 1000)
  }

  @Test func conflictsAreRowsToo() throws {
    harness.put("a")
    try harness.click("a", 1)
    let answer = upload("adId,redirectUrl,advertiserId\na,https://a.example,other\nb,https://b.example,other\n")
    #expect(summary(answer) == "1 0 2:advertiser-fixed")
  }

  @Test func aBoundTokenImportsItsOwnAdsAlone() {
    harness.put("theirs", advertiser: "other")
    harness.put("gone", advertiser: "other")
    _ = harness.send(.delete, "/api/v1/ads/gone", token: harness.ads)
    let rows =
      "mine,https://a.example,acme\ntheirs,https://a.example,acme\nx,https://a.example,other\ngone,https://a.example,acme\n"
    let answer = upload("adId,redirectUrl,advertiserId\n" + rows, harness.bound)
    #expect(summary(answer) == "1 0 3:invalid 4:invalid 5:invalid", "\(answer.text)")
    #expect(harness.get("/api/v1/ads/theirs", harness.ads).json["advertiserId"] == "other")
  }
}
