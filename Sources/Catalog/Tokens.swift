import Clicks

// A token is shown once and kept hashed:
//
//     tally_k3f7q2wxyz_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG
//           id         32 random bytes, base64url without padding (RFC 4648, 5)
//
// The id finds the row; the SHA-256 of the whole text is compared in constant time. 256 random bits need no slow hash.

/// A token as it may be shown.
package struct TokenInfo: Hashable, Sendable {
  package var id: String
  package var scopes: Scopes
  /// The advertiser it is bound to; nil for all.
  package var advertiserID: String?
  package var label: String?
  /// Milliseconds since 1970.
  package var createdAt: Int64
  /// When it was revoked; nil where it was not.
  package var revokedAt: Int64?
  /// From when on it does not work any more; nil for never.
  package var expiresAt: Int64?
  /// When it was last used, to the minute or so; nil for never.
  package var lastUsed: Int64?
}

/// A token that was just made: its text exists only here.
package struct NewToken: Sendable {
  package var info: TokenInfo
  package var text: Secret
}

extension Catalog {
  /// The longest label, bytes.
  package static let maximumLabelBytes = 128

  /// Makes a token. Throws `.invalid` for no scopes, a wrong advertiser or label, `admin` bound to one advertiser, or a time of
  /// expiry that is past.
  package func createToken(
    scopes: Scopes, advertiserID: String? = nil, label: String? = nil, expiresAt: Int64? = nil
  ) throws(CatalogError) -> NewToken {
    var faults: [FieldFault] = []
    if scopes.names.isEmpty { faults.append(FieldFault("scopes", "are missing")) }
    if let advertiserID {
      if AdID(advertiserID) == nil { faults.append(FieldFault("advertiser", AdFields.nameRule)) }
      if scopes.contains(.admin) { faults.append(FieldFault("advertiser", "can't bind a token with scope admin")) }
    }
    if let label, label.utf8.count > Self.maximumLabelBytes || label.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      faults.append(
        FieldFault("label", "must have at most \(Self.maximumLabelBytes) bytes and no control characters"))
    }
    let now = now()
    if let expiresAt, expiresAt <= now { faults.append(FieldFault("expires", "is past")) }
    guard faults.isEmpty else { throw .invalid(faults) }
    let working = try database.query(
      "SELECT COUNT(*) FROM token \(Self.isWorking)", [.integer(now)], doing: "counting tokens"
    ) { $0.integer(0) }
    guard working.first ?? 0 < Self.maximumTokens else { throw .tooManyTokens(limit: Self.maximumTokens) }
    let info = TokenInfo(
      id: shortName(), scopes: scopes, advertiserID: advertiserID, label: label, createdAt: now, expiresAt: expiresAt)
    let text = Secret("tally_\(info.id)_\(Base64URL.encode(environment.chance.bytes(32)))")
    let doing = "adding token \(info.id)"
    try insert(
      .token,
      [
        .integer(try nextNumber(.token, doing: doing)), .text(info.id), .blob(hasher.digest(text.bytes)),
        .integer(scopes.rawValue), .optional(advertiserID), .optional(label), .integer(info.createdAt), .null,
        .optional(expiresAt), .null,
      ], doing: doing)
    return NewToken(info: info, text: text)
  }

  /// Every token there ever was, oldest first, without damaged ones, which are told.
  package func tokens() throws(CatalogError) -> [TokenInfo] {
    try soundRows(.token, "ORDER BY sequence", doing: "listing tokens").map {
      TokenInfo(
        id: $0["id"].text ?? "", scopes: Scopes(rawValue: $0["scopes"].integer ?? 0),
        advertiserID: $0["advertiser_id"].text, label: $0["label"].text, createdAt: $0["created_at"].integer ?? 0,
        revokedAt: $0["revoked_at"].integer, expiresAt: $0["expires_at"].integer, lastUsed: $0["last_used_at"].integer)
    }
  }

  /// Which rows are of tokens, or shares, that work at the time in the statement's parameter.
  static let isWorking = "WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"

  /// Writes down when tokens were used, milliseconds since 1970 by id. Of a damaged row nothing is written.
  package func note(uses: [String: Int64]) throws(CatalogError) {
    let doing = "noting when tokens were used"
    try database.transaction(doing: doing) { () throws(CatalogError) in
      for (id, time) in uses {
        for var row in try soundRows(.token, "WHERE id = ?", [.text(id)], doing: doing)
        where row["last_used_at"].integer ?? .min < time {
          row["last_used_at"] = .integer(time)
          try update(row, doing: doing)
        }
      }
    }
  }

  /// Whether there was ever a token, damaged ones among them.
  func hasTokens() throws(CatalogError) -> Bool {
    try !database.query("SELECT 1 FROM token LIMIT 1", doing: "looking for tokens") { $0.integer(0) }.isEmpty
  }

  /// Ends a token's time. False where no working token has this id. Of a damaged row too, which opens nothing as it is.
  package func revokeToken(_ id: String) throws(CatalogError) -> Bool {
    try end(.token, id, "revoked_at", doing: "revoking token \(id)")
  }

  /// What the bearer of `text` may do; nil where it is no token, one that was revoked or has expired, or one whose row is
  /// damaged, which is told.
  package func authenticate(_ text: String) throws(CatalogError) -> Grant? {
    guard let id = TokenText.id(in: text), let row = try workingToken(id),
      equalInConstantTime(row["hash"].blob, hasher.digest(Array(text.utf8)))
    else { return nil }
    return Grant(token: row)
  }

  /// The row of the token of this id; nil where none works.
  func workingToken(_ id: String) throws(CatalogError) -> StoredRow? {
    try soundRows(
      .token, "\(Self.isWorking) AND id = ?", [.integer(now()), .text(id)], doing: "looking up a token"
    ).first
  }
}

extension Grant {
  /// What the token of a row allows.
  init(token row: StoredRow) {
    self.init(
      tokenID: row["id"].text ?? "", scopes: Scopes(rawValue: row["scopes"].integer ?? 0),
      advertiserID: row["advertiser_id"].text)
  }
}

/// The form of a token's text.
enum TokenText {
  private static let prefix = Array("tally_".utf8)
  private static let secretCharacters = 43

  /// The id inside `text`; nil where `text` does not have the form of a token.
  static func id(in text: String) -> String? {
    let bytes = Array(text.utf8)
    guard bytes.count <= 128, bytes.starts(with: prefix) else { return nil }
    let id = bytes[prefix.count...].prefix { $0 != UInt8(ascii: "_") }
    let secret = bytes[id.endIndex...].dropFirst()
    guard !id.isEmpty, secret.count == secretCharacters, secret.allSatisfy(Base64URL.alphabet.contains),
      unsafe id.withUnsafeBytes({ unsafe AdID.isValid($0) })
    else { return nil }
    return String(decoding: id, as: UTF8.self)
  }
}

/// Base64 with the alphabet for URLs, without padding (RFC 4648, 5).
enum Base64URL {
  static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits: UInt32 = 0
      for (index, byte) in group.enumerated() { bits |= UInt32(byte) << (16 - 8 * index) }
      for index in 0...group.count { text.append(alphabet[Int(bits >> (18 - 6 * index) & 63)]) }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Whether both are equal, in a time that does not depend on where they differ.
func equalInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
  guard a.count == b.count else { return false }
  var difference: UInt8 = 0
  for index in a.indices { difference |= a[index] ^ b[index] }
  return difference == 0
}
