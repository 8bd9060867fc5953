import Clicks
import Platform
import Store
import Synchronization

// Where every thread finds the routes. Three things stand on it together:
//
//     table            where clicks go
//     decidedThrough   times in the bits of ids before this one are decided: no later table routes them otherwise
//     early            identities that were counted at home although their time was not decided
//
//     every table ever on the board with decidedThrough > t, and what is early, route an identity with the time t alike
//
// The coordinator (`HotAds`) moves the second ahead of the clock; a committer moves it further where it meets an impression of a
// machine whose clock is ahead, but no further than clocks differ: bits may say any year. For a change the coordinator first
// freezes it, and changes the table only behind it.
//
// An identity whose time cannot be decided is counted at home, and put on the list of early ones first, under the same lock
// that says that it is not decided. So whoever meets it later and holds routes by which its time is decided has it on the list
// that came with them. Whose raw click will have retired when its time comes is not listed. While the list is full, an identity
// of an ad that is hot waits until the coordinator has ended all open intervals; then nothing behind is in one, and
// nothing needs to be listed. No interval begins again before the times of those that were not listed have passed.
//
// A committer reads all three at the beginning of each batch, and counts only what the routes it holds send to its shard and
// what is decided. So it does not matter who saw a change when: a loop that has not seen one yet sends a click to a shard that
// hands it back, and a batch that began before a change can hold nothing that the change concerns.

/// The routes of a running store, for any thread.
package final class RouteBoard: Sendable {
  /// What stands on the board at one moment.
  package struct Routes: Sendable {
    package var table: RouteTable
    /// Behind the last time that the table is good for, ms since 1970; `.max` where nothing ever changes.
    package var decidedThrough: Int64
    package var early: EarlyIDs
    /// Goes up with each change of `table` or `early`.
    package fileprivate(set) var version: UInt64 = 0

    package init(_ table: RouteTable, decidedThrough: Int64 = .max, early: EarlyIDs = EarlyIDs()) {
      self.table = table
      self.decidedThrough = decidedThrough
      self.early = early
    }

    /// The shard of a click.
    package func route(_ identity: ClickIdentity) -> Int {
      guard table.shards > 1 else { return 0 }
      guard let time = table.hotTime(of: identity), time < decidedThrough, !early.contains(identity, time) else {
        return table.home(of: identity.ad)
      }
      return table.spread(identity.impression)
    }
  }

  /// How far times in the bits of ids are believed. All in ms.
  package struct Limits: Sendable {
    /// The clock, ms since 1970.
    package var now: @Sendable () -> Int64
    /// Clocks of minting machines and event times may be ahead by this much: an id moves what is decided no further.
    package var ahead: Int64
    /// An id is early only from so far ahead on: by the time that its click is written it must still be.
    package var least: Int64
    /// What is further ahead than this is not listed: its raw click retires before that time comes.
    package var reach: Int64

    /// Limits by `now`; without others any time is decided at once.
    package init(now: @escaping @Sendable () -> Int64, ahead: Int64 = 1 << 60, reach: Int64 = 1 << 60) {
      (self.now, self.ahead, self.reach) = (now, ahead, reach)
      least = EventTimeLimits.mintTolerance + 5_000
    }
  }

  private struct State {
    var routes: Routes
    var isFrozen = false
    /// Of each early identity when it was received at the latest.
    var received: [ClickIdentity: Int64]
    /// The latest time of an identity that was counted at home and found no place on the list.
    var unlisted = Int64.min
  }

  private let state: Mutex<State>
  private let newest: Atomic<UInt64>
  private let limits: Limits

  /// A board with `routes`. `early` says when each of their early ids was received, `unlisted` the latest time of those that
  /// the list has no room for.
  package init(
    _ routes: Routes, early: [EarlyClick] = [], unlisted: Int64 = .min, limits: Limits = Limits(now: { 0 })
  ) {
    var routes = routes
    let received = Dictionary(early.map { ($0.identity, $0.received) }, uniquingKeysWith: max)
    if !early.isEmpty { routes.early = EarlyIDs(received.keys) }
    self.limits = limits
    state = Mutex(State(routes: routes, received: received, unlisted: unlisted))
    newest = Atomic(routes.version)
  }

  /// A board of a store that never has a hot ad.
  package convenience init(shards: Int) { self.init(Routes(RouteTable(shards: shards))) }

  /// What stands there now.
  package var current: Routes { state.withLock { $0.routes } }

  /// The table alone.
  package var table: RouteTable { current.table }

  /// The version of the routes, for who holds some and wants to know whether there are newer ones.
  package var version: UInt64 { newest.load(ordering: .acquiring) }

  /// Moves what is decided ahead, never back, unless it is frozen. Returns what stands there then.
  @discardableResult
  package func decide(through time: Int64) -> Routes {
    state.withLock { state in
      if !state.isFrozen || sabotaged(.decideWhileWriting) {
        state.routes.decidedThrough = max(state.routes.decidedThrough, time)
      }
      return state.routes
    }
  }

  /// From now on nothing more is decided, until `publish` or `thaw`: what is decided ends where it does in the routes returned.
  package func freeze() -> Routes {
    state.withLock { state in
      state.isFrozen = true
      return state.routes
    }
  }

  /// The change that was meant does not come.
  package func thaw() { state.withLock { $0.isFrozen = false } }

  /// From now on `table` is in force. It may differ from the one before only in what that one left undecided.
  package func publish(_ table: RouteTable) {
    state.withLock { state in
      precondition(table.version > state.routes.table.version, "routes go back")
      if let border = table.firstDifference(from: state.routes.table) {
        precondition(
          border >= state.routes.decidedThrough || sabotaged(.intervalAtOnce) || sabotaged(.decideWhileWriting),
          "minting time \(border) was decided already")
      }
      state.routes.table = table
      state.isFrozen = false
      change(&state)
    }
  }

  /// The table or the early ids of `state` have changed.
  private func change(_ state: inout State) {
    state.routes.version += 1
    newest.store(state.routes.version, ordering: .releasing)
  }

  // MARK: - Early ids

  /// Whether no hot interval may begin from `border` on: the list is full, or identities behind it are not listed.
  package func isFull(from border: Int64) -> Bool {
    state.withLock { $0.received.count >= EarlyIDs.limit || $0.unlisted >= border }
  }

  /// Early ids on the list.
  package var earlyCount: Int { state.withLock { $0.received.count } }

  /// Takes those off the list that `isGone` says have retired.
  package func forget(_ isGone: (EarlyClick) -> Bool) {
    let all = state.withLock { $0.received }
    let gone = all.filter { isGone(EarlyClick(identity: $0.key, received: $0.value)) }
    guard !gone.isEmpty else { return }
    state.withLock { state in
      for (identity, received) in gone where state.received[identity] == received { state.received[identity] = nil }
      state.routes.early = EarlyIDs(state.received.keys)
      change(&state)
    }
  }

  /// Settles what the time of an identity means that is not decided in the routes that somebody holds: it is now, if it can be,
  /// or the identity is early. `routes` are the newest then.
  fileprivate func settle(
    _ identity: ClickIdentity, _ time: Int64, at shard: Int, _ routes: inout Routes
  ) -> Admission {
    let now = limits.now()
    return state.withLock { state in
      defer { routes = state.routes }
      if time >= state.routes.decidedThrough, time <= now &+ limits.ahead,
        !state.isFrozen || sabotaged(.decideWhileWriting)
      {
        state.routes.decidedThrough = time + 1
      }
      if time < state.routes.decidedThrough { return state.routes.admit(identity, to: shard) }
      let table = state.routes.table
      guard table.home(of: identity.ad) == shard else { return .elsewhere }
      if state.received[identity] != nil || time > now &+ limits.reach { return .here }
      guard time > now &+ limits.least else { return .undecided(minted: time) }
      guard state.received.count < EarlyIDs.limit else {
        // The table that is being written may have an interval that this one has not.
        if state.isFrozen || table.hotTime(of: identity) != nil { return .undecided(minted: time) }
        state.unlisted = max(state.unlisted, time)
        return .here
      }
      state.received[identity] = now
      state.routes.early.insert(identity)
      change(&state)
      return .here
    }
  }
}

