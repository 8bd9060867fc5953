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
//   parse ─▶ prefetch? ─▶ signature ─▶ ad (cache; the catalog's thread on a miss) ─▶ paused? HEAD? expired?
//         ─▶ lane ══ commit barrier ══▶ 302
//
// A turn reads all that is ready, publishes the clicks of the turn at once, and sleeps until the committer has settled
// them, so that all their answers leave together. The sleep is bounded: a stalled disk must not freeze the loop.

/// The handler of one event loop; used on its thread alone, but for `metrics`.
final class LoopHandler: RequestHandler, @unchecked Sendable {
  /// Listener tags.
  static let publicTag = 0
  static let adminTag = 1

  let context: ServiceContext
  private var lanes: [Lane]
  /// As of the last turn.
  private var routes: RouteTable
  private var cache: AdCache
  private var keys: KeyRing
  private let hasher = SHA256()
  private let scratch = ClickScratch()
  private var lookups: [AdKey: [Lookup]] = [:]
  private var lookupCount = 0
  private var lastPublish: Int64 = 0
  private var counts = LoopCounts()
  private let published = Mutex(LoopCounts())
  private var requestNumber: UInt64
  let door: BatchDoor
  let live: LivePublisher
  /// Batches and streams of this loop's connections.
  var batches: [Exchange: OpenBatch] = [:]
  var liveStreams: [Exchange: LiveStream] = [:]
  /// Verdicts of known ads that are not counted clicks, on their way to the shards (R17).
  private var verdicts = VerdictTally()

  /// Most clicks that wait for the catalog at once; one more is turned away with 503.
  private static let lookupLimit = 8192
  /// Longest sleep of one turn on the commit barrier.
  private static let barrierWait: Int64 = 3_000_000

  init(
    _ context: ServiceContext, rings: [CommitRing], keys: [ActiveKey], index: Int, door: BatchDoor, live: LivePublisher
  ) {
    self.context = context
    routes = context.routes.table
    self.door = door
    self.live = live
    lanes = zip(rings, context.committers).map { Lane(ring: $0, committer: $1) }
    cache = AdCache(bytes: context.settings.catalogCache)
    self.keys = KeyRing(keys)
    requestNumber = UInt64(index) << 48
  }

  /// The counters after the last turn, from any thread.
  var metrics: LoopCounts { published.withLock { $0 } }

  // MARK: - The loop's questions

  func limit(for head: borrowing Request) -> Int {
    if Self.isBatch(head) { return context.settings.maxBatch }
    return min(API.bodyLimit(for: head), context.settings.maxBody)
  }

  func handle(_ request: borrowing Request, _ exchange: Exchange, on loop: EventLoop) {
    if request.pathEquals("/click") {
      click(request, exchange, loop)
    } else if Self.isBatch(request) {
      emptyBatch(request, exchange, loop)
    } else {
      other(request, exchange, loop)
    }
  }

  /// Commit when about half of the active connections or 40 clicks wait, or a commit interval after the last began (R1).
  func pace(ready: Int, active: Int) -> Int64 {
    if ready >= 40 || ready * 2 >= active { return 0 }
    return max(0, context.settings.commitInterval - (context.environment.time.monotonic() - lastPublish))
  }

  func refuse(_ status: Int, _ writer: inout ResponseWriter) { Problem.refused(status).write(into: &writer) }

  func turn(on loop: EventLoop) {
    for i in lanes.indices where lanes[i].publish() { lastPublish = loop.now }
    var limit = Self.barrierWait
    for i in lanes.indices where lanes[i].outstanding > 0 {
      let (ring, tail) = (lanes[i].ring, lanes[i].tail)
      let began = context.environment.time.monotonic()
      _ = ring.answered.wait(nanoseconds: limit) { ring.committedEnd >= tail }
      limit = max(0, limit - (context.environment.time.monotonic() - began))
    }
    for i in lanes.indices { settle(&lanes[i], loop) }
    if context.routes.version != routes.version { routes = context.routes.table }
    routeAgain(loop)
    verdicts.handOver(context, routes, loop.now)
    counts.loop = loop.statistics
    counts.cache = cache.statistics
    let now = counts
    published.withLock { $0 = now }
  }

