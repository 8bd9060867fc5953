import Bytes
import Clicks
import HTTP
import JSON
import Platform
import Service
import Store
import Testing

/// Sealed months as operators ask for them, and what they leave in answers: points, credits, statements.
@Suite struct SealTests {
  let harness: APIHarness
  private static let month = Month("2025-06")!
  private static let hour: Int64 = 3_600_000

  init() throws {
    harness = try APIHarness()
    harness.put("a")
    harness.put("b")
    harness.put("other", advertiser: "rival")
    try harness.click("a", 5)
    try harness.click("a", 2, shard: 1)
    // In steps that the store's clock follows at once.
    let time = Self.month.end - harness.machine.time.wall() + 60 * Self.hour
    for _ in 0..<4 {
      harness.machine.time.advance(milliseconds: time / 4)
      _ = harness.now
    }
    try harness.click("b", 3, shard: 1, at: Self.month.end - Self.hour)
    try harness.click("other", 4, at: Self.month.end - 2 * Self.hour)
    try harness.click("ghost", 1, at: Self.month.end - 2 * Self.hour)
    harness.machine.time.advance(milliseconds: 300_000)
    for shard in harness.store.shards { try shard.maintenance.settle() }
  }

  private var allMaintenance: [Maintenance] { harness.store.shards.map(\.maintenance) }

  private func seal(_ month: Month = SealTests.month, isDry: Bool = false, lateness: Int64 = 48) throws -> JSONValue {
    try SealRequest(month: month, isDry: isDry, maxLateness: lateness * Self.hour).perform(
      allMaintenance, catalog: { harness.catalog })
  }

  private func refusal(_ month: Month = SealTests.month, lateness: Int64 = 48) -> SealRequest.Refused? {
    do { _ = try seal(month, lateness: lateness) } catch { return error as? SealRequest.Refused }
    return nil
  }

  @Test func refusalsSayWhatIsMissing() throws {
    let july = refusal(Self.month.next)
    #expect(july?.reasons.first?.contains("over at 2025-08-01") == true && july?.possibleAt != nil)
    let early = refusal(lateness: 100)
    #expect(early?.possibleAt == Self.month.end + 100 * Self.hour)
    #expect("\(try #require(early))".contains("possible from 2025-07-05T04:00:00Z on"))
    let open = try #require(refusal())
    #expect(open.reasons.count == 2 && open.reasons.allSatisfy { $0.contains("2025-06-01 on are not reconciled") })
    try allMaintenance[0].recount(.changes)
    let one = try #require(refusal())
    #expect(one.reasons == ["shard 1: days from 2025-06-01 on are not reconciled (tally reconcile)"])
    try allMaintenance[1].recount(.changes)
    try harness.click("b", 1, shard: 1, at: Self.month.end - 50 * Self.hour)
    let changed = try #require(refusal())
    #expect(changed.reasons == ["shard 1: clicks came since the last recount, of 2025-06-28 (tally reconcile)"])
    #expect(changed.json["refused"] == .bool(true))
  }

  /// What is imported into a sealed month can be nothing but credits, so that one without clicks is sealed on demand alone.
  @Test func aMonthWithoutClicksIsSealedOnDemandAlone() throws {
    for maintenance in allMaintenance { try maintenance.recount(.changes) }
    let may = Month("2025-05")!
    for isDry in [true, false] {
      let refusal = #expect(throws: SealRequest.Refused.self) { try seal(may, isDry: isDry) }
      #expect(refusal?.reasons.count == 1 && refusal?.reasons.first?.contains("--empty") == true)
    }
    #expect(harness.store.shards.allSatisfy { $0.state.seals.isEmpty })
    let done = try SealRequest(month: may, allowsEmpty: true, maxLateness: 0).perform(allMaintenance)
    #expect(done["sealed"] == .bool(true) && done["clicks"] == .integer(0))
    // It is sealed: to ask again is no question any more.
    #expect(try seal(may)["already"] == .bool(true))
    // Clicks in one shard alone are clicks.
    #expect(try seal()["sealed"] == .bool(true))
  }

  @Test func aHalfSealedStoreIsCompleted() throws {
    for maintenance in allMaintenance { try maintenance.recount(.changes) }
    _ = try allMaintenance[0].seal(Self.month)
    // One shard alone makes no point sealed, and no statement.
    let path = "/api/v1/ads/a/aggregates?granularity=day&from=2025-06-01T00:00:00Z&to=2025-07-01T00:00:00Z"
    #expect(harness.get(path, harness.read).json["series"]?.list.first?["status"] == "reconciled")
    #expect(harness.get("/api/v1/statements/2025-06?advertiserId=acme", harness.read).problem == "not-sealed")
    let dry = try seal(isDry: true)
    #expect(dry["sealed"] == .bool(false) && dry["ads"] == .integer(4) && dry["advertisers"] == .integer(3))
    let done = try seal()
    #expect(done["sealed"] == .bool(true) && done["already"] == .bool(false) && done["clicks"] == .integer(15))
    let again = try seal()
    #expect(again["already"] == .bool(true) && again["digest"] == done["digest"])
    #expect(harness.get(path, harness.read).json["series"]?.list.first?["status"] == "sealed")
  }

