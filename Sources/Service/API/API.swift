import Bytes
import Catalog
import Clicks
import HTTP
import JSON
import Query
import Shards
import Store

// A request's way, each step with its own answer where it ends there:
//
//   path, method ─▶ token ─▶ scope ─▶ parameters, body ─▶ advertiser ─▶ catalog ─▶ 2xx
//      404  405      401      403       400  415            403 404      409 5xx
//
// Everything here runs on the catalog thread, except what reads the shards for longer: that is handed back as a closure
// for a query worker.

/// What a request changed in the catalog: what event loops must forget or be told.
package enum CatalogChange: Sendable {
  /// Ads were put or deleted: drop them from every cache.
  case ads([AdKey])
  /// Signing keys came or were retired: make a new `KeyRing`.
  case keys
  /// Tokens came or were revoked: make a new `TokenView`.
  case tokens
}

/// The routes outside the click path. Used on the catalog thread only.
package final class API {
  let catalog: Catalog
  let tables: ShardTables
  let clock: @Sendable () -> Int64
  /// Answers what only reads counts.
  let desk: QueryDesk
  let operations: Operations?
  let failed: (CatalogError) -> Void
  let failedRead: @Sendable (String) -> Void
  let changed: (CatalogChange) -> Void
  /// Which tokens work, and when they were last used; nil where no service runs.
  let tokens: TokenBoard?
  /// What links in answers begin with; nil for the host that the request names.
  let publicURL: String?
  /// Which minting times clicks may have.
  let eventTimes: EventTimeLimits
  /// What is known of the catalog's damage; nil where no service runs.
  let health: CatalogHealth?
  let hasher = SHA256()

  /// - Parameters:
  ///   - tables: those of all shards.
  ///   - clock: the logical time, ms since 1970.
  ///   - zones: the time zones that queries may name.
  ///   - operations: what a running service offers to its operators; nil where none runs.
  ///   - failed: told of each failure of the catalog itself, for the log; the answer does not spell it out.
  ///   - failedRead: told why a query could not be answered.
  ///   - health: told of damage in the catalog, and of its repair.
  ///   - tokens: which tokens work, and when they were last used; nil where no service runs.
  ///   - publicURL: what links in answers begin with; nil for the host that the request names.
  ///   - eventTimes: which minting times clicks may have.
  ///   - changed: called after each change is on disk and before its answer is returned.
  package init(
    catalog: Catalog, tables: ShardTables, clock: @escaping @Sendable () -> Int64, zones: ZoneBook,
    operations: Operations? = nil, failed: @escaping (CatalogError) -> Void = { _ in },
    failedRead: @escaping @Sendable (String) -> Void = { _ in }, health: CatalogHealth? = nil,
    tokens: TokenBoard? = nil, publicURL: String? = nil, eventTimes: EventTimeLimits = EventTimeLimits(),
    changed: @escaping (CatalogChange) -> Void
  ) {
    self.catalog = catalog
    self.tables = tables
    self.clock = clock
    desk = QueryDesk(CatalogReader(catalog), tables, clock: clock, zones: zones, failed: failedRead)
    self.operations = operations
    self.failed = failed
    self.failedRead = failedRead
    self.changed = changed
    self.health = health
    self.tokens = tokens
    self.publicURL = publicURL
    self.eventTimes = eventTimes
  }

  /// What becomes of a request.
  package enum Outcome {
    /// The answer.
    case done(APIResponse)
    /// The answer takes a walk over the shards: to be computed by a query worker.
    case query(@Sendable () -> APIResponse)
    /// The answer comes in pieces as points change, as long as `Grant` holds.
    case stream(LiveQuery, Grant)
    /// The same over several ads.
    case watch(WatchStart, Grant)
    /// The answer is a summary of the service, and a new one each second, as long as `Grant` holds.
    case summaries(Grant)
    /// The answer takes many steps on the catalog thread, between which others are let by.
    case steps(AdImport)
  }

  /// The greatest body that the request with this head may have, bytes; see `Route.bodyLimit`.
  package static func bodyLimit(for head: borrowing Request) -> Int {
    Route.bodyLimit(method: head.method, segments: (try? head.pathSegments()) ?? [])
  }

  /// Answers a request. Never throws: what goes wrong is a problem document.
  package func answer(_ request: APIRequest) -> Outcome {
    do throws(Problem) {
      let (route, name) = try Route.find(request)
      let grant = try authorize(request, route)
      return try perform(route, name, request, grant)
    } catch { return .done(error.response(requestID: request.requestID)) }
  }

  /// Answers a request of somebody who may do what `grant` says, whatever token it has: the owner of a data directory
  /// that no server holds.
  package func answer(_ request: APIRequest, as grant: Grant) -> Outcome {
    do throws(Problem) {
      let (route, name) = try Route.find(request)
      return try perform(route, name, request, grant)
    } catch { return .done(error.response(requestID: request.requestID)) }
  }

  private func perform(
    _ route: Route, _ name: String, _ request: APIRequest, _ grant: Grant
  ) throws(Problem) -> Outcome {
    switch route {
    case .specification: .done(try specification(request))
    case .listAds: .done(try listAds(request, grant))
    case .importAds: .steps(try importAds(request, grant))
    case .getAd: .done(try getAd(name, request, grant))
    case .putAd: .done(try putAd(name, request, grant))
    case .deleteAd: .done(try deleteAd(name, request, grant))
    case .ingest: .done(try ingest(request))
    case .aggregates, .manyAggregates, .top, .corrections, .manyCorrections:
      .query { [desk] in desk.answer(route, name, request, grant) }
    case .stream: .stream(try stream(name, request, grant), grant)
    case .manyStream: .watch(try desk.watch(request, grant, ahead: eventTimes.maxFuture), grant)
    case .listKeys: .done(try listKeys(request))
    case .addKey: .done(try addKey(request))
    case .retireKey: .done(try retireKey(name, request))
    case .listTokens: .done(try listTokens(request))
    case .createToken: .done(try createToken(request))
    case .revokeToken: .done(try revokeToken(name, request))
    case .shards: .query(try listShards(request))
    case .hotAds: .done(try listHotAds(request))
    case .damagedRows: .done(try listDamagedRows(request))
    case .decideRow: .done(try decideRow(request))
    case .flush: .done(try begin(.flush, request))
    case .sealLog: .done(try begin(.sealLog, request))
    case .compact: .done(try begin(.compact, request))
    case .retain: .done(try begin(.retain, request))
    case .verify: .done(try beginVerify(request))
    case .reconcile: .done(try beginReconcile(request))
    case .seal: .done(try beginSeal(request))
    case .statement: .query(try statement(name, request, grant))
    case .schedules: .done(try listSchedules(request))
    case .listJobs: .done(try listJobs(request))
    case .getJob: .done(try getJob(name, request))
    case .files: .query(try listFiles(request))
    case .signIn: .done(try signIn(request))
    case .session: .done(try session(request))
    case .signOut: .done(try signOut(request))
    case .listShares: .done(try listShares(request, grant))
    case .createShare: .done(try createShare(request, grant))
    case .revokeShare: .done(try revokeShare(name, request, grant))
    case .opsSummary: .done(try opsSummary(request))
    case .opsStream: try opsStream(request, grant)
    case .mint: .query(try mint(name, request, grant))
    case .check: try check(request, grant)
    }
  }

  /// What the request's token allows. A route without a scope needs none.
  func authorize(_ request: APIRequest, _ route: Route) throws(Problem) -> Grant {
    try route.admit(
      request.method, request.credentials,
      bearer: { token throws(Problem) in
        try inCatalog { () throws(CatalogError) in try catalog.authenticate(token) }
      },
      // The board has every change of the catalog before its answer is out.
      session: { [tokens, hasher] in tokens?.session($0, by: hasher) })
  }

  // MARK: - What the routes share

  /// What `body` gets from the catalog; its refusals become problems, its failures are reported.
  func inCatalog<T>(_ body: () throws(CatalogError) -> T) throws(Problem) -> T {
    do throws(CatalogError) { return try body() } catch {
      let problem = Problem(error)
      if problem.status >= 500 { failed(error) }
      throw problem
    }
  }

  /// Whether clicks of the ad were ever counted.
  func hasCounts(_ ad: AdKey) -> Bool { tables.hasClicks(ad) }

  /// The id in a path; throws 400 where it is none.
  func adID(_ text: String) throws(Problem) -> AdID {
    guard let id = AdID(text) else { throw .invalid([("adId", AdFields.rule)]) }
    return id
  }

  /// An answer with a validator: 304 where the client has it already.
  static func validated(
    _ tag: EntityTag, _ request: APIRequest, headers: [(name: StaticString, value: String)],
    type: StaticString, _ body: () -> [UInt8]
  ) -> APIResponse {
    let fields = [(name: "ETag" as StaticString, value: tag.field), ("Cache-Control", "private, no-cache")] + headers
    if tag.matches(request.ifNoneMatch) { return APIResponse(status: 304, headers: fields) }
    return APIResponse(status: 200, headers: [("Content-Type", "\(type)")] + fields, body: body())
  }

  /// An answer of a JSON value with a strong validator of its bytes.
  func validated(_ value: JSONValue, _ request: APIRequest) -> APIResponse {
    var body: [UInt8] = []
    value.append(to: &body)
    body.append(0x0A)
    return Self.validated(strongTag(body), request, headers: [], type: "application/json") { body }
  }

  private func strongTag(_ body: [UInt8]) -> EntityTag { Self.strongTag(body, by: hasher) }

  static func strongTag(_ body: [UInt8], by hasher: SHA256) -> EntityTag {
    EntityTag(text: Hex.encode(hasher.digest(body).prefix(16)), isWeak: false)
  }

  private func specification(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    return Self.validated(strongTag(OpenAPI.document), request, headers: [], type: "application/json") {
      OpenAPI.document
    }
  }
}
