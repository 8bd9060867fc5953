import Bytes
import Clicks

// What an operator does about a damaged row: looks at it, and then has it signed as it stands, put back as it was signed, or
// removed. A checksum tells whether a row is right, not what it was. But damage is mostly one bit, and there are few enough bits
// in a row to try each of them: the one that makes the checksum right again is the one that flipped.

/// A row as an operator is shown it.
package struct RowView: Sendable {
  package var row: DamagedRow
  package var isDamaged: Bool
  /// What stands in each column; nil for null. Secrets are left out.
  package var columns: [(name: String, value: String?)]
  /// The column in which one bit has flipped, and what stood there; nil where the row is sound or more than a bit is wrong.
  package var original: (name: String, value: String?)?
  /// Names exactly this row as it stands: 16 hex digits.
  package var token: String
}

/// What is to become of a damaged row.
package enum RowDecision: String, CaseIterable, Sendable {
  /// It is signed as it stands.
  case accept
  /// The one bit that flipped is put back.
  case restore
  /// It is removed.
  case drop
}

extension Catalog {
  /// The rows of a table that go by `name`, and those of `candidates` that do.
  package func views(
    _ table: SignedTable, _ name: String, candidates: [DamagedRow]
  ) throws(CatalogError) -> [RowView] {
    let doing = "looking for \(table.kind) \(name)"
    var numbers = Set(candidates.filter { $0.table == table && $0.name == name }.map(\.rowID))
    if table == .ad, let id = AdID(name) {
      numbers.insert(Int64(bitPattern: AdKey(id, by: hasher).rawValue))
    } else if table != .ad {
      numbers.formUnion(try rows(table, "", doing: doing).filter { $0[table.nameColumn] == .text(name) }.map(\.rowID))
    }
    var views: [RowView] = []
    for number in numbers.sorted() {
      for row in try rows(table, "WHERE rowid = ?", [.integer(number)], doing: doing) { views.append(view(row)) }
    }
    return views
  }

  /// A damaged row as an operator is shown it; nil where it is gone.
  package func view(_ row: DamagedRow) throws(CatalogError) -> RowView? {
    try rows(row.table, "WHERE rowid = ?", [.integer(row.rowID)], doing: "reading \(row)").first.map(view)
  }

  private func view(_ row: StoredRow) -> RowView {
    let secret = row.table.secretColumns
    func text(_ column: String, _ value: Value) -> String? {
      switch value {
      case .null: nil
      case _ where secret.contains(column): "(not shown)"
      case .integer(let number) where column == "key": Hex.encode(UInt64(bitPattern: number))
      case .integer(let number): String(number)
      case .text(let text): text
      case .blob(let bytes): Hex.encode(bytes)
      }
    }
    let original = row.isSound ? nil : original(of: row)
    return RowView(
      row: row.identity, isDamaged: !row.isSound,
      columns: zip(row.table.columns, row.values).map { ($0, text($0, $1)) },
      original: original.map { ($0.name, text($0.name, $0.value)) }, token: token(row))
  }

  private func token(_ row: StoredRow) -> String {
    Hex.encode(UInt64(bitPattern: signer.checksum(row.table, row.values)))
  }

  /// The column that one flipped bit has changed, and its value before.
  private func original(of row: StoredRow) -> (name: String, value: Value)? {
    guard let checksum = row.checksum else { return nil }
    var values = row.values
    for (index, value) in row.values.enumerated() {
      for candidate in value.oneBitAway {
        values[index] = candidate
        if signer.checksum(row.table, values) == checksum { return (row.table.columns[index], candidate) }
      }
      values[index] = value
    }
    return nil
  }

