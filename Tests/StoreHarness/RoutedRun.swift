import Clicks
import Platform
import Shards
import Simulation
import Store
import Synchronization

// A store of several shards whose ads turn hot and cold, driven by one thread in every order that threads can have: doors with
// tables of their own that are as old as they like, committers that took the routes long before they take the clicks, and
// routes that are looked at while they are being written. The ledger says what must come of it: each identity once, and the
// sums over the shards that can hold an ad are its clicks.

/// One thing that happens.
package enum RoutedStep: Sendable {
  /// A batch of new clicks through a door, minted so many ms from now.
  case clicks(Int, mintedIn: Int64)
  /// A batch of new clicks without a minting time.
  case timeless(Int)
  /// A batch of new clicks whose ids only look like UUIDs of version 7, with a time so many ms from now: no door asks how far
  /// ahead that is.
  case lookalikes(Int, timeIn: Int64)
  /// A batch of clicks that were sent before.
  case repeats(Int)
  /// A batch of clicks that were sent at any time before, the dedup horizon or not.
  case late(Int)
  /// Rows of one shard are damaged, by this seed.
  case plant(UInt64)
  /// Every shard is recounted.
  case recount(RecountScope)
  /// These ads get many clicks from now on, all others few; the coordinator looks.
  case hot(Set<UInt64>)
  /// A door takes the newest table.
  case refresh
  /// Every committer takes the routes for its next batch.
  case begin
  /// Time goes by, ms, and the coordinator looks once a second for the last three.
  case wait(Int64)
  /// Everything that can be done in the background.
  case settle
  /// The process ends in good order and starts again.
  case restart
  /// The process is killed and starts again; the machine goes on.
  case kill
}

