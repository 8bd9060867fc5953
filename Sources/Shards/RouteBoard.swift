import Clicks
import Synchronization

// Where every thread finds the routes. Two things stand on it together:
//
//     table            where clicks go
//     decidedThrough   impressions minted before this time are decided: no later table routes them otherwise
//
// The coordinator (`HotAds`) moves the second ahead of the clock, and changes the table only behind it:
//
//     every table ever on the board with decidedThrough > m routes an impression minted at m alike
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

  private let routes: Mutex<Routes>
  private let newest: Atomic<UInt64>

  package init(_ routes: Routes) {
    self.routes = Mutex(routes)
    newest = Atomic(routes.table.version)
  }

  /// A board of a store that never has a hot ad.
  package convenience init(shards: Int) { self.init(Routes(RouteTable(shards: shards))) }

  /// What stands there now.
  package var current: Routes { routes.withLock { $0 } }

  /// The table alone.
  package var table: RouteTable { current.table }

  /// The version of the table, for who holds one and wants to know whether there is a newer.
  package var version: UInt64 { newest.load(ordering: .acquiring) }

  /// Moves what is decided ahead; never back.
  package func decide(through time: Int64) {
    routes.withLock { $0.decidedThrough = max($0.decidedThrough, time) }
  }

  /// From now on `table` is in force, and decided up to `time`. It may differ from the one before only in what that one left
  /// undecided.
  package func publish(_ table: RouteTable, decidedThrough time: Int64) {
    routes.withLock { routes in
      precondition(table.version > routes.table.version && time >= routes.decidedThrough, "routes go back")
      if let border = table.firstDifference(from: routes.table) {
        precondition(border >= routes.decidedThrough, "minting time \(border) was decided already")
      }
      routes = Routes(table, decidedThrough: time)
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
  /// Its minting time lies so far ahead that its route may still change: it is not counted.
  case undecided
}

extension RouteBoard.Routes {
  /// Whether `shard` may count a click.
  package func admit(_ identity: ClickIdentity, to shard: Int) -> Admission {
    if decidedThrough < .max, let minted = identity.impression.mintedAt, minted >= decidedThrough { return .undecided }
    return table.route(identity) == shard ? .here : .elsewhere
  }
}
