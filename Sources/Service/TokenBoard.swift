import Catalog
import Clicks
import Synchronization

/// The working tokens, for event loops, batches and streams: the catalog's thread puts a new view up before it answers that a
/// token was made or revoked.
final class TokenBoard: Sendable {
  private let view: Mutex<TokenView>
  private let changes = Atomic<UInt64>(0)

  init(_ view: TokenView) { self.view = Mutex(view) }

  /// Goes up with every change.
  var version: UInt64 { changes.load(ordering: .acquiring) }

  /// Puts up a new view.
  func show(_ new: TokenView) {
    view.withLock { $0 = new }
    changes.add(1, ordering: .releasing)
  }

  /// What the bearer of `text` may do; nil where it is no token that works.
  func authenticate(_ text: String, by hasher: SHA256) -> Grant? {
    view.withLock { $0 }.authenticate(text, by: hasher)
  }

  /// Whether the token of this id works.
  func works(_ id: String) -> Bool { view.withLock { $0.works(id) } }
}
