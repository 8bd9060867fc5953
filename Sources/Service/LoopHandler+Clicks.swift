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
  /// What is captured of it.
  var strings: ClickStrings?
  var isHead: Bool
  /// False for a forged link that is redirected all the same, uncounted (`--on-bad-signature redirect`).
  var isVerified: Bool
}

extension LoopHandler {
  /// Most clicks that wait for the catalog at once; one more is turned away with 503.
  private static let lookupLimit = 8192

  private func note(_ verdict: Verdict, _ ad: CachedAd) {
    verdicts.note(verdict, AdKey(ad.id, by: hasher), minute: Minute(containing: context.clock.now()).index)
  }

  func settle(_ lane: inout Lane, _ loop: EventLoop) {
    lane.collect { click, answer in redirect(click.exchange, click.ad!, answer, loop) }
    guard lane.outstanding > 0 else { return }
    let deadline = context.environment.time.monotonic() - context.settings.commitDeadline
    lane.giveUp(before: deadline) { redirect($0.exchange, $0.ad!, ClickAnswer(.unknown), loop) }
  }

  func click(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) {
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
        PendingLookup(exchange: exchange, identity: identity, strings: strings, isHead: isHead, isVerified: verified),
        loop)
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
  func routeAgain(_ loop: EventLoop) {
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

  private func look(_ lookup: PendingLookup, _ loop: EventLoop) {
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

  private func turnAway(_ lookup: PendingLookup, _ loop: EventLoop) {
    finish(.unrecorded, lookup.exchange, loop) { writer in Problem.overloaded.write(into: &writer) }
  }

  /// The catalog has changed; called on the loop's thread before the change is answered.
  func forget(_ ads: [AdKey]) { for key in ads { cache.invalidate(key) } }

  /// The signing keys have changed.
  func use(_ keys: [ActiveKey]) { self.keys = KeyRing(keys) }
}

/// What every redirect of a click carries: it is nobody's to keep, index or repeat.
private let redirectLines: StaticString =
  "Cache-Control: no-store\r\nReferrer-Policy: strict-origin-when-cross-origin\r\nX-Robots-Tag: noindex, nofollow\r\n"
