import Bytes
import Catalog
import Clicks
import Platform
import Synchronization

// Who is signed in by a browser. A session stands for a token or a share link without showing it: the browser keeps 256 random
// bits in a cookie that no script can read, and here stands the SHA-256 of them with what was signed in.
//
// Sessions are kept in memory and not in the catalog: a sign-in then writes nothing, however often it comes, and a restart costs
// whoever is signed in one more sign-in; a share link signs in again by itself. They are bounded in number, of each token or link
// and in all, and in time; whoever has no token can't make one.
//
//   invariant: each session stands once in `sessions`, and once in the line of its owner, the oldest first

/// A session as its bearer is told of it.
struct Session: Sendable {
  /// What it allows, with its own name in it.
  var grant: Grant
  /// What a request that changes something has to repeat in `X-Tally-CSRF`: a page of another origin cannot read it.
  var csrf: String
  /// When it ends, if it is used till then; milliseconds since 1970, like all times.
  var expires: Int64
  fileprivate var lastUse: Int64
}

/// The sessions there are. Any thread may use it.
final class SessionBoard: Sendable {
  /// How long a session lasts, and how long unused, ms.
  static let lifetime: Int64 = 7 * 86_400_000
  static let idleLimit: Int64 = 12 * 3_600_000
  /// Sessions of one token or share link: one more ends the oldest.
  static let ownerLimit = 256
  /// Sessions in all: one more is refused.
  static let limit = 16_384

  private struct State {
    var sessions: [String: Session] = [:]
    /// Names of sessions by their owner.
    var owned: [String: [String]] = [:]

    mutating func remove(_ name: String) -> Bool {
      guard let session = sessions.removeValue(forKey: name) else { return false }
      let owner = session.grant.owner
      owned[owner]?.removeAll { $0 == name }
      if owned[owner]?.isEmpty == true { owned[owner] = nil }
      return true
    }
  }

  private let state = Mutex(State())
  private let chance: any ChanceSource

  init(chance: any ChanceSource) { self.chance = chance }

  /// Sessions that are open, or have not been seen to be over.
  var count: Int { state.withLock { $0.sessions.count } }

  /// Begins a session of whoever may do what `grant` says, at most until `end`; nil where there is no room. The text is for the
  /// cookie, and nowhere else.
  func begin(_ grant: Grant, at now: Int64, until end: Int64?, by hasher: SHA256) -> (text: Secret, session: Session)? {
    let text = Secret(random())
    let name = Self.name(text.reveal(), by: hasher)
    var session = Session(
      grant: grant, csrf: random(), expires: min(now + Self.lifetime, end ?? .max), lastUse: now)
    session.grant.sessionID = name
    let owner = grant.owner
    let isTaken = state.withLock { state in
      if state.sessions.count >= Self.limit {
        let over = state.sessions.filter { !Self.isOpen($0.value, at: now) }.map(\.key)
        for name in over { _ = state.remove(name) }
      }
      if let oldest = state.owned[owner]?.first, state.owned[owner]?.count ?? 0 >= Self.ownerLimit {
        _ = state.remove(oldest)
      }
      guard state.sessions.count < Self.limit else { return false }
      state.sessions[name] = session
      state.owned[owner, default: []].append(name)
      return true
    }
    return isTaken ? (text, session) : nil
  }

  /// The session of a cookie's text, which is used by that; nil where there is none, or it is over.
  func find(_ text: String, at now: Int64, by hasher: SHA256) -> Session? {
    guard text.utf8.count <= 128 else { return nil }
    return use(Self.name(text, by: hasher), at: now)
  }

  /// The session of this name, which is used by that: an open stream keeps its session.
  func use(_ name: String, at now: Int64) -> Session? {
    state.withLock { state in
      guard let session = state.sessions[name] else { return nil }
      guard Self.isOpen(session, at: now) else {
        _ = state.remove(name)
        return nil
      }
      state.sessions[name]?.lastUse = now
      return session
    }
  }

  /// Ends a session; false where there is none of this name.
  func end(_ name: String) -> Bool { state.withLock { $0.remove(name) } }

  /// Forgets the sessions that are over, and those whose grant does not hold any more.
  func sweep(at now: Int64, keeping holds: (Grant) -> Bool) {
    let all = state.withLock { $0.sessions }
    let over = all.filter { !Self.isOpen($0.value, at: now) || !holds($0.value.grant) }.map(\.key)
    if over.isEmpty { return }
    state.withLock { state in for name in over { _ = state.remove(name) } }
  }

  private static func isOpen(_ session: Session, at now: Int64) -> Bool {
    now < session.expires && now - session.lastUse < idleLimit
  }

  private static func name(_ text: String, by hasher: SHA256) -> String { Hex.encode(hasher.digest(Array(text.utf8))) }

  /// 256 bits that nobody can predict, as hex digits.
  private func random() -> String { (0..<4).map { _ in Hex.encode(chance.next()) }.joined() }
}

extension Grant {
  /// Whose turn it takes, and whose sessions are counted: the share link's, else the token's.
  var owner: String { shareID.map { "share \($0)" } ?? tokenID }
}
