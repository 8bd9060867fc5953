import Bytes
import Clicks
import Platform
import Store

// ROUTES comes into being with the first opening of its store, whichever command that is. Where it is missing later, or older than
// it was, clicks lie in shards in which nobody would look for them: that is refused.

extension RoutesFile {
  /// Reads `ROUTES` of an open store, or makes it where no click has gone by it. One copy that is damaged is mended.
  ///
  /// Throws `FormatError` where it is damaged, or missing or older although clicks may have gone by it.
  package static func open(_ environment: Environment, _ store: Store) throws -> Reading {
    let (files, shards) = (environment.files, store.shards.count)
    let path = "\(store.root)/\(StoreFiles.routes)"
    let found = try read(files, store.root, store: store.identity.id, shards: shards)
    if let found, !sabotaged(.trustShards) { try check(found.table, store.identity, path) }
    if found == nil, shards > 1 {
      let hasClicks = store.shards.contains { $0.position > 0 }
      let isNew = store.identity.routes == 0
      guard !hasClicks || isNew && isHome(store.shards.map(\.live.adKeys)) else {
        throw missing(path, shards: shards)
      }
    }
    let table = found?.table ?? RouteTable(shards: shards, version: max(1, store.identity.routes) - 1)
    if found == nil || found?.repaired.isEmpty == false {
      do throws(Failure) {
        try write(table, files, store.root, store: store.identity.id, created: store.clock.now())
      } catch {
        switch error {
        case .kept(let error), .unknown(let error): throw error
        }
      }
    }
    try store.note(routes: table.version)
    return found ?? Reading(table: table)
  }

  /// Throws where `table` is older than one that the store has had.
  package static func check(
    _ table: RouteTable, _ identity: StoreIdentity, _ path: String
  ) throws(FormatError) {
    guard table.version + 1 < identity.routes else { return }
    throw FormatError(
      file: path, offset: 32,
      reason:
        "this is version \(table.version), the store has had version \(identity.routes - 1): it is an older copy. Put the "
        + "newest one back")
  }

  /// `ROUTES` is missing where it must not be.
  package static func missing(_ path: String, shards: Int) -> FormatError {
    FormatError(
      file: path, offset: 0,
      reason: "missing, but \(shards) shards have clicks that may have gone by it. Put it back from a backup")
  }

  /// Whether every ad is in its home shard alone: then routes without any interval send each click that was ever counted where
  /// it is. `keys` are the ads of each shard.
  package static func isHome(_ keys: [[UInt64]]) -> Bool {
    let table = RouteTable(shards: keys.count)
    return keys.indices.allSatisfy { shard in
      keys[shard].allSatisfy { table.home(of: AdKey(rawValue: $0)) == shard }
    }
  }
}
