import Clicks

// A share link shows one campaign, or all of one advertiser, to somebody who has no token:
//
//     https://HOST/s/k3f7q2wxyz#0123456789abcdefghijklmnopqrstuvwxyzABCDEFG
//                    id         32 random bytes, base64url without padding
//
// The secret stands in the fragment, which browsers send to nobody: no log and no proxy ever has it. The page hands it over once,
// for a session. What is kept is the SHA-256 of the secret's text. A share ends when it expires, when it is revoked, and with the
// token that made it.

/// A share link as it may be shown: without its secret.
package struct ShareInfo: Hashable, Sendable {
  package var id: String
  /// The token that made it.
  package var tokenID: String
  package var advertiserID: String
  /// Nil for all of the advertiser's campaigns.
  package var campaignID: String?
  /// Milliseconds since 1970, like all times.
  package var createdAt: Int64
  package var expiresAt: Int64
  package var revokedAt: Int64?
}

/// A share link that was just made: its secret exists only here.
package struct NewShare: Sendable {
  package var info: ShareInfo
  package var secret: Secret
}

extension Catalog {
  /// Share links that may work at once, of one token and in all.
  package static let maximumSharesOfToken = 1_024
  package static let maximumShares = 16_384

  /// Makes a share link that ends with the token `tokenID`. Throws `.invalid` for wrong names or a time of expiry that is past.
  package func createShare(
    tokenID: String, advertiserID: String, campaignID: String?, expiresAt: Int64
  ) throws(CatalogError) -> NewShare {
    let now = now()
    var faults: [FieldFault] = []
    if AdID(advertiserID) == nil { faults.append(FieldFault("advertiserId", AdFields.nameRule)) }
    if let campaignID, AdID(campaignID) == nil { faults.append(FieldFault("campaignId", AdFields.nameRule)) }
    if expiresAt <= now { faults.append(FieldFault("expires", "is past")) }
    guard faults.isEmpty else { throw .invalid(faults) }
    for (clause, values, limit) in [
      ("", [Value.integer(now)], Self.maximumShares),
      ("AND token_id = ?", [.integer(now), .text(tokenID)], Self.maximumSharesOfToken),
    ] {
      let working = try database.query(
        "SELECT COUNT(*) FROM share \(Self.isWorking) \(clause)", values, doing: "counting share links"
      ) { $0.integer(0) }
      guard working.first ?? 0 < limit else { throw .tooManyShares(limit: limit) }
    }
    let info = ShareInfo(
      id: shortName(), tokenID: tokenID, advertiserID: advertiserID, campaignID: campaignID, createdAt: now,
      expiresAt: expiresAt)
    let secret = Secret(Base64URL.encode(environment.chance.bytes(32)))
    let doing = "adding share link \(info.id)"
    try insert(
      .share,
      [
        .integer(try nextNumber(.share, doing: doing)), .text(info.id), .blob(hasher.digest(secret.bytes)),
        .text(tokenID), .text(advertiserID), .optional(campaignID), .integer(now), .integer(expiresAt), .null,
      ], doing: doing)
    return NewShare(info: info, secret: secret)
  }

  /// Every share link of an advertiser there ever was, of all without one; oldest first, without damaged ones, which are told.
  package func shares(advertiserID: String? = nil) throws(CatalogError) -> [ShareInfo] {
    let rows =
      if let advertiserID {
        try soundRows(
          .share, "WHERE advertiser_id = ? ORDER BY sequence", [.text(advertiserID)], doing: "listing share links")
      } else {
        try soundRows(.share, "ORDER BY sequence", doing: "listing share links")
      }
    return rows.map(ShareInfo.init)
  }

  /// The share link of this id, whether it works or not; nil where there never was one.
  package func share(_ id: String) throws(CatalogError) -> ShareInfo? {
    try soundRows(.share, "WHERE id = ?", [.text(id)], doing: "looking for a share link").first.map(ShareInfo.init)
  }

  /// Ends a share link's time. False where no link of this id was without an end.
  package func revokeShare(_ id: String) throws(CatalogError) -> Bool {
    try end(.share, id, "revoked_at", doing: "revoking share link \(id)")
  }

  /// The share links that work, but for their tokens, with their hashes.
  func workingShares() throws(CatalogError) -> [(hash: [UInt8], share: ShareInfo)] {
    try soundRows(.share, Self.isWorking, [.integer(now())], doing: "listing share links").map {
      ($0["hash"].blob, ShareInfo($0))
    }
  }
}

extension ShareInfo {
  init(_ row: StoredRow) {
    self.init(
      id: row["id"].text ?? "", tokenID: row["token_id"].text ?? "", advertiserID: row["advertiser_id"].text ?? "",
      campaignID: row["campaign_id"].text, createdAt: row["created_at"].integer ?? 0,
      expiresAt: row["expires_at"].integer ?? 0, revokedAt: row["revoked_at"].integer)
  }
}
