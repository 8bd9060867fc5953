import Clicks

// Whether ads take clicks, for who asks for many: of each row only its checksum and its status are made, with nothing else
// allocated. What is not as it should be goes the way of every other look-up, which says what is wrong.

extension Catalog {
  private static let selectStanding = SignedTable.ad.select("WHERE key = ?")
  private static let selectStandings = SignedTable.ad.select("ORDER BY key")

  /// The status of the live ad of an engine's key; nil where there is none. Throws `.damagedRow`.
  package func status(of key: AdKey) throws(CatalogError) -> Ad.Status? {
    var bytes: [UInt8] = []
    let found = try database.query(
      Self.selectStanding, [.integer(Int64(bitPattern: key.rawValue))], doing: "looking up ad key \(key)"
    ) { [signer] in Standing($0, by: signer, &bytes) }
    switch found.first {
    case nil, .gone?: return nil
    case .status(let status)?: return status
    case .doubtful?: return try ad(key)?.status
    }
  }

  /// Tells the status of every live ad, by key. Damaged rows are left out.
  package func forEachStatus(_ body: (AdKey, Ad.Status) -> Void) throws(CatalogError) {
    var bytes: [UInt8] = []
    _ = try database.query(Self.selectStandings, doing: "reading the status of all ads") { [signer] row in
      guard case .status(let status) = Standing(row, by: signer, &bytes) else { return }
      body(AdKey(rawValue: UInt64(bitPattern: row.integer(0))), status)
    }
  }
}

/// What a row says of an ad's clicks.
private enum Standing {
  case status(Ad.Status)
  /// The ad was deleted.
  case gone
  /// It is not what was signed, or no ad.
  case doubtful

  /// Reads a row that `SignedTable.select` asked for; `bytes` is memory that is used again.
  init(_ row: Row, by signer: RowSigner, _ bytes: inout [UInt8]) {
    let count = Int32(Self.columns)
    bytes.removeAll(keepingCapacity: true)
    SignedTable.ad.begin(&bytes, key: signer.key)
    for column in 1...count { row.appendSigned(column, to: &bytes) }
    let checksum = unsafe bytes.withUnsafeBytes { unsafe signer.hasher.first64($0) }
    guard row.optionalInteger(count + 1) == Int64(bitPattern: checksum),
      let status = row.optionalInteger(Self.status).flatMap({ Ad.Status(rawValue: $0) })
    else {
      self = .doubtful
      return
    }
    self = row.optionalInteger(Self.deleted) == nil ? .status(status) : .gone
  }

  private static let columns = SignedTable.ad.columns.count
  private static let status = Int32(SignedTable.ad.columns.firstIndex(of: "status")! + 1)
  private static let deleted = Int32(SignedTable.ad.columns.firstIndex(of: "deleted_at")! + 1)
}
