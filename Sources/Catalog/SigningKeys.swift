import Bytes
import Clicks

// Keys rotate: several are active at once, the newest signs, every active one verifies, a retired one stops. A kid is
// never used twice, so that a link can't verify by another key than the one it was signed with.

/// A signing key as it may be shown: without its secret.
package struct KeyInfo: Hashable, Sendable {
  /// The key's name in links, 1 to 64 characters of the ad id's alphabet.
  package var kid: String
  /// Milliseconds since 1970.
  package var createdAt: Int64
  /// When it stopped verifying; nil while it is active.
  package var retiredAt: Int64?
  /// The advertiser whose ads alone it verifies; nil for all.
  package var advertiserID: String?
}

/// A signing key with its secret: what a `KeyRing` is made from.
package struct ActiveKey: Sendable {
  package var kid: String
  package var secret: Secret
  /// The advertiser whose ads alone it verifies; nil for all.
  package var advertiserID: String?

  package init(kid: String, secret: Secret, advertiserID: String? = nil) {
    self.kid = kid
    self.secret = secret
    self.advertiserID = advertiserID
  }
}

extension Catalog {
  /// The most keys that may be active at once: a forged link without a kid costs one HMAC for each.
  package static let maximumActiveKeys = 16

  /// The shortest secret that can be added, bytes: fewer could be guessed. Older ones go on.
  package static let minimumSecretBytes = 16

  /// The longest secret, bytes.
  package static let maximumSecretBytes = 4096

  /// What a secret has to be, in words to go behind its name.
  package static let secretRule = """
    must have \(minimumSecretBytes) to \(maximumSecretBytes) bytes; leave it out, and 32 random bytes are made
    """

  /// Adds a key; without a kid it gets a random one, without a secret 32 random bytes as 64 hex digits. The secret in
  /// the answer is there to be shown this once. With an advertiser it verifies that advertiser's ads alone.
  ///
  /// Throws `.keyExists`, `.tooManyKeys`, or `.invalid` for a kid, a secret or an advertiser that can't be used.
  package func addKey(
    kid: String? = nil, secret: Secret? = nil, advertiserID: String? = nil
  ) throws(CatalogError) -> ActiveKey {
    let key = ActiveKey(
      kid: kid ?? shortName(), secret: secret ?? Secret(Hex.encode(environment.chance.bytes(32))),
      advertiserID: advertiserID)
    var faults: [FieldFault] = []
    if AdID(key.kid) == nil { faults.append(FieldFault("kid", AdFields.nameRule)) }
    if let advertiserID, AdID(advertiserID) == nil { faults.append(FieldFault("advertiserId", AdFields.nameRule)) }
    if !(Self.minimumSecretBytes...Self.maximumSecretBytes ~= key.secret.bytes.count) {
      faults.append(FieldFault("secret", Self.secretRule))
    }
    guard faults.isEmpty else { throw .invalid(faults) }
    let doing = "adding signing key \(key.kid)"
    try database.transaction(doing: doing) { () throws(CatalogError) in
      // A damaged row's name may be anything; the column itself refuses a second one of this name.
      let keys = try rows(.signingKey, "", doing: doing)
      guard !keys.contains(where: { $0["kid"] == .text(key.kid) }) else { throw .keyExists(kid: key.kid) }
      guard keys.count(where: { $0["retired_at"] == .null }) < Self.maximumActiveKeys else {
        throw .tooManyKeys(limit: Self.maximumActiveKeys)
      }
      let number = try nextNumber(.signingKey, doing: doing)
      try insert(
        .signingKey,
        [
          .integer(number), .text(key.kid), .blob(key.secret.bytes), .integer(now()), .null, .optional(advertiserID),
        ], doing: doing)
    }
    return key
  }

  /// Ends a key's time: links signed with it stop verifying. False where no active key has this kid. Of a damaged row too, which
  /// verifies nothing as it is.
  package func retireKey(_ kid: String) throws(CatalogError) -> Bool {
    try end(.signingKey, kid, "retired_at", doing: "retiring signing key \(kid)")
  }

  /// Writes the time of now into a column that says when the row's time ended; false where no row of this name has none there.
  func end(
    _ table: SignedTable, _ name: String, _ column: String, doing: @autoclosure () -> String
  ) throws(CatalogError) -> Bool {
    let what = doing()
    return try database.transaction(doing: what) { () throws(CatalogError) in
      let rows = try rows(table, "WHERE \(table.nameColumn) = ? AND \(column) IS NULL", [.text(name)], doing: what)
      guard var row = rows.first else { return false }
      row[column] = .integer(now())
      try update(row, doing: what)
      return true
    }
  }

  /// Every key there ever was, newest first, without damaged ones, which are told.
  package func keys() throws(CatalogError) -> [KeyInfo] {
    try soundRows(.signingKey, "ORDER BY sequence DESC", doing: "listing signing keys").map {
      KeyInfo(
        kid: $0["kid"].text ?? "", createdAt: $0["created_at"].integer ?? 0, retiredAt: $0["retired_at"].integer,
        advertiserID: $0["advertiser_id"].text)
    }
  }

  /// The active keys with their secrets, newest first. A damaged one is told and left out: it verifies nothing.
  package func activeKeys() throws(CatalogError) -> [ActiveKey] {
    try soundRows(.signingKey, "ORDER BY sequence DESC", doing: "reading the active signing keys")
      .filter { $0["retired_at"] == .null && 1...Self.maximumSecretBytes ~= $0["secret"].blob.count }
      .map {
        ActiveKey(
          kid: $0["kid"].text ?? "", secret: Secret($0["secret"].blob), advertiserID: $0["advertiser_id"].text)
      }
  }
}