/// One life of a store of several shards.
package final class RoutedRun {
  package let machine: SimulatedMachine
  package private(set) var ledger: ClientLedger
  package private(set) var refusal: (any Error)?
  package private(set) var violations: [String] = []
  /// The latest closed minute that was seen of each ad: never goes back (R4).
  package private(set) var closed: [AdKey: Minute] = [:]

  private let shards: Int
  private let options: ShardOptions
  private var store: Store?
  private var hotAds: HotAds?
  private var rates: [AdKey: Double] = [:]
  /// Two doors, each with its routes.
  private var doors: [RouteBoard.Routes] = []
  private var door = 0
  /// What each committer took at the beginning of its batch; nil: it takes what is there.
  private let held: Held
  private var next: UInt64

  /// Routes that were taken, also in the middle of a write.
  private final class Held: Sendable {
    let routes = Mutex<[RouteBoard.Routes?]>([])
    let board = Mutex<RouteBoard?>(nil)
  }

  package static let path = "/data"
  /// In the low halves of look-alikes.
  private static let lookalike = 1 << 40 as UInt64
  /// Ads of a run.
  package static let ads = 3 as UInt64

  package init(
    _ machine: SimulatedMachine, shards: Int, ledger: ClientLedger = ClientLedger(), closed: [AdKey: Minute] = [:],
    options: ShardOptions = Scenario.options
  ) {
    self.machine = machine
    self.shards = shards
    self.options = options
    self.ledger = ledger
    self.closed = closed
    next = UInt64(ledger.sent.count)
    let held = Held()
    self.held = held
    // Somebody looks at the board while the new routes are on their way to the disk.
    machine.disk.onOperation = { operation in
      guard operation.path.hasSuffix(StoreFiles.routes + ".tmp"), operation.kind == .write else { return }
      guard let board = held.board.withLock({ $0 }) else { return }
      // A committer meets an impression of a machine whose clock is ahead, which it may not decide now.
      let current = board.decide(through: board.current.decidedThrough + 300_000)
      held.routes.withLock { $0[0] = current }
    }
  }

  package var faults: [String] { violations + ledger.violations }

  /// A script, until it ends, the machine crashes, or the store cannot be opened.
  package func perform(_ steps: [RoutedStep]) {
    guard open() else { return }
    for step in steps {
      perform(step)
      note()
      if machine.disk.isCrashed || store == nil { return }
    }
  }

  @discardableResult
  package func open() -> Bool {
    guard store == nil else { return true }
    do {
      let opened = try Store.open(
        machine.environment, Self.path, shards: shards, options: options)
      var policy = HotPolicy(threshold: 10)
      (policy.looks, policy.coolDown) = (1, 0)
      let cores = opened.shards.map(\.core)
      let hot = try HotAds(machine.environment, opened, policy, reporters: 1) { error in
        for core in cores { core.fail(error) }
      }
      (store, hotAds, refusal) = (opened, hot, nil)
      doors = [hot.board.current, hot.board.current]
      held.routes.withLock { $0 = [RouteBoard.Routes?](repeating: nil, count: shards) }
      held.board.withLock { $0 = hot.board }
      return true
    } catch {
      refusal = error
      return false
    }
  }

  private func perform(_ step: RoutedStep) {
    guard let store, let hotAds else { return }
    switch step {
    case .clicks(let count, let offset):
      let minted = max(0, store.clock.now() + offset)
      send((0..<count).map { _ in fresh(minted) })
    case .timeless(let count): send((0..<count).map { _ in fresh(nil) })
    case .lookalikes(let count, let offset):
      let time = max(0, min(store.clock.now() + offset, 1 << 48 - 1))
      send((0..<count).map { _ in fresh(time, isLookalike: true) })
    case .repeats(let count):
      let sent = ledger.sent.filter { ledger.isRecent($0) }
      guard !sent.isEmpty else { return }
      send((0..<count).map { sent[($0 * 7 + sent.count / 2) % sent.count] })
    case .late(let count):
      guard !ledger.sent.isEmpty else { return }
      send((0..<count).map { ledger.sent[($0 * 31 + ledger.sent.count / 3) % ledger.sent.count] })
    case .plant(let seed):
      var chance = SeededGenerator(seed: seed)
      let maintenance = store.shards[chance.small(in: 0...(shards - 1))].maintenance
      attempt("damage") { try RecountRun.plant(maintenance, ads: Self.ads, using: &chance) }
    case .recount(let scope):
      for shard in store.shards {
        attempt("recount \(scope)") { try shard.maintenance.recount(scope) }
        shard.maintain()
      }
    case .hot(let ads):
      rates = Dictionary(uniqueKeysWithValues: ads.map { (AdKey(rawValue: $0), 100.0) })
      look()
    case .refresh: doors[door] = hotAds.board.current
    case .begin:
      let current = hotAds.board.current
      held.routes.withLock { held in for i in held.indices { held[i] = current } }
    case .wait(let milliseconds):
      machine.time.advance(milliseconds: max(0, milliseconds - 3_000))
      for _ in 0..<min(3, milliseconds / 1_000) {
        machine.time.advance(milliseconds: 1_000)
        look()
      }
      ledger.pass(milliseconds)
      for shard in store.shards {
        shard.maintain()
        for _ in 0..<100 where !shard.maintenance.turn() { break }
      }
    case .settle:
      for shard in store.shards {
        attempt("settle") { try shard.maintenance.settle() }
        shard.maintain()
      }
    case .restart:
      store.close()
      end()
      open()
    case .kill:
      end()
      open()
    }
  }

  private func attempt(_ what: String, _ body: () throws -> Void) {
    do { try body() } catch { if !machine.disk.isCrashed { violations.append("\(what): \(error)") } }
  }

  private func end() { (store, hotAds) = (nil, nil) }

  private func look() {
    hotAds!.reports.put(0, rates, at: machine.time.monotonic() / 1_000_000)
    hotAds!.step()
  }

  private func fresh(_ minted: Int64?, isLookalike: Bool = false) -> ClickIdentity {
    next += 1
    let number = isLookalike ? next | Self.lookalike : next
    let mixed = next &* 0x9E37_79B9_7F4A_7C15
    return ClickIdentity(
      ad: AdKey(rawValue: mixed >> 32 % Self.ads),
      impression: minted.map { .version7(at: $0, random: (mixed, number << 2)) } ?? ImpressionID(high: mixed, low: next)
    )
  }

  /// Through one of the doors: what a committer hands back goes through again, by the newest table.
  private func send(_ identities: [ClickIdentity]) {
    guard let hotAds else { return }
    machine.time.advance(milliseconds: 1)
    // The door's own rule: no impression that says that it was minted in the far future.
    let limit = store!.clock.now() + RouteTable.mintTolerance
    var rest = identities.filter {
      $0.impression.timeInBits ?? 0 <= limit || $0.impression.low & Self.lookalike != 0
    }
    let before = ledger.open
    ledger.send(rest)
    door = 1 - door
    for round in 0..<4 where !rest.isEmpty {
      if round > 0 { doors[door] = hotAds.board.current }
      var parts = [[ClickIdentity]](repeating: [], count: shards)
      for identity in rest { parts[hotAds.board.route(identity, by: &doors[door])].append(identity) }
      rest = []
      for shard in parts.indices where !parts[shard].isEmpty {
        rest += commit(parts[shard], to: shard, before)
        if machine.disk.isCrashed { return }
      }
    }
    if !rest.isEmpty { violations.append("\(rest.count) clicks find no shard") }
  }

  /// Returns what is another shard's.
  private func commit(_ identities: [ClickIdentity], to shard: Int, _ before: Set<ClickIdentity>) -> [ClickIdentity] {
    let taken = held.routes.withLock { held in
      let taken = held[shard]
      held[shard] = nil
      return taken
    }
    var routes = taken ?? hotAds!.board.current
    var batch: [ClickRequest] = []
    var strays: [ClickIdentity] = []
    for identity in identities {
      switch hotAds!.board.admit(identity, to: shard, by: &routes) {
      case .here: batch.append(ClickRequest(identity: identity))
      case .elsewhere: strays.append(identity)
      case .undecided: ledger.receive(ClickAnswer(.unrecorded), for: identity, earlierOpen: before.contains(identity))
      }
    }
    guard !batch.isEmpty else { return strays }
    var seen: Set<ClickIdentity> = []
    let isFirst = batch.map { seen.insert($0.identity).inserted }
    store!.shards[shard].commit(batch.span) { index, answer in
      let identity = batch[index].identity
      ledger.receive(answer, for: identity, earlierOpen: before.contains(identity) || !isFirst[index])
    }
    let slots = store!.shards[shard].slots
    if slots.needsPreparation { try? slots.prepare() }
    return strays
  }

  /// Sends every click whose fate is unknown again.
  package func retry() {
    guard store != nil else { return }
    let unknown = ledger.open.sorted { $0.impression.low < $1.impression.low }
    for start in stride(from: 0, to: unknown.count, by: 100) {
      send(Array(unknown[start..<min(start + 100, unknown.count)]))
    }
    note()
  }

  private func note() {
    guard let store, let hotAds else { return }
    note(ShardTables(store.shards.map(\.live), routes: hotAds.board))
  }

  private func note(_ tables: ShardTables) {
    for ad in 0..<Self.ads {
      let key = AdKey(rawValue: ad)
      let through = tables.closedThrough(key)
      if through < closed[key] ?? through {
        violations.append("closed time of ad \(ad) went back from \(closed[key]!) to \(through)")
      }
      closed[key] = max(closed[key] ?? through, through)
    }
  }

  // MARK: - What is on disk

  /// Compares what all shards hold with the ledger, and what reads over the shards give with what is there.
  package func check() -> [String] {
    do {
      guard let identity = try Store.identify(machine.environment.files, Self.path) else {
        return ledger.counted.isEmpty ? [] : ["clicks were counted, and there is no store"]
      }
      let contents = try (0..<identity.shards).map { try Contents(machine.environment, Self.path, shard: $0) }
      var rows: [Row: UInt64] = [:]
      for part in contents { rows.merge(part.rows, uniquingKeysWith: +) }
      var faults = contents.flatMap(\.inconsistent)
      faults += ledger.check(contents.flatMap(\.clicks), rows)
      faults += try checkReads(identity, rows)
      return faults
    } catch { return ["the store cannot be read: \(error)"] }
  }

  /// The same after everything was recounted: rows are the fold of distinct clicks, over all shards, and a second recount finds
  /// nothing.
  package func checkRecounted() -> [String] {
    guard let store else { return ["the store is not open"] }
    var faults: [String] = []
    do {
      for shard in store.shards {
        let again = try shard.maintenance.recount(.deep(0..<1 << 40), isDry: true)
        if !again.isClean || again.repeats > 0 { faults.append("a second recount changes \(again)") }
      }
      end()
      guard let identity = try Store.identify(machine.environment.files, Self.path) else { return ["no store"] }
      var holder: [ClickIdentity: Int] = [:]
      var due: [Row: UInt64] = [:]
      var rows: [Row: UInt64] = [:]
      for shard in 0..<identity.shards {
        let contents = try Contents(machine.environment, Self.path, shard: shard)
        faults += contents.inconsistent
        rows.merge(contents.rows, uniquingKeysWith: +)
        for click in contents.clicks {
          if let other = holder[click.identity] {
            if other != shard { faults.append("\(click.identity) is in shards \(other) and \(shard)") }
            continue
          }
          holder[click.identity] = shard
          due[Row(ad: click.ad, minute: click.minute), default: 0] += 1
        }
      }
      for row in Set(due.keys).union(rows.keys) where due[row] != rows[row] {
        faults.append("\(row) has \(rows[row] ?? 0), \(due[row] ?? 0) are due")
      }
      for identity in ledger.counted.keys where holder[identity] == nil { faults.append("\(identity) is lost") }
      faults += try checkReads(identity, rows)
    } catch { faults.append("\(error)") }
    return faults
  }

  private func checkReads(_ identity: StoreIdentity, _ rows: [Row: UInt64]) throws -> [String] {
    let environment = machine.environment
    let live = try (0..<identity.shards).map { try Store.read(environment, Self.path, identity, shard: $0).live }
    let reading = try RoutesFile.read(environment.files, Self.path, store: identity.id, shards: identity.shards)
    guard let reading else { return rows.isEmpty ? [] : ["there are clicks and no ROUTES"] }
    let tables = ShardTables(live, routes: RouteBoard(RouteBoard.Routes(reading.table)))
    note(tables)
    var faults: [String] = []
    for ad in 0..<Self.ads {
      let key = AdKey(rawValue: ad)
      let range = (Minute(index: 0), Minute(index: 1 << 40))
      var sum: [Minute: UInt64] = [:]
      for part in try tables.series(of: key, from: range.0, to: range.1, in: .minutes) {
        for point in part.series.points { sum[point.minute, default: 0] += point.clicks }
      }
      var due: [Minute: UInt64] = [:]
      for (row, clicks) in rows where row.ad == key { due[row.minute] = clicks }
      if sum != due {
        faults.append("reads of ad \(ad) give \(sum.values.reduce(0, +)), there are \(due.values.reduce(0, +))")
      }
    }
    return faults
  }
}
