import Catalog
import Clicks
import HTTP
import Platform
import Shards
import Store

// A click's way through its loop, from the parsed request to the answer, and the wait for an ad that is not in the cache.

/// A click whose ad the catalog is being asked for.
struct PendingLookup {
  var exchange: Exchange
  var identity: ClickIdentity
  /// The minting time that the link claims.
  var minted: Int64?
  /// What is captured of it.
  var strings: ClickStrings?
  var manner: ClickManner
  var asker: Asker
  /// By nobody for a forged link that is redirected all the same, uncounted (`--on-bad-signature redirect`).
  var signed: Signed
  /// Monotonic nanoseconds when it began to wait.
  var since: Int64
  /// What a target may be filled in with.
  var link: ClickLink
}

/// What of a click's link goes into its target: the impression as the link spells it, decoded, and the query as it stands. Copied
/// where the click outlives its request.
struct ClickLink {
  var ad: [UInt8]
  var impression: [UInt8]
  var query: [UInt8]

  /// The ad with this link in its target.
  func fill(_ ad: CachedAd) -> CachedAd {
    unsafe impression.withUnsafeBytes { impression in
      unsafe query.withUnsafeBytes { unsafe ad.filled(impression: impression, query: $0) }
    }
  }
}

/// How a click was asked for.
struct ClickManner {
  var isHead = false
  /// Whoever asks says that they are a robot.
  var isBot = false
  /// Nil for GET and HEAD.
  var post: PostedClick?
}

extension LoopHandler {
  /// Most clicks that wait for the catalog at once; one more is turned away with 503.
  private static let lookupLimit = 8192
  /// The greatest body of a request to `/click`, which is read over: what browsers let a page's beacons have together.
  static let clickBodyLimit = 64 << 10
  private static let methods = "GET, HEAD, POST, OPTIONS"

  /// Whether a request is for `/click`. Slashes more at either end are forgiven; a needless escape is not.
  static func isClick(_ head: borrowing Request) -> Bool {
    if head.pathEquals("/click") { return true }
    let path = unsafe head.path
    let name: StaticString = "click"
    guard path.count > 6, unsafe path[0] == 0x2F else { return false }
    var start = 0
    var end = path.count
    while start < end, unsafe path[start] == 0x2F { start += 1 }
    while end > start, unsafe path[end - 1] == 0x2F { end -= 1 }
    guard end - start == name.utf8CodeUnitCount else { return false }
    for i in 0..<5 where unsafe path[start + i] != name.utf8Start[i] { return false }
    return true
  }

  private func note(_ verdict: Verdict, _ ad: CachedAd) {
    verdicts.note(verdict, AdKey(ad.id, by: hasher), minute: Minute(containing: context.clock.now()).index)
  }

  /// Notes a verdict that needs no look at the ad, which the link claims: of an ad that is known here, and that nobody is asked for.
  private func noteClaimed(_ verdict: Verdict, _ parameters: ClickParameters) {
    let ad = unsafe scratch.text(parameters.ad)
    let key = unsafe AdKey(rawValue: hasher.first64(ad))
    if case .ad(let found) = cache.lookUp(key), unsafe found.hasID(ad) { note(verdict, found) }
  }

  func settle(_ lane: inout Lane, _ loop: EventLoop) {
    lane.collect { click, answer in redirect(click.exchange, click.ad!, answer, click.post, loop) }
    guard lane.outstanding > 0 else { return }
    let deadline = context.environment.time.monotonic() - context.settings.commitDeadline
    lane.giveUp(before: deadline) { redirect($0.exchange, $0.ad!, ClickAnswer(.unknown), $0.post, loop) }
  }

