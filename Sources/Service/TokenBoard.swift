import Catalog
import Clicks
import Platform
import Synchronization

// The working tokens and share links, for event loops, batches and streams: the catalog's thread puts a new view up before it
// answers that one was made or revoked. When a token was last used is kept here, and written to the catalog by a `TokenKeeper`
// once a minute: no request waits for that, and a crash loses a minute of it.

/// Who may do what, and when they last did. Any thread may use it.
package final class TokenBoard: Sendable {
  private let view: Mutex<TokenView>
  private let changes = Atomic<UInt64>(0)
  private let uses = Mutex<[String: Int64]>([:])
  private let time: any TimeSource

  package init(_ view: TokenView, time: any TimeSource) {
    self.view = Mutex(view)
    self.time = time
  }

  /// Goes up with every change.
  var version: UInt64 { changes.load(ordering: .acquiring) }

  /// Puts up a new view.
  package func show(_ new: TokenView) {
    view.withLock { $0 = new }
    noteChange()
  }

  /// Lets whoever watches `version` look again.
  func noteChange() { changes.add(1, ordering: .releasing) }

  private var current: TokenView { view.withLock { $0 } }

  // MARK: - Who may do what

  /// What the bearer of `text` may do; nil where it is no token that works.
  func authenticate(_ text: String, by hasher: SHA256) -> Grant? {
    let now = time.wall()
    guard let grant = current.authenticate(text, by: hasher, at: now) else { return nil }
    note(grant, at: now)
    return grant
  }

  /// Whether what `grant` stands on works still.
  func works(_ grant: Grant) -> Bool { current.grant(of: grant, at: time.wall()) != nil }

  // MARK: - When tokens were used

  private func note(_ grant: Grant, at now: Int64) { uses.withLock { $0[grant.tokenID] = now } }

  /// When the token of this id was last used, if that is not in the catalog yet.
  func lastUse(_ id: String) -> Int64? { uses.withLock { $0[id] } }

  /// The uses that are not in the catalog yet.
  var unwrittenUses: [String: Int64] { uses.withLock { $0 } }

  /// These are in the catalog now.
  func forget(_ written: [String: Int64]) {
    uses.withLock { uses in for (id, time) in written where uses[id] == time { uses[id] = nil } }
  }
}