  /// Does what an operator has decided about the row that `token` names. Throws `.invalid` where the row has changed since it was
  /// shown, is not damaged, cannot be restored, or would be none as it stands.
  package func decide(_ row: DamagedRow, _ token: String, _ decision: RowDecision) throws(CatalogError) {
    let doing = "deciding about \(row)"
    try database.transaction(doing: doing) { () throws(CatalogError) in
      guard var stored = try rows(row.table, "WHERE rowid = ?", [.integer(row.rowID)], doing: doing).first,
        self.token(stored) == token
      else { throw .invalid([FieldFault("row", "is not the one that was shown; look at it again")]) }
      guard !stored.isSound else { throw .invalid([FieldFault("row", "is not damaged")]) }
      // What the indexes hold may be of the row before the damage.
      func write(_ body: () throws(CatalogError) -> Void) throws(CatalogError) {
        do throws(CatalogError) { try body() } catch {
          try database.execute("REINDEX \(row.table.rawValue)", doing: doing)
          try body()
        }
      }
      switch decision {
      case .drop:
        try write { () throws(CatalogError) in
          try database.run(
            "DELETE FROM \(row.table.rawValue) WHERE rowid = ?", [.integer(row.rowID)], doing: doing)
        }
      case .restore:
        guard let (name, value) = original(of: stored) else {
          throw .invalid([
            FieldFault("row", "has more than one wrong bit; accept it as it stands, drop it, or put it anew")
          ])
        }
        stored[name] = value
        try write { () throws(CatalogError) in try update(stored, doing: doing) }
      case .accept:
        let faults = faults(of: stored)
        guard faults.isEmpty else { throw .invalid(faults) }
        try write { () throws(CatalogError) in try update(stored, doing: doing) }
      }
      // The row and its entries agree again, whatever the damage had parted.
      try database.execute("REINDEX \(row.table.rawValue)", doing: doing)
    }
  }

  /// Why a row cannot be signed as it stands.
  private func faults(of row: StoredRow) -> [FieldFault] {
    switch row.table {
    case .ad:
      let fields = AdFields(
        adID: row["id"].text, redirectURL: row["redirect_url"].text, advertiserID: row["advertiser_id"].text,
        campaignID: row["campaign_id"].text,
        status: row["status"].integer.flatMap(Ad.Status.init).map(\.name) ?? "",
        fallbackURL: row["fallback_url"].text, passQuery: row["pass_query"].text)
      let faults = fields.faults()
      guard faults.isEmpty, let id = fields.adID.flatMap({ AdID($0) }) else { return faults }
      return Int64(bitPattern: AdKey(id, by: hasher).rawValue) == row.rowID
        ? [] : [FieldFault("adId", "is not the one that the row's key was made of")]
    case .signingKey:
      let isSecret = 1...Self.maximumSecretBytes ~= row["secret"].blob.count
      return (row["kid"].text.flatMap { AdID($0) } == nil ? [FieldFault("kid", AdFields.nameRule)] : [])
        + (isSecret ? [] : [FieldFault("secret", "is none")])
    case .token:
      let known = Scopes.named.reduce(into: Scopes()) { $0.insert($1.scope) }
      let scopes = Scopes(rawValue: row["scopes"].integer ?? -1)
      return (row["id"].text.flatMap { AdID($0) } == nil ? [FieldFault("id", AdFields.nameRule)] : [])
        + (known.isSuperset(of: scopes) ? [] : [FieldFault("scopes", "are not all known")])
    case .share:
      return ["id", "token_id", "advertiser_id"].filter { row[$0].text.flatMap { AdID($0) } == nil }
        .map { FieldFault($0, AdFields.nameRule) }
    case .job, .schedule: return []
    }
  }
}

extension Value {
  /// Every value of the same type that differs in one bit.
  fileprivate var oneBitAway: [Value] {
    func flipped(_ bytes: [UInt8]) -> [[UInt8]] {
      bytes.indices.flatMap { index in
        (0..<8).map { bit in
          var copy = bytes
          copy[index] ^= 1 << bit
          return copy
        }
      }
    }
    switch self {
    case .null: return []
    case .integer(let number): return (0..<64).map { .integer(number ^ (1 << $0)) }
    case .text(let text):
      return flipped(Array(text.utf8)).compactMap { String(validating: $0, as: UTF8.self).map { .text($0) } }
    case .blob(let bytes): return flipped(bytes).map { .blob($0) }
    }
  }
}
