import Catalog
import Synchronization

/// The catalog for threads that only look something up: a connection of their own, opened when it is first needed. Changes are
/// there as soon as they are on disk.
package final class CatalogReader: Sendable {
  private let open: @Sendable () throws(CatalogError) -> Catalog
  private let opened = Mutex<Opened>(Opened())

  private struct Opened: ~Copyable {
    var catalog: Catalog?
    var found: (@Sendable (DamagedRow) -> Void)?
  }

  /// Reads the file of `catalog`, which has checked it.
  package init(_ catalog: Catalog) { open = catalog.another(isChecked: true) }

  /// From now on `found` is told of every damaged row that is met.
  func report(_ found: @escaping @Sendable (DamagedRow) -> Void) { opened.withLock { $0.found = found } }

  /// What `body` gets from the catalog; one thread at a time.
  func read<T: Sendable>(_ body: (Catalog) throws(CatalogError) -> T) throws(CatalogError) -> T {
    let result = opened.withLock { opened -> Result<T, CatalogError> in
      do throws(CatalogError) {
        if opened.catalog == nil {
          let catalog = try open()
          catalog.found = opened.found
          opened.catalog = catalog
        }
        return .success(try body(opened.catalog!))
      } catch {
        // Another try begins anew: the file may have been exchanged.
        opened.catalog = nil
        return .failure(error)
      }
    }
    return try result.get()
  }
}
