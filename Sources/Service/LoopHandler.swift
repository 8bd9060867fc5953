import Bytes
import Catalog
import Clicks
import HTTP
import Platform
import Shards
import Store
import Synchronization

// What one event loop does. A click's way through it:
//
//   parse ─▶ prefetch? ─▶ signature ─▶ ad (cache; the catalog's thread on a miss) ─▶ paused? HEAD? robot? expired?
//         ─▶ lane ══ commit barrier ══▶ 302
//
// A turn reads all that is ready and publishes the clicks that are due. While a commit runs the loop goes on: it answers what needs
// none, and holds further clicks for the next. The committer wakes it when the answers are there, which leave together.

/// The handler of one event loop; used on its thread alone, but for `metrics`.
final class LoopHandler: RequestHandler, @unchecked Sendable {
  /// Listener tags.
  static let publicTag = 0
  static let adminTag = 1

  let context: ServiceContext
  // What clicks need: see `LoopHandler+Clicks`.
  var lanes: [Lane]
  /// As of the last turn.
  var routes: RouteBoard.Routes
  var cache: AdCache
  var keys: KeyRing
  /// Who is a robot; nil where nobody asks.
  var bots: BotJudge?
  let hasher = SHA256()
  let scratch = ClickScratch()
  var lookups: [AdKey: [PendingLookup]] = [:]
  var lookupCount = 0
  /// No click that waits for the catalog has waited too long before this time.
  var nextLookupExpiry = Int64.max
  private var pacer: CommitPacer
  /// Connections in use, as the loop last said.
  private var active = 0
  var counts = LoopCounts()
  private let published = Mutex(LoopCounts())
  private var requestNumber: UInt64
  let door: BatchDoor
  let live: LivePublisher
  /// Batches and streams of this loop's connections.
  var batches: [Exchange: OpenBatch] = [:]
  var liveStreams: [Exchange: StreamLine] = [:]
  var opsStreams: [Exchange: OpsStream] = [:]
  /// Requests of this loop's connections that other threads answer.
  var tickets: [Exchange: Ticket] = [:]
  /// Origins that may read the answers of these requests.
  var origins: [Exchange: String] = [:]
  /// Verdicts of known ads that are not counted clicks, on their way to the shards (R17).
  var verdicts = VerdictTally()

  /// Time that light answers took in this turn, ns, and after how much the query worker has them: clicks wait meanwhile.
  var lightTime: Int64 = 0
  static let lightLimit: Int64 = 100_000

  init(
    _ context: ServiceContext, rings: [CommitRing], keys: [ActiveKey], index: Int, door: BatchDoor, live: LivePublisher
  ) {
    self.context = context
    routes = context.routes.current
    self.door = door
    self.live = live
    lanes = zip(rings, context.committers).map { Lane(ring: $0, committer: $1) }
    cache = AdCache(bytes: context.settings.catalogCache)
    self.keys = KeyRing(keys)
    bots = context.bots.map { BotJudge($0) }
    requestNumber = UInt64(index) << 48
    // A click that is held is not late by that.
    let interval = min(context.settings.commitInterval, context.settings.commitDeadline / 2)
    pacer = CommitPacer(interval: interval, shards: rings.count)
  }

  /// The counters after the last turn, from any thread.
  var metrics: LoopCounts { published.withLock { $0 } }

  // MARK: - The loop's questions

  func limit(for head: borrowing Request) -> Int {
    if Self.isClick(head) { return Self.clickBodyLimit }
    if Self.isBatch(head) { return context.settings.maxBatch }
    return min(API.bodyLimit(for: head), context.settings.maxBody, context.budget.bodyLimit)
  }

  func skipsBody(of head: borrowing Request) -> Bool { Self.isClick(head) }

  func handle(_ request: borrowing Request, _ exchange: Exchange, on loop: EventLoop) {
    if Self.isClick(request) {
      click(request, exchange, loop)
    } else if Self.isBatch(request) {
      emptyBatch(request, exchange, loop)
    } else {
      other(request, exchange, loop)
    }
  }

  func pace(ready: Int, active: Int) -> Int64 {
    self.active = active
    return pacer.pause(
      waiting: ready + unpublished, active: active, isCommitting: lanes.contains { $0.committing > 0 },
      now: context.environment.time.monotonic())
  }

