// A record that the manifest has reason to refuse. Nothing but tests calls it.

extension Maintenance {
  /// Makes one record of `changes`, for tests of what happens where the manifest cannot take them.
  package func plant(changes: [ManifestChange]) throws {
    try exclusively { context in try ShardEdit.perform(context) { try $0.install(changes) } }
  }
}