  /// Ends a request in the first verdict that applies:
  ///
  ///     malformed ─▶ preflight ─▶ prefetch ─▶ bad-signature ─▶ unknown-ad ─▶ paused ─▶ head ─▶ bot ─▶ expired
  ///               ─▶ what the committer says: duplicate, valid, unrecorded, unknown
  func click(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
    var manner = ClickManner()
    switch request.method {
    case .get: break
    case .head: manner.isHead = true
    case .post: manner.post = PostedClick(origin: Self.origin(request))
    case .options: break
    case .put, .delete, .patch, .other:
      return fail(.malformed, .methodNotAllowed(Self.methods), Asker(request), nil, exchange, loop)
    }
    let parameters: ClickParameters
    do throws(ClickFault) { parameters = try scratch.parse(request) } catch {
      return fail(.malformed, .malformedLink(error.faults), Asker(request), manner.post, exchange, loop)
    }
    if request.method == .options { return preflight(request, exchange, loop) }
    let (isPrefetch, agent) = unsafe lookAtFields(request)
    if isPrefetch {
      noteClaimed(.prefetch, parameters)
      return finish(.prefetch, manner.post, exchange, loop) { writer in
        writer.begin(503)
        writer.headerLines("Cache-Control: no-store\r\n")
      }
    }
    let ad = unsafe scratch.text(parameters.ad)
    let key = unsafe AdKey(rawValue: hasher.first64(ad))
    let signed = verify(parameters)
    if !signed.isMade, context.settings.onBadSignature == .reject {
      noteClaimed(.badSignature, parameters)
      return fail(.badSignature, .badSignature, Asker(request), manner.post, exchange, loop)
    }
    if !manner.isHead, let agent = unsafe agent, let bots { manner.isBot = unsafe bots.isBot(agent) }
    let identity = ClickIdentity(ad: key, impression: parameters.impressionID)
    let minted = unsafe identity.impression.claimedMinting(characters: scratch.text(parameters.impression).count)
    let capture = context.settings.capture
    let strings = capture.isEmpty || manner.isHead ? nil : ClickStrings(request, capture)
    switch cache.lookUp(key) {
    case .ad(let found) where unsafe found.hasID(ad):
      let target =
        found.isConstant
        ? found : unsafe found.filled(impression: scratch.text(parameters.impression), query: request.query)
      if !signed.covers(target.advertiserID) {
        forged(target, Asker(request), manner.post, exchange, loop)
      } else if target.status == .paused {
        paused(target, Asker(request), manner.post, exchange, loop)
      } else {
        decide(identity, minted, strings, target, manner, exchange, loop)
      }
    case .ad, .unknown:
      if signed.isMade {
        unknownAd(Asker(request), manner.post, exchange, loop)
      } else {
        fail(.badSignature, .badSignature, Asker(request), manner.post, exchange, loop)
      }
    case .miss:
      let link = unsafe ClickLink(
        ad: Array(ad), impression: Array(scratch.text(parameters.impression)), query: Array(request.query))
      look(
        PendingLookup(
          exchange: exchange, identity: identity, minted: minted, strings: strings, manner: manner,
          asker: Asker(request), signed: signed, since: loop.now, link: link), loop)
    }
  }

  /// What the link's signature proves.
  private func verify(_ parameters: ClickParameters) -> Signed {
    let ad = unsafe scratch.text(parameters.ad)
    let impression = unsafe scratch.text(parameters.impression)
    let signature = unsafe scratch.text(parameters.signature)
    guard let range = parameters.kid else {
      return unsafe keys.verify(ad: ad, impression: impression, signature: signature)
    }
    let kid = unsafe scratch.text(range)
    let signed = unsafe keys.verify(ad: ad, impression: impression, signature: signature, kid: kid)
    if signed.isMade { return signed }
    // A point or a bracket behind a copied link is behind its last parameter, which may be this one.
    let bare = unsafe LinkReader.bareKid(kid)
    if bare.count == kid.count { return .byNobody }
    return unsafe bare.withUnsafeBytes { bare in
      unsafe keys.verify(
        ad: ad, impression: impression, signature: signature, kid: bare.isEmpty ? nil : bare)
    }
  }

  /// The answer to a click on an active ad, signed by an active key.
  private func decide(
    _ identity: ClickIdentity, _ minted: Int64?, _ strings: ClickStrings?, _ ad: CachedAd, _ manner: ClickManner,
    _ exchange: Exchange, _ loop: EventLoop
  ) {
    if manner.isHead { return redirect(exchange, ad, ClickAnswer(.head), nil, loop) }
    if manner.isBot { return redirect(exchange, ad, ClickAnswer(.bot), manner.post, loop) }
    if let minted {
      let now = context.clock.now()
      if context.settings.eventTimes.judge(eventTime: now, minted: minted, now: now) == .expired {
        return redirect(exchange, ad, ClickAnswer(.expired), manner.post, loop)
      }
    }
    let waiting = WaitingClick(exchange: exchange, ad: ad, since: loop.now, post: manner.post)
    push(ClickRequest(identity: identity), strings, waiting, loop)
  }

