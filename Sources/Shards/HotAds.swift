import Bytes
import Clicks
import Files
import Platform
import Store
import Synchronization

// The coordinator of routes: the one place that changes them. A step, about once a second:
//
//   1. rates: the reports of all committers, summed
//   2. the judge says which ads turn hot or cold
//   3. none: what is decided moves ahead, to `lead` from now
//      some: it is frozen where it ends, which is at least mint tolerance + 1 s in the future. There the intervals begin or
//            end; ROUTES is replaced and synced; only then does the new table stand on the board
//
// While the list of early ids has no room, no interval begins and all open ones end.
//
// While ROUTES is being written nothing new is decided, so nobody can have counted by the older table what the newer one
// sends elsewhere, however long the disk takes and whatever a crash leaves: a restart finds the old table, or the new one
// whose change lies behind everything that was ever decided by the old one.

/// What the committers tell of busy ads, and what the coordinator knows. Any thread may use it.
package final class HotReports: Sendable {
  private struct Report {
    var rates: [AdKey: Double]
    var time: Int64
  }

  private let reports: Mutex<[Report?]>

  /// A report that is older than this has no say, ms.
  static let age: Int64 = 3_000

  /// For `reporters` threads.
  package init(_ reporters: Int) { reports = Mutex([Report?](repeating: nil, count: reporters)) }

  /// The clicks a second of the busiest ads of one thread, at a time in ms.
  package func put(_ reporter: Int, _ rates: [AdKey: Double], at time: Int64) {
    reports.withLock { $0[reporter] = Report(rates: rates, time: time) }
  }

  /// The sum over all threads.
  package func sum(at time: Int64) -> [AdKey: Double] {
    reports.withLock { reports in
      var sum: [AdKey: Double] = [:]
      for case let report? in reports where time - report.time < Self.age {
        sum.merge(report.rates, uniquingKeysWith: +)
      }
      return sum
    }
  }
}

/// The clicks of one thread, as it counts them for its reports.
package struct HotMeter {
  private var sketch = HeavyHitters()
  private var began: Int64?
  private let reporter: Int
  private let reports: HotReports

  /// A window, ms.
  static let window: Int64 = 1_000
  /// Fewer clicks a second are not worth a report.
  private let minimum: Double

  /// The meter of thread `reporter`. What has less than a hundredth of the threshold in this thread is left out.
  package init(_ reporter: Int, _ reports: HotReports, _ policy: HotPolicy) {
    self.reporter = reporter
    self.reports = reports
    minimum = policy.threshold / 100
  }

  /// One click.
  package mutating func add(_ ad: AdKey) { sketch.add(ad) }

  /// Reports once a window is full; to be called now and then with the time in ms.
  package mutating func turn(_ now: Int64) {
    guard let start = began, now >= start else {
      began = now
      return
    }
    guard now - start >= Self.window else { return }
    let seconds = Double(now - start) / 1_000
    var rates: [AdKey: Double] = [:]
    for (ad, clicks) in sketch.heaviest(atLeast: max(1, Int(minimum * seconds))) {
      rates[ad] = Double(clicks) / seconds
    }
    reports.put(reporter, rates, at: now)
    sketch.removeAll()
    began = now
  }
}