  func nextWait() -> Int64 {
    for i in lanes.indices where lanes[i].outstanding > 0 { return 1_000_000 }
    return verdicts.isEmpty ? -1 : VerdictTally.interval
  }

  private func note(_ verdict: Verdict, _ ad: CachedAd) {
    verdicts.note(verdict, AdKey(ad.id, by: hasher), minute: Minute(containing: context.clock.now()).index)
  }

  private func settle(_ lane: inout Lane, _ loop: EventLoop) {
    lane.collect { click, answer in redirect(click.exchange, click.ad!, answer, loop) }
    guard lane.outstanding > 0 else { return }
    let deadline = context.environment.time.monotonic() - context.settings.commitDeadline
    lane.giveUp(before: deadline) { redirect($0.exchange, $0.ad!, ClickAnswer(.unknown), loop) }
  }

  // MARK: - Clicks

  /// A click whose ad the catalog is being asked for.
  private struct Lookup {
    var exchange: Exchange
    var identity: ClickIdentity
    /// What is captured of it.
    var strings: ClickStrings?
    var isHead: Bool
    /// False for a forged link that is redirected all the same, uncounted (`--on-bad-signature redirect`).
    var isVerified: Bool
  }

  private func click(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
    let isHead = request.method == .head
    guard isHead || request.method == .get else {
      return finish(.malformed, exchange, loop) { writer in
        Problem.methodNotAllowed("GET, HEAD").write(into: &writer)
      }
    }
    let parameters: ClickParameters
    do throws(ClickFault) { parameters = try scratch.parse(request) } catch {
      let problem = Problem.invalid([("\(error.parameter)", "\(error.detail)")])
      return finish(.malformed, exchange, loop) { writer in problem.write(into: &writer) }
    }
    if isPrefetch(request) {
      return finish(.prefetch, exchange, loop) { writer in
        writer.begin(503)
        writer.headerLines("Cache-Control: no-store\r\n")
      }
    }
    let ad = unsafe scratch.text(parameters.ad)
    let key = unsafe AdKey(rawValue: hasher.first64(ad))
    let verified = unsafe keys.verify(
      ad: ad, impression: scratch.text(parameters.impression), signature: scratch.text(parameters.signature),
      kid: parameters.kid.map { unsafe scratch.text($0) })
    if !verified, context.settings.onBadSignature == .reject {
      return finish(.badSignature, exchange, loop) { writer in
        Problem.badSignature.write(into: &writer)
      }
    }
    let identity = ClickIdentity(ad: key, impression: parameters.impressionID)
    let capture = context.settings.capture
    let strings = capture.isEmpty || isHead ? nil : ClickStrings(request, capture)
    switch cache.lookUp(key) {
    case .ad(let found):
      if verified {
        decide(identity, strings, found, isHead, exchange, loop)
      } else {
        forged(exchange, found, loop)
      }
    case .unknown:
      if verified { unknownAd(exchange, loop) } else { badSignature(exchange, loop) }
    case .miss:
      look(
        Lookup(exchange: exchange, identity: identity, strings: strings, isHead: isHead, isVerified: verified), loop)
    }
  }

  private func decide(
    _ identity: ClickIdentity, _ strings: ClickStrings?, _ ad: CachedAd, _ isHead: Bool, _ exchange: Exchange,
    _ loop: EventLoop
  ) {
    if ad.status == .paused {
      note(.paused, ad)
      return finish(.paused, exchange, loop) { writer in
        if let fallback = ad.fallback {
          writer.begin(302)
          writer.headerLines(redirectLines)
          unsafe fallback.withUnsafeBytes { unsafe writer.header("Location", $0) }
        } else {
          Problem.paused.write(into: &writer)
        }
      }
    }
    if isHead { return redirect(exchange, ad, ClickAnswer(.head), loop) }
    if let minted = identity.impression.mintedAt {
      let now = context.clock.now()
      if context.settings.eventTimes.judge(eventTime: now, minted: minted, now: now) == .expired {
        return redirect(exchange, ad, ClickAnswer(.expired), loop)
      }
    }
    let waiting = WaitingClick(exchange: exchange, ad: ad, since: loop.now)
    push(ClickRequest(identity: identity), strings, waiting, loop)
  }