  private func push(
    _ request: ClickRequest, _ strings: ClickStrings?, _ click: WaitingClick, _ loop: EventLoop
  ) {
    if !lanes[context.routes.route(request.identity, by: &routes)].push(request, click, strings) {
      redirect(click.exchange, click.ad!, ClickAnswer(.unrecorded), click.post, loop)
    }
  }

  /// Clicks that a committer knew to be another shard's; it had a newer table, and so has this loop by now.
  func routeAgain(_ loop: EventLoop) {
    for i in lanes.indices {
      for stray in lanes[i].takeStrays() { push(stray.request, stray.strings, stray.click, loop) }
    }
  }

  // MARK: - Answers

  private func redirect(
    _ exchange: Exchange, _ ad: CachedAd, _ answer: ClickAnswer, _ post: PostedClick?, _ loop: EventLoop
  ) {
    counts.verdicts[Int(answer.verdict.rawValue)] += 1
    if answer.verdict != .valid { note(answer.verdict, ad) }
    let shown = context.settings.verdictHeader
    loop.respond(exchange) { writer in
      if let post { writer.extraFields = originFields(post.origin) }
      unsafe ad.location.withUnsafeBytes { unsafe lead(to: $0, post, &writer) }
      if shown {
        writer.header("X-Tally-Verdict", answer.verdict.name)
        if answer.eventTime != 0 { writer.header("X-Tally-Time", Timestamp.format(answer.eventTime)) }
      }
    }
  }

  /// Begins the answer that leads on: a redirect, or for a POST, whose sender goes nowhere, none.
  private func lead(to location: UnsafeRawBufferPointer, _ post: PostedClick?, _ writer: inout ResponseWriter) {
    if post == nil {
      writer.begin(302)
      writer.headerLines(redirectLines)
      unsafe writer.header("Location", location)
    } else {
      writer.begin(204)
      writer.headerLines("Cache-Control: no-store\r\n")
    }
  }

  private func lead(to location: [UInt8], _ post: PostedClick?, _ writer: inout ResponseWriter) {
    unsafe location.withUnsafeBytes { unsafe lead(to: $0, post, &writer) }
  }

  private func paused(
    _ ad: CachedAd, _ asker: Asker, _ post: PostedClick?, _ exchange: Exchange, _ loop: EventLoop
  ) {
    note(.paused, ad)
    guard let fallback = ad.fallback else { return fail(.paused, .paused, asker, post, exchange, loop) }
    finish(.paused, post, exchange, loop) { lead(to: fallback, post, &$0) }
  }

  private func unknownAd(_ asker: Asker, _ post: PostedClick?, _ exchange: Exchange, _ loop: EventLoop) {
    guard let fallback = context.settings.unknownAdURL else {
      return fail(.unknownAd, .unknownAd, asker, post, exchange, loop)
    }
    finish(.unknownAd, post, exchange, loop) { lead(to: Array(fallback.utf8), post, &$0) }
  }

  /// A link that no key has signed, or one that is bound to another advertiser. Where such links are redirected they lead to where
  /// a click would lead now.
  private func forged(
    _ ad: CachedAd, _ asker: Asker, _ post: PostedClick?, _ exchange: Exchange, _ loop: EventLoop
  ) {
    if context.settings.onBadSignature == .reject {
      return fail(.badSignature, .badSignature, asker, post, exchange, loop)
    }
    if ad.status == .active { return redirect(exchange, ad, ClickAnswer(.badSignature), post, loop) }
    note(.badSignature, ad)
    guard let fallback = ad.fallback else { return fail(.badSignature, .badSignature, asker, post, exchange, loop) }
    finish(.badSignature, post, exchange, loop) { lead(to: fallback, post, &$0) }
  }

