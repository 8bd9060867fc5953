import Clicks
import Platform
import Runs
import Simulation
import Store
import StoreHarness
import Synchronization
import Testing

/// What is too old goes, and what must stay stays.
@Suite struct RetentionTests {
  private static let day: Int64 = 86_400_000

  private static func options() -> ShardOptions {
    var options = Scenario.options
    options.rawRetention = 2 * day
    options.minuteRetention = 5 * day
    options.dedupHorizon = 60_000
    options.runTiers = [60, 1_440]
    return options
  }

  @Test func hoursAndDaysOutliveMinutesAndRaw() throws {
    let machine = SimulatedMachine(seed: 4)
    let store = try Store.open(machine.environment, Run.path, options: Self.options())
    let shard = store.shards[0]
    let ad = AdKey(rawValue: 7)
    let first = Minute(containing: store.clock.now())
    var sent: UInt64 = 0
    for _ in 0..<10 {
      sent += 1
      let request = ClickRequest(
        identity: ClickIdentity(ad: ad, impression: ImpressionID(high: sent, low: sent)),
        eventTime: ClickRequest.onReceipt)
      let batch = [request]
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
      machine.time.advance(milliseconds: Self.day)
      try shard.maintenance.settle()
      shard.maintain()
    }
    let now = Minute(containing: store.clock.now())
    let state = shard.state
    let version = shard.live.version
    // Raw: two days; their sums are BASE rows.
    #expect(state.retired >= 7 && state.retired < sent)
    #expect(version.segments.first.map { $0.summary.positions.lowerBound } ?? state.sealed == state.retired)
    #expect(try version.table(.base).series(of: 0, in: 0..<now.index).reduce(0) { $0 + $1.count } == state.retired)
    // Minutes: five days; hours and days: all of them.
    let minutes = try shard.live.series(of: ad, from: first, to: now).points
    #expect(minutes.count < 10 && minutes.count >= 4)
    #expect(minutes.allSatisfy { $0.minute.index >= state.minutesFrom })
    let days = try version.table(.days).series(of: 0, in: 0..<(now.index / 1_440))
    let hours = try version.table(.hours).series(of: 0, in: 0..<(now.index / 60))
    #expect(days.count >= 9 && days.allSatisfy { $0.count == 1 })
    #expect(hours.count == days.count && hours.allSatisfy { $0.count == 1 })

    // Derived again, it is the same, and what minutes cannot give any more is kept.
    try shard.maintenance.rebuildRuns()
    #expect(try shard.live.series(of: ad, from: first, to: now).points.map(\.minute) == minutes.map(\.minute))
    #expect(try shard.live.version.table(.days).series(of: 0, in: 0..<(now.index / 1_440)) == days)
    #expect(try shard.live.version.table(.hours).series(of: 0, in: 0..<(now.index / 60)) == hours)
  }

