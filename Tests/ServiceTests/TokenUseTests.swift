import Catalog
import HTTP
import JSON
import Service
import Testing

/// What a running server knows of its tokens: when they were used, and that they have expired.
@Suite struct TokenUseTests {
  private func lastUsed(_ service: TestService, _ id: String) throws -> String? {
    let list = try JSONReader.read(Array(service.api("GET", "/admin/v1/tokens", admin: true).body))
    guard case .array(let tokens)? = list["tokens"] else { return nil }
    if case .string(let time)? = tokens.first(where: { $0["id"] == .string(id) })?["lastUsed"] { return time }
    return nil
  }

  private func make(_ service: TestService, _ json: String) throws -> (id: String, token: String) {
    let made = try JSONReader.read(Array(service.api("POST", "/admin/v1/tokens", json, admin: true).body))
    guard case .string(let id)? = made["id"], case .string(let token)? = made["token"] else {
      throw Failure(text: "\(made)")
    }
    return (id, token)
  }

  private struct Failure: Error { var text: String }

  private func ask(_ service: TestService, _ token: String) throws -> Int {
    try service.request("GET", "/api/v1/ads", [("Authorization", "Bearer \(token)")]).status
  }

  @Test func usesAreShownAtOnceAndKeptOverARestart() throws {
    let service = try TestService()
    let (id, token) = try make(service, #"{"scopes":["read"]}"#)
    let (idle, _) = try make(service, #"{"scopes":["read"]}"#)
    #expect(try lastUsed(service, id) == nil)
    #expect(try ask(service, token) == 200)
    let shown = try #require(try lastUsed(service, id))
    // The minute is not over: the end of the service writes it.
    try service.restart()
    #expect(try lastUsed(service, id) == shown)
    #expect(try lastUsed(service, idle) == nil)
  }

  @Test func usesAreWrittenWhileTheServerRuns() throws {
    let service = try TestService { $0.tokenUseInterval = 20_000_000 }
    let (id, token) = try make(service, #"{"scopes":["read"]}"#)
    #expect(try ask(service, token) == 200)
    let written = try eventually {
      let catalog = try Catalog.open("\(service.dataDirectory)/catalog.sqlite", .readOnly, in: .kernel)
      return try catalog.tokens().contains { $0.id == id && $0.lastUsed != nil } && catalog.damagedRows() == []
    }
    #expect(written)
  }

  /// A token that has expired is refused at the head of a request, before anybody asks the catalog.
  @Test func anExpiredTokenIsRefused() throws {
    let service = try TestService()
    let (_, token) = try make(service, #"{"scopes":["read"],"expires":"1s"}"#)
    #expect(try eventually { try ask(service, token) == 401 })
    #expect(try ask(service, service.token) == 200)
  }
}
