import HTTP
import Service
import Testing

/// Pages of other origins: they read the API with a bearer token where the settings name them, and nothing else.
@Suite struct OriginTests {
  private static let app = "https://app.example"

  private func service() throws -> TestService {
    try TestService { $0.corsOrigins = [Self.app, "http://localhost:3000"] }
  }

  private func fields(_ answer: Response) -> [String] {
    answer.headers.map(\.name).filter { $0.lowercased().hasPrefix("access-control") }.sorted()
  }

  @Test func aNamedOriginReadsWithAToken() throws {
    let service = try service()
    let bearer = ("Authorization", "Bearer \(service.token)")
    for (path, status) in [
      ("/api/v1/ads", 200), ("/api/v1/ads/active", 200), ("/api/v1/ads/none", 404), ("/api/v1/ads?x=1", 400),
      ("/api/v1/ads/active/aggregates?from=-1h", 200),
    ] {
      let answer = try service.request("GET", path, [("Origin", Self.app), bearer])
      #expect(answer.status == status && answer.header("Access-Control-Allow-Origin") == Self.app, "\(path)")
      #expect(answer.headers.contains { $0.name == "Vary" && $0.value == "Origin" })
      #expect(answer.header("Access-Control-Allow-Credentials") == nil)
    }
    let refused = try service.request("GET", "/api/v1/ads", [("Origin", Self.app)])
    #expect(refused.status == 401 && refused.header("Access-Control-Allow-Origin") == Self.app)
    let wire = try Wire(service.address)
    wire.send(
      "GET /api/v1/ads/active/stream HTTP/1.1\r\nHost: t\r\nOrigin: \(Self.app)\r\nAuthorization: \(bearer.1)\r\n\r\n")
    #expect(eventually { wire.isReadable })
    service.stop()
    #expect(wire.answer()?.header("Access-Control-Allow-Origin") == Self.app)
  }

  @Test func nobodyElseDoes() throws {
    let service = try service()
    let bearer = ("Authorization", "Bearer \(service.token)")
    for origin in [
      "https://evil.example", "null", "https://app.example.evil", "HTTPS://APP.EXAMPLE", "https://app.example/",
    ] {
      #expect(fields(try service.request("GET", "/api/v1/ads", [("Origin", origin), bearer])).isEmpty, "\(origin)")
      let asked = try service.request(
        "OPTIONS", "/api/v1/ads", [("Origin", origin), ("Access-Control-Request-Method", "GET")])
      #expect(asked.status == 405 && fields(asked).isEmpty, "\(origin)")
    }
    // What changes something, the session, and what is no API is for pages of this origin.
    for (method, path) in [
      ("PUT", "/api/v1/ads/active"), ("POST", "/api/v1/shares"), ("GET", "/session"), ("POST", "/session"),
      ("GET", "/"),
      ("GET", "/-/ready"), ("GET", "/openapi.json"),
    ] {
      #expect(fields(try service.request(method, path, [("Origin", Self.app), bearer])).isEmpty, "\(method) \(path)")
    }
    for route in Route.allCases where route.method != .get {
      let asked = try service.request(
        "OPTIONS", APIAccessTests.target(route),
        [("Origin", Self.app), ("Access-Control-Request-Method", "\(route.method)".uppercased())])
      #expect(asked.status >= 404 && fields(asked).isEmpty, "\(route)")
    }
    let off = try TestService()
    #expect(fields(try off.request("GET", "/api/v1/ads", [("Origin", Self.app)])).isEmpty)
  }

  @Test func preflightsAreAnswered() throws {
    let service = try service()
    for method in ["GET", "HEAD"] {
      let answer = try service.request(
        "OPTIONS", "/api/v1/ads/active/aggregates",
        [
          ("Origin", "http://localhost:3000"), ("Access-Control-Request-Method", method),
          ("Access-Control-Request-Headers", "authorization"),
        ])
      #expect(answer.status == 204 && answer.header("Access-Control-Allow-Origin") == "http://localhost:3000")
      #expect(answer.header("Access-Control-Allow-Methods") == "GET, HEAD")
      #expect(answer.header("Access-Control-Allow-Headers")?.contains("Authorization") == true)
      #expect(answer.header("Access-Control-Allow-Credentials") == nil)
    }
    let write = try service.request(
      "OPTIONS", "/api/v1/ads/active", [("Origin", Self.app), ("Access-Control-Request-Method", "PUT")])
    #expect(write.status == 405 && fields(write).isEmpty)
  }
}
