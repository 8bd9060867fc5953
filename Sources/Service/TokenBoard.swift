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
  private let sessions: SessionBoard
  private let signIns: SignInLimiter

  package init(_ view: TokenView, in environment: Environment) {
    self.view = Mutex(view)
    time = environment.time
    sessions = SessionBoard(chance: environment.chance)
    signIns = SignInLimiter(seed: environment.chance.next())
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

  /// What the bearer of the secret of a share link may see; nil where no link that works has it.
  func open(_ secret: String, by hasher: SHA256) -> Grant? {
    current.open(shareSecret: secret, by: hasher, at: time.wall())
  }

  /// Whether what `grant` stands on works still. To ask keeps its session from ending unused.
  func works(_ grant: Grant) -> Bool {
    let now = time.wall()
    guard current.grant(of: grant, at: now) != nil else { return false }
    return grant.sessionID.map { sessions.use($0, at: now) != nil } ?? true
  }

  /// When what `grant` stands on expires; nil for never.
  func expiry(of grant: Grant) -> Int64? { current.expiry(of: grant) }

  // MARK: - Sessions

  /// The session of a browser's cookie; nil where there is none, or what it stands on has ended.
  func session(_ credentials: Credentials, by hasher: SHA256) -> Session? {
    let now = time.wall()
    guard let cookie = credentials.cookie, let session = sessions.find(cookie, at: now, by: hasher) else { return nil }
    guard current.grant(of: session.grant, at: now) != nil else {
      end(session)
      return nil
    }
    // The cookie of a link opened later is not that of the page.
    if let share = credentials.shareID, share != session.grant.shareID { return nil }
    note(session.grant, at: now)
    return session
  }

  /// Begins a session; nil where there is no room for one more.
  func begin(_ grant: Grant, by hasher: SHA256) -> (text: Secret, session: Session)? {
    sessions.begin(grant, at: time.wall(), until: expiry(of: grant), by: hasher)
  }

  /// Ends a session, and its streams.
  func end(_ session: Session) {
    if let name = session.grant.sessionID, sessions.end(name) { noteChange() }
  }

  /// Forgets the sessions that are over.
  func sweepSessions() {
    let (now, view) = (time.wall(), current)
    sessions.sweep(at: now) { view.grant(of: $0, at: now) != nil }
  }

  /// Sessions that are open.
  package var openSessions: Int { sessions.count }

  /// Seconds after which an address that has failed too often may sign in; nil where it may now.
  func signInWait(_ network: UInt64) -> Int? { signIns.wait(network, at: time.monotonic() / 1_000_000) }

  /// A sign-in of an address has failed.
  func noteFailedSignIn(_ network: UInt64) { signIns.noteFailure(network, at: time.monotonic() / 1_000_000) }

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
