import HTTP

/// A running server.
package final class RemoteDoor: Door {
  private let address: String
  private let adminAddress: String?
  private let token: String?
  private var clients: [Bool: HTTPClient] = [:]

  /// A server by its addresses, `HOST:PORT`; without the second nothing can be asked of its admin listener.
  package init(address: String, adminAddress: String?, token: String?) {
    self.address = address
    self.adminAddress = adminAddress
    self.token = token
  }

  package func ask(_ ask: Ask) throws -> Reply {
    var headers: [(String, String)] = []
    if let token { headers.append(("Authorization", "Bearer \(token)")) }
    if let type = ask.contentType { headers.append(("Content-Type", type)) }
    let response = try client(isAdmin: ask.isAdmin).request(
      name(ask.method), ask.target, headers: headers, body: ask.body)
    guard response.status < 400 else {
      var failure = Refusal.failure(status: response.status, body: response.body)
      if response.status == 401, token == nil { failure.message += "; give a token with --token or TALLY_TOKEN" }
      throw failure
    }
    return Reply(status: response.status, body: response.body)
  }

  private func client(isAdmin: Bool) throws -> HTTPClient {
    if let client = clients[isAdmin] { return client }
    guard let place = isAdmin ? adminAddress : address else {
      throw UsageError("this command asks the server's admin listener; name it with --admin-addr HOST:PORT")
    }
    // An import may take the server a while.
    let client = try HTTPClient(place, readTimeout: 600_000_000_000)
    clients[isAdmin] = client
    return client
  }

  private func name(_ method: HTTP.Method) -> String {
    switch method {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .patch, .other: "PATCH"
    }
  }
}
