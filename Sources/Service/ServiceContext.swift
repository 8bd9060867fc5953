import Catalog
import ClickLog
import Clicks
import HTTP
import Platform
import Shards
import Store
import Synchronization

/// What the threads of a running service share: settings, the doors to the other threads, and views that any thread may
/// read. Everything in it is immutable or guarded.
package final class ServiceContext: Sendable {
  package let settings: ServeSettings
  package let environment: Environment
  package let clock: LogicalClock
  /// One for each shard.
  package let committers: [Committer]
  package let tables: [LiveTable]
  package let conditions: [ShardCondition]
  package let pools: [SlotPool]
  package let cores: [ShardCore]
  /// Where clicks go.
  package let routes: RouteBoard
  /// Who changes that.
  package let hotAds: HotAds
  /// What the manifests say, for whoever must not wait for them.
  let disks: DiskBoard
  /// The catalog's own thread.
  let catalog: Worker<CatalogState>
  /// What is known of its damage.
  let catalogHealth: CatalogHealth
  /// Queries over many rows.
  let queries: QueryQueue
  /// What answers them.
  let desk: QueryDesk
  /// The tokens that work.
  let tokens: TokenBoard
  /// The page for people; nil where it is not served.
  let dashboard: DashboardSource?
  /// What requests and answers hold in memory.
  let budget: BufferBudget
  /// The time zones that queries named.
  let zones: ZoneBook
  /// How many descriptors the process may have, and how many of them the connections; nil where nobody asked.
  let descriptors: DescriptorPlan?
  /// Who is a robot; nil where nobody is asked.
  let botList: Mutex<BotList?>
  /// Begins each request's id: unlike for each start of the process.
  let requestPrefix: String
  /// Wall time of the start, ms.
  package let started: Int64
  /// Wall time when the store was made, ms.
  let storeCreated: Int64

  private let isRecovering = Atomic<Bool>(true)
  private let isDraining = Atomic<Bool>(false)
  private let handlers = Mutex<[LoopHandler]>([])
  private let doors = Mutex<(batches: BatchDoor, live: LivePublisher)?>(nil)
  private let opsBoard = Mutex<OpsBoard?>(nil)
  private let reporter: @Sendable (String) -> Void

  init(
    settings: ServeSettings, environment: Environment, clock: LogicalClock, committers: [Committer], shards: [Shard],
    hotAds: HotAds, bots: BotList?,
    catalog: Worker<CatalogState>, reader: CatalogReader, tokens: TokenBoard, dashboard: DashboardSource?,
    budget: BufferBudget,
    descriptors: DescriptorPlan?,
    storeCreated: Int64,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.settings = settings
    self.storeCreated = storeCreated
    self.environment = environment
    self.clock = clock
    self.committers = committers
    tables = shards.map(\.live)
    conditions = shards.map(\.condition)
    pools = shards.map(\.slots)
    cores = shards.map(\.core)
    self.hotAds = hotAds
    botList = Mutex(bots)
    routes = hotAds.board
    disks = DiskBoard(cores)
    disks.refresh()
    self.catalog = catalog
    let health = CatalogHealth(report: report)
    catalogHealth = health
    reader.report { health.found($0) }
    self.tokens = tokens
    self.dashboard = dashboard
    self.budget = budget
    zones = ZoneBook(environment.files)
    desk = QueryDesk(
      reader, ShardTables(tables, routes: routes), clock: { clock.now() }, zones: zones, failed: report)
    self.descriptors = descriptors
    queries = QueryQueue(budget)
    requestPrefix = String(environment.chance.next(), radix: 36) + "-"
    started = environment.time.wall()
    reporter = report
  }

  /// Clicks before this time, ms since 1970, are of a month that is sealed in some shard, or of an older one.
  var sealedMonths: [SealedMonths] { tables.map(\.sealed).filter { !$0.isEmpty } }

  /// Who is a robot; nil where nobody is asked.
  var bots: BotList? { botList.withLock { $0 } }

  /// Writes one line for the operator. Never a secret.
  package func report(_ line: String) { reporter(line) }

  /// The handlers of all loops, once they exist.
  func add(_ handler: LoopHandler) { handlers.withLock { $0.append(handler) } }

  /// The batch door and the publisher of live points, once they exist.
  func add(_ batches: BatchDoor, _ live: LivePublisher) { doors.withLock { $0 = (batches, live) } }

  /// Lets go of the handlers and doors, which hold this context themselves.
  func removeHandlers() {
    handlers.withLock { $0 = [] }
    doors.withLock { $0 = nil }
    opsBoard.withLock { $0 = nil }
  }

  /// What the operations page shows of rates, once there is one.
  func add(_ board: OpsBoard) { opsBoard.withLock { $0 = board } }

  /// What the operations page shows of rates; nil before and after the service.
  var operationsBoard: OpsBoard? { opsBoard.withLock { $0 } }

  /// The batch door and the publisher of live points, for metrics.
  var otherDoors: (batches: BatchDoor, live: LivePublisher)? { doors.withLock { $0 } }

  var loopMetrics: [LoopCounts] { handlers.withLock { $0 }.map(\.metrics) }

  /// Whether the service has been told to stop.
  var isStopping: Bool { isDraining.load(ordering: .acquiring) }

  func beginServing() { isRecovering.store(false, ordering: .releasing) }
  func beginDraining() { isDraining.store(true, ordering: .releasing) }

  /// Why the service is not ready; empty where it is.
  var unreadiness: [String] {
    var reasons: [String] = []
    if isRecovering.load(ordering: .acquiring) { reasons.append("the log is being replayed") }
    if isDraining.load(ordering: .acquiring) { reasons.append("the server is shutting down") }
    return reasons + failures
  }

  /// Those of `unreadiness` that no start or stop explains.
  var failures: [String] {
    var reasons: [String] = []
    if let failure = catalogHealth.failure { reasons.append("the catalog cannot be used: \(failure)") }
    for (shard, condition) in conditions.enumerated() {
      switch condition.state {
      case .recording: break
      case .waiting(let reason): reasons.append("shard \(shard) cannot record clicks: \(reason)")
      case .failed(let reason): reasons.append("shard \(shard) has stopped recording until a restart: \(reason)")
      }
    }
    return reasons
  }
}

extension ServiceContext {
  /// What is wrong though the service is ready, a line each: rows of the catalog that nothing is believed of.
  var warnings: [String] {
    catalogHealth.damaged.prefix(100).map {
      "catalog: \($0) is damaged: it serves nothing until an operator has looked at it"
    }
  }
}

/// What the catalog's thread owns.
final class CatalogState {
  let catalog: Catalog
  let api: API

  init(_ catalog: Catalog, _ api: API) {
    self.catalog = catalog
    self.api = api
  }
}