  private func push(
    _ request: ClickRequest, _ strings: ClickStrings?, _ click: WaitingClick, _ loop: EventLoop
  ) {
    if !lanes[routes.route(request.identity)].push(request, click, strings) {
      redirect(click.exchange, click.ad!, ClickAnswer(.unrecorded), loop)
    }
  }

  /// Clicks that a committer knew to be another shard's; it had a newer table, and so has this loop by now.
  private func routeAgain(_ loop: EventLoop) {
    for i in lanes.indices {
      for stray in lanes[i].takeStrays() { push(stray.request, stray.strings, stray.click, loop) }
    }
  }

  private func redirect(_ exchange: Exchange, _ ad: CachedAd, _ answer: ClickAnswer, _ loop: EventLoop) {
    counts.verdicts[Int(answer.verdict.rawValue)] += 1
    if answer.verdict != .valid { note(answer.verdict, ad) }
    let shown = context.settings.verdictHeader
    loop.respond(exchange) { writer in
      writer.begin(302)
      writer.headerLines(redirectLines)
      unsafe ad.location.withUnsafeBytes { unsafe writer.header("Location", $0) }
      if shown {
        writer.header("X-Tally-Verdict", answer.verdict.name)
        if answer.eventTime != 0 { writer.header("X-Tally-Time", Timestamp.format(answer.eventTime)) }
      }
    }
  }

  private func unknownAd(_ exchange: Exchange, _ loop: EventLoop) {
    let fallback = context.settings.unknownAdURL
    finish(.unknownAd, exchange, loop) { writer in
      if let fallback {
        writer.begin(302)
        writer.headerLines(redirectLines)
        writer.header("Location", fallback)
      } else {
        Problem.unknownAd.write(into: &writer)
      }
    }
  }

  /// A link that no key has signed, where such links are redirected: to where a click would lead now.
  private func forged(_ exchange: Exchange, _ ad: CachedAd, _ loop: EventLoop) {
    if ad.status == .active { return redirect(exchange, ad, ClickAnswer(.badSignature), loop) }
    note(.badSignature, ad)
    guard let fallback = ad.fallback else { return badSignature(exchange, loop) }
    finish(.badSignature, exchange, loop) { writer in
      writer.begin(302)
      writer.headerLines(redirectLines)
      unsafe fallback.withUnsafeBytes { unsafe writer.header("Location", $0) }
    }
  }

  private func badSignature(_ exchange: Exchange, _ loop: EventLoop) {
    finish(.badSignature, exchange, loop) { writer in Problem.badSignature.write(into: &writer) }
  }

  /// Answers with anything but the ad's own redirect. Every such answer forbids storing it.
  private func finish(
    _ verdict: Verdict, _ exchange: Exchange, _ loop: EventLoop, _ write: (inout ResponseWriter) -> Void
  ) {
    counts.verdicts[Int(verdict.rawValue)] += 1
    let shown = context.settings.verdictHeader
    loop.respond(exchange) { writer in
      if shown { writer.extraField = ("X-Tally-Verdict", verdict.name) }
      write(&writer)
    }
  }

  // MARK: - Ads that are not in the cache

  private func look(_ lookup: Lookup, _ loop: EventLoop) {
    let key = lookup.identity.ad
    guard lookupCount < Self.lookupLimit else { return turnAway(lookup, loop) }
    if let ticket = cache.beginLoad(key) {
      let asked = context.catalog.submit { [self] state in
        let answer = Result { try state.catalog.ad(key) }
        loop.submit { [self] loop in found(ticket, answer, loop) }
      }
      if !asked {
        cache.cancelLoad(ticket)
        return turnAway(lookup, loop)
      }
    }
    lookups[key, default: []].append(lookup)
    lookupCount += 1
  }