  /// A browser asks whether a page may POST here: any may. Nothing secret is read, and nothing of the answer is.
  private func preflight(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
    let origin = Self.origin(request)
    let asked = Self.visible(request, "Access-Control-Request-Headers")
    finish(.preflight, PostedClick(origin: origin), exchange, loop) { writer in
      writer.begin(204)
      writer.headerLines("Cache-Control: no-store\r\nAllow: GET, HEAD, POST, OPTIONS\r\n")
      writer.headerLines("Access-Control-Allow-Methods: GET, HEAD, POST\r\nAccess-Control-Max-Age: 7200\r\n")
      if let asked { writer.header("Access-Control-Allow-Headers", asked) }
    }
  }

  /// The `Origin` of a request; nil where there is none.
  private static func origin(_ request: borrowing Request) -> String? { visible(request, "Origin") }

  /// The value of a field that is sent back; nil unless it is visible ASCII.
  private static func visible(_ request: borrowing Request, _ name: StaticString) -> String? {
    guard let value = unsafe request.header(name), unsafe !value.isEmpty,
      unsafe value.allSatisfy({ 0x20...0x7E ~= $0 })
    else { return nil }
    return unsafe String(decoding: value, as: UTF8.self)
  }

  /// What lets a page look at the answer. `/click` reads no cookie, but beacons are sent with them.
  private func originFields(_ origin: String?) -> [(name: StaticString, value: String)] {
    guard let origin else { return [("Vary", "Origin")] }
    return [
      ("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true"), ("Vary", "Origin"),
    ]
  }

  /// Ends a request in a problem: as a document, or as a page where a person asks.
  private func fail(
    _ verdict: Verdict, _ problem: Problem, _ asker: Asker, _ post: PostedClick?, _ exchange: Exchange,
    _ loop: EventLoop
  ) {
    let response = self.response(problem, asker)
    finish(verdict, post, exchange, loop) { response.write(into: &$0) }
  }

  private func response(_ problem: Problem, _ asker: Asker) -> APIResponse {
    let id = asker.givenID ?? nextRequestID()
    return asker.wantsPage ? problem.page(requestID: id) : problem.response(requestID: id)
  }

  /// Answers with anything but the ad's own redirect. Every such answer forbids storing it.
  private func finish(
    _ verdict: Verdict, _ post: PostedClick?, _ exchange: Exchange, _ loop: EventLoop,
    _ write: (inout ResponseWriter) -> Void
  ) {
    counts.verdicts[Int(verdict.rawValue)] += 1
    loop.respond(exchange) { writer in
      writer.extraFields = extraFields(verdict, post)
      write(&writer)
    }
  }

  private func extraFields(_ verdict: Verdict, _ post: PostedClick?) -> [(name: StaticString, value: String)] {
    var fields: [(name: StaticString, value: String)] = []
    if context.settings.verdictHeader { fields.append(("X-Tally-Verdict", verdict.name)) }
    if let post { fields += originFields(post.origin) }
    return fields
  }

  // MARK: - Requests that the loop refuses

  /// Bytes of which nobody knows what they are for are malformed.
  func refuse(_ status: Int, _ writer: inout ResponseWriter) { refuse(.refused(status), Asker(), nil, &writer) }

  /// A request to `/click` is malformed; one to another route has no verdict.
  func refuse(_ head: borrowing Request, _ status: Int, _ writer: inout ResponseWriter) {
    guard Self.isClick(head) else { return response(.refused(status), Asker(head)).write(into: &writer) }
    let post = head.method == .post ? PostedClick(origin: Self.origin(head)) : nil
    refuse(.refused(status), Asker(head), post, &writer)
  }

  /// The body of a batch.
  func refuse(_ exchange: Exchange, _ status: Int, _ writer: inout ResponseWriter) {
    response(.refused(status), Asker()).write(into: &writer)
  }

  private func refuse(_ problem: Problem, _ asker: Asker, _ post: PostedClick?, _ writer: inout ResponseWriter) {
    counts.verdicts[Int(Verdict.malformed.rawValue)] += 1
    writer.extraFields = extraFields(.malformed, post)
    response(problem, asker).write(into: &writer)
  }

  // MARK: - Ads that are not in the cache

