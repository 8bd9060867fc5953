import Catalog
import Query
import Synchronization

/// The catalog for threads that only look something up: a connection of their own, opened when it is first needed. Changes are
/// there as soon as they are on disk.
package final class CatalogReader: Sendable {
  private let open: @Sendable () throws(CatalogError) -> Catalog
  private let opened = Mutex<Opened>(Opened())

  private struct Opened: ~Copyable {
    var catalog: Catalog?
    var found: (@Sendable (DamagedRow) -> Void)?
    var lists = AdLists()
  }

  /// Reads the file of `catalog`, which has checked it.
  package init(_ catalog: Catalog) { open = catalog.another(check: .none) }

  /// From now on `found` is told of every damaged row that is met.
  func report(_ found: @escaping @Sendable (DamagedRow) -> Void) { opened.withLock { $0.found = found } }

  /// What `body` gets from the catalog; one thread at a time.
  func read<T: Sendable>(_ body: (Catalog) throws(CatalogError) -> T) throws(CatalogError) -> T {
    try withLists { (catalog, _) throws(CatalogError) in try body(catalog) }
  }

  /// The ads of an advertiser, of a campaign, or of both, by their ids; nil where there are more than `limit`.
  func ads(advertiserID: String?, campaignID: String?, limit: Int) throws(CatalogError) -> [SelectedAd]? {
    let key = AdLists.Key(advertiserID: advertiserID, campaignID: campaignID)
    return try withLists { (catalog, lists) throws(CatalogError) in try lists.list(key, in: catalog, limit: limit) }
  }

  private func withLists<T: Sendable>(
    _ body: (Catalog, inout AdLists) throws(CatalogError) -> T
  ) throws(CatalogError) -> T {
    let result = opened.withLock { opened -> Result<T, CatalogError> in
      do throws(CatalogError) {
        if opened.catalog == nil {
          let catalog = try open()
          catalog.found = opened.found
          opened.catalog = catalog
          opened.lists = AdLists()
        }
        return .success(try body(opened.catalog!, &opened.lists))
      } catch {
        // Another try begins anew: the file may have been exchanged.
        opened.catalog = nil
        return .failure(error)
      }
    }
    return try result.get()
  }
}