  /// Half an hour of raw clicks: they are merged inside of a sixth of it, and none is there much longer. A repeat that came behind the
  /// dedup horizon and in another sixth is taken away before its first copy goes.
  @Test(arguments: [1, 2, 3] as [UInt64]) func shortRetentionKeepsNoClickLong(seed: UInt64) throws {
    let machine = SimulatedMachine(seed: seed)
    var generator = SeededGenerator(seed: seed)
    var options = Self.options()
    (options.rawRetention, options.dedupHorizon, options.allowedLateness) = (1_800_000, 60_000, 60_000)
    options.minuteRetention = 400 * Self.day
    let store = try Store.open(machine.environment, Run.path, options: options)
    let shard = store.shards[0]
    let ad = AdKey(rawValue: 7)
    let first = Minute(containing: store.clock.now())
    var sent: UInt64 = 0
    var repeats: [(id: UInt64, due: Int)] = []
    for minute in 0..<120 {
      func click(_ id: UInt64) throws {
        let request = ClickRequest(
          identity: ClickIdentity(ad: ad, impression: ImpressionID(high: id, low: id)),
          eventTime: ClickRequest.onReceipt)
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        shard.commit([request].span) { #expect($1.verdict == .valid, "seed \(seed)") }
      }
      sent += 1
      try click(sent)
      if generator.oneIn(3) { repeats.append((sent, minute + 2 + generator.below(18))) }
      for one in repeats where one.due == minute { try click(one.id) }
      machine.time.advance(milliseconds: 60_000)
      if minute % 10 == 9 {
        try shard.maintenance.recount(.changes)
        try shard.maintenance.settle()
      }
      shard.maintain()
      for segment in shard.live.version.segments {
        let times = segment.summary.receiveTimes
        #expect(times.upperBound - times.lowerBound <= 10 * 60_000, "seed \(seed): merged over \(times)")
        // Looked for every ten minutes here.
        #expect(times.upperBound >= store.clock.now() - 1_800_000 - 660_000, "seed \(seed)")
      }
    }
    machine.time.advance(milliseconds: 300_000)
    try shard.maintenance.settle()
    try shard.maintenance.recount(.changes)
    let now = Minute(containing: store.clock.now())
    let points = try shard.live.series(of: ad, from: first, to: now).points
    #expect(points.count == 120 && points.allSatisfy { $0.clicks == 1 }, "seed \(seed)")
    #expect(shard.state.retired > 60 && repeats.count > 20, "seed \(seed)")
  }

  @Test func anOldImportStaysAsLongAsItWasWrittenLately() throws {
    let machine = SimulatedMachine(seed: 5)
    let store = try Store.open(machine.environment, Run.path, options: Self.options())
    let shard = store.shards[0]
    let old = store.clock.now() - 300 * Self.day
    let batch = [
      ClickRequest(
        identity: ClickIdentity(ad: AdKey(rawValue: 1), impression: ImpressionID(high: 1, low: 1)), eventTime: old)
    ]
    shard.commit(batch.span) { #expect($1.verdict == .valid) }
    machine.time.advance(milliseconds: Self.day)
    try shard.maintenance.settle()
    let minute = Minute(containing: old)
    let to = Minute(index: minute.index + 1)
    #expect(try shard.live.series(of: AdKey(rawValue: 1), from: minute, to: to).points.count == 1)
    machine.time.advance(milliseconds: 6 * Self.day)
    try shard.maintenance.settle()
    #expect(try shard.live.series(of: AdKey(rawValue: 1), from: minute, to: to).points.isEmpty)
  }

  /// Clicks of each ad and bucket.
  private static func rows(_ table: RunTable) throws -> [RowCount] {
    var rows: [RowCount] = []
    let stream = try RowStream(table)
    while let row = try stream.next() { rows.append(row) }
    return rows
  }

  /// A click a day, which nobody asks to be merged: rested days are folded, and what was folded retires by the run, no longer
  /// after its time than its window is wide.
  @Test func foldedMinutesRetire() throws {
    let machine = SimulatedMachine(seed: 6)
    var options = Self.options()
    options.minuteRetention = 16 * Self.day
    options.runTiers = [60, 1_440, 5_760]
    let store = try Store.open(machine.environment, Run.path, options: options)
    let shard = store.shards[0]
    var due: [RowCount] = []
    for number in 0..<60 as Range<UInt64> {
      let time = store.clock.now()
      let batch = [
        ClickRequest(
          identity: ClickIdentity(ad: AdKey(rawValue: 7), impression: ImpressionID(high: number, low: 1)),
          eventTime: ClickRequest.onReceipt)
      ]
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
      due.append(RowCount(code: 0, bucket: Minute(containing: time).index, count: 1))
      for _ in 0..<4 {
        machine.time.advance(milliseconds: Self.day / 4)
        var turns = 0
        while shard.maintenance.turn(), turns < 200 { turns += 1 }
        #expect(turns < 200)
        shard.maintain()
      }
      let (state, version) = (shard.state, shard.live.version)
      let minutes = try Self.rows(version.table(.minutes))
      // All of the retention is there, and nothing that is older by more than the window, a day until it rests, and one until
      // retention looks again.
      let today = Minute(containing: store.clock.now()).index / 1_440
      let closed = due.filter { $0.bucket < state.closedThrough }
      #expect(minutes == closed.filter { $0.bucket >= max(0, state.minutesFrom) }, "day \(number)")
      #expect(state.minutesFrom <= (today - 16) * 1_440, "day \(number)")
      #expect(minutes.first!.bucket >= (today - 16 - 4 - 3) * 1_440, "day \(number)")
      #expect(state.minutesFrom == .min || state.minutesFrom % 1_440 == 0)
      let days = try Self.rows(version.table(.days))
      #expect(
        days
          == due.filter { $0.bucket < state.rolledUp * 1_440 }.map {
            RowCount(code: 0, bucket: $0.bucket / 1_440, count: 1)
          })
      #expect(version.table(.days).runs.count <= 4, "day \(number)")
      #expect(version.table(.hours).runs.count <= 4, "day \(number)")
      // Four or five windows, of which the last grows, and today.
      #expect(
        version.table(.minutes).runs.count <= 6 + 5, "day \(number): \(version.table(.minutes).runs.map(\.window))")
    }
    #expect(shard.maintenance.counters.failures == 0 && shard.state.minutesFrom > .min)
    let minutes = try Self.rows(shard.live.version.table(.minutes))
    let days = try Self.rows(shard.live.version.table(.days))
    try shard.maintenance.rebuildRuns()
    #expect(try Self.rows(shard.live.version.table(.minutes)) == minutes)
    #expect(try Self.rows(shard.live.version.table(.days)) == days)
  }

