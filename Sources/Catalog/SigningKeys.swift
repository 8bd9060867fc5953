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
}

/// A signing key with its secret: what a `KeyRing` is made from.
package struct ActiveKey: Sendable {
  package var kid: String
  package var secret: Secret

  package init(kid: String, secret: Secret) {
    self.kid = kid
    self.secret = secret
  }
}

extension Catalog {
  /// The most keys that may be active at once: a forged link without a kid costs one HMAC for each.
  package static let maximumActiveKeys = 16

  /// The longest secret, bytes.
  package static let maximumSecretBytes = 4096

  /// Adds a key; without a kid it gets a random one, without a secret 32 random bytes as 64 hex digits. The secret in
  /// the answer is there to be shown this once.
  ///
  /// Throws `.keyExists`, `.tooManyKeys`, or `.invalid` for a kid or a secret that can't be used.
  package func addKey(kid: String? = nil, secret: Secret? = nil) throws(CatalogError) -> ActiveKey {
    let key = ActiveKey(
      kid: kid ?? shortName(), secret: secret ?? Secret(Hex.encode(environment.chance.bytes(32))))
    var faults: [FieldFault] = []
    if AdID(key.kid) == nil { faults.append(FieldFault("kid", AdFields.nameRule)) }
    if !(1...Self.maximumSecretBytes ~= key.secret.bytes.count) {
      faults.append(FieldFault("secret", "must have 1 to \(Self.maximumSecretBytes) bytes"))
    }
    guard faults.isEmpty else { throw .invalid(faults) }
    let doing = "adding signing key \(key.kid)"
    try database.transaction(doing: doing) { () throws(CatalogError) in
      let keys = try keys()
      guard !keys.contains(where: { $0.kid == key.kid }) else { throw .keyExists(kid: key.kid) }
      guard keys.count(where: { $0.retiredAt == nil }) < Self.maximumActiveKeys else {
        throw .tooManyKeys(limit: Self.maximumActiveKeys)
      }
      try database.run(
        "INSERT INTO signing_key (kid, secret, created_at) VALUES (?, ?, ?)",
        [.text(key.kid), .blob(key.secret.bytes), .integer(now())], doing: doing)
    }
    return key
  }

  /// Ends a key's time: links signed with it stop verifying. False where no active key has this kid.
  package func retireKey(_ kid: String) throws(CatalogError) -> Bool {
    try database.run(
      "UPDATE signing_key SET retired_at = ? WHERE kid = ? AND retired_at IS NULL", [.integer(now()), .text(kid)],
      doing: "retiring signing key \(kid)") > 0
  }

  /// Every key there ever was, newest first.
  package func keys() throws(CatalogError) -> [KeyInfo] {
    try database.query(
      "SELECT kid, created_at, retired_at FROM signing_key ORDER BY sequence DESC", doing: "listing signing keys"
    ) { KeyInfo(kid: $0.text(0), createdAt: $0.integer(1), retiredAt: $0.optionalInteger(2)) }
  }

  /// The active keys with their secrets, newest first.
  package func activeKeys() throws(CatalogError) -> [ActiveKey] {
    try database.query(
      "SELECT kid, secret FROM signing_key WHERE retired_at IS NULL ORDER BY sequence DESC",
      doing: "reading the active signing keys"
    ) { ActiveKey(kid: $0.text(0), secret: Secret($0.blob(1))) }
  }
}
