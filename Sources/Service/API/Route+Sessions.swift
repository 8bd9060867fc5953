import Catalog
import HTTP

// Which routes a browser may ask by its cookie. A route that stands in none of these lists takes bearer tokens alone: a new one
// is closed to sessions and share links until somebody has looked at what it shows.

extension Route {
  /// Routes that a session of a token opens.
  package static let forSessions: Set<Route> = forShares.union([
    .listShares, .createShare, .revokeShare, .opsSummary, .opsStream,
  ])

  /// Routes that a share link of an advertiser opens: all of them read.
  package static let forShares: Set<Route> = forCampaigns.union([.statement])

  /// Routes that a share link of a campaign opens: those that look at `Grant.campaignID`.
  static let forCampaigns: Set<Route> = [
    .listAds, .getAd, .aggregates, .manyAggregates, .top, .stream, .manyStream, .corrections, .manyCorrections,
  ]

  /// Whether a session that allows `grant` opens this route.
  func takes(_ grant: Grant) -> Bool {
    if grant.campaignID != nil { return Self.forCampaigns.contains(self) }
    return (grant.shareID == nil ? Self.forSessions : Self.forShares).contains(self)
  }

  /// What the credentials of a request allow here; `bearer` says what a token may do, nil where it is none, and `session` does of
  /// a browser's. A route without a scope needs none.
  func admit(
    _ method: Method, _ credentials: Credentials, bearer: (String) throws(Problem) -> Grant?,
    session: (Credentials) -> Session?
  ) throws(Problem) -> Grant {
    guard scope != nil, credentials.authorization == nil, credentials.cookie != nil, !isAdminOnly else {
      return try admit(credentials.authorization, bearer)
    }
    let isRead = method == .get || method == .head
    guard credentials.isOwn(allowingNavigation: isRead) else {
      throw isRead ? .unauthorized(invalid: false) : .crossSite
    }
    guard let session = session(credentials) else { throw .signedOut }
    guard takes(session.grant) else { throw .notForSessions(isShare: session.grant.shareID != nil) }
    if let (name, scope) = scope, !session.grant.allows(scope) { throw .scopeMissing(name) }
    if !isRead, credentials.csrf != session.csrf { throw .csrfMissing }
    return session.grant
  }
}

extension Problem {
  /// 401: the cookie's session is over.
  static let signedOut = Problem(
    401, "signed-out", "The session has ended", "the session is unknown or over; sign in again",
    headers: [("WWW-Authenticate", "Bearer realm=\"tally\"")])

  /// 403: a page of another site has sent it.
  static let crossSite = Problem(
    403, "cross-site", "Another site has sent this", "this is taken from pages of this origin alone (Sec-Fetch-Site)")

  /// 403: the session's own token against forgery is not there.
  static let csrfMissing = Problem(
    403, "csrf", "The request does not prove whose it is",
    "a request by session that changes something repeats the csrfToken of GET /session in X-Tally-CSRF")

  /// 403: what sessions, or share links, do not open.
  static func notForSessions(isShare: Bool) -> Problem {
    Problem(
      403, "not-for-sessions", "Not by a \(isShare ? "share link" : "session")",
      isShare ? "a share link shows counts, and nothing else" : "this needs a bearer token")
  }
}