  @Test func statementsAreOfTheAdvertiserAndStayTheSame() throws {
    for maintenance in allMaintenance { try maintenance.recount(.changes) }
    _ = try seal()
    let path = "/api/v1/statements/2025-06"
    let first = harness.get(path, harness.bound)
    #expect(first.status == 200 && first.json["advertiserId"] == "acme" && first.json["clicks"] == .integer(10))
    #expect(first.json["ads"]?.list.compactMap { $0["adId"] } == ["a", "b"])
    let digest = first.json["digest"]
    #expect(.string(first.header("X-Tally-Digest") ?? "") == digest)
    #expect(harness.get(path, harness.bound).body == first.body)

    // Late clicks are credits: in the points, in the sums, and not in the digest.
    try harness.click("b", 2, shard: 1, at: Self.month.end - Self.hour)
    let second = harness.get(path, harness.bound)
    #expect(second.json["clicks"] == .integer(10) && second.json["credits"] == .integer(2))
    #expect(second.json["total"] == .integer(12) && second.json["digest"] == digest)
    let aggregates = "/api/v1/ads/b/aggregates?granularity=hour&from=2025-06-30T00:00:00Z&to=2025-07-01T00:00:00Z"
    let series = harness.get(aggregates, harness.read)
    #expect(series.json["total"] == .integer(3) && series.json["credits"] == .integer(2))
    #expect(series.json["series"]?.list.first?["credits"] == .integer(2))
    try allMaintenance[1].checkpoint()
    #expect(harness.get(path, harness.bound).body == second.body)
    #expect(harness.get(aggregates, harness.read).json["credits"] == .integer(2))
    let corrections = harness.get("/api/v1/ads/b/corrections", harness.bound).json
    #expect(corrections["credits"] == .integer(2) && corrections["corrections"]?.list.first?["reason"] == "late")

    // The digest can be made again from the table.
    let csv = harness.get(path + "?format=csv", harness.bound)
    #expect(csv.header("Content-Type")?.hasPrefix("text/csv") == true)
    let rows = csv.text.split(separator: "\r\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    let lines = rows.filter { $0[5] != "0" }.map { "\($0[3]) \($0[4]) \($0[5])\n" }.sorted()
    let text = "tally statement 1 2025-06 acme\n" + lines.joined()
    #expect(.string(Hex.encode(SHA256().digest(Array(text.utf8)))) == digest)
    #expect(rows.allSatisfy { $0.count == 8 && $0[0] == "2025-06" && $0[1] == "acme" })
  }

  @Test func allAdvertisersAreListedAndTheUnknownToo() throws {
    for maintenance in allMaintenance { try maintenance.recount(.changes) }
    _ = try seal()
    // A deleted ad keeps its advertiser.
    #expect(harness.send(.delete, "/api/v1/ads/b", token: harness.ads).status == 204)
    let path = "/api/v1/statements/2025-06"
    let list = harness.get(path, harness.read).json
    let names = list["advertisers"]?.list.map { $0["advertiserId"] ?? "?" }
    #expect(names == ["acme", "rival", .null] && list["clicks"] == .integer(15))
    #expect(list["advertisers"]?.list.map { $0["clicks"] ?? .null } == [.integer(10), .integer(4), .integer(1)])
    for (name, entry) in zip(["acme", "rival", "~unknown"], list["advertisers"]?.list ?? []) {
      let one = harness.get(path + "?advertiserId=\(name)", harness.read).json
      #expect(one["digest"] == entry["digest"] && one["clicks"] == entry["clicks"], "\(name)")
    }
    let ghost = harness.get(path + "?advertiserId=~unknown", harness.read).json["ads"]?.list.first
    #expect(ghost?["adId"] == .null && ghost?["adKey"] == .string("\(AdKey(AdID("ghost")!))"))
    #expect(harness.get(path + "?advertiserId=rival", harness.bound).problem == "other-advertiser")
    #expect(harness.get(path + "?advertiserId=nobody", harness.read).status == 404)
    #expect(harness.get("/api/v1/statements/2025-13", harness.read).faults == ["month"])
    #expect(harness.get(path + "?format=xml", harness.read).faults == ["format"])
    #expect(harness.get("/api/v1/statements/2025-07", harness.read).problem == "not-sealed")
  }

  /// `Formats/seals.md` has the text and the digest, made by other code.
  @Test func thePageDigestsTheSame() throws {
    let october = try #require(Month("2026-10"))
    let first = october.days.lowerBound
    func part(_ name: String, _ days: [(Int64, UInt64)]) throws -> Statement.AdPart {
      let id = try #require(AdID(name))
      return Statement.AdPart(
        id: id, key: AdKey(id), days: days.map { Statement.Day(day: first + $0.0, clicks: $0.1, credits: 7) })
    }
    let statement = Statement(
      month: october, advertiserID: "acme", sealedAt: 0,
      ads: [try part("banner", [(0, 2)]), try part("42", [(0, 3), (1, 1)])])
    let path =
      #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
      + "/Formats/seals.md"
    let page = String(decoding: try KernelFileSystem().contents(path), as: UTF8.self)
    #expect(page.contains("```\n" + String(decoding: statement.canonicalText, as: UTF8.self) + "```\n"))
    #expect(page.contains("```\n\(statement.digest())\n```"))
  }

  /// The doors know which months are sealed, and which are not, whatever the maximum lateness has become.
  @Test func sealedMonthsAreKnown() throws {
    for maintenance in allMaintenance { try maintenance.recount(.changes) }
    _ = try allMaintenance[0].seal(Self.month)
    let minutes = Self.month.minutes
    for shard in harness.store.shards.prefix(1) {
      #expect(
        shard.live.sealed.contains(minute: minutes.upperBound - 1)
          && shard.live.sealed.contains(minute: minutes.lowerBound))
      #expect(
        !shard.live.sealed.contains(minute: minutes.upperBound)
          && !shard.live.sealed.contains(minute: minutes.lowerBound - 1))
    }
  }
}

extension JSONValue {
  /// The values of an array; none where it is something else.
  fileprivate var list: [JSONValue] {
    if case .array(let values) = self { values } else { [] }
  }
}
