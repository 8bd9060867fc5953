import ClickLog
import Clicks
import Commands
import Corrections
import Platform
import Service
import Shards
import Simulation
import Store
import StoreHarness
import Testing

/// A store rewritten to another number of shards holds what it held.
@Suite struct ReshardTests {
  private static let path = "/data"

  private static func options(_ generator: inout SeededGenerator) -> ShardOptions {
    var options = Scenario.options
    options.runTiers = [10, 60, 1_440, 5_760]
    options.rawRetention = Int64(generator.small(in: 1...10)) * 86_400_000
    options.minuteRetention = 400 * 86_400_000
    options.dedupHorizon = 600_000
    return options
  }

  /// A store of `shards` shards with a history, its hot intervals, and the clicks that a horizon still knows.
  private static func fill(
    _ machine: SimulatedMachine, shards: Int, _ generator: inout SeededGenerator, _ options: ShardOptions
  ) throws -> [ClickIdentity] {
    let store = try Store.open(machine.environment, path, shards: shards, options: options)
    let start = store.clock.now()
    let hot = [AdKey(rawValue: 2): [HotInterval(start: start - 1_000, end: start + 90_000_000)]]
    let table = RouteTable(shards: shards, version: 3, hot: hot)
    do throws(RoutesFile.Failure) {
      try RoutesFile.write(table, machine.environment.files, path, store: store.identity.id, created: start)
    } catch { throw Failure("\(error)") }
    var next: UInt64 = 0
    // Ids that count again beyond the horizon, until a recount takes the repeat away.
    var plain: [(identity: ClickIdentity, time: Int64)] = []
    for round in 0..<UInt64(2 + generator.small(in: 0...12)) {
      let now = store.clock.now()
      var parts = [[ClickRequest]](repeating: [], count: shards)
      for _ in 0..<(1 + generator.small(in: 0...80)) {
        next += 1
        let minted = generator.oneIn(3) ? nil : now - Int64(generator.small(in: 0...50_000))
        let identity = ClickIdentity(
          ad: AdKey(rawValue: UInt64(generator.small(in: 1...9))),
          impression: minted.map { .version7(at: $0, random: (next, next << 2)) }
            ?? ImpressionID(high: next, low: next &* 0x9E37_79B9_7F4A_7C15))
        let time = generator.oneIn(3) ? now - Int64(generator.small(in: 0...200_000_000)) : ClickRequest.onReceipt
        parts[table.route(identity)].append(ClickRequest(identity: identity, eventTime: time))
        if minted == nil { plain.append((identity, now)) }
      }
      if let old = plain.firstIndex(where: { now - $0.time > 700_000 }) {
        parts[table.route(plain[old].identity)].append(ClickRequest(identity: plain[old].identity))
        plain[old].time = .max
      }
      for (shard, batch) in zip(store.shards, parts) {
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        guard !batch.isEmpty else { continue }
        // What is captured changes from batch to batch, and with it what a segment has.
        let set = CaptureSet(rawValue: UInt16(next % 7)).intersection(.all)
        let strings = Captures.strings(set, of: batch.map(\.identity))
        // Two imports, of which one is not known to every shard.
        let source: UInt64 = round % 3 == 0 && shard === store.shards.last ? 1 : 2
        let lines = 10 * round + 1 + generator.next() % 9
        let progress = SourceProgress(high: source, low: 7, lines: lines, bytes: 1 + round)
        shard.commit(batch.span, captured: strings, progress: progress) {
          #expect($1.verdict == .valid, "click \($0)")
        }
      }
      if generator.oneIn(4) {
        let ad = AdKey(rawValue: UInt64(generator.small(in: 1...9)))
        let row = ExternalRow(ad: ad, minute: Minute(containing: now), value: next, version: next)
        try store.shards[table.home(of: ad)].maintenance.upsert("sink", [row])
      }
      machine.time.advance(milliseconds: Int64(generator.edge(in: 0...60_000_000)))
      for shard in store.shards {
        shard.maintain()
        if generator.oneIn(3) { try shard.maintenance.recount(.deep(nil)) }
        if generator.oneIn(2) {
          try shard.maintenance.settle()
        } else {
          for _ in 0..<5 { _ = shard.maintenance.turn() }
        }
        shard.maintain()
      }
    }
    // The last clicks are young enough to be known as repeats.
    let now = store.clock.now()
    var last: [ClickIdentity] = []
    for _ in 0..<20 {
      next += 1
      let identity = ClickIdentity(
        ad: AdKey(rawValue: next % 9 + 1), impression: .version7(at: now, random: (next, next << 2)))
      let batch = [ClickRequest(identity: identity)]
      let shard = store.shards[table.route(identity)]
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
      last.append(identity)
    }
    if generator.oneIn(2) { for shard in store.shards { shard.close() } }
    return last
  }