  private func found(_ ticket: AdCache.Ticket, _ answer: Result<Ad?, any Error>, _ loop: EventLoop) {
    let waiting = lookups.removeValue(forKey: ticket.key) ?? []
    lookupCount -= waiting.count
    switch answer {
    case .failure(let error):
      cache.cancelLoad(ticket)
      context.report("catalog: \(error)")
      for lookup in waiting { turnAway(lookup, loop) }
    case .success(let ad):
      let cached = ad.map { CachedAd($0) }
      cache.finishLoad(ticket, cached)
      for lookup in waiting {
        switch (cached, lookup.isVerified) {
        case (let ad?, true):
          decide(lookup.identity, lookup.strings, ad, lookup.isHead, lookup.exchange, loop)
        case (let ad?, false): forged(lookup.exchange, ad, loop)
        case (nil, true): unknownAd(lookup.exchange, loop)
        case (nil, false): badSignature(lookup.exchange, loop)
        }
      }
    }
  }

  private func turnAway(_ lookup: Lookup, _ loop: EventLoop) {
    finish(.unrecorded, lookup.exchange, loop) { writer in Problem.overloaded.write(into: &writer) }
  }

  /// The catalog has changed; called on the loop's thread before the change is answered.
  func forget(_ ads: [AdKey]) { for key in ads { cache.invalidate(key) } }

  /// The signing keys have changed.
  func use(_ keys: [ActiveKey]) { self.keys = KeyRing(keys) }

  // MARK: - Everything else

  private func other(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
    let isAdmin = request.listenerTag == Self.adminTag
    if request.method == .get || request.method == .head {
      if request.pathEquals("/-/healthy") { return text(200, "ok\n", exchange, loop) }
      if request.pathEquals("/-/ready") {
        let reasons = context.unreadiness
        return reasons.isEmpty
          ? text(200, "ready\n", exchange, loop) : text(503, reasons.map { $0 + "\n" }.joined(), exchange, loop)
      }
      if isAdmin, request.pathEquals("/metrics") {
        verdicts.handOver(context, routes, loop.now)
        counts.loop = loop.statistics
        let current = counts
        published.withLock { $0 = current }
        let page = context.metricsPage()
        return loop.respond(exchange) { writer in
          writer.begin(200)
          writer.headerLines("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
          writer.body(page)
        }
      }
    }
    let id = nextRequestID()
    let call: APIRequest
    do throws(Problem) { call = try APIRequest(request, isAdmin: isAdmin, requestID: id) } catch {
      return respond(error.response(requestID: id), exchange, loop)
    }
    let asked = context.catalog.submit { [self] state in
      switch state.api.answer(call) {
      case .done(let response): loop.submit { [self] loop in respond(response, exchange, loop) }
      case .stream(let query): loop.submit { [self] loop in openStream(query, id, exchange, loop) }
      case .query(let query):
        let queued = context.queries.submit { _ in
          let response = query()
          loop.submit { [self] loop in respond(response, exchange, loop) }
        }
        if !queued {
          loop.submit { [self] loop in respond(Problem.overloaded.response(requestID: id), exchange, loop) }
        }
      }
    }
    if !asked { respond(Problem.overloaded.response(requestID: id), exchange, loop) }
  }

  /// Names the next request that is not a click.
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
    loop.respond(exchange) { writer in
      response.write(into: &writer)
    }
  }
}

/// What every redirect of a click carries: it is nobody's to keep, index or repeat.
private let redirectLines: StaticString =
  "Cache-Control: no-store\r\nReferrer-Policy: strict-origin-when-cross-origin\r\nX-Robots-Tag: noindex, nofollow\r\n"

/// What one loop has done, in one piece.
struct LoopCounts: Sendable {
  /// Requests by verdict, in the order of `Verdict`.
  var verdicts = InlineArray<11, UInt64>(repeating: 0)
  var loop = LoopStatistics()
  var cache: AdCache.Statistics?
}