/// Changes the routes of an open store. One thread drives it; anybody may look at `status`.
package final class HotAds: Sendable {
  /// What operators see.
  package struct Status: Sendable {
    /// The busiest ads that were looked at last, and those that are hot.
    package var rates: [(ad: AdKey, rate: Double, isHot: Bool)] = []
    /// Intervals that began or ended since the start.
    package var changes: UInt64 = 0
    /// Intervals that were not begun, since `ROUTES` is full or cannot be written now.
    package var refused: UInt64 = 0
    /// Why `ROUTES` could not be written last; nil after a success.
    package var lastError: String?
  }

  package let policy: HotPolicy
  package let board: RouteBoard
  package let reports: HotReports
  private let environment: Environment
  private let directory: String
  private let store: StoreID
  private let clock: LogicalClock
  private let failed: @Sendable (SystemError) -> Void
  /// Of the thread that takes the steps.
  private let state: Mutex<(judge: HotJudge, hasFailed: Bool, prunedAt: Int64)>
  private let lives: [LiveTable]
  /// Apart, since a step may wait for the disk.
  private let shown: Mutex<Status>

  /// How far ahead of the logical clock routes are decided, ms: an interval begins and ends at least so far in the future. Ten
  /// seconds more than an impression needs, for a disk that takes its time.
  package static let lead: Int64 = RouteTable.mintTolerance + 11_000

  /// Opens the routes of `store`, held by whoever calls. `failed` is told when nothing may be counted any more.
  ///
  /// Throws `FormatError` where `ROUTES` is damaged, or missing although clicks may have gone by it.
  package init(
    _ environment: Environment, _ store: Store, _ policy: HotPolicy, reporters: Int,
    failed: @escaping @Sendable (SystemError) -> Void
  ) throws {
    self.environment = environment
    self.policy = policy
    self.failed = failed
    directory = store.root
    self.store = store.identity.id
    clock = store.clock
    reports = HotReports(reporters)
    let reading = try RoutesFile.open(environment, store)
    let table = reading.table
    let hot = table.hot.filter { $0.value.last!.isOpen }.keys
    state = Mutex((HotJudge(policy, hot: Array(hot)), false, .min / 2))
    shown = Mutex(Status(lastError: reading.repaired.first?.description))
    // What was counted before the store was closed was decided then, whatever the clocks said.
    // Raw clicks may be kept longer than they need to be.
    let reach = (store.shards.map(\.options.rawRetention).max() ?? 0) + 31 * 86_400_000
    let found = Found(store, table, reach: reach)
    let start = max(clock.now() + Self.lead, found.newest &+ 1)
    let changes = table.shards > 1 && (policy.threshold > 0 || !hot.isEmpty)
    let limits = RouteBoard.Limits(
      now: { [clock = store.clock] in clock.now() },
      ahead: EventTimeLimits.ahead(maxFuture: store.shards.map(\.options.maxFuture).max() ?? 0), reach: reach)
    board = RouteBoard(
      RouteBoard.Routes(table, decidedThrough: changes ? start : .max), early: found.early, unlisted: found.unlisted,
      limits: limits)
    lives = store.shards.map(\.live)
  }

  /// What the raw clicks of a store say of its routes.
  private struct Found {
    /// The latest time in the bits of an id that was routed by it.
    var newest = Int64.min
    /// Clicks that were counted at home before their time was decided.
    var early: [EarlyClick] = []
    /// The latest time of such clicks that are not among them.
    var unlisted = Int64.min

    init(_ store: Store, _ table: RouteTable, reach: Int64) {
      let now = store.clock.now()
      for (shard, mintings) in store.mintings.enumerated() {
        newest = max(newest, mintings.newest)
        for click in mintings.early {
          // What is not at home has been decided, however far ahead it was.
          if table.home(of: click.identity.ad) != shard { newest = max(newest, click.time) }
        }
      }
      for (shard, mintings) in store.mintings.enumerated() where table.shards > 1 {
        for click in mintings.early where table.home(of: click.identity.ad) == shard {
          guard click.time <= click.received &+ reach else { continue }
          // By the table that is there it is at home anyway, and no later one says otherwise.
          let isDecided = click.time < max(now + HotAds.lead, newest &+ 1)
          if isDecided, table.route(click.identity) == shard { continue }
          early.append(click)
        }
        if let times = mintings.unlisted, times.lowerBound <= now &+ reach {
          unlisted = max(unlisted, min(times.upperBound, now &+ reach))
        }
      }
      // Those in an interval come first: the others wait behind the time from which on none begins.
      guard early.count > EarlyIDs.limit else { return }
      early.sort {
        (table.route($0.identity) == table.home(of: $0.identity.ad) ? 1 : 0, $0.time)
          < (table.route($1.identity) == table.home(of: $1.identity.ad) ? 1 : 0, $1.time)
      }
      for click in early[EarlyIDs.limit...] { unlisted = max(unlisted, click.time) }
      early.removeSubrange(EarlyIDs.limit...)
    }
  }

  /// What operators see.
  package var status: Status { shown.withLock { $0 } }

  /// One look; about once a second.
  package func step() {
    state.withLock { state in
      guard !state.hasFailed else { return }
      guard board.current.decidedThrough < .max else { return }
      // Rates and cooling down by the clock that nobody sets; minting times by the logical one.
      let running = environment.time.monotonic() / 1_000_000
      var turn = state.judge.look(reports.sum(at: running), now: running)
      if running - state.prunedAt >= Self.pruneInterval {
        state.prunedAt = running
        forgetRetired()
      }
      if board.isFull(from: board.current.decidedThrough) { turn = turn.ended(board.table) }
      var (done, refused, problem) = (HotJudge.Turn(), 0, SystemError?.none)
      if !turn.isEmpty {
        board.decide(through: clock.now() + Self.lead)
        let current = board.freeze()
        // It may have become full since.
        if board.isFull(from: current.decidedThrough) { turn = turn.ended(current.table) }
        let changed = current.table.changed(turn, from: current.decidedThrough)
        refused = changed.refused
        do throws(RoutesFile.Failure) {
          if let table = changed.table { try replace(by: table) }
          done = changed.done
          state.judge.turned(done)
          board.thaw()
        } catch {
          switch error {
          case .kept(let error):
            problem = error
            refused += changed.done.hot.count
            board.thaw()
          case .unknown(let error):
            // What is decided stays frozen, and no shard counts any more.
            problem = error
            state.hasFailed = true
            failed(error)
          }
        }
      }
      if !state.hasFailed { board.decide(through: clock.now() + Self.lead) }
      let rates = state.judge.rates
      shown.withLock { shown in
        shown.rates = rates
        shown.refused += UInt64(refused)
        shown.changes += UInt64(done.hot.count + done.cold.count)
        if !done.isEmpty || problem != nil { shown.lastError = problem.map { "\($0)" } }
      }
    }
  }

  /// How often the list of early ids is looked through, ms.
  private static let pruneInterval: Int64 = 60_000

  /// Takes those off the list whose raw clicks have retired: in the home of their ad all that is left was received later.
  private func forgetRetired() {
    guard board.earlyCount > 0 else { return }
    let table = board.table
    let oldest = lives.map { $0.version.segments.first?.summary.receiveTimes.lowerBound ?? .min }
    board.forget { $0.received < oldest[table.home(of: $0.identity.ad)] }
  }

  /// Puts `table` on disk, then on the board.
  private func replace(by table: RouteTable) throws(RoutesFile.Failure) {
    try RoutesFile.write(table, environment.files, directory, store: store, created: clock.now())
    board.publish(table)
  }
}