  /// What can be read of a store, over all its shards.
  private struct Sight: Equatable {
    var layout: UInt32 = 0
    var shards = 0
    var clicks: UInt64 = 0
    var raw: Set<Click> = []
    var strings: [Click: [CapturedColumn: [UInt8]]] = [:]
    var series: [[UInt64: [Minute: UInt64]]] = []
    var external: [UInt64: [RowOfSink]] = [:]
    /// Clicks that recounts took away: they are not among the others.
    var repeats: UInt64 = 0
    var corrections: [UInt64: [Change]] = [:]
    var progress: Set<SourceProgress> = []

    /// A correction without what is a shard's own.
    struct Change: Hashable {
      var bucketSeconds: UInt32
      var bucket: Int64
      var from: UInt64
      var to: UInt64
      var reason: CorrectionReason
      var time: Int64
    }

    struct RowOfSink: Hashable {
      var minute: Int64
      var value: UInt64
      var version: UInt64
    }

    /// Whether both tell the same, whatever the number of shards.
    func agrees(_ other: Sight) -> Bool {
      clicks == other.clicks && raw == other.raw && strings == other.strings && series == other.series
        && external == other.external && corrections == other.corrections && progress == other.progress
    }
  }

  private static func look(_ machine: SimulatedMachine, _ options: ShardOptions) throws -> Sight {
    let environment = machine.environment
    let identity = try #require(try Store.identify(environment.files, path))
    var sight = Sight(layout: identity.layout, shards: identity.shards)
    var live: [LiveTable] = []
    var sources: [SourceTable] = []
    for shard in 0..<identity.shards {
      let recovery = try Store.read(environment, path, identity, shard: shard, options: options)
      live.append(recovery.live)
      var removed = Set(try recovery.version.recordedRepeats(in: 0..<UInt64.max).map(\.position))
      try recovery.forEachRetained(environment.files, store: identity.id) {
        if $0.isRepeat { removed.insert($0.position) }
      }
      let gone = try recovery.version.removedRepeats(recovery.manifest?.state ?? ManifestState())
      sight.clicks += recovery.nextPosition - gone
      sight.repeats += gone
      sources.append(recovery.sources)
      var runs: [UInt64: Int64] = [:]
      for file in recovery.version.corrections {
        try file.forEachRow { row in
          #expect(runs.updateValue(row.run.time, forKey: row.run.number) ?? row.run.time == row.run.time)
          #expect(row.run.number <= recovery.manifest?.state.lastRecount ?? 0)
          let ad = recovery.minutes.ads.key(row.code).rawValue
          sight.corrections[ad, default: []].append(
            Sight.Change(
              bucketSeconds: row.bucketSeconds, bucket: row.bucket, from: row.from, to: row.to, reason: row.reason,
              time: row.run.time))
        }
      }
      try recovery.forEachRetained(environment.files, store: identity.id) { found in
        let click = found.click
        guard !removed.contains(found.position) else { return }
        #expect(sight.raw.insert(click).inserted, "\(click) is there twice")
        guard let strings = found.strings else { return }
        // A string that was not captured, and one that is empty, are the same.
        let kept = zip(found.set.columns, CapturedStrings(found.set, of: strings).strings(at: 0)).filter { $1 != [] }
        if !kept.isEmpty { sight.strings[click] = Dictionary(uniqueKeysWithValues: kept) }
      }
      for (number, name) in recovery.manifest?.state.tables ?? [:] where name == "sink" {
        for ad in 1...9 as ClosedRange<UInt64> {
          let rows = try recovery.live.external(
            number, of: AdKey(rawValue: ad), from: Minute(index: 0), to: Minute(index: 1 << 30))
          sight.external[ad, default: []] += rows.map { .init(minute: $0.bucket, value: $0.value, version: $0.version) }
        }
      }
    }
    sight.corrections = sight.corrections.mapValues { changes in
      changes.sorted {
        ($0.time, $0.bucketSeconds, $0.bucket, $0.from, $0.to) < ($1.time, $1.bucketSeconds, $1.bucket, $1.from, $1.to)
      }
    }
    // An import goes on where the shard is that is farthest behind.
    for source in sources[0].sources {
      let all = sources.compactMap { $0.progress(ofSource: source.high, source.low) }
      if all.count == sources.count { sight.progress.insert(all.min { $0.lines < $1.lines }!) }
    }
    sight.external = sight.external.filter { !$0.value.isEmpty }.mapValues { $0.sorted { $0.minute < $1.minute } }
    let routes = try #require(
      try RoutesFile.read(environment.files, identity.root(in: path), store: identity.id, shards: identity.shards))
    let tables = ShardTables(live, routes: RouteBoard(RouteBoard.Routes(routes.table)))
    for seconds: UInt32 in [60, 3_600, 86_400] {
      var all: [UInt64: [Minute: UInt64]] = [:]
      for ad in 1...9 as ClosedRange<UInt64> {
        let parts = try tables.series(
          of: AdKey(rawValue: ad), from: Minute(index: 0), to: Minute(index: 1_440 * 40_000),
          in: seconds == 60 ? .minutes : seconds == 3_600 ? .hours : .days)
        for point in parts.flatMap(\.series.points) { all[ad, default: [:]][point.minute, default: 0] += point.clicks }
      }
      sight.series.append(all)
    }
    return sight
  }

  private static func expectSound(_ machine: SimulatedMachine, _ place: String) throws {
    var verifier = Verifier(machine.environment, path)
    try verifier.run()
    // There is no SQLite on a simulated machine, and so no catalog.
    let damage = verifier.report.damage.filter { !$0.file.hasSuffix(StoreFiles.catalog) }
    #expect(damage.isEmpty, "\(place): \(damage)")
  }

  @Test(arguments: Seeds.list(30))
  func everySeriesAndTotalIsWhatItWas(_ seed: Seed) throws {
    var generator = seed.generator
    let machine = SimulatedMachine(seed: generator.next())
    let options = Self.options(&generator)
    let recent = try Self.fill(machine, shards: 1 + Int(generator.next() % 4), &generator, options)
    var before = try Self.look(machine, options)
    for _ in 0..<2 {
      let shards = 1 + Int(generator.next() % 5)
      let report = try Resharding(machine.environment, Self.path, options: options).run(shards: shards)
      #expect(report.after == shards && report.clicks == before.clicks + before.repeats)
      let after = try Self.look(machine, options)
      #expect(after.shards == shards && after.layout == before.layout + 1)
      #expect(after.agrees(before), "\(seed)")
      try Self.expectSound(machine, "\(seed)")
      before = after
    }
    // It goes on: repeats inside the horizon are known, new clicks count, and the background finds nothing wrong.
    let store = try Store.open(machine.environment, Self.path, options: options)
    let hot = try HotAds(machine.environment, store, HotPolicy(), reporters: 1) { Issue.record("\($0)") }
    for identity in recent {
      for (fresh, due) in [(false, Verdict.duplicate), (true, .valid)] {
        var identity = identity
        if fresh { identity.impression.low ^= 1 }
        let shard = store.shards[hot.board.table.route(identity)]
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        let batch = [ClickRequest(identity: identity)]
        shard.commit(batch.span) { #expect($1.verdict == due, "\(seed): \(identity)") }
      }
    }
    machine.time.advance(milliseconds: 400_000)
    for shard in store.shards {
      shard.maintain()
      try shard.maintenance.settle()
      shard.maintain()
      shard.close()
    }
    try Self.expectSound(machine, "\(seed), gone on")
    #expect(try Self.look(machine, options).clicks == before.clicks + UInt64(recent.count))
  }

  /// A click whose first copy has retired is known by its repeat, in the shard that it goes to as well.
  @Test(arguments: [1, 3]) func aRepeatOfARetiredClickKeepsItsIdentityKnown(shards: Int) throws {
    let hour: Int64 = 3_600_000
    let machine = SimulatedMachine(seed: 11)
    var options = Scenario.options
    options.dedupHorizon = 1_000
    options.rawRetention = 6 * hour
    options.recountInterval = 0
    var store = try Store.open(machine.environment, Self.path, shards: 2, options: options)
    var table = RouteTable(shards: 2)
    do throws(RoutesFile.Failure) {
      try RoutesFile.write(
        table, machine.environment.files, Self.path, store: store.identity.id, created: store.clock.now())
    } catch { throw Failure("\(error)") }
    let identities = (1...20 as ClosedRange<UInt64>).map {
      ClickIdentity(ad: AdKey(rawValue: $0 % 7), impression: ImpressionID(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0))
    }
    func pass(_ milliseconds: Int64) throws {
      machine.time.advance(milliseconds: milliseconds)
      _ = store.clock.now()
      for shard in store.shards {
        try shard.maintenance.checkpoint()
        shard.maintain()
      }
    }
    /// Clicks of these identities, and how many of them the recount takes away.
    func click(_ range: ClosedRange<Int>) throws -> UInt64 {
      var parts = [[ClickRequest]](repeating: [], count: store.shards.count)
      for identity in identities[range] { parts[table.route(identity)].append(ClickRequest(identity: identity)) }
      for (shard, batch) in zip(store.shards, parts) where !batch.isEmpty {
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        shard.commit(batch.span) { #expect($1.verdict == .valid) }
      }
      try pass(400_000)
      return try store.shards.reduce(0) { $0 + (try $1.maintenance.recount(.deep(nil)).repeats) }
    }
    #expect(try click(0...14) == 0)
    try pass(4 * hour)
    #expect(try click(5...19) == 10)
    try pass(3 * hour)
    for shard in store.shards { try shard.maintenance.retain() }
    #expect(store.shards.reduce(0) { $0 + $1.state.retired } == 15)
    store.close()

    let before = try Self.look(machine, options)
    let report = try Resharding(machine.environment, Self.path, options: options).run(shards: shards)
    #expect(report.clicks == 30)
    let after = try Self.look(machine, options)
    #expect(after.agrees(before) && after.repeats == 10)
    try Self.expectSound(machine, "\(shards) shards")
    table = RouteTable(shards: shards)
    store = try Store.open(machine.environment, Self.path, options: options)
    #expect(store.shards.reduce(0) { $0 + $1.live.version.segments.reduce(0) { $0 + $1.summary.marked } } == 10)
    // A store does not age while it is closed.
    try pass(2_000)
    // Five are known by their repeats alone, five by a click of the second round.
    #expect(try click(10...19) == 10)
    #expect(store.shards.allSatisfy { $0.maintenance.counters.books.drift == 0 })
    store.close()
    let identity = try #require(try Store.identify(machine.environment.files, Self.path))
    for shard in 0..<shards {
      let recovery = try Store.read(machine.environment, Self.path, identity, shard: shard, options: options)
      let check = try recovery.deepCheck(machine.environment.files, store: identity.id) { _, _ in true }
      #expect(check.proof.unproven.isEmpty && check.missed.isEmpty && check.strange.isEmpty, "\(check)")
    }
    try Self.expectSound(machine, "\(shards) shards, gone on")
  }

  /// A crash at any call leaves the old store or the new one, whole, and the next opening clears up.
  @Test(arguments: Seeds.list(2))
  func aCrashLeavesTheOldStoreOrTheNewOne(_ seed: Seed) throws {
    func prepared() throws -> (SimulatedMachine, ShardOptions) {
      var generator = seed.generator
      let machine = SimulatedMachine(seed: generator.next())
      let options = Self.options(&generator)
      _ = try Self.fill(machine, shards: 2, &generator, options)
      return (machine.crashed(.everything), options)
    }
    let (machine, options) = try prepared()
    let before = try Self.look(machine, options)
    machine.disk.faults = FaultPlan()
    let first = machine.disk.operationCount
    _ = try Resharding(machine.environment, Self.path, options: options).run(shards: 3)
    let calls = machine.disk.operationCount - first
    var layouts: Set<UInt32> = []
    for index in stride(from: Int(seed.value % 11), to: calls, by: 11) {
      let (machine, options) = try prepared()
      machine.disk.faults = FaultPlan(crashAt: index, inFlight: index % 2 == 0)
      #expect(throws: (any Error).self) {
        try Resharding(machine.environment, Self.path, options: options).run(shards: 3)
      }
      for survival in [Survival.nothing, .everything, .random(seed.value &+ UInt64(index))] {
        let next = machine.crashed(survival)
        let place = "\(seed), crash at call \(index) of \(calls), \(survival)"
        let found = try Self.look(next, options)
        #expect(found.agrees(before), "\(place)")
        #expect(found.shards == (found.layout == 0 ? 2 : 3), "\(place)")
        layouts.insert(found.layout)
        let store = try Store.open(next.environment, Self.path, options: options)
        for shard in store.shards { shard.close() }
        #expect(try Self.look(next, options).agrees(before), "\(place), opened")
        let names = next.disk.files().map(\.path)
        let isClean = names.allSatisfy { $0.contains("/layout-") == (found.layout == 1 && !$0.hasSuffix("/STORE")) }
        #expect(isClean, "\(place): \(names)")
      }
    }
    #expect(layouts == [0, 1])
  }

  /// The histories above are worth something: recounts took clicks away, and imports were under way.
  @Test func theHistoriesHaveCorrectionsAndImports() throws {
    var (corrections, progress) = (0, 0)
    for seed in Seeds.list(10) {
      var generator = seed.generator
      let machine = SimulatedMachine(seed: generator.next())
      let options = Self.options(&generator)
      _ = try Self.fill(machine, shards: 1 + Int(generator.next() % 4), &generator, options)
      let sight = try Self.look(machine, options)
      corrections += sight.corrections.isEmpty ? 0 : 1
      progress += sight.progress.isEmpty ? 0 : 1
    }
    #expect(corrections > 2 && progress > 2)
  }

  @Test func aFullVolumeIsRefusedBeforeAnythingIsWritten() throws {
    var generator = SeededGenerator(seed: 5)
    let machine = SimulatedMachine(seed: 5)
    let options = Self.options(&generator)
    _ = try Self.fill(machine, shards: 2, &generator, options)
    let before = try Self.look(machine, options)
    machine.disk.capacity = machine.disk.files().reduce(0) { $0 + UInt64($1.size) } + (1 << 20)
    let refusal = #expect(throws: Resharding.Refusal.self) {
      try Resharding(machine.environment, Self.path, options: options).run(shards: 4)
    }
    guard case .space? = refusal else { return #expect(Bool(false), "\(refusal.map { "\($0)" } ?? "-")") }
    #expect(try Self.look(machine, options) == before)
  }

  @Test func theCommandSaysWhatItDid() throws {
    let session = try Session()
    #expect(session.run("ads put 42 https://x.example --advertiser acme --data-dir DATA").status == .done)
    try session.fill(200, ad: #require(AdID("42")))
    let before = session.run("query 42 --data-dir DATA --from -1h --format json")
    let done = session.run("reshard --shards 3 --data-dir DATA")
    #expect(done.status == .done && done.output.contains("1 shards became 3: 200 clicks"), "\(done)")
    #expect(session.run("verify --data-dir DATA").status == .done)
    let after = session.run("query 42 --data-dir DATA --from -1h --format json")
    #expect(before.status == .done, "\(before)")
    #expect(after.status == .done && after.output.contains("\"total\":200"), "\(after)")
    #expect(session.run("reshard --data-dir DATA").status == .usage)
    #expect(session.run("reshard --shards 65 --data-dir DATA").status == .usage)
    #expect(session.run("reshard --shards 2 --data-dir DIR/nowhere").status == .failed)
    #expect(!KernelFileSystem().exists("\(session.data)/shard-00"))
    #expect(KernelFileSystem().exists("\(session.data)/layout-0001/shard-02"))
  }
}
