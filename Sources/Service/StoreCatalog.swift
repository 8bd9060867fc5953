import Catalog
import Platform
import Store

/// The catalog of a data directory, opened so that it is that of the store there: a catalog that is gone or another store's is
/// refused as soon as the store has clicks.
package enum StoreCatalog {
  /// Where it is.
  package static func path(in directory: String) -> String { "\(directory)/\(StoreFiles.catalog)" }

  /// Opens it for the store `identity`, which may not be there yet. `hasClicks` is asked only where the catalog does not know the
  /// store. A directory that has neither gets a catalog that the store will make its own.
  package static func open(
    _ directory: String, _ access: Database.Access = .readWrite, store identity: StoreIdentity?,
    hasClicks: @escaping () -> Bool, in environment: Environment
  ) throws(CatalogError) -> Catalog {
    try Catalog.open(
      path(in: directory), access, owner: identity.map { CatalogOwner(store: "\($0.id)", hasClicks: hasClicks) },
      in: environment)
  }

  /// The same for a directory whose store is not open: its clicks are looked for on disk, where that is needed at all. A shard that
  /// cannot be read counts as one with clicks.
  package static func open(
    _ directory: String, _ access: Database.Access = .readWrite, in environment: Environment
  ) throws -> Catalog {
    let identity = try Store.identify(environment.files, directory)
    return try open(
      directory, access, store: identity,
      hasClicks: { identity.map { hasClicks(directory, $0, environment) } ?? false }, in: environment)
  }

  /// Whether clicks were ever counted in the store of a directory.
  package static func hasClicks(_ directory: String, _ identity: StoreIdentity, _ environment: Environment) -> Bool {
    (0..<identity.shards).contains { shard in
      guard let recovery = try? Store.read(environment, directory, identity, shard: shard) else { return true }
      return recovery.live.summary.position > 0
    }
  }
}
