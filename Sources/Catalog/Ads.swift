import Clicks

// A row in `ad` is never removed: deleting marks it, so that the engine's key still leads to the id and the counts stay
// in reach; putting the id again revives the row. The rule R11 is kept here: a key belongs to one id for good.

/// What `put` did.
package enum PutOutcome: Sendable {
  /// There was no such ad, or it was deleted.
  case created
  case updated
}

/// One page of ads in the order of their ids (by bytes).
package struct AdPage: Sendable {
  package var ads: [Ad]
  /// Where the next page begins (`after`); nil at the end.
  package var next: AdID?
}

extension Catalog {
  /// The most ads of one page.
  package static let maximumPage = 10_000

  private static let byKey = "WHERE key = ?"

  private static let upsert = """
    INSERT INTO ad (\(SignedTable.ad.columnList), checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET id = excluded.id, redirect_url = excluded.redirect_url,
      advertiser_id = excluded.advertiser_id, campaign_id = excluded.campaign_id, status = excluded.status,
      fallback_url = excluded.fallback_url, pass_query = excluded.pass_query, created_at = excluded.created_at,
      updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, checksum = excluded.checksum
    """

  /// Stores an ad, new or in place of what it was. `hasCounts` is asked only where the advertiser would change.
  ///
  /// Throws `.keyCollision` where another id has the key, `.advertiserFixed` where counts belong to another advertiser,
  /// `.damagedRow` where the row that stands there is damaged and `replacesDamaged` does not say that it shall go.
  package func put(
    _ draft: AdDraft, hasCounts: @autoclosure () -> Bool, replacesDamaged: Bool = false
  ) throws(CatalogError) -> (ad: Ad, outcome: PutOutcome) {
    try database.transaction(doing: "storing ad \(draft.id)") { () throws(CatalogError) in
      try putInTransaction(draft, replacesDamaged: replacesDamaged) { _ in hasCounts() }
    }
  }

  /// The same inside an open transaction. A refusal changes nothing.
  func putInTransaction(
    _ draft: AdDraft, replacesDamaged: Bool = false, hasCounts: (AdKey) -> Bool
  ) throws(CatalogError) -> (ad: Ad, outcome: PutOutcome) {
    let key = AdKey(draft.id, by: hasher)
    let stored = try storedRow(key)
    var old: Ad?
    if let stored, stored.isSound || !replacesDamaged {
      try check(stored)
      let ad = try read(stored)
      guard ad.id == draft.id else { throw .keyCollision(ad: draft.id, other: ad.id) }
      guard ad.advertiserID == draft.advertiserID || !hasCounts(key) else {
        throw .advertiserFixed(ad: draft.id, advertiserID: ad.advertiserID)
      }
      old = ad
    }
    let live = old?.deletedAt == nil ? old : nil
    let now = now()
    let ad = Ad(
      id: draft.id, key: key, redirectURL: draft.redirectURL, advertiserID: draft.advertiserID,
      campaignID: draft.campaignID, status: draft.status, fallbackURL: draft.fallbackURL, passQuery: draft.passQuery,
      createdAt: live?.createdAt ?? now, updatedAt: now, deletedAt: nil)
    let values = Self.values(ad)
    let all = values + [.integer(signer.checksum(.ad, values))]
    let doing = "storing ad \(draft.id)"
    do throws(CatalogError) { try database.run(Self.upsert, all, doing: doing) } catch {
      // An index that does not know the damaged row as it is.
      guard stored?.isSound == false else { throw error }
      try database.execute("REINDEX ad", doing: doing)
      try database.run(Self.upsert, all, doing: doing)
    }
    return (ad, stored?.isSound == false || live != nil ? .updated : .created)
  }

  /// The ad of an id; one that was deleted only on request. Throws `.damagedRow`.
  package func ad(_ id: AdID, includingDeleted: Bool = false) throws(CatalogError) -> Ad? {
    guard let ad = try ad(AdKey(id, by: hasher), includingDeleted: true), ad.id == id else { return nil }
    return ad.deletedAt == nil || includingDeleted ? ad : nil
  }