  /// Clicks that the committers have not seen.
  private var unpublished: Int { lanes.reduce(0) { $0 + $1.unpublished } }

  /// How long these are still held; 0 where they are due.
  private var rest: Int64 {
    pacer.rest(waiting: unpublished, active: active, now: context.environment.time.monotonic())
  }

  func turn(on loop: EventLoop) {
    lightTime = 0
    for i in lanes.indices { settle(&lanes[i], loop) }
    if lookupCount > 0 { expireLookups(loop) }
    if context.routes.version != routes.version { routes = context.routes.current }
    routeAgain(loop)
    let isDue = unpublished > 0 && rest == 0
    for i in lanes.indices where lanes[i].publish(isDue: isDue) { pacer.began(at: loop.now) }
    verdicts.handOver(context, routes.table, loop.now)
    counts.loop = loop.statistics
    counts.cache = cache.statistics
    let now = counts
    published.withLock { $0 = now }
  }

  func nextWait() -> Int64 {
    if lanes.contains(where: \.isHolding) { return rest }
    // The committer wakes the loop, unless the disk stalls.
    if lanes.contains(where: { $0.outstanding > 0 }) { return 1_000_000 }
    if lookupCount > 0 { return 20_000_000 }
    return verdicts.isEmpty ? -1 : VerdictTally.interval
  }

  // MARK: - Everything else

  private func other(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
    let isAdmin = request.listenerTag == Self.adminTag
    do throws(Problem) { try checkHost(request) } catch {
      return respond(error.response(requestID: nextRequestID()), exchange, loop)
    }
    if request.method == .get || request.method == .head {
      if request.pathEquals("/-/healthy") { return text(200, "ok\n", exchange, loop) }
      if request.pathEquals("/-/ready") {
        let reasons = context.unreadiness
        return reasons.isEmpty
          ? text(200, (["ready"] + context.warnings).map { $0 + "\n" }.joined(), exchange, loop)
          : text(503, reasons.map { $0 + "\n" }.joined(), exchange, loop)
      }
      if dashboard(request, exchange, loop) { return }
      if isAdmin, request.pathEquals("/metrics") {
        verdicts.handOver(context, routes.table, loop.now)
        counts.loop = loop.statistics
        let current = counts
        published.withLock { $0 = current }
        let page = context.metricsPage()
        return loop.respond(exchange) { writer in
          writer.begin(200)
          writer.headerLines("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nCache-Control: no-store\r\n")
          writer.body(page)
        }
      }
    }
    if preflight(request, exchange, loop) { return }
    noteOrigin(request, exchange)
    let id = Asker.givenID(request) ?? nextRequestID()
    do throws(Problem) {
      let call = try APIRequest(request, isAdmin: isAdmin, requestID: id)
      let (route, name) = try Route.find(call)
      let grant = try admit(call.method, call.credentials, to: route)
      if route == .manyStream {
        watch(call, grant, exchange, loop)
      } else if route.isQuery {
        query(route, name, call, grant, exchange, loop)
      } else {
        ask(call, token: grant.owner, exchange, loop)
      }
    } catch { respond(error.response(requestID: id), exchange, loop) }
  }

  /// Names the next request that needs a name and brought none.
  func nextRequestID() -> String {
    requestNumber += 1
    return context.requestPrefix + String(requestNumber, radix: 36)
  }

  private func text(_ status: Int, _ body: String, _ exchange: Exchange, _ loop: EventLoop) {
    loop.respond(exchange) { writer in
      writer.begin(status)
      writer.headerLines("Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n")
      writer.body(body)
    }
  }

  func respond(_ response: APIResponse, _ exchange: Exchange, _ loop: EventLoop) {
    tickets[exchange] = nil
    let fields = origins.isEmpty ? [] : originFields(of: exchange)
    loop.respond(exchange) { writer in
      writer.extraFields = fields
      response.write(into: &writer)
    }
  }
}

/// What one loop has done, in one piece.
struct LoopCounts: Sendable {
  /// Requests by verdict, in the order of `Verdict`.
  var verdicts = InlineArray<13, UInt64>(repeating: 0)
  var loop = LoopStatistics()
  var cache: AdCache.Statistics?
  /// Clicks that waited for the catalog too long.
  var lateLookups: UInt64 = 0
}