  private func look(_ lookup: PendingLookup, _ loop: EventLoop) {
    let key = lookup.identity.ad
    guard lookupCount < Self.lookupLimit else { return turnAway(lookup, loop) }
    if let ticket = cache.beginLoad(key) {
      let asked = context.catalog.submit(as: .click) { [self] state in
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
    nextLookupExpiry = min(nextLookupExpiry, lookup.since + context.settings.lookupDeadline)
  }

  /// Turns away the clicks that have waited for the catalog too long, whatever holds it. The answer, when it comes, goes into
  /// the cache all the same.
  func expireLookups(_ loop: EventLoop) {
    guard loop.now >= nextLookupExpiry else { return }
    let oldest = loop.now - context.settings.lookupDeadline
    nextLookupExpiry = .max
    for (key, waiting) in lookups {
      let late = waiting.count { $0.since <= oldest }
      if late > 0 {
        // They stand in the order in which they came.
        for lookup in waiting[..<late] { turnAway(lookup, loop) }
        lookups[key] = late == waiting.count ? nil : Array(waiting[late...])
        lookupCount -= late
        counts.lateLookups += UInt64(late)
      }
      if late < waiting.count {
        nextLookupExpiry = min(nextLookupExpiry, waiting[late].since + context.settings.lookupDeadline)
      }
    }
  }

  func found(_ ticket: AdCache.Ticket, _ answer: Result<Ad?, any Error>, _ loop: EventLoop) {
    let waiting = lookups.removeValue(forKey: ticket.key) ?? []
    lookupCount -= waiting.count
    switch answer {
    case .failure(let error):
      cache.cancelLoad(ticket)
      switch error as? CatalogError {
      case .damagedRow: break
      case .damaged: context.catalogHealth.failed("\(error)")
      default: context.report("catalog: \(error)")
      }
      for lookup in waiting { turnAway(lookup, loop, Problem(lookingUp: error)) }
    case .success(let ad):
      let cached = ad.map { CachedAd($0) }
      cache.finishLoad(ticket, cached)
      for lookup in waiting {
        let ad = cached.flatMap { ad in
          unsafe lookup.link.ad.withUnsafeBytes { unsafe ad.hasID($0) } ? lookup.link.fill(ad) : nil
        }
        settle(lookup, ad, loop)
      }
    }
  }

  private func settle(_ lookup: PendingLookup, _ ad: CachedAd?, _ loop: EventLoop) {
    let (exchange, asker, post) = (lookup.exchange, lookup.asker, lookup.manner.post)
    switch (ad, ad.map { lookup.signed.covers($0.advertiserID) } ?? lookup.signed.isMade) {
    case (let ad?, true) where ad.status == .paused: paused(ad, asker, post, exchange, loop)
    case (let ad?, true): decide(lookup.identity, lookup.minted, lookup.strings, ad, lookup.manner, exchange, loop)
    case (let ad?, false): forged(ad, asker, post, exchange, loop)
    case (nil, true): unknownAd(asker, post, exchange, loop)
    case (nil, false): fail(.badSignature, .badSignature, asker, post, exchange, loop)
    }
  }

  /// A link that nobody signed is a bad signature first: strangers cannot make clicks look lost.
  private func turnAway(_ lookup: PendingLookup, _ loop: EventLoop, _ problem: Problem = .overloaded) {
    fail(
      lookup.signed.isMade ? .unrecorded : .badSignature, problem, lookup.asker, lookup.manner.post, lookup.exchange,
      loop)
  }

  /// The catalog has changed; called on the loop's thread before the change is answered.
  func forget(_ ads: [AdKey]) { for key in ads { cache.invalidate(key) } }

  /// The signing keys have changed.
  func use(_ keys: [ActiveKey]) { self.keys = KeyRing(keys) }

  /// The list of robots has changed; nil judges nobody.
  func use(_ bots: BotList?) { self.bots = bots.map { BotJudge($0) } }
}

/// What every redirect of a click carries: it is nobody's to keep, index or repeat.
private let redirectLines: StaticString =
  "Cache-Control: no-store\r\nReferrer-Policy: strict-origin-when-cross-origin\r\nX-Robots-Tag: noindex, nofollow\r\n"
