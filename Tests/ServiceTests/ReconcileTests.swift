import Clicks
import HTTP
import JSON
import Platform
import Service
import Store
import Testing

/// Recounts as operators ask for them, and what they leave in answers.
@Suite struct ReconcileTests {
  let harness: APIHarness

  init() throws { harness = try APIHarness() }

  /// A minute of clicks that is closed, with a row that is wrong.
  private func damaged() throws -> Shard {
    harness.put("a")
    try harness.click("a", 7)
    harness.machine.time.advance(milliseconds: 300_000)
    for shard in harness.store.shards { while shard.maintenance.turn() {} }
    let shard = try #require(harness.store.shards.first { $0.live.summary.clicks > 0 })
    let key = AdKey(AdID("a")!)
    let minute = try #require(try shard.live.rows().first).minute
    try shard.maintenance.plant([(ad: key, bucket: minute.index, change: 5)])
    return shard
  }

  private func series() -> JSONValue { harness.get("/api/v1/ads/a/aggregates?from=-1h", harness.read).json }

  @Test func aPointIsReconciledUntilAClickChangesIt() throws {
    let shard = try damaged()
    #expect(series()["total"] == .integer(12) && series()["reconciledThrough"] == .null)
    #expect(shard.maintenance.counters.books.drift == 5)
    for shard in harness.store.shards { try shard.maintenance.recount(.deep(nil)) }
    #expect(shard.maintenance.counters.books.drift == 0 && shard.maintenance.counters.recounts.lastDrift == 1)
    let after = series()
    #expect(after["total"] == .integer(7) && after["reconciledThrough"] == after["completeThrough"])
    #expect(after["series"]?.elements.first?["status"] == "reconciled")
    let tag = harness.get("/api/v1/ads/a/aggregates?from=-1h", harness.read).header("ETag")

    // A late click of the same minute: closed again, at once and after it has left memory.
    let minute = try #require(try shard.live.rows().first).minute
    try harness.click("a", 1, at: minute.index * 60_000)
    #expect(series()["series"]?.elements.first?["status"] == "closed" && series()["total"] == .integer(8))
    #expect(harness.get("/api/v1/ads/a/aggregates?from=-1h", harness.read).header("ETag") != tag)
    harness.machine.time.advance(milliseconds: 120_000)
    for shard in harness.store.shards { while shard.maintenance.turn() {} }
    #expect(series()["series"]?.elements.first?["status"] == "closed")
    #expect(series()["reconciledThrough"] == after["reconciledThrough"])
    for shard in harness.store.shards { try shard.maintenance.recount(.changes) }
    #expect(series()["series"]?.elements.first?["status"] == "reconciled" && series()["total"] == .integer(8))
  }

  @Test func correctionsAreListed() throws {
    let shard = try damaged()
    try shard.maintenance.recount(.deep(nil))
    let answer = harness.get("/api/v1/ads/a/corrections", harness.read)
    #expect(answer.status == 200 && answer.json["total"] == .integer(1) && answer.json["change"] == .integer(-5))
    let row = try #require(answer.json["corrections"]?.elements.first)
    #expect(row["from"] == .integer(12) && row["to"] == .integer(7) && row["reason"] == "damage")
    #expect(row["granularity"] == "minute" && row["credit"] == .bool(false) && row["run"] == .integer(1))
    #expect(harness.get("/api/v1/ads/a/corrections?to=-1d", harness.read).json["total"] == .integer(0))
    #expect(harness.get("/api/v1/ads/a/corrections", harness.bound).status == 200)
    harness.put("b", advertiser: "other")
    #expect(harness.get("/api/v1/ads/b/corrections", harness.bound).problem == "unknown-ad")
    #expect(harness.get("/api/v1/ads/a/corrections?from=soon", harness.read).status == 400)
    #expect(harness.get("/api/v1/ads/a/corrections?limit=0", harness.read).status == 400)
    #expect(harness.get("/api/v1/ads/nobody/corrections", harness.read).problem == "unknown-ad")
  }

  // MARK: - A whole server

  @Test func operatorsRecount() throws {
    let service = try TestService {
      $0.shardOptions.allowedLateness = 0
      $0.reconcileSchedule = nil
    }
    for _ in 0..<20 { #expect(try service.click().verdict == "valid") }
    let dry = try service.job("reconcile", #"{"dryRun":true}"#)
    #expect(dry["complete"] == .bool(true) && dry["dryRun"] == .bool(true) && dry["rowsCorrected"] == .integer(0))
    let result = try service.job("reconcile")
    #expect(result["rawClicks"] == .integer(20) && result["clicksRemoved"] == .integer(0))
    #expect(try service.job("reconcile", #"{"changes":true}"#)["rowsCorrected"] == .integer(0))
    let range = try service.job("reconcile", #"{"from":"-1d","to":"now","dryRun":true}"#)
    #expect(range["rowsCorrected"] == .integer(0))
    let deep = try service.job("verify", #"{"deep":true}"#)
    #expect(deep["sound"] == .bool(true) && deep["recount"]?["rawClicks"] == .integer(20))
    for body in [
      #"{"from":"now","to":"-1d"}"#, #"{"from":"soon"}"#, #"{"changes":true,"from":"-1d"}"#, #"{"x":1}"#,
      #"{"dryRun":1}"#,
    ] {
      #expect(try service.api("POST", "/admin/v1/reconcile", body, admin: true).status == 400, "\(body)")
    }
    // What has ended is known after a restart.
    let before = try JSONReader.read(try service.api("GET", "/admin/v1/jobs", admin: true).body)["jobs"]?.elements ?? []
    try service.restart()
    let after = try JSONReader.read(try service.api("GET", "/admin/v1/jobs", admin: true).body)["jobs"]?.elements ?? []
    #expect(before.count == 5 && after.compactMap { $0["id"] } == before.compactMap { $0["id"] })
    if case .string(let id)? = after.last?["id"] {
      let one = try service.api("GET", "/admin/v1/jobs/\(id)", admin: true)
      #expect(one.status == 200)
      #expect(try JSONReader.read(one.body)["kind"] == "reconcile")
    }
  }

  @Test func aMissedRunIsMadeUpForAtTheStart() throws {
    let service = try TestService {
      $0.reconcileSchedule = try? ScheduleText.read("17 3 * * *")
      $0.reconcileJitter = 0
    }
    func standing() throws -> JSONValue {
      let answer = try service.api("GET", "/admin/v1/schedules", admin: true)
      return try #require(try JSONReader.read(answer.body)["schedules"]?.elements.first)
    }
    let first = try standing()
    #expect(first["cron"] == "17 3 * * *" && first["last"] == .null)
    // As if the service had been down for two days.
    service.stop()
    try service.rewindSchedules(by: 2 * 86_400_000)
    try service.start()
    let isRun = try eventually(20) {
      let jobs = try JSONReader.read(try service.api("GET", "/admin/v1/jobs", admin: true).body)["jobs"]?.elements ?? []
      return jobs.count == 1 && jobs[0]["state"] == "done" && jobs[0]["scheduled"] != .null
    }
    #expect(isRun)
    try service.restart()
    #expect(try standing()["kind"] == "reconcile")
    let jobs = try JSONReader.read(try service.api("GET", "/admin/v1/jobs", admin: true).body)["jobs"]?.elements ?? []
    #expect(jobs.count == 1)
  }
}

extension JSONValue {
  /// The values of an array; none where it is something else.
  var elements: [JSONValue] {
    if case .array(let values) = self { values } else { [] }
  }
}
