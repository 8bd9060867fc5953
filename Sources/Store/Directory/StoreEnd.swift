import Platform

/// The end of an opening: once all shards are closed, `STORE` says how far each is, so that one that is put back from an older
/// copy is known as such.
package struct StoreEnd: Sendable {
  private let path: String
  private let identity: StoreIdentity
  private let cores: [ShardCore]

  init(path: String, identity: StoreIdentity, cores: [ShardCore]) {
    self.path = path
    self.identity = identity
    self.cores = cores
  }

  /// Writes `STORE`; nothing where a shard did not end in good order. `routes` is the version of `ROUTES`, where it may have
  /// changed. Returns the error of the disk, which leaves the marks of the opening in force.
  @discardableResult
  package func record(routes: UInt64? = nil) -> SystemError? {
    var identity = identity
    let ends = cores.compactMap { core in core.ended.withLock { $0 }.map { ($0, core.manifest.sequence) } }
    guard ends.count == cores.count, let files = cores.first?.environment.files else { return nil }
    guard !cores.contains(where: { $0.manifest.hasFailed }) else { return nil }
    identity.mark(ends)
    identity.isClosed = true
    if let routes { identity.routes = max(identity.routes, routes + 1) }
    let target = "\(path)/\(StoreFiles.store)"
    do throws(SystemError) {
      try files.replace(target, with: identity.page, by: target + ".tmp", in: path)
      return nil
    } catch { return error }
  }
}
