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

  private static let columns = """
    key, id, redirect_url, advertiser_id, campaign_id, status, fallback_url, created_at, updated_at, deleted_at
    """

  private static let selectByKey = "SELECT \(columns) FROM ad WHERE key = ?"

  private static let upsert = """
    INSERT INTO ad (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)
    ON CONFLICT (key) DO UPDATE SET redirect_url = excluded.redirect_url, advertiser_id = excluded.advertiser_id,
      campaign_id = excluded.campaign_id, status = excluded.status, fallback_url = excluded.fallback_url,
      created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = NULL
    """

  /// Stores an ad, new or in place of what it was. `hasCounts` is asked only where the advertiser would change.
  ///
  /// Throws `.keyCollision` where another id has the key, `.advertiserFixed` where counts belong to another advertiser.
  package func put(
    _ draft: AdDraft, hasCounts: @autoclosure () -> Bool
  ) throws(CatalogError) -> (ad: Ad, outcome: PutOutcome) {
    try database.transaction(doing: "storing ad \(draft.id)") { () throws(CatalogError) in
      try putInTransaction(draft) { _ in hasCounts() }
    }
  }

  /// The same inside an open transaction. A refusal changes nothing.
  func putInTransaction(
    _ draft: AdDraft, hasCounts: (AdKey) -> Bool
  ) throws(CatalogError) -> (ad: Ad, outcome: PutOutcome) {
    let key = AdKey(draft.id, by: hasher)
    let old = try row(key)
    if let old {
      guard old.id == draft.id else { throw .keyCollision(ad: draft.id, other: old.id) }
      guard old.advertiserID == draft.advertiserID || !hasCounts(key) else {
        throw .advertiserFixed(ad: draft.id, advertiserID: old.advertiserID)
      }
    }
    let live = old?.deletedAt == nil ? old : nil
    let now = now()
    let ad = Ad(
      id: draft.id, key: key, redirectURL: draft.redirectURL, advertiserID: draft.advertiserID,
      campaignID: draft.campaignID, status: draft.status, fallbackURL: draft.fallbackURL,
      createdAt: live?.createdAt ?? now, updatedAt: now, deletedAt: nil)
    try database.run(
      Self.upsert,
      [
        .integer(Int64(bitPattern: key.rawValue)), .text(ad.id.text), .text(ad.redirectURL), .text(ad.advertiserID),
        .optional(ad.campaignID), .integer(ad.status.rawValue), .optional(ad.fallbackURL), .integer(ad.createdAt),
        .integer(ad.updatedAt),
      ],
      doing: "storing ad \(draft.id)")
    return (ad, live == nil ? .created : .updated)
  }

  /// The ad of an id; one that was deleted only on request.
  package func ad(_ id: AdID, includingDeleted: Bool = false) throws(CatalogError) -> Ad? {
    guard let ad = try row(AdKey(id, by: hasher)), ad.id == id else { return nil }
    return ad.deletedAt == nil || includingDeleted ? ad : nil
  }

  /// The ad of an engine's key; one that was deleted only on request.
  package func ad(_ key: AdKey, includingDeleted: Bool = false) throws(CatalogError) -> Ad? {
    guard let ad = try row(key) else { return nil }
    return ad.deletedAt == nil || includingDeleted ? ad : nil
  }

  /// Marks an ad as deleted; false where there is none. Its key, its id and its counts stay connected.
  package func delete(_ id: AdID) throws(CatalogError) -> Bool {
    try database.run(
      "UPDATE ad SET deleted_at = ?1, updated_at = ?1 WHERE key = ?2 AND id = ?3 AND deleted_at IS NULL",
      [.integer(now()), .integer(Int64(bitPattern: AdKey(id, by: hasher).rawValue)), .text(id.text)],
      doing: "deleting ad \(id)") > 0
  }

  /// Up to `limit` (1 to `maximumPage`) live ads in id order, those of one advertiser or all, behind the id `after`.
  package func ads(
    advertiserID: String? = nil, after: AdID? = nil, limit: Int
  ) throws(CatalogError) -> AdPage {
    precondition(1...Self.maximumPage ~= limit, "page of \(limit) ads")
    let filter = advertiserID == nil ? "" : "advertiser_id = ?3 AND"
    var values: [Value] = [.text(after?.text ?? ""), .integer(Int64(limit + 1))]
    if let advertiserID { values.append(.text(advertiserID)) }
    var ads = try database.query(
      "SELECT \(Self.columns) FROM ad WHERE \(filter) id > ?1 AND deleted_at IS NULL ORDER BY id LIMIT ?2",
      values, doing: "listing ads", row: read)
    guard ads.count > limit else { return AdPage(ads: ads, next: nil) }
    ads.removeLast()
    return AdPage(ads: ads, next: ads.last?.id)
  }

  /// Ids and keys of all ads of an advertiser, deleted ones among them, by id.
  package func adKeys(advertiserID: String) throws(CatalogError) -> [(id: AdID, key: AdKey)] {
    try database.query(
      "SELECT \(Self.columns) FROM ad WHERE advertiser_id = ?1 ORDER BY id", [.text(advertiserID)],
      doing: "listing ads of an advertiser", row: read
    ).map { ($0.id, $0.key) }
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

  private func row(_ key: AdKey) throws(CatalogError) -> Ad? {
    try database.query(
      Self.selectByKey, [.integer(Int64(bitPattern: key.rawValue))],
      doing: "looking up ad key \(key)", row: read
    ).first
  }

  private func read(_ row: Row) throws(CatalogError) -> Ad {
    let key = AdKey(rawValue: UInt64(bitPattern: row.integer(0)))
    guard let id = AdID(row.text(1)), let status = Ad.Status(rawValue: row.integer(5)) else {
      throw .damaged(file: database.path, doing: "reading ad key \(key)", text: "id or status is none")
    }
    return Ad(
      id: id, key: key, redirectURL: row.text(2), advertiserID: row.text(3), campaignID: row.optionalText(4),
      status: status, fallbackURL: row.optionalText(6), createdAt: row.integer(7), updatedAt: row.integer(8),
      deletedAt: row.optionalInteger(9))
  }
}