  /// The ad of an engine's key; one that was deleted only on request. Throws `.damagedRow`.
  package func ad(_ key: AdKey, includingDeleted: Bool = false) throws(CatalogError) -> Ad? {
    guard let row = try storedRow(key) else { return nil }
    try check(row)
    let ad = try read(row)
    return ad.deletedAt == nil || includingDeleted ? ad : nil
  }

  /// Marks an ad as deleted; false where there is none. Its key, its id and its counts stay connected. Throws `.damagedRow`.
  package func delete(_ id: AdID) throws(CatalogError) -> Bool {
    let doing = "deleting ad \(id)"
    return try database.transaction(doing: doing) { () throws(CatalogError) in
      guard var row = try storedRow(AdKey(id, by: hasher)), row["id"] == .text(id.text), row["deleted_at"] == .null
      else { return false }
      try check(row)
      let now = now()
      row["deleted_at"] = .integer(now)
      row["updated_at"] = .integer(now)
      try update(row, doing: doing)
      return true
    }
  }

  /// Up to `limit` (1 to `maximumPage`) live ads in id order behind the id `after`: those of one advertiser, of one campaign, of
  /// both, or all. Damaged ones are left out and told.
  package func ads(
    advertiserID: String? = nil, campaignID: String? = nil, after: AdID? = nil, limit: Int
  ) throws(CatalogError) -> AdPage {
    precondition(1...Self.maximumPage ~= limit, "page of \(limit) ads")
    var filter = ""
    var values: [Value] = [.text(after?.text ?? ""), .integer(Int64(limit + 1))]
    if let advertiserID {
      values.append(.text(advertiserID))
      filter += "advertiser_id = ?\(values.count) AND "
    }
    if let campaignID {
      values.append(.text(campaignID))
      filter += "campaign_id = ?\(values.count) AND "
    }
    // An index finds the rows; what is believed is read from the rows themselves.
    var keys = try database.query(
      "SELECT key, id FROM ad WHERE \(filter)id > ?1 AND deleted_at IS NULL ORDER BY id LIMIT ?2", values,
      doing: "listing ads"
    ) { (key: $0.integer(0), id: $0.text(1)) }
    let hasMore = keys.count > limit
    if hasMore { keys.removeLast() }
    var ads: [Ad] = []
    for entry in keys {
      guard let row = try storedRow(AdKey(rawValue: UInt64(bitPattern: entry.key))) else { continue }
      guard row.isSound else {
        found?(row.identity)
        continue
      }
      let ad = try read(row)
      guard ad.id.text == entry.id, advertiserID == nil || ad.advertiserID == advertiserID,
        campaignID == nil || ad.campaignID == campaignID
      else { throw .damaged(file: database.path, doing: "listing ads", text: "an index differs from ad \(ad.id)") }
      ads.append(ad)
    }
    return AdPage(ads: ads, next: hasMore ? keys.last.flatMap { AdID($0.id) } : nil)
  }

  /// Ids and keys of all ads of an advertiser, deleted ones among them, by id. Throws `.damagedRow` where one of them is.
  package func adKeys(advertiserID: String) throws(CatalogError) -> [(id: AdID, key: AdKey)] {
    let doing = "listing ads of an advertiser"
    let keys = try database.query(
      "SELECT key FROM ad WHERE advertiser_id = ?1 ORDER BY id", [.text(advertiserID)], doing: doing
    ) { AdKey(rawValue: UInt64(bitPattern: $0.integer(0))) }
    var ads: [(id: AdID, key: AdKey)] = []
    for key in keys {
      guard let ad = try ad(key, includingDeleted: true), ad.advertiserID == advertiserID else {
        throw .damaged(file: database.path, doing: doing, text: "an index differs from ad key \(key)")
      }
      ads.append((ad.id, ad.key))
    }
    return ads
  }

