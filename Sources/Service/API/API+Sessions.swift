import Catalog
import Clicks
import HTTP
import JSON

// How a browser signs in, asks who it is, and signs out:
//
//   POST   /session   {"token":"tally_…"} or {"share":"SECRET"}   sets the cookie
//   GET    /session   who is signed in, and what the page needs to know
//   DELETE /session   ends it
//
// A token and a secret stand in a body and never in an address, so that no log has them.

extension API {
  func signIn(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let tokens = try runningTokens()
    guard request.credentials.isOwn(allowingNavigation: false) else { throw .crossSite }
    if let seconds = tokens.signInWait(request.network) { throw .tooManySignIns(seconds) }
    var fields = Fields(try request.document(), known: ["token", "share"])
    let (token, secret) = (fields.string("token"), fields.string("share"))
    if (token == nil) == (secret == nil), fields.found.isEmpty {
      fields.fault("token", "must be there, or share with the secret of a link, and not both")
    }
    try fields.check()
    let grant = token.map { tokens.authenticate($0, by: hasher) } ?? secret.map { tokens.open($0, by: hasher) } ?? nil
    guard let grant, request.credentials.shareID == nil || request.credentials.shareID == grant.shareID else {
      tokens.noteFailedSignIn(request.network)
      throw .unknownCredential
    }
    guard let (text, session) = tokens.begin(grant, by: hasher) else { throw .tooManySessions }
    var answer = APIResponse.json(200, document(session))
    answer.headers.append((name: "Set-Cookie", value: cookie(text.reveal(), session)))
    return answer
  }

  func session(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    return .json(200, document(try ownSession(request, isRead: true)))
  }

  func signOut(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let session = try ownSession(request, isRead: false)
    guard request.credentials.csrf == session.csrf else { throw .csrfMissing }
    _ = try runningTokens().end(session)
    var gone = session
    gone.expires = 0
    var answer = APIResponse.noContent
    answer.headers.append((name: "Set-Cookie", value: cookie("", gone)))
    return answer
  }

  private func ownSession(_ request: APIRequest, isRead: Bool) throws(Problem) -> Session {
    guard request.credentials.isOwn(allowingNavigation: isRead) else {
      throw isRead ? .unauthorized(invalid: false) : .crossSite
    }
    guard request.credentials.cookie != nil else { throw .unauthorized(invalid: false) }
    guard let session = try runningTokens().session(request.credentials, by: hasher) else { throw .signedOut }
    return session
  }

  private func runningTokens() throws(Problem) -> TokenBoard {
    guard let tokens else { throw .notServing }
    return tokens
  }

  private func document(_ session: Session) -> JSONValue {
    let grant = session.grant
    let share = grant.shareID.map { id in
      JSONValue.object([
        "id": .string(id), "advertiserId": .optional(grant.advertiserID), "campaignId": .optional(grant.campaignID),
        "expires": .optional(tokens?.expiry(of: grant).map { Timestamp.format($0) }),
      ])
    }
    return .object([
      "advertiserId": .optional(grant.advertiserID), "scopes": .array(grant.scopes.names.map { .string($0) }),
      "expires": .string(Timestamp.format(session.expires)), "csrfToken": .string(session.csrf),
      "serverTime": .string(Timestamp.format(catalog.now())), "version": .string(tallyVersion),
      "share": share ?? .null,
    ])
  }

  /// `Set-Cookie` of a session's text; one that is over takes the cookie away.
  private func cookie(_ text: String, _ session: Session) -> String {
    let name = session.grant.shareID == nil ? Credentials.sessionCookie : Credentials.shareCookie
    let seconds = max(0, (session.expires - catalog.now()) / 1_000)
    let secure = publicURL?.hasPrefix("https:") == true ? "; Secure" : ""
    return "\(name)=\(text); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict\(secure)"
  }
}

extension Problem {
  /// 401: a sign-in with what opens nothing.
  static let unknownCredential = Problem(
    401, "unauthorized", "Not authenticated", "this is not known; it may be mistyped, revoked or expired",
    headers: [("WWW-Authenticate", "Bearer realm=\"tally\"")])

  /// 429: this address has failed too often.
  static func tooManySignIns(_ seconds: Int) -> Problem {
    Problem(
      429, "too-many-sign-ins", "Too many sign-ins have failed", "this address may try again in \(seconds) s",
      headers: [("Retry-After", "\(seconds)")])
  }

  /// 503: as many sessions are open as there may be.
  static let tooManySessions = Problem(
    503, "overloaded", "The server is overloaded", "as many sessions are open as there may be; try again",
    headers: [("Retry-After", "60")])
}
