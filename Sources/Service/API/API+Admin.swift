import Catalog
import Clicks
import JSON

// Signing keys and tokens: on the admin listener alone, for tokens with scope `admin`. A secret and a token are in
// the answer that makes them and nowhere else.

extension API {
  // MARK: - Signing keys

  func listKeys(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let keys = try inCatalog { () throws(CatalogError) in try catalog.keys() }
    return .json(
      200,
      .object([
        "keys": .array(
          keys.map {
            .object([
              "kid": .string($0.kid), "createdAt": .string(Timestamp.format($0.createdAt)),
              "retiredAt": .optional($0.retiredAt.map { Timestamp.format($0) }),
              "advertiserId": .optional($0.advertiserID),
            ])
          })
      ]))
  }

  func addKey(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(try request.document(mayBeEmpty: true), known: ["kid", "secret", "advertiserId"])
    let kid = fields.string("kid")
    let secret = fields.string("secret").map { Secret($0) }
    let advertiser = fields.string("advertiserId")
    try fields.check()
    let (key, createdAt) = try inCatalog { () throws(CatalogError) in
      let key = try catalog.addKey(kid: kid, secret: secret, advertiserID: advertiser)
      return (key, try catalog.keys().first { $0.kid == key.kid }?.createdAt)
    }
    changed(.keys)
    return .json(
      201,
      .object([
        "kid": .string(key.kid), "secret": .string(key.secret.reveal()),
        "createdAt": .optional(createdAt.map { Timestamp.format($0) }), "advertiserId": .optional(key.advertiserID),
      ]))
  }

  func retireKey(_ kid: String, _ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    guard try inCatalog({ () throws(CatalogError) in try catalog.retireKey(kid) }) else {
      throw .notFound("there is no active signing key of this id")
    }
    changed(.keys)
    return .noContent
  }

  // MARK: - Tokens

  func listTokens(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let tokens = try inCatalog { () throws(CatalogError) in try catalog.tokens() }
    return .json(200, .object(["tokens": .array(tokens.map { .object(members($0)) })]))
  }

  func createToken(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(try request.document(), known: ["scopes", "advertiserId", "label", "expires"])
    var scopes: Scopes = []
    for name in fields.strings("scopes") ?? [] {
      if let found = Scopes.named.first(where: { $0.name == name }) {
        scopes.insert(found.scope)
      } else {
        fields.fault("scopes", "must hold only \(Scopes.named.map(\.name).joined(separator: ", "))")
      }
    }
    let advertiser = fields.string("advertiserId")
    let label = fields.string("label")
    let expiry = fields.expiry("expires", now: catalog.now())
    try fields.check()
    let token: NewToken
    do throws(Problem) {
      token = try inCatalog { () throws(CatalogError) in
        try catalog.createToken(scopes: scopes, advertiserID: advertiser, label: label, expiresAt: expiry)
      }
    } catch {
      // The catalog names the field as the command line does.
      throw error.errors.isEmpty
        ? error
        : .invalid(error.errors.map { ($0.parameter == "advertiser" ? "advertiserId" : $0.parameter, $0.detail) })
    }
    changed(.tokens)
    let text = JSONValue.Member("token", .string(token.text.reveal()))
    return .json(201, .object([text] + members(token.info)))
  }

  func revokeToken(_ id: String, _ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    guard try inCatalog({ () throws(CatalogError) in try catalog.revokeToken(id) }) else {
      throw .notFound("there is no working token of this id")
    }
    changed(.tokens)
    return .noContent
  }

  private func members(_ token: TokenInfo) -> [JSONValue.Member] {
    let lastUsed = [token.lastUsed, tokens?.lastUse(token.id)].compactMap(\.self).max()
    return [
      .init("id", .string(token.id)), .init("scopes", .array(token.scopes.names.map { .string($0) })),
      .init("advertiserId", .optional(token.advertiserID)), .init("label", .optional(token.label)),
      .init("createdAt", .string(Timestamp.format(token.createdAt))),
      .init("revokedAt", .optional(token.revokedAt.map { Timestamp.format($0) })),
      .init("expires", .optional(token.expiresAt.map { Timestamp.format($0) })),
      .init("lastUsed", .optional(lastUsed.map { Timestamp.format($0) })),
    ]
  }
}
