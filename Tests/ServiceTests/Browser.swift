import HTTP
import Service
import Simulation

/// A browser that has signed in, or tries to: it keeps the cookies it is given, as one of this origin.
final class Browser {
  private let harness: APIHarness
  var credentials = Credentials()
  /// Whence it sends: see `Request.peerNetwork`.
  var network: UInt64 = 1

  init(_ harness: APIHarness) {
    self.harness = harness
    credentials.fetchSite = "same-origin"
  }

  @discardableResult
  func send(_ method: HTTP.Method, _ target: String, json: String? = nil, admin: Bool = false) -> APIResponse {
    let answer = harness.send(
      method, target, token: nil, body: json.map { Array($0.utf8) } ?? [],
      type: json == nil ? nil : "application/json", admin: admin
    ) { [credentials, network] request in
      request.credentials = credentials
      request.network = network
      request.authority = "tally.example"
    }
    for case let ("Set-Cookie", value) in answer.headers.map({ ("\($0.name)", $0.value) }) {
      let cookie = String(value.prefix { $0 != ";" })
      if let session = Credentials.cookie("tally_session", in: cookie) { credentials.session = session }
      if let share = Credentials.cookie("tally_share", in: cookie) { credentials.share = share }
      if case .string(let csrf)? = answer.json["csrfToken"] { credentials.csrf = csrf }
    }
    return answer
  }

  func signIn(_ token: String) -> APIResponse { send(.post, "/session", json: #"{"token":"\#(token)"}"#) }

  /// Opens the link that an answer to `POST /api/v1/shares` gives.
  func open(_ share: APIResponse) -> APIResponse {
    guard case .string(let url)? = share.json["url"] else { return APIResponse(status: 0) }
    return send(.post, "/session", json: #"{"share":"\#(url.split(separator: "#").last ?? "")"}"#)
  }

  func get(_ target: String) -> APIResponse { send(.get, target) }
}
