import Bytes
import Catalog
import Clicks

// The ad catalog. A token that is bound to an advertiser sees its rows alone: another's ad is not there for it, whether
// it lives or was deleted.

extension API {
  /// Ads of a page where `limit` is absent, and at most.
  static let defaultPage = 100
  static let maximumPage = 1000

  func getAd(_ name: String, _ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    let id = try adID(name)
    let ad = try inCatalog { () throws(CatalogError) in try catalog.ad(id) }
    guard let ad, grant.reaches(ad) else { throw .unknownAd }
    return validated(AdDocument.json(ad), request)
  }

  func putAd(_ name: String, _ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    let id = try adID(name)
    let (fields, faults) = AdDocument.read(try request.document(), id: id)
    guard faults.isEmpty else { throw .invalid(faults.map { ($0.field, $0.detail) }) }
    let result = try inCatalog { () throws(CatalogError) -> Result<(ad: Ad, outcome: PutOutcome), Problem> in
      let draft = try AdDraft(fields)
      if grant.advertiserID != nil {
        if let old = try catalog.ad(id, includingDeleted: true), !grant.reaches(advertiserID: old.advertiserID) {
          return .failure(.unknownAd)
        }
        guard grant.reaches(advertiserID: draft.advertiserID) else { return .failure(.otherAdvertiser) }
      }
      let key = AdKey(id, by: hasher)
      return .success(
        try catalog.put(draft, hasCounts: hasCounts(key), replacesDamaged: replacesDamaged(grant)))
    }
    let (ad, outcome) = try result.get()
    repaired([ad.key])
    changed(.ads([ad.key]))
    switch outcome {
    case .updated: return .json(200, AdDocument.json(ad))
    case .created: return .json(201, AdDocument.json(ad), headers: [("Location", "/api/v1/ads/\(id)")])
    }
  }

  /// Who may put an ad over a row that is damaged: nobody can say whose it was, so only who may put any advertiser's.
  func replacesDamaged(_ grant: Grant) -> Bool { grant.advertiserID == nil }

  func deleteAd(_ name: String, _ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    _ = try request.values()
    let id = try adID(name)
    let deleted = try inCatalog { () throws(CatalogError) in
      guard let ad = try catalog.ad(id), grant.reaches(advertiserID: ad.advertiserID) else { return false }
      return try catalog.delete(id)
    }
    guard deleted else { throw .unknownAd }
    changed(.ads([AdKey(id, by: hasher)]))
    return .noContent
  }

  func listAds(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    let values = try request.values(["advertiserId", "campaignId", "cursor", "limit"])
    let limit = try APIRequest.number("limit", values["limit"], in: 1...Self.maximumPage, absent: Self.defaultPage)
    for name in ["advertiserId", "campaignId"] {
      if let value = values[name], AdID(value) == nil { throw .invalid([(name, AdFields.rule)]) }
    }
    if let advertiser = values["advertiserId"], !grant.reaches(advertiserID: advertiser) { throw .otherAdvertiser }
    let advertiser = values["advertiserId"] ?? grant.advertiserID
    let campaign = values["campaignId"] ?? grant.campaignID
    guard grant.campaignID == nil || campaign == grant.campaignID else { throw .otherCampaign }
    let binding = AdCursor.binding(advertiser, campaign: campaign)
    var after: AdID?
    if let text = values["cursor"] {
      guard let cursor = AdCursor(text) else {
        throw .invalid([("cursor", "is not one that an answer of this service gave as next")], code: "invalid-cursor")
      }
      guard cursor.binding == binding else {
        throw .invalid([("cursor", "belongs to another advertiserId or campaignId")], code: "cursor-mismatch")
      }
      after = cursor.after
    }
    let page = try inCatalog { () throws(CatalogError) in
      try catalog.ads(advertiserID: advertiser, campaignID: campaign, after: after, limit: limit)
    }
    let next = page.next.map { AdCursor(after: $0, binding: binding).text }
    let list = page.ads.map { AdDocument.json($0) }
    return validated(.object(["ads": .array(list), "next": .optional(next)]), request)
  }
}

extension Problem {
  /// 403: another campaign's rows were named.
  static let otherCampaign = Problem(
    403, "other-campaign", "The share link is of another campaign", "this link shows rows of its own campaign only")

  /// 404: no ad of this id in reach.
  static let unknownAd = Problem(404, "unknown-ad", "No such ad", "there is no ad of this id")
}

/// Where the next page of ads begins, as opaque hex digits: four bytes that bind it to the list, then the last id.
struct AdCursor: Hashable {
  var after: AdID
  var binding: UInt32

  init(after: AdID, binding: UInt32) {
    self.after = after
    self.binding = binding
  }

  /// Nil where `text` is none.
  init?(_ text: String) {
    guard let bytes = Hex.decode(text.utf8), bytes.count > 4,
      let after = String(validating: bytes[4...], as: UTF8.self).flatMap({ AdID($0) })
    else { return nil }
    self.after = after
    binding = bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// What the cursors of a list are bound to: the ads of one advertiser, of one campaign, of both, or all.
  static func binding(_ advertiser: String?, campaign: String? = nil) -> UInt32 {
    CRC32C.checksum(Array(((advertiser ?? "") + (campaign.map { "/\($0)" } ?? "")).utf8))
  }

  var text: String { Hex.encode(binding) + Hex.encode(after.text.utf8) }
}
