import Catalog
import Clicks
import Shards

/// Who may see which counts. An ad is known where the catalog has it, deleted or not, or where clicks of it were counted; the
/// latter alone is enough only for a token that is not bound to an advertiser. Another advertiser's ad is as one that does not
/// exist.
enum VisibleAds {
  /// The catalog's row of an ad, deleted or not.
  static func row(of key: AdKey, _ grant: Grant, in catalog: Catalog) throws(CatalogError) -> Ad? {
    do throws(CatalogError) { return try catalog.ad(key, includingDeleted: true) } catch {
      // Whose a damaged ad is nobody knows; the counts are right, and who sees all of them may see these.
      guard case .damagedRow = error, grant.advertiserID == nil else { throw error }
      return nil
    }
  }

  /// The ad's row, if the bearer of `grant` may see its counts; nil where it has none.
  static func admit(
    _ id: AdID, _ key: AdKey, _ row: Ad?, _ grant: Grant, _ tables: ShardTables
  ) throws(Problem) -> Ad? {
    guard let row else {
      guard grant.advertiserID == nil, tables.hasClicks(key) else { throw .unknownAd }
      return nil
    }
    // A row of another id has the same key: the counts are that one's.
    guard row.id == id, grant.reaches(row) else { throw .unknownAd }
    return row
  }
}
