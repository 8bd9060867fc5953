import Catalog
import Clicks
import HTTP

// What a loop knows of a request before anybody else is troubled with it, and before a byte of its body is taken:
//
//   admin door: host ─▶ route ─▶ token ─▶ scope ─▶ memory for the body ─▶ taken on
//      421              404 405   401      403       503
//
// The catalog's thread looks at the token again, so a view that is a moment old lets nobody through. Queries do without that
// thread: a view is put up before it is answered that a token was revoked.

extension LoopHandler {
  func refusal(of head: borrowing Request) -> ((inout ResponseWriter) -> Void)? {
    if Self.isClick(head) { return nil }
    do throws(Problem) {
      try checkHost(head)
      let segments = try APIRequest.segments(of: head)
      let (route, _) = try Route.find(head.method, segments, isAdmin: head.listenerTag == Self.adminTag)
      _ = try admit(head.method, Credentials(head), to: route)
      if head.method == .post, head.pathEquals("/session"), let wait = context.tokens.signInWait(head.peerNetwork) {
        throw .tooManySignIns(wait)
      }
      if !Self.isBatch(head) { try checkMemory(head.announcedLength) }
      return nil
    } catch {
      let id = nextRequestID()
      return { [error] writer in error.write(into: &writer, requestID: id) }
    }
  }

  /// What the bearer of a request to `route` may do; throws why it goes no further.
  func admit(_ method: Method, _ credentials: Credentials, to route: Route) throws(Problem) -> Grant {
    try route.admit(
      method, credentials, bearer: { [context, hasher] in context.tokens.authenticate($0, by: hasher) },
      session: { [context, hasher] in context.tokens.session($0, by: hasher) })
  }

  func checkHost(_ head: borrowing Request) throws(Problem) {
    guard head.listenerTag == Self.adminTag else { return }
    guard AdminHost.allows(head.authority, names: context.settings.adminHosts) else { throw .misdirected }
  }

  /// Whether a body of `length` bytes, nil for one that does not say, may come.
  private func checkMemory(_ length: Int?) throws(Problem) {
    let budget = context.budget
    // A longer one is refused as such.
    if let length, length > budget.bodyLimit || budget.fits(length) { return }
    if length == nil, !budget.isTight { return }
    budget.countRefusal()
    throw .overloaded
  }
}

// MARK: - Requests on their way through other threads

extension LoopHandler {
  /// Lets a query worker answer `call`, which asks for counts.
  func query(
    _ route: Route, _ name: String, _ call: APIRequest, _ grant: Grant, _ exchange: Exchange, _ loop: EventLoop
  ) {
    var known: CachedAd?
    if let id = AdID(name) {
      let key = AdKey(id, by: hasher)
      switch cache.lookUp(key) {
      case .ad(let ad) where ad.id == id:
        if route == .aggregates, let response = lightAnswer(call, grant, ad, key) {
          return respond(response, exchange, loop)
        }
        known = ad
      case .miss: fetch(key, loop)
      case .ad, .unknown: break
      }
    }
    let ticket = Ticket()
    tickets[exchange] = ticket
    if loop.hold(exchange) { ticket.hangUp() }
    let entry = QueryQueue.Entry(
      ticket: ticket,
      compute: { [self, known] in
        send(context.desk.answer(route, name, call, grant, ad: known).packed(for: call), exchange, loop)
      },
      refuse: { [self] in send(Problem.overloaded.response(requestID: call.requestID), exchange, loop) })
    if !context.queries.submit(grant.owner, entry) {
      respond(Problem.overloaded.response(requestID: call.requestID), exchange, loop)
    }
  }

  /// The answer to a light question, as long as there is time for such in this turn.
  private func lightAnswer(_ call: APIRequest, _ grant: Grant, _ ad: CachedAd, _ key: AdKey) -> APIResponse? {
    guard lightTime < Self.lightLimit, !context.budget.isTight else { return nil }
    let began = context.environment.time.monotonic()
    let response = context.desk.lightAggregates(call, grant, ad, key, by: hasher)?.packed(for: call)
    lightTime += context.environment.time.monotonic() - began
    if response != nil { context.queries.noteComputed() }
    return response
  }

  /// Lets the catalog's thread put an ad into the cache, for whoever asks next.
  private func fetch(_ key: AdKey, _ loop: EventLoop) {
    guard let ticket = cache.beginLoad(key) else { return }
    let asked = context.catalog.submit(as: .request) { [self] state in
      let answer = Result { try state.catalog.ad(key) }
      loop.submit { [self] loop in found(ticket, answer, loop) }
    }
    if !asked { cache.cancelLoad(ticket) }
  }

  /// Lets the catalog's thread answer `call`, which the bearer of `token` may ask.
  func ask(_ call: APIRequest, token: String, _ exchange: Exchange, _ loop: EventLoop) {
    let charge = BufferBudget.Charge(context.budget, call.body.count)
    let ticket = Ticket()
    tickets[exchange] = ticket
    if loop.hold(exchange) { ticket.hangUp() }
    let isRead = call.method == .get || call.method == .head
    let asked = context.catalog.submit(as: .request) { [self] state in
      // Nobody waits for what only reads.
      if isRead, ticket.hasLeft { return }
      switch state.api.answer(call) {
      case .done(let response): send(isRead ? response.packed(for: call) : response, exchange, loop)
      case .stream(let query, let grant):
        loop.submit { [self] loop in openStream(query, grant, call.requestID, exchange, loop) }
      case .watch(let start, let grant):
        loop.submit { [self] loop in openWatch(start, grant, call.requestID, exchange, loop) }
      case .summaries(let grant):
        loop.submit { [self] loop in openSummaries(grant, call.requestID, exchange, loop) }
      case .steps(let work): advance(work, charge, exchange, loop, call.requestID)
      case .query(let query):
        let entry = QueryQueue.Entry(
          ticket: ticket, compute: { [self] in send(query().packed(for: call), exchange, loop) },
          refuse: { [self] in send(Problem.overloaded.response(requestID: call.requestID), exchange, loop) })
        if !context.queries.submit(token, entry) { entry.refuse() }
      }
      withExtendedLifetime(charge) {}
    }
    if !asked { respond(Problem.overloaded.response(requestID: call.requestID), exchange, loop) }
  }

  /// Does one step of an import behind whatever else waits for the catalog, then the next.
  private func advance(
    _ work: AdImport, _ charge: BufferBudget.Charge, _ exchange: Exchange, _ loop: EventLoop, _ id: String
  ) {
    let asked = context.catalog.submit(as: .part) { [self] _ in
      if let response = work.step() {
        send(response, exchange, loop)
      } else {
        advance(work, charge, exchange, loop, id)
      }
    }
    // What was stored stays, and the import can be repeated as it is.
    if !asked { send(Problem.overloaded.response(requestID: id), exchange, loop) }
  }

  /// Brings an answer to its loop; until it is there, its memory counts.
  func send(_ response: APIResponse, _ exchange: Exchange, _ loop: EventLoop) {
    let charge = BufferBudget.Charge(context.budget, response.body.count)
    loop.submit { [self] loop in
      respond(response, exchange, loop)
      withExtendedLifetime(charge) {}
    }
  }

  func hungUp(_ exchange: Exchange, on loop: EventLoop) { tickets[exchange]?.hangUp() }
}
