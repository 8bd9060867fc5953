import Platform
import Synchronization

/// The manifest of an open shard, which the committer (new log slots) and maintenance (files) both change. Whoever
/// changes it holds it through the sync; the committer meets that wait only where it needs a slot at that moment.
package final class SharedManifest: Sendable {
  private let manifest: Mutex<Manifest>
  private let newest: Atomic<UInt64>

  init(_ manifest: consuming sending Manifest) {
    newest = Atomic(manifest.sequence)
    self.manifest = Mutex(manifest)
  }

  /// Newest record known durable: what each log frame names.
  package var sequence: UInt64 { newest.load(ordering: .acquiring) }

  /// The state that the durable records make.
  package var state: ManifestState { manifest.withLock { $0.state } }

  /// Whether a write or sync has failed for good.
  package var hasFailed: Bool { manifest.withLock { $0.failure != nil } }

  /// Makes the changes that `body` finds for the current state durable as one record.
  func change(_ body: (ManifestState) -> [ManifestChange]) throws(SystemError) {
    var failure: SystemError?
    manifest.withLock { manifest in
      let changes = body(manifest.state)
      guard !changes.isEmpty else { return }
      do throws(SystemError) { try manifest.append(changes) } catch { failure = error }
      newest.store(manifest.sequence, ordering: .releasing)
    }
    if let failure { throw failure }
  }

  /// Makes room for the next record while there still is some.
  func makeRoom() throws(SystemError) {
    var failure: SystemError?
    manifest.withLock { manifest in
      do throws(SystemError) { try manifest.makeRoom() } catch { failure = error }
      newest.store(manifest.sequence, ordering: .releasing)
    }
    if let failure { throw failure }
  }
}
