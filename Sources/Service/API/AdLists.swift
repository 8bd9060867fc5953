import Catalog
import Query

// Ads of an advertiser or a campaign, as a catalog listed them: a dashboard asks for the same thousands again and again, and each row
// costs a look-up and its checksum. A list holds as long as no other connection has changed the file, which the file itself says.

/// Lists of ads by what was asked for.
struct AdLists {
  struct Key: Hashable {
    var advertiserID: String?
    var campaignID: String?
  }

  private var lists: [Key: [SelectedAd]] = [:]
  private var version: Int64?
  private var ads = 0

  /// Ads in all lists together, beyond which all are forgotten: some 30 MB.
  private static let most = 200_000

  /// The list for `key`, from `catalog` where it is not known; nil where it has more than `limit` ads.
  mutating func list(_ key: Key, in catalog: Catalog, limit: Int) throws(CatalogError) -> [SelectedAd]? {
    let now = try catalog.changeNumber()
    if now != version { forget(at: now) }
    if let known = lists[key] { return known.count > limit ? nil : known }
    let rows = try catalog.allAds(advertiserID: key.advertiserID, campaignID: key.campaignID, limit: limit)
    guard let list = rows?.map({ SelectedAd($0) }) else { return nil }
    if ads + list.count > Self.most { forget(at: now) }
    lists[key] = list
    ads += list.count
    return list
  }

  private mutating func forget(at now: Int64) {
    lists = [:]
    ads = 0
    version = now
  }
}