/// What a committer may do with a click.
package enum Admission: Sendable {
  /// It is this shard's.
  case here
  /// It is another's: whoever sent it takes newer routes and sends it there.
  case elsewhere
  /// The time in its bits lies behind what is decided, and cannot be settled now: it is not counted.
  case undecided(minted: Int64)
}

extension RouteBoard {
  /// The shard that a click is sent to by `held`, which are taken anew where they are too old to say.
  package func route(_ identity: ClickIdentity, by held: inout Routes) -> Int {
    if let time = held.table.hotTime(of: identity), time >= held.decidedThrough { held = current }
    return held.route(identity)
  }

  /// Whether `shard` may count a click by `routes`, which were taken from this board; what is not decided yet is now, or is put
  /// on the list of early ids, and `routes` are the newer ones then.
  package func admit(_ identity: ClickIdentity, to shard: Int, by routes: inout Routes) -> Admission {
    let first = routes.admit(identity, to: shard)
    guard case .undecided(let time) = first else { return first }
    return settle(identity, time, at: shard, &routes)
  }

  /// The shard that may count a click, for who hands clicks to all of them; nil where that cannot be said now.
  package func place(_ identity: ClickIdentity, by routes: inout Routes) -> Int? {
    for _ in 0..<2 {
      let shard = routes.route(identity)
      switch admit(identity, to: shard, by: &routes) {
      case .here: return shard
      case .elsewhere: continue
      case .undecided: return nil
      }
    }
    return nil
  }
}

extension RouteBoard.Routes {
  /// The shard of a click of which these routes say that no others will ever send it elsewhere: no ad is or was hot, and the
  /// time in its bits, if there is one, is decided. Nil for all others.
  package func onlyShard(_ identity: ClickIdentity) -> Int? {
    guard !table.hasHot, decidedThrough == .max || identity.impression.timeInBits ?? .min < decidedThrough else {
      return nil
    }
    return table.home(of: identity.ad)
  }

  /// Whether `shard` may count a click.
  package func admit(_ identity: ClickIdentity, to shard: Int) -> Admission {
    if decidedThrough < .max, let time = identity.impression.timeInBits, time >= decidedThrough {
      return .undecided(minted: time)
    }
    return route(identity) == shard || sabotaged(.trustRoutes) ? .here : .elsewhere
  }
}
