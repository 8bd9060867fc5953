/// What a token may be used for.
package struct Scopes: OptionSet, Hashable, Sendable {
  package let rawValue: Int64

  package init(rawValue: Int64) { self.rawValue = rawValue }

  /// Query counts.
  package static let read = Scopes(rawValue: 1)
  /// Send clicks through the batch door.
  package static let ingest = Scopes(rawValue: 2)
  /// Mint impressions.
  package static let mint = Scopes(rawValue: 4)
  /// Edit the ad catalog.
  package static let ads = Scopes(rawValue: 8)
  /// Everything, the others included.
  package static let admin = Scopes(rawValue: 16)
  /// Send clicks without a signature through the batch door, beside `ingest`.
  package static let trusted = Scopes(rawValue: 32)
  /// Send clicks older than the maximum lateness through the batch door, beside `ingest`.
  package static let history = Scopes(rawValue: 64)

  /// Every scope with its name, in the order in which they are written.
  package static let named: [(name: String, scope: Scopes)] = [
    ("read", .read), ("ingest", .ingest), ("mint", .mint), ("ads", .ads), ("admin", .admin),
    ("trusted", .trusted), ("history", .history),
  ]

  /// Reads names between commas (`read,mint`). Throws `.invalid` naming the one that is none.
  package init(names: String) throws(CatalogError) {
    var scopes: Scopes = []
    for name in names.split(separator: ",", omittingEmptySubsequences: false) {
      guard let found = Self.named.first(where: { $0.name == name }) else {
        let known = Self.named.map(\.name).joined(separator: ", ")
        throw .invalid([FieldFault("scopes", "has \"\(name)\", which is none of \(known)")])
      }
      scopes.insert(found.scope)
    }
    self = scopes
  }

  /// The names, in the order of `named`.
  package var names: [String] { Self.named.filter { contains($0.scope) }.map(\.name) }
}

/// What the bearer of a token, a session or a share link may do.
package struct Grant: Hashable, Sendable {
  /// The token with which it ends.
  package var tokenID: String
  package var scopes: Scopes
  /// The advertiser whose rows alone are in reach; nil for all.
  package var advertiserID: String?
  /// The campaign whose rows alone are in reach, of a share link; nil for all of the advertiser's.
  package var campaignID: String?
  /// The share link with which it ends; nil for a token's own.
  package var shareID: String?
  /// The session with which it ends, as the service names it; nil where the token itself was shown.
  package var sessionID: String?

  package init(tokenID: String, scopes: Scopes, advertiserID: String?) {
    self.tokenID = tokenID
    self.scopes = scopes
    self.advertiserID = advertiserID
  }

  /// Whether one of the token's scopes is one of `any`, or `admin`.
  package func allows(_ any: Scopes) -> Bool { scopes.contains(.admin) || !scopes.isDisjoint(with: any) }

  /// Whether the rows of an ad are in reach.
  package func reaches(_ ad: Ad) -> Bool { reaches(advertiserID: ad.advertiserID, campaignID: ad.campaignID) }

  /// Whether the rows of an ad of this advertiser and campaign are in reach.
  package func reaches(advertiserID advertiser: String, campaignID campaign: String?) -> Bool {
    reaches(advertiserID: advertiser) && (campaignID == nil || campaignID == campaign)
  }

  /// Whether rows of this advertiser are in reach, some of them at least.
  package func reaches(advertiserID other: String) -> Bool { advertiserID == nil || advertiserID == other }
}
