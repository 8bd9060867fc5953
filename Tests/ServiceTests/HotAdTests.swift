import Clicks
import Glibc
import HTTP
import JSON
import Platform
import Service
import Testing

/// An ad turns hot in a running service, and its impressions go to all shards.
@Suite struct HotAdTests {
  @Test func aBusyAdIsSpreadAndCountsOnce() throws {
    let service = try TestService {
      $0.shards = 3
      $0.hotThreshold = 10
    }
    defer { service.stop() }
    var counted = 0
    func click(minted: Int64) throws -> String? {
      let answer = try service.click(id: TestService.impression(mintedIn: minted))
      if answer.verdict == "valid" { counted += 1 }
      return answer.verdict
    }
    func hot() throws -> JSONValue? {
      let answer = try service.api("GET", "/admin/v1/hot-ads", admin: true)
      guard answer.status == 200, case .array(let ads)? = try JSONReader.read(answer.body)["hotAds"] else { return nil }
      return ads.first { $0["hot"] == .bool(true) }
    }
    #expect(try hot() == nil)
    let isHot = try eventually(20) {
      for _ in 0..<20 { #expect(try click(minted: 0) == "valid") }
      usleep(50_000)
      return try hot() != nil
    }
    #expect(isHot)
    let found = try #require(try hot())
    #expect(found["adId"] == .string("active") && found["adKey"] == .string("\(AdKey(AdID("active")!))"))
    #expect(try service.metrics()["tally_hot_ads"] == 1)
    // Until the interval begins, at least 61 s after it was decided, everything stays at home.
    #expect(try click(minted: 59_000) == "valid")
    #expect(try service.series().asOf.split(separator: ",").count == 3)
    #expect(try service.series().total == counted)
    func positions() throws -> [Int] {
      try service.series().asOf.split(separator: ",").map { Int($0.split(separator: ":")[1]) ?? -1 }
    }
    #expect(try positions().count { $0 > 0 } == 1)

    // Impressions of a machine whose clock is almost a minute ahead are the first to be spread.
    let isSpread = try eventually(20) {
      usleep(500_000)
      for _ in 0..<10 { #expect(try click(minted: 59_500) == "valid") }
      return try positions().allSatisfy { $0 > 0 }
    }
    #expect(isSpread)
    let id = TestService.impression(mintedIn: 59_500)
    #expect(try service.click(id: id).verdict == "valid")
    #expect(try service.click(id: id).verdict == "duplicate")
    counted += 1
    let before = try service.series()
    let sum = try positions().reduce(0, +)
    #expect(before.total == counted && sum == counted)

    // The interval is there after a restart, and so is what was counted.
    try service.restart()
    let after = try service.series()
    #expect(after.total == counted && after.asOf == before.asOf)
    #expect(try service.click(id: id).verdict == "duplicate")
    #expect(try hot() != nil)
    #expect(try service.total() == counted)
  }

  /// Ids whose time is far ahead change what the threads hold of the routes, and not the file.
  @Test func earlyIDsDoNotKeepAStoreFromStarting() throws {
    let service = try TestService { $0.shards = 2 }
    defer { service.stop() }
    let ids = (1...20).map { TestService.impression(mintedIn: Int64($0) * 3_600_000).digits }
    func click(_ id: String) throws -> String? {
      let link = "/click?adId=active&impressionId=\(id)&signature=\(TestService.signature("active", id))"
      return try service.request("GET", link).verdict
    }
    for id in ids { #expect(try click(id) == "valid") }
    #expect(try service.metrics()["tally_routes_early_ids"] == Double(ids.count))
    for _ in 0..<2 {
      try service.restart()
      for id in ids { #expect(try click(id) == "duplicate") }
    }
    #expect(try service.total() == ids.count)
  }

  @Test func aThresholdOfZeroSpreadsNothing() throws {
    let service = try TestService { $0.hotThreshold = 0 }
    defer { service.stop() }
    for _ in 0..<50 { _ = try service.click() }
    let answer = try service.api("GET", "/admin/v1/hot-ads", admin: true)
    #expect(answer.text.contains("\"threshold\":0") && answer.text.contains("\"hotAds\":[]"), "\(answer.text)")
  }
}
