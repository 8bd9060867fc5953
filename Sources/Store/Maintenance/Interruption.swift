import Synchronization

/// Calls off the long work of a shard's maintenance, from any thread: a step that looks for it ends, what it made is removed
/// and the inputs stay. Checkpoints are short and do not look; they end as they would.
package final class Interruption: Sendable {
  private let flag = Atomic<Bool>(false)

  /// Whether the work is called off.
  package var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Calls it off, for good.
  package func request() { flag.store(true, ordering: .relaxed) }
}
