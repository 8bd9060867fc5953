import Store
import Synchronization

/// What the manifests said when somebody last had the time to ask. A manifest is locked while a record of it is synced, which
/// an event loop must not wait for: it reads this board, and the maintenance threads keep it up to date.
final class DiskBoard: Sendable {
  private struct Entry {
    var sequence: UInt64
    var disk: ShardFigures.Disk
  }

  private let cores: [ShardCore]
  private let entries: Mutex<[Entry?]>

  init(_ cores: [ShardCore]) {
    self.cores = cores
    entries = Mutex([Entry?](repeating: nil, count: cores.count))
  }

  /// What is known of each shard.
  var disks: [ShardFigures.Disk?] { entries.withLock { $0.map(\.?.disk) } }

  /// Whether a manifest has a newer record.
  var isStale: Bool {
    entries.withLock { entries in cores.indices.contains { entries[$0]?.sequence != cores[$0].manifest.sequence } }
  }

  /// Asks the manifests that have changed. May wait for the disk.
  func refresh() { for shard in cores.indices { refresh(shard) } }

  /// Asks the manifest of a shard, where it has changed. May wait for the disk.
  func refresh(_ shard: Int) {
    let core = cores[shard]
    let sequence = core.manifest.sequence
    guard entries.withLock({ $0[shard]?.sequence }) != sequence else { return }
    let entry = Entry(sequence: sequence, disk: ShardFigures.Disk(core))
    entries.withLock { $0[shard] = entry }
  }
}