extension HotJudge.Turn {
  /// The turn in which all open intervals of `table` end and none begins.
  fileprivate func ended(_ table: RouteTable) -> HotJudge.Turn {
    HotJudge.Turn(cold: table.hot.filter { $0.value.last!.isOpen }.keys.sorted { $0.rawValue < $1.rawValue })
  }
}

extension RouteTable {
  /// The table in which these ads turn hot or cold at the minting time `border`, from which on nothing is decided; nil where
  /// nothing changes. With it what was done, and how many intervals found no room.
  package func changed(
    _ turn: HotJudge.Turn, from border: Int64
  ) -> (table: RouteTable?, done: HotJudge.Turn, refused: Int) {
    var next = hot
    var done = HotJudge.Turn()
    var room = RoutesFile.limit - hot.values.reduce(0) { $0 + $1.count }
    var refused = 0
    // Sabotage: an interval that begins among what is decided already.
    let border = sabotaged(.intervalAtOnce) ? border - HotAds.lead : border
    for ad in turn.hot {
      var intervals = next[ad] ?? []
      if let last = intervals.last, last.end >= border {
        // Its end lies ahead: it does not end.
        intervals[intervals.count - 1].end = .max
      } else if room > 0 {
        intervals.append(HotInterval(start: border))
        room -= 1
      } else {
        refused += 1
        continue
      }
      next[ad] = intervals
      done.hot.append(ad)
    }
    for ad in turn.cold {
      guard var intervals = next[ad], let last = intervals.last, last.isOpen else { continue }
      intervals[intervals.count - 1].end = max(border, last.start + 1)
      next[ad] = intervals
      done.cold.append(ad)
    }
    guard !done.isEmpty else { return (nil, done, refused) }
    return (RouteTable(shards: shards, version: version + 1, hot: next), done, refused)
  }
}
