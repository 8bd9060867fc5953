import Clicks
import Platform
import Synchronization

// Where every thread finds the routes. Two things stand on it together:
//
//     table            where clicks go
//     decidedThrough   impressions minted before this time are decided: no later table routes them otherwise
//
//     every table ever on the board with decidedThrough > m routes an impression minted at m alike
//
// The coordinator (`HotAds`) moves the second ahead of the clock; a committer moves it further where it meets an impression of a
// machine whose clock is ahead. For a change the coordinator first freezes it, and changes the table only behind it.
//
// A committer reads both at the beginning of each batch, and counts only what the table it holds sends to its shard and what
// is decided. So it does not matter who saw a change when: a loop that has not seen one yet sends a click to a shard that
// hands it back, and a batch that began before a change can hold nothing that the change concerns.

/// The routes of a running store, for any thread.
package final class RouteBoard: Sendable {
  /// What stands on the board at one moment.
  package struct Routes: Sendable {
    package var table: RouteTable
    /// Behind the last minting time that the table is good for, ms since 1970; `.max` where nothing ever changes.
    package var decidedThrough: Int64

    package init(_ table: RouteTable, decidedThrough: Int64 = .max) {
      self.table = table
      self.decidedThrough = decidedThrough
    }
  }

  private let state: Mutex<(routes: Routes, isFrozen: Bool)>
  private let newest: Atomic<UInt64>

  package init(_ routes: Routes) {
    state = Mutex((routes, false))
    newest = Atomic(routes.table.version)
  }

  /// A board of a store that never has a hot ad.
  package convenience init(shards: Int) { self.init(Routes(RouteTable(shards: shards))) }

  /// What stands there now.
  package var current: Routes { state.withLock { $0.routes } }

  /// The table alone.
  package var table: RouteTable { current.table }

  /// The version of the table, for who holds one and wants to know whether there is a newer.
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
    }
    newest.store(table.version, ordering: .releasing)
  }
}

/// What a committer may do with a click.
package enum Admission: Sendable {
  /// It is this shard's.
  case here
  /// It is another's: whoever sent it takes a newer table and sends it there.
  case elsewhere
  /// Its minting time lies so far ahead that its route may still change: it is counted only once that is decided.
  case undecided(minted: Int64)
}

extension RouteBoard {
  /// Whether `shard` may count a click by `routes`, which were taken from this board; what is not decided yet is now, if that
  /// can be, and `routes` are the newer ones then.
  package func admit(_ identity: ClickIdentity, to shard: Int, by routes: inout Routes) -> Admission {
    let first = routes.admit(identity, to: shard)
    guard case .undecided(let minted) = first else { return first }
    routes = decide(through: minted + 1)
    return routes.admit(identity, to: shard)
  }
}

extension RouteBoard.Routes {
  /// Whether `shard` may count a click.
  package func admit(_ identity: ClickIdentity, to shard: Int) -> Admission {
    if decidedThrough < .max, let minted = identity.impression.mintedAt, minted >= decidedThrough {
      return .undecided(minted: minted)
    }
    return table.route(identity) == shard || sabotaged(.trustRoutes) ? .here : .elsewhere
  }
}