  /// Clicks of one segment that happened on so many days become BASE rows, however many days that are, in one pass.
  @Test func aSegmentOfManyDaysRetiresInOnePass() throws {
    func retire(days: Int64) throws -> (reads: Int, base: Int) {
      let machine = SimulatedMachine(seed: 6)
      var options = Self.options()
      options.access = .read
      options.minuteRetention = 4_000 * Self.day
      let store = try Store.open(machine.environment, Run.path, options: options)
      let shard = store.shards[0]
      let now = store.clock.now()
      var due: [Row: UInt64] = [:]
      for start in stride(from: 0 as UInt64, to: 600, by: 60) {
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        let batch = (start..<(start + 60)).map { number in
          let time = now - (1 + Int64(number) % days) * Self.day + Int64(number / 3) * 60_000
          let id = ClickIdentity(ad: AdKey(rawValue: number % 7), impression: ImpressionID(high: number, low: ~number))
          due[Row(ad: id.ad, minute: Minute(containing: time)), default: 0] += 1
          return ClickRequest(identity: id, eventTime: time)
        }
        shard.commit(batch.span) { #expect($1.verdict == .valid) }
      }
      machine.time.advance(milliseconds: Self.day)
      try shard.maintenance.recount(.changes)
      try shard.maintenance.settle()
      #expect(shard.live.version.segments.count == 1)
      for _ in 0..<3 {
        machine.time.advance(milliseconds: Self.day)
        _ = store.clock.now()
      }
      try shard.maintenance.recount(.changes)
      let reads = Atomic<Int>(0)
      machine.disk.onOperation = {
        if $0.kind == .read, $0.path.contains("/seg/") { reads.add(1, ordering: .relaxed) }
      }
      try shard.maintenance.retain()
      machine.disk.onOperation = nil
      let version = shard.live.version
      #expect(shard.state.retired == 600 && version.segments.isEmpty)
      var found: [Row: UInt64] = [:]
      let rows = try RowStream(version.table(.base))
      while let row = try rows.next() {
        let ad = AdKey(rawValue: shard.live.adKeys[Int(row.code)])
        found[Row(ad: ad, minute: Minute(index: row.bucket))] = row.count
      }
      #expect(found == due, "\(days) days")
      return (reads.load(ordering: .relaxed), version.table(.base).runs.count)
    }
    let (few, many) = (try retire(days: 2), try retire(days: 60))
    #expect(few.base <= 3 && many.base >= 60)
    #expect(few.reads > 0 && many.reads <= 2 * few.reads, "\(few), \(many)")
  }
}
