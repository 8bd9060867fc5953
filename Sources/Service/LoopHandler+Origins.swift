import HTTP

// Pages of other origins, which the settings name, may read the API with a bearer token (Fetch Standard, 3.2). They get no cookie:
// `Access-Control-Allow-Credentials` is never said, so what they read is what the token's owner has given them.
//
//   OPTIONS, Origin, Access-Control-Request-Method     ─▶ 204 with what is allowed
//   GET, Origin                                        ─▶ the answer, whatever it is, with Access-Control-Allow-Origin

extension LoopHandler {
  /// The origin of a request that may read the answer; nil where there is none.
  private func reader(_ request: borrowing Request, _ method: Method) -> String? {
    let origins = context.settings.corsOrigins
    guard !origins.isEmpty, let origin = request.headerText("Origin"), origins.contains(origin),
      let segments = try? request.pathSegments(),
      let (route, _) = try? Route.find(method, segments, isAdmin: request.listenerTag == Self.adminTag),
      route.isForOrigins
    else { return nil }
    return origin
  }

  /// Answers a browser that asks whether a page may read; false where it is for something else.
  func preflight(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) -> Bool {
    guard request.method == .options, let asked = request.headerText("Access-Control-Request-Method"),
      asked == "GET" || asked == "HEAD", let origin = reader(request, .get)
    else { return false }
    loop.respond(exchange) { writer in
      writer.extraFields = Self.fields(for: origin)
      writer.begin(204)
      writer.headerLines(
        "Cache-Control: no-store\r\nAllow: GET, HEAD, OPTIONS\r\nAccess-Control-Allow-Methods: GET, HEAD\r\n")
      writer.headerLines("Access-Control-Allow-Headers: Authorization, If-None-Match, Last-Event-ID\r\n")
      writer.headerLines("Access-Control-Max-Age: 7200\r\n")
    }
    return true
  }

  /// Remembers the origin that may read the answer of this exchange, until that is written.
  func noteOrigin(_ request: borrowing Request, _ exchange: Exchange) {
    guard request.method == .get || request.method == .head, let origin = reader(request, request.method) else {
      return
    }
    origins[exchange] = origin
  }

  /// What the answer of an exchange has beside its own fields.
  func originFields(of exchange: Exchange) -> [(name: StaticString, value: String)] {
    origins.removeValue(forKey: exchange).map { Self.fields(for: $0) } ?? []
  }

  private static func fields(for origin: String) -> [(name: StaticString, value: String)] {
    [
      ("Access-Control-Allow-Origin", origin), ("Vary", "Origin"),
      (
        "Access-Control-Expose-Headers",
        "ETag, Retry-After, X-Request-Id, X-Tally-As-Of, X-Tally-Total, X-Tally-Complete-Through, X-Tally-Next"
      ),
    ]
  }
}

extension Route {
  /// Whether pages of other origins may be let read its answers: those of the API that scope read opens.
  var isForOrigins: Bool {
    method == .get && !isAdminOnly && path.hasPrefix("/api/") && scope?.scope.contains(.read) == true
  }
}
