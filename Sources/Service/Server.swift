import Catalog
import Clicks
import HTTP
import Platform
import Shards
import Store
import Synchronization

// The service put together: which threads there are, who starts and who stops first.
//
//   event loops ──rings──▶ committers (own their shard)        slot keeper: log slots ahead of need
//        │  ╰──pieces──▶ batch workers ──rings──▶ committers     live: changed points ──▶ streams of the loops
//        │                    │   ╰─reports─▶ routes: which ads are hot, and ROUTES
//        │                    │   ╰──manifest, maps──▶ maintenance (a thread a shard): checkpoints, segments, merges, retention
//        │  ╰──queue──▶ catalog thread ──queue──▶ query worker; requests: what operators ask of all shards' maintenance;
//        │                                        checks: whole files, when an operator asks
//        │  ╰──scheduler: begins jobs when it is time; tokens: has their uses written
//        │  ╰──operations: looks at the counters once a second, for the page of operators
//        ╰─ answers come back through the rings, or through a loop's mailbox
//
// Stopping goes against the way of a click: loops drain first, so that every click they took still gets its barrier.

/// A server over one data directory, which it holds locked from `start` to `stop`.
package final class Server {
  /// The addresses bound.
  package private(set) var publicAddress = ""
  package private(set) var adminAddress = ""
  /// Where the first start wrote the admin token; nil on later starts.
  package private(set) var adminTokenPath: String?
  /// What was wrong on disk and was repaired by opening.
  package private(set) var notes: [String] = []
  /// How many signing keys are active.
  package private(set) var activeKeys = 0
  /// How long opening took, ms, and what it found.
  package private(set) var recovery = (milliseconds: Int64(0), clicks: UInt64(0))

  private let settings: ServeSettings
  private let environment: Environment
  private let report: @Sendable (String) -> Void
  private var lock: DirectoryLock?
  private var lockKeeper: LockKeeper?
  /// What `STORE` is told at the end.
  private var ending: (store: StoreEnd, routes: RouteBoard)?
  private var context: ServiceContext?
  private var loops: [(loop: EventLoop, thread: Thread)] = []
  private var door: BatchDoor?
  private var live: LivePublisher?
  private var keeper: SlotKeeper?
  private var maintenance: MaintenanceThreads?
  private var routeKeeper: RouteKeeper?
  private var checks: Worker<Void>?
  private var watch: CatalogWatch?
  private var tokenKeeper: TokenKeeper?
  private var opsBoard: OpsBoard?
  private var scheduler: Scheduler?

  /// Slots of each ring: more than any loop can have waiting.
  private static let ringCapacity = 8192
  /// Slots of a batch worker's ring: a few of the largest commits.
  private static let batchRingCapacity = 16_384

  /// A server that has not started. `report` gets lines for the operator, from any thread.
  package init(
    _ settings: ServeSettings, environment: Environment = .kernel, report: @escaping @Sendable (String) -> Void
  ) {
    self.settings = settings
    self.environment = environment
    self.report = report
  }

  /// Opens the store and serves. An error leaves nothing running and the directory unlocked.
  package func start() throws {
    do { try open() } catch {
      stop()
      throw error
    }
  }

  private func open() throws {
    let path = settings.dataDirectory
    let bots = try readBots()
    try environment.files.createDirectory(path)
    let lock = try DirectoryLock("\(path)/\(StoreFiles.lock)")
    self.lock = lock
    let began = environment.time.monotonic()
    let store = try Store.open(
      environment, path, shards: settings.shards, options: settings.shardOptions, concurrently: true)
    notes = store.notes
    if let mode = KernelFileSystem.modeIfOpenToAll(path) {
      notes.append(
        "\(path) has mode \(mode): every user of this machine can exchange files in it; chmod 700 keeps them out")
    }
    recovery = (
      (environment.time.monotonic() - began) / 1_000_000, store.shards.reduce(0) { $0 + $1.live.summary.clicks }
    )
    let catalog = try StoreCatalog.open(
      path, store: store.identity,
      hasClicks: { store.shards.contains { $0.live.summary.position > 0 } }, in: environment)
    var damagedKeys: [DamagedRow] = []
    catalog.found = { damagedKeys.append($0) }
    notes += catalog.damagedCopies.map {
      "\(StoreCatalog.path(in: path)): copy \($0) of its identity was damaged; made anew from the other"
    }
    adminTokenPath = try AdminToken.writeOnFirstStart(catalog, in: path)
    let keys = try catalog.activeKeys()
    activeKeys = keys.count
    notes += keys.filter { $0.secret.bytes.count < Catalog.minimumSecretBytes }.map {
      """
      signing key \($0.kid) has a secret of less than \(Catalog.minimumSecretBytes) bytes, which can be guessed: add another with \
      `tally keys add`, sign with that, and retire this one
      """
    }
    try compose(store, catalog, keys, bots)
    let lockKeeper = LockKeeper(lock, store.shards.map(\.core), report: report)
    try lockKeeper.start()
    self.lockKeeper = lockKeeper
    for row in damagedKeys { context?.catalogHealth.found(row) }
  }

  /// The page for people. One that is read from a directory at each request is for this machine alone.
  private func makeDashboard() throws -> DashboardSource? {
    if settings.dashboardDirectory != nil {
      let listener = settings.dashboard == .admin ? settings.adminListen : settings.listen
      guard try SocketAddress.resolve(listener).isLoopback else { throw OpenDashboard(listener: listener) }
    }
    let dashboard = try DashboardSource(settings, environment.files)
    if let note = dashboard?.note { notes.append(note) }
    return dashboard
  }

  /// Strangers would have files read at each of their requests.
  private struct OpenDashboard: Error, CustomStringConvertible {
    var listener: String
    var description: String { "dashboard-dir: \(listener) is not a loopback address, which it is for alone" }
  }

  /// The list of robots that the settings name; nil for none.
  private func readBots() throws -> BotList? {
    switch settings.bots {
    case .builtin: .builtin
    case .file(let path): try BotList(path: path, environment.files)
    case .off: nil
    }
  }

  private func compose(_ store: Store, _ catalog: Catalog, _ keys: [ActiveKey], _ bots: BotList?) throws {
    let captures = !settings.capture.isEmpty
    let mailboxes = try (0..<settings.loops).map { _ in try Mailbox() }
    let rings = mailboxes.map { mailbox in
      store.shards.map { _ in CommitRing(capacity: Self.ringCapacity, captures: captures, answered: mailbox) }
    }
    let bells = (0..<settings.batchWorkers).map { _ in Doorbell() }
    let batchRings = bells.map { bell in
      store.shards.map { _ in CommitRing(capacity: Self.batchRingCapacity, captures: captures, answered: bell) }
    }
    let hotAds = try openRoutes(store)
    ending = (store.end, hotAds.board)
    let committers = store.shards.indices.map { shard in
      Committer(
        rings: (rings + batchRings).map { $0[shard] }, bulk: batchRings.count, capture: settings.capture, shard: shard,
        routes: hotAds.board,
        reports: store.shards.count > 1 && settings.hotThreshold > 0 ? hotAds.reports : nil, policy: hotAds.policy)
    }
    let plan = try planDescriptors()
    let context = ServiceContext(
      settings: settings, environment: environment, clock: store.clock, committers: committers, shards: store.shards,
      hotAds: hotAds, bots: bots, catalog: Worker("catalog"), reader: CatalogReader(catalog),
      tokens: TokenBoard(try catalog.tokenView(), in: environment),
      dashboard: try makeDashboard(),
      budget: BufferBudget(limit: settings.maxBuffered), descriptors: plan,
      storeCreated: store.identity.created, report: report)
    self.context = context

    let (door, live) = openDoors(context, Array(zip(batchRings, bells)), keys)
    let handlers = (0..<settings.loops).map {
      LoopHandler(context, rings: rings[$0], keys: keys, index: $0, door: door, live: live)
    }
    var loopSettings = settings.loopSettings
    if let plan { loopSettings.maxConnections = plan.connections }
    loopSettings.extraConnections = settings.maxAdminConnections
    let eventLoops = try zip(handlers, mailboxes).map {
      try EventLoop(
        handler: $0, settings: loopSettings, budget: context.budget, mailbox: $1, time: environment.time)
    }
    for handler in handlers { context.add(handler) }
    try listen(eventLoops)

    for (shard, committer) in committers.enumerated() { try committer.start(Once(store.shards[shard])) }
    let keeper = SlotKeeper(context.pools)
    try keeper.start()
    self.keeper = keeper
    let routes = RouteKeeper(hotAds, report: report)
    try routes.start()
    routeKeeper = routes
    let maintenance = MaintenanceThreads(context, store.shards.map(\.maintenance))
    try maintenance.start()
    self.maintenance = maintenance
    let checks = Worker<Void>("checks")
    try checks.start { Thread.giveWay() }
    self.checks = checks
    let operations = Operations(context, maintenance, checks: checks)
    // Before the catalog has a thread of its own.
    let scheduler = try schedule(catalog, context, operations)
    self.scheduler = scheduler
    try startCatalog(catalog, context, operations, Array(zip(handlers, eventLoops)), door, live)
    let watch = CatalogWatch(
      context.catalogHealth, settings.catalogPace,
      open: { [environment, path = settings.dataDirectory] in
        try Catalog.open(StoreCatalog.path(in: path), .readOnly, check: .whole, in: environment)
      })
    try watch.start()
    self.watch = watch
    let opsBoard = OpsBoard(context)
    context.add(opsBoard)
    try opsBoard.start()
    self.opsBoard = opsBoard
    let tokenKeeper = TokenKeeper(context, interval: settings.tokenUseInterval)
    try tokenKeeper.start()
    self.tokenKeeper = tokenKeeper
    try context.queries.start()
    for (number, worker) in door.workers.enumerated() { try worker.start(number) }
    try live.start()
    try scheduler.start()
    context.beginServing()
    for (index, loop) in eventLoops.enumerated() {
      let thread = try Thread("loop-\(index)") {
        Thread.runSoon()
        loop.run()
      }
      loops.append((loop, thread))
    }
    lock?.write([
      "pid": "\(processID())", "listen": publicAddress, "admin": adminAddress, "version": tallyVersion,
    ])
  }

  /// Shares the descriptors out; what is open now are the store's files.
  private func planDescriptors() throws -> DescriptorPlan? {
    guard let limit = settings.descriptorLimit else { return nil }
    let open = try environment.files.list("/proc/self/fd").count
    let plan = try DescriptorPlan(
      limit: limit, open: open, loops: settings.loops, connections: settings.loopSettings.maxConnections,
      admin: settings.maxAdminConnections)
    if let note = plan.note { notes.append(note) }
    return plan
  }

  /// Makes the batch door and the publisher of live points; their threads start later.
  private func openDoors(
    _ context: ServiceContext, _ lanes: [(rings: [CommitRing], bell: Doorbell)], _ keys: [ActiveKey]
  ) -> (BatchDoor, LivePublisher) {
    let pool = PiecePool()
    let door = BatchDoor(
      workers: lanes.map { BatchWorker(context, rings: $0.rings, bell: $0.bell, keys: keys, pool: pool) },
      limit: settings.maxBatches, pool: pool)
    let live = LivePublisher(context, limit: settings.maxStreams)
    context.add(door, live)
    (self.door, self.live) = (door, live)
    return (door, live)
  }

  private func openRoutes(_ store: Store) throws -> HotAds {
    let cores = store.shards.map(\.core)
    return try HotAds(
      environment, store, HotPolicy(threshold: Double(settings.hotThreshold)), reporters: store.shards.count
    ) { error in
      // Nobody knows which routes a restart will find.
      for core in cores { core.fail(error) }
    }
  }

  /// What is done by schedule: the deep recount.
  private func schedule(
    _ catalog: Catalog, _ context: ServiceContext, _ operations: Operations
  ) throws -> Scheduler {
    var entries: [Scheduler.Entry] = []
    let clock = context.clock
    if let given = settings.reconcileSchedule {
      guard let zone = ZoneFile.find(given.zone, environment.files) else {
        throw UnknownZone(name: given.zone)
      }
      let seed = environment.chance.next()
      entries.append(
        Scheduler.Entry(
          kind: .reconcile,
          schedule: Schedule(
            given.cron, zone: given.zone, offset: { zone.offset(at: $0) }, jitter: settings.reconcileJitter, seed: seed)
        ))
    }
    let last = try entries.map { try catalog.lastScheduled($0.kind.rawValue, now: clock.now()) }
    let scheduler = Scheduler(entries, last: last, operations: operations) { clock.now() }
    operations.use(scheduler)
    return scheduler
  }

  /// The system does not know the time zone of a schedule.
  private struct UnknownZone: Error, CustomStringConvertible {
    var name: String
    var description: String { "reconcile-schedule: \(ZoneFile.directory) has no time zone \(name)" }
  }

  private func listen(_ eventLoops: [EventLoop]) throws {
    var options = ListenerOptions()
    options.sharesPort = eventLoops.count > 1
    var address = try SocketAddress.resolve(settings.listen)
    for (index, loop) in eventLoops.enumerated() {
      let bound = try loop.listen(at: address, tag: LoopHandler.publicTag, options: options)
      if index == 0 {
        publicAddress = bound.description
        address = bound
      }
    }
    let admin = try SocketAddress.resolve(settings.adminListen)
    var adminOptions = ListenerOptions()
    adminOptions.connections = settings.maxAdminConnections
    adminAddress = try eventLoops[0].listen(at: admin, tag: LoopHandler.adminTag, options: adminOptions).description
  }

  private func startCatalog(
    _ catalog: Catalog, _ context: ServiceContext, _ operations: Operations, _ loops: [(LoopHandler, EventLoop)],
    _ door: BatchDoor, _ live: LivePublisher
  ) throws {
    let clock = context.clock
    catalog.found = { [health = context.catalogHealth] in health.found($0) }
    let api = API(
      catalog: catalog, tables: ShardTables(context.tables, routes: context.routes), clock: { clock.now() },
      zones: context.zones, operations: operations,
      failed: { error in
        switch error {
        case .damaged: context.catalogHealth.failed("\(error)")
        default: context.report("catalog: \(error)")
        }
      },
      failedRead: { context.report($0) }, health: context.catalogHealth, tokens: context.tokens,
      publicURL: settings.publicURL, eventTimes: settings.eventTimes
    ) { change in
      // Every loop has the change in its mailbox before the answer is in any: who reads the answer and clicks meets it.
      switch change {
      case .ads(let ads):
        for (handler, loop) in loops { loop.submit { _ in handler.forget(ads) } }
        door.forget(ads)
        live.noteAds(ads)
      case .keys:
        guard let keys = try? catalog.activeKeys() else {
          return context.report("catalog: the signing keys cannot be read")
        }
        for (handler, loop) in loops { loop.submit { _ in handler.use(keys) } }
        door.use(keys)
      case .tokens:
        guard let tokens = try? catalog.tokenView() else {
          return context.report("catalog: the tokens cannot be read")
        }
        context.tokens.show(tokens)
        live.wake()
      }
    }
    let state = Once(CatalogState(catalog, api))
    try context.catalog.start { state.take() }
  }

  /// Why clicks are not recorded any more until a restart; nil while all is well. For `--on-log-failure exit`.
  package var failure: String? {
    for condition in context?.conditions ?? [] {
      if case .failed(let reason) = condition.state { return reason }
    }
    return nil
  }

  /// Reads anew what may change while the server runs, and says in a line what that was.
  package func reload() -> String {
    let bots: BotList?
    do { bots = try readBots() } catch { return "the list of robots stays as it was: \(error)" }
    context?.botList.withLock { $0 = bots }
    for (loop, _) in loops {
      loop.submit { loop in (loop.requestHandler as? LoopHandler)?.use(bots) }
    }
    return "the list of robots is read anew; other settings change with a restart"
  }

  /// Stops in good order: no new connections, answers for what is under way, the log closed, the lock given back.
  package func stop() {
    context?.beginDraining()
    door?.wake()
    live?.wake()
    opsBoard?.wake()
    for (loop, _) in loops { loop.stop(drain: settings.drainTimeout) }
    for (_, thread) in loops { thread.join() }
    loops = []
    live?.stop()
    live = nil
    door?.stop()
    door = nil
    routeKeeper?.stop()
    routeKeeper = nil
    scheduler?.stop()
    scheduler = nil
    maintenance?.stop()
    maintenance = nil
    checks?.stop()
    checks = nil
    watch?.stop()
    watch = nil
    tokenKeeper?.stop()
    tokenKeeper = nil
    opsBoard?.stop()
    opsBoard = nil
    for committer in context?.committers ?? [] { committer.stop() }
    if let ending, let error = ending.store.record(routes: ending.routes.table.version) {
      report("the end was not written down: \(error)")
    }
    ending = nil
    keeper?.stop()
    keeper = nil
    context?.catalog.stop()
    context?.queries.stop()
    context?.removeHandlers()
    context = nil
    lockKeeper?.stop()
    lockKeeper = nil
    lock = nil
  }
}
