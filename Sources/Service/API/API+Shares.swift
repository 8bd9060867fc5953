import Catalog
import Clicks
import HTTP
import JSON

// Share links: who may read rows may show them to others, and sees and ends the links of the rows in reach.

extension API {
  /// How long a link works where nothing is said.
  private static let standardExpiry = "90d"

  func createShare(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(
      try request.document(mayBeEmpty: true), known: ["advertiserId", "campaignId", "expires"])
    let named = fields.string("advertiserId")
    let campaign = fields.string("campaignId")
    let now = catalog.now()
    let expiry = fields.expiry("expires", now: now) ?? Expiry.read(Self.standardExpiry, now: now)!
    if named == nil, grant.advertiserID == nil {
      fields.fault("advertiserId", "must name the advertiser: the token is for all of them")
    }
    try fields.check()
    guard let advertiser = named ?? grant.advertiserID else { return .noContent }
    guard grant.reaches(advertiserID: advertiser) else { throw .otherAdvertiser }
    // The owner of a data directory has no token that the link could end with.
    guard !grant.tokenID.isEmpty else { throw .notServing }
    let share = try inCatalog { () throws(CatalogError) in
      try catalog.createShare(
        tokenID: grant.tokenID, advertiserID: advertiser, campaignID: campaign, expiresAt: expiry)
    }
    changed(.tokens)
    let url = "\(base(of: request))/s/\(share.info.id)#\(share.secret.reveal())"
    return .json(201, .object([.init("url", .string(url))] + Self.members(share.info)))
  }

  func listShares(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    let shares = try inCatalog { () throws(CatalogError) in try catalog.shares(advertiserID: grant.advertiserID) }
    return .json(200, .object(["shares": .array(shares.map { .object(Self.members($0)) })]))
  }

  func revokeShare(_ id: String, _ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    let revoked = try inCatalog { () throws(CatalogError) in
      guard let share = try catalog.share(id), grant.reaches(advertiserID: share.advertiserID) else { return false }
      return try catalog.revokeShare(id)
    }
    guard revoked else { throw .unknownShare }
    changed(.tokens)
    return .noContent
  }

  /// What addresses begin with that are for others than the sender of `request`, without a slash at the end.
  func base(of request: APIRequest) -> String {
    publicURL ?? (request.authority.isEmpty ? "" : "http://\(request.authority)")
  }

  private static func members(_ share: ShareInfo) -> [JSONValue.Member] {
    [
      .init("id", .string(share.id)), .init("advertiserId", .string(share.advertiserID)),
      .init("campaignId", .optional(share.campaignID)), .init("tokenId", .string(share.tokenID)),
      .init("createdAt", .string(Timestamp.format(share.createdAt))),
      .init("expires", .string(Timestamp.format(share.expiresAt))),
      .init("revokedAt", .optional(share.revokedAt.map { Timestamp.format($0) })),
    ]
  }
}

extension Problem {
  /// 404: no share link of this id in reach that works.
  static let unknownShare = Problem(
    404, "unknown-share", "No such share link", "there is no share link of this id that works")
}
