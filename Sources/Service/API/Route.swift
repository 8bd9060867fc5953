import Catalog
import HTTP

// The routes of the API, each once: the dispatcher goes through them, and the specification in `/openapi.json` is tested
// against them. `{name}` stands for a segment, or the beginning of one, that is not empty.

/// One route outside the click path.
package enum Route: Sendable, CaseIterable {
  case specification
  case ingest
  case listAds, importAds, getAd, putAd, deleteAd, aggregates, stream, corrections, statement
  case manyAggregates, manyStream, manyCorrections, top
  case listKeys, addKey, retireKey, listTokens, createToken, revokeToken, shards, hotAds, files
  case damagedRows, decideRow
  case flush, sealLog, compact, retain, verify, reconcile, seal, listJobs, getJob, schedules
  case signIn, session, signOut, listShares, createShare, revokeShare, mint, check
  case opsSummary, opsStream

  /// GET stands for HEAD too.
  package var method: Method {
    switch self {
    case .specification, .listAds, .getAd, .aggregates, .stream, .corrections, .statement, .listKeys, .listTokens,
      .shards, .hotAds, .files, .listJobs, .getJob, .schedules, .damagedRows, .manyAggregates, .manyStream,
      .manyCorrections, .top:
      .get
    case .ingest, .importAds, .addKey, .retireKey, .createToken, .decideRow, .flush, .sealLog, .compact, .retain,
      .verify,
      .reconcile, .seal:
      .post
    case .putAd: .put
    case .deleteAd, .revokeToken: .delete
    case .session, .listShares, .check, .opsSummary, .opsStream: .get
    case .signIn, .createShare, .mint: .post
    case .signOut, .revokeShare: .delete
    }
  }

  /// The path, as the specification writes it.
  package var path: String {
    switch self {
    case .specification: "/openapi.json"
    case .ingest: "/api/v1/clicks"
    case .listAds: "/api/v1/ads"
    case .importAds: "/api/v1/ads:import"
    case .getAd, .putAd, .deleteAd: "/api/v1/ads/{adId}"
    case .aggregates: "/api/v1/ads/{adId}/aggregates"
    case .stream: "/api/v1/ads/{adId}/stream"
    case .corrections: "/api/v1/ads/{adId}/corrections"
    case .statement: "/api/v1/statements/{month}"
    case .manyAggregates: "/api/v1/aggregates"
    case .manyStream: "/api/v1/stream"
    case .manyCorrections: "/api/v1/corrections"
    case .top: "/api/v1/top"
    case .listKeys, .addKey: "/admin/v1/keys"
    case .retireKey: "/admin/v1/keys/{kid}:retire"
    case .listTokens, .createToken: "/admin/v1/tokens"
    case .revokeToken: "/admin/v1/tokens/{id}"
    case .shards: "/admin/v1/shards"
    case .hotAds: "/admin/v1/hot-ads"
    case .files: "/admin/v1/files"
    case .damagedRows: "/admin/v1/catalog/damaged"
    case .decideRow: "/admin/v1/catalog/damaged:decide"
    case .flush: "/admin/v1/flush"
    case .sealLog: "/admin/v1/seal-log"
    case .compact: "/admin/v1/compact"
    case .retain: "/admin/v1/retain"
    case .verify: "/admin/v1/verify"
    case .reconcile: "/admin/v1/reconcile"
    case .seal: "/admin/v1/seal"
    case .listJobs: "/admin/v1/jobs"
    case .getJob: "/admin/v1/jobs/{id}"
    case .schedules: "/admin/v1/schedules"
    case .signIn, .session, .signOut: "/session"
    case .listShares, .createShare: "/api/v1/shares"
    case .revokeShare: "/api/v1/shares/{id}"
    case .mint: "/api/v1/ads/{adId}/impressions"
    case .check: "/api/v1/check"
    case .opsSummary: "/api/v1/ops/summary"
    case .opsStream: "/api/v1/ops/stream"
    }
  }

  /// What a token must allow; nil where none is needed.
  package var scope: (name: String, scope: Scopes)? {
    switch self {
    case .specification: nil
    case .listAds, .getAd: ("read or ads", [.read, .ads])
    case .importAds, .putAd, .deleteAd: ("ads", .ads)
    case .ingest: ("ingest", .ingest)
    case .aggregates, .stream, .corrections, .statement, .manyAggregates, .manyStream, .manyCorrections, .top:
      ("read", .read)
    case .listKeys, .addKey, .retireKey, .listTokens, .createToken, .revokeToken, .shards, .hotAds, .files,
      .damagedRows, .decideRow, .flush,
      .sealLog, .compact, .retain, .verify, .reconcile, .seal, .listJobs, .getJob, .schedules:
      ("admin", .admin)
    case .signIn, .session, .signOut: nil
    case .listShares, .createShare, .revokeShare: ("read", .read)
    case .mint: ("mint", .mint)
    case .opsSummary, .opsStream: ("admin", .admin)
    case .check: ("read or ads or mint", [.read, .ads, .mint])
    }
  }

  /// Whether the public listener does not have it.
  package var isAdminOnly: Bool { path.hasPrefix("/admin/") }

  /// The text that `{name}` stands for; empty for a path without one, nil where the path is another.
  func match(_ segments: [String]) -> String? {
    Self.patterns(segments.count).first { $0.route == self }?.match(segments)
  }

  /// The path of a route, taken apart.
  private struct Pattern: Sendable {
    let route: Route
    let method: Method
    let isAdminOnly: Bool
    let parts: [Part]

    init(_ route: Route) {
      self.route = route
      method = route.method
      isAdminOnly = route.isAdminOnly
      parts = route.path.split(separator: "/").map { segment in
        let close = segment.firstIndex(of: "}")
        return Part(text: String(segment), suffix: close.map { String(segment[segment.index(after: $0)...]) })
      }
    }

    /// The text that `{name}` stands for in as many segments as there are parts; nil where the path is another.
    func match(_ segments: [String]) -> String? {
      var found = ""
      // Paths differ behind their beginnings.
      for i in parts.indices.reversed() {
        let (part, segment) = (parts[i], segments[i])
        guard let suffix = part.suffix else {
          guard segment == part.text else { return nil }
          continue
        }
        guard segment.hasSuffix(suffix), segment.utf8.count > suffix.utf8.count else { return nil }
        found = String(segment.dropLast(suffix.count))
      }
      return found
    }
  }

  /// A segment of a path: its text, or with `suffix` what stands behind a name in braces.
  private struct Part: Sendable {
    var text: String
    var suffix: String?
  }

  /// The patterns of as many parts as their place says.
  private static let patterns: [[Pattern]] = {
    let all = allCases.map(Pattern.init)
    return (0...(all.map(\.parts.count).max() ?? 0)).map { count in all.filter { $0.parts.count == count } }
  }()

  private static func patterns(_ count: Int) -> [Pattern] { count < patterns.count ? patterns[count] : [] }

  /// The route of a request and the text that `{name}` stands for. Throws 404, or 405 with what is allowed, which it knows of
  /// health and metrics too.
  static func find(_ request: APIRequest) throws(Problem) -> (route: Route, name: String) {
    try find(request.method, request.segments, isAdmin: request.isAdmin)
  }

  /// The same from the parts of a head.
  static func find(
    _ method: Method, _ segments: [String], isAdmin: Bool
  ) throws(Problem) -> (route: Route, name: String) {
    let method = method == .head ? .get : method
    var allowed: [String] = []
    for pattern in patterns(segments.count) where isAdmin || !pattern.isAdminOnly {
      guard let name = pattern.match(segments) else { continue }
      if pattern.method == method { return (pattern.route, name) }
      switch pattern.method {
      case .get: allowed += ["GET", "HEAD"]
      case .post: allowed.append("POST")
      case .put: allowed.append("PUT")
      case .delete: allowed.append("DELETE")
      case .head, .options, .patch, .other: break
      }
    }
    let isReadByAll = segments == ["-", "healthy"] || segments == ["-", "ready"] || isAdmin && segments == ["metrics"]
    if isReadByAll, method != .get { allowed = ["GET", "HEAD"] }
    throw allowed.isEmpty ? .notFound() : .methodNotAllowed(allowed.joined(separator: ", "))
  }

  /// What the token in `authorization` allows here; `authenticate` says what a token may do, nil where it is none. A route
  /// without a scope needs none.
  func admit(
    _ authorization: String?, _ authenticate: (String) throws(Problem) -> Grant?
  ) throws(Problem) -> Grant {
    guard let (name, scope) = scope else { return Grant(tokenID: "", scopes: [], advertiserID: nil) }
    guard let token = APIRequest.bearerToken(in: authorization) else {
      throw .unauthorized(invalid: authorization != nil)
    }
    guard let grant = try authenticate(token) else { throw .unauthorized(invalid: true) }
    guard grant.allows(scope) else { throw .scopeMissing(name) }
    return grant
  }

  /// The greatest body that a request may have, bytes: 64 MiB for an import of ads, nothing for GET and HEAD, 1 KiB for a sign-in,
  /// which nobody has to have a token for, 64 KiB for the rest, unknown paths included, whose answer says what is wrong with them.
  package static func bodyLimit(method: Method, segments: [String]) -> Int {
    switch method {
    case .get, .head: 0
    case .post where importAds.match(segments) != nil: 64 << 20
    case .post where signIn.match(segments) != nil: 1 << 10
    case .post, .put, .delete, .options, .patch, .other: 64 << 10
    }
  }
}
