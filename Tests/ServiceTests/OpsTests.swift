import Catalog
import HTTP
import Service
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
