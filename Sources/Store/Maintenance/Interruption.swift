import Synchronization

/// Calls off the long work of a background, from any thread: the next paced read or write throws, what was made is removed
/// and the inputs stay. Checkpoints are short and not paced; they end as they would.
package final class Interruption: Sendable {
  private let flag = Atomic<Bool>(false)

  /// `ECANCELED`: what an interrupted read or write throws.
  static let code: Int32 = 125

  /// Whether the work is called off.
  package var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Calls it off, for good.
  package func request() { flag.store(true, ordering: .relaxed) }
}
