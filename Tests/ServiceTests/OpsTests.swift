import Catalog
import Clicks
import Glibc
import HTTP
import JSON
import Service
import Store
import Testing

/// The summary of the operations page: what it says, and who gets it.
@Suite struct OpsTests {
  private func summary(_ service: TestService) throws -> JSONValue {
    let answer = try service.api("GET", "/api/v1/ops/summary")
    #expect(answer.status == 200 && answer.header("Cache-Control") == "no-store", "\(answer.text)")
    return try JSONReader.read(answer.body)
  }

  private func number(_ value: JSONValue?) -> Double {
    if case .number(let text)? = value { Double(text) ?? -1 } else { -1 }
  }

  @Test func itTellsOfClicksShardsAndJobs() throws {
    let service = try TestService()
    let seen = try eventually(20) {
      for _ in 0..<20 { #expect(try service.click().verdict == "valid") }
      let now = try summary(service)
      return number(now["clicksPerSecond"]) > 0 && number(now["answers"]?["valid"]) > 0
        && number(now["commitP99Seconds"]) > 0
    }
    #expect(seen)
    #expect(try service.api("POST", "/admin/v1/flush", "{}", admin: true).status == 202)
    let done = try eventually(20) {
      guard case .array(let jobs)? = try summary(service)["jobs"] else { return false }
      return jobs.first?["kind"] == "flush" && jobs.first?["state"] == "done"
    }
    #expect(done)
    let now = try summary(service)
    #expect(now["ready"] == .bool(true) && now["reasons"] == .array([]) && now["version"] != nil)
    guard case .array(let shards)? = now["shards"] else { return #expect(Bool(false)) }
    #expect(shards.count == 2 && shards.allSatisfy { number($0["logBytes"]) >= 0 && number($0["files"]) >= 0 })
    #expect(shards.reduce(0) { $0 + number($1["logBytes"]) } > 0)
  }

  private func list(_ value: JSONValue?) -> [JSONValue] { if case .array(let values)? = value { values } else { [] } }

  private func text(_ value: JSONValue?) -> String { if case .string(let text)? = value { text } else { "" } }

  @Test func itTellsOfBooksFilesAndCommits() throws {
    let service = try TestService()
    let made = try #require(Timestamp.parse(text(try summary(service)["countingSince"])))
    for _ in 0..<30 { #expect(try service.click().verdict == "valid") }
    for verb in ["flush", "seal-log"] {
      #expect(try service.api("POST", "/admin/v1/\(verb)", "{}", admin: true).status == 202)
    }
    let seen = try eventually(40) {
      let now = try summary(service)
      return number(now["balance"]?["answered"]) == 30 && number(now["balance"]?["difference"]) == 0
        && list(now["commitHistory"]).contains { number($0) > 0 }
        && list(now["files"]).contains {
          text($0["kind"]) == "segment" && text($0["age"]) == "under a day" && number($0["bytes"]) > 0
        }
    }
    #expect(seen)
    try service.restart()
    let now = try summary(service)
    #expect(Timestamp.parse(text(now["countingSince"])) == made && list(now["alarms"]).isEmpty, "\(now)")
  }

  /// What is wrong is told with the time when it began, as long as it lasts.
  @Test func alarmsStandUntilTheirCauseIsGone() throws {
    let disk = FaultyFileSystem()
    let service = try TestService(files: disk) { $0.shards = 2 }
    defer { disk.faults = .init() }
    #expect(try service.click().verdict == "valid")
    usleep(150_000)
    disk.faults.sync = EIO
    let failed = try eventually(20) { try service.click().verdict != "valid" }
    #expect(failed)
    disk.faults = .init()
    _ = try service.click()
    var since: String?
    let told = try eventually(20) {
      let alarms = list(try summary(service)["alarms"])
      let stopped = alarms.first { text($0["text"]).contains("has stopped recording until a restart") }
      since = stopped.map { text($0["since"]) }
      return stopped != nil && alarms.contains { text($0["text"]).contains("redirected without being counted") }
    }
    #expect(told)
    usleep(1_200_000)
    let still = list(try summary(service)["alarms"]).first {
      text($0["text"]).contains("has stopped recording until a restart")
    }
    #expect(still.map { text($0["since"]) } == since)
    try service.restart()
    let isGone = try eventually(20) { list(try summary(service)["alarms"]).isEmpty }
    #expect(isGone)
  }

  @Test func filesAreToldByKindAndAge() {
    let day: Int64 = 86_400_000
    let now = 20_000 * day
    let rows = FileAges(
      [
        (.segment, now, 1), (.segment, now - day / 2, 2), (.segment, now - 3 * day, 4), (.segment, now - 40 * day, 8),
        (.run, now - 8 * day, 10), (.run, now - 30 * day, 10), (.run, now + day, 10), (.dictionary, nil, 5),
      ], now: now
    ).rows
    #expect(
      rows == [
        .init(kind: .segment, age: .day, files: 2, bytes: 3), .init(kind: .segment, age: .week, files: 1, bytes: 4),
        .init(kind: .segment, age: .older, files: 1, bytes: 8), .init(kind: .run, age: .day, files: 1, bytes: 10),
        .init(kind: .run, age: .month, files: 2, bytes: 20), .init(kind: .dictionary, age: .every, files: 1, bytes: 5),
      ])
  }

  @Test func aDiskThatFillsIsForeseen() {
    var forecast = DiskForecast()
    #expect(forecast.free == nil && forecast.secondsLeft(reserve: 0) == nil)
    // A megabyte a second, looked at more often than is kept.
    for second in stride(from: Int64(0), through: 1_790, by: 10) {
      forecast.note(10_000_000_000 - UInt64(second) * 1_000_000, at: second)
    }
    #expect(forecast.secondsLeft(reserve: 0) == nil)
    forecast.note(8_200_000_000, at: 1_800)
    #expect(forecast.secondsLeft(reserve: 200_000_000) == 8_000)
    #expect(forecast.secondsLeft(reserve: 9_000_000_000) == 0)
    // Looks of six hours count; space that returns ends it.
    for minute in Int64(31)...600 { forecast.note(8_200_000_000 - UInt64(minute) * 600, at: minute * 60) }
    #expect(forecast.secondsLeft(reserve: 200_000_000)! > 10_000_000)
    forecast.note(9_000_000_000, at: 40_000)
    #expect(forecast.secondsLeft(reserve: 0) == nil && forecast.free == 9_000_000_000)
  }

  @Test func onlyAdministratorsGetIt() throws {
    let service = try TestService()
    let token = try service.newToken(["read", "ads", "mint", "ingest"])
    for path in ["/api/v1/ops/summary", "/api/v1/ops/stream"] {
      #expect(try service.request("GET", path).status == 401)
      #expect(try service.request("GET", path, [("Authorization", "Bearer \(token)")]).status == 403)
      #expect(try service.api("POST", path).status == 405)
    }
  }

  /// Summaries come until the token ends; more clients than there is room for are refused.
  @Test func theStreamEndsWithItsToken() throws {
    let service = try TestService()
    let token = try service.newToken(["admin"])
    let wires = try (0..<16).map { _ in
      let wire = try Wire(service.address, seconds: 60)
      wire.send("GET /api/v1/ops/stream HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(token)\r\n\r\n")
      #expect(eventually { wire.isReadable })
      return wire
    }
    let more = try Wire(service.address)
    more.send("GET /api/v1/ops/stream HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(token)\r\n\r\n")
    #expect(more.answer()?.status == 503)
    // Two summaries are a second apart.
    #expect(eventually(10) { number((try? summary(service))?["rates"]?.count) >= 2 })
    let id = String(token.dropFirst(6).prefix { $0 != "_" })
    #expect(try service.api("DELETE", "/admin/v1/tokens/\(id)", admin: true).status == 204)
    for wire in wires {
      let answer = try #require(wire.answer())
      #expect(answer.status == 200 && answer.header("Content-Type") == "text/event-stream")
      #expect(answer.text.hasPrefix("retry: 2000\n\n") && answer.text.contains("event: summary\ndata: {\"ready\":true"))
    }
  }
}

extension JSONValue {
  /// The number of an array's elements.
  fileprivate var count: JSONValue { if case .array(let values) = self { .integer(values.count) } else { .null } }
}