  /// Up to `limit` ads of an advertiser, of a campaign or of both, deleted ones among them, by id; nil where there are more.
  /// Throws `.damagedRow` where one of them is: it may be one of those that are asked for.
  package func allAds(
    advertiserID: String?, campaignID: String?, limit: Int
  ) throws(CatalogError) -> [Ad]? {
    let doing = "listing ads of an advertiser or a campaign"
    var filter: [String] = []
    var values: [Value] = []
    for (column, value) in [("advertiser_id", advertiserID), ("campaign_id", campaignID)] {
      guard let value else { continue }
      values.append(.text(value))
      filter.append("\(column) = ?\(values.count)")
    }
    precondition(!filter.isEmpty, "all ads of the catalog")
    var ads: [Ad] = []
    while true {
      let place = "id > ?\(values.count + 1) ORDER BY id LIMIT ?\(values.count + 2)"
      let page = try rows(
        .ad, "WHERE \(filter.joined(separator: " AND ")) AND \(place)",
        values + [.text(ads.last?.id.text ?? ""), .integer(Int64(Self.maximumPage))], doing: doing)
      for row in page {
        try check(row)
        let ad = try read(row)
        guard advertiserID == nil || ad.advertiserID == advertiserID, campaignID == nil || ad.campaignID == campaignID
        else { throw .damaged(file: database.path, doing: doing, text: "an index differs from ad \(ad.id)") }
        ads.append(ad)
      }
      if ads.count > limit { return nil }
      if page.count < Self.maximumPage { return ads }
    }
  }

  /// A number that differs from the one before once another connection has changed the file.
  package func changeNumber() throws(CatalogError) -> Int64 {
    try database.query("PRAGMA data_version", [], doing: "asking for changes") { $0.integer(0) }[0]
  }

  /// How many live ads there are, of one advertiser or in all.
  package func countAds(advertiserID: String? = nil) throws(CatalogError) -> Int {
    let filter = advertiserID == nil ? "" : "advertiser_id = ?1 AND"
    let counts = try database.query(
      "SELECT count(*) FROM ad WHERE \(filter) deleted_at IS NULL", advertiserID.map { [.text($0)] } ?? [],
      doing: "counting ads"
    ) { $0.integer(0) }
    return Int(counts[0])
  }

  private func storedRow(_ key: AdKey) throws(CatalogError) -> StoredRow? {
    try rows(.ad, Self.byKey, [.integer(Int64(bitPattern: key.rawValue))], doing: "looking up ad key \(key)").first
  }

  /// The values of an ad's row, in the order of its columns.
  private static func values(_ ad: Ad) -> [Value] {
    [
      .integer(Int64(bitPattern: ad.key.rawValue)), .text(ad.id.text), .text(ad.redirectURL), .text(ad.advertiserID),
      .optional(ad.campaignID), .integer(ad.status.rawValue), .optional(ad.fallbackURL), .optional(ad.passQuery),
      .integer(ad.createdAt), .integer(ad.updatedAt), .optional(ad.deletedAt),
    ]
  }

  private func read(_ row: StoredRow) throws(CatalogError) -> Ad {
    let key = AdKey(rawValue: UInt64(bitPattern: row.rowID))
    guard let id = row["id"].text.flatMap({ AdID($0) }), let status = row["status"].integer.flatMap(Ad.Status.init),
      let redirectURL = row["redirect_url"].text, let advertiserID = row["advertiser_id"].text,
      let createdAt = row["created_at"].integer, let updatedAt = row["updated_at"].integer
    else { throw .damaged(file: database.path, doing: "reading ad key \(key)", text: "id or status is none") }
    return Ad(
      id: id, key: key, redirectURL: redirectURL, advertiserID: advertiserID, campaignID: row["campaign_id"].text,
      status: status, fallbackURL: row["fallback_url"].text, passQuery: row["pass_query"].text, createdAt: createdAt,
      updatedAt: updatedAt, deletedAt: row["deleted_at"].integer)
  }
}
