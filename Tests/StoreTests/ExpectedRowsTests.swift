import Bytes
import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// The equation of rows, BASE, raw clicks, repeats and credits says what a fold over the clicks that were sent says.
@Suite struct ExpectedRowsTests {
  private static let hour: Int64 = 3_600_000

  /// A store that begins in June, the clicks that it was sent, and what counts of them.
  private final class Life {
    let machine = SimulatedMachine(seed: 9)
    let june = Month("2025-06")!
    let store: Store
    var shard: Shard { store.shards[0] }
    /// Each row's clicks by the first copies.
    private(set) var fold: [Row: UInt64] = [:]
    private var seen: Set<ClickIdentity> = []
    private var firstNumber: UInt64 = 0

    init(_ generator: inout SeededGenerator) throws {
      var options = Scenario.options
      options.recountInterval = 0
      options.dedupHorizon = 10_000
      options.segmentRows = generator.pick([10, 1_000])
      options.recountChunk = generator.pick([3, 1_000])
      options.rawRetention = generator.pick([1, 300]) * 24 * hour
      store = try Store.open(machine.environment, Run.path, options: options)
    }

    func click(_ count: Int, hoursAgo: Int64, _ generator: inout SeededGenerator) throws {
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      var batch: [ClickRequest] = []
      var used: Set<ClickIdentity> = []
      for _ in 0..<count {
        let number = firstNumber + generator.next() % 80
        let id = ClickIdentity(ad: AdKey(rawValue: number % 3), impression: ImpressionID(high: number, low: ~number))
        guard used.insert(id).inserted else { continue }
        let time = hoursAgo == 0 ? ClickRequest.onReceipt : machine.time.wall() - hoursAgo * hour
        batch.append(ClickRequest(identity: id, eventTime: time))
      }
      var times: [Int64?] = []
      shard.commit(batch.span) { times.append($1.verdict == .valid ? $1.eventTime : nil) }
      for (request, time) in zip(batch, times) {
        guard let time, seen.insert(request.identity).inserted else { continue }
        fold[Row(ad: request.identity.ad, minute: Minute(containing: time)), default: 0] += 1
      }
    }

    /// Raw clicks retire. Nobody knows them any more, so their ids do not come again.
    func retain() throws {
      try shard.maintenance.retain()
      firstNumber += 80
    }

    /// Time goes by in steps that the store's clock follows.
    func pass(_ milliseconds: Int64) throws {
      for _ in 0..<10 {
        machine.time.advance(milliseconds: milliseconds / 10)
        _ = store.clock.now()
      }
      try shard.maintenance.checkpoint()
      shard.maintain()
    }

    /// Rows of a stream by their ads.
    func rows(_ stream: RowStream) throws -> [Row: UInt64] {
      let keys = shard.live.adKeys
      var rows: [Row: UInt64] = [:]
      while let row = try stream.next() {
        let key = Row(ad: AdKey(rawValue: keys[Int(row.code)]), minute: Minute(index: row.bucket))
        #expect(row.count > 0 && rows.updateValue(row.count, forKey: key) == nil)
      }
      return rows
    }
  }

  /// What was met on the way, so that nothing holds for want of it.
  private struct Met {
    var listed = 0
    var base = 0
    var credits = 0
  }

  /// Every minute is closed and recounted.
  private func check(_ life: Life, _ generator: inout SeededGenerator, _ met: inout Met, _ place: String) throws {
    let version = life.shard.live.version
    let state = life.shard.state
    let expected = try ExpectedRows(version, repeats: state.retired..<UInt64.max, file: place)
    #expect(try life.rows(expected.clicks(of: version.sums())) == life.fold, "\(place)")
    #expect(try life.rows(expected.present()) == life.fold, "\(place)")
    let table = try life.rows(RowStream(version.table(.minutes)))
    #expect(try life.rows(expected.rows(of: version.sums())) == table, "\(place)")
    met.listed += try version.recordedRepeats(in: state.retired..<UInt64.max).count
    met.base += version.table(.base).runs.count
    met.credits += try version.credits().count

    // A part of the minutes, and rows one by one, those that nobody clicked among them.
    let minutes = life.fold.keys.map(\.minute.index).sorted()
    let bounds = [generator.pick(minutes), generator.pick(minutes) + 1].sorted()
    let part = bounds[0]..<bounds[1]
    let due = life.fold.filter { part.contains($0.key.minute.index) }
    let narrow = try ExpectedRows(version, in: part, repeats: state.retired..<UInt64.max, file: place)
    for some in [narrow, expected.limited(to: part)] {
      #expect(try life.rows(some.clicks(of: version.sums(in: part))) == due, "\(place): \(part)")
      #expect(try life.rows(some.present()) == due, "\(place): \(part)")
    }
    var keys: [RowCount] = []
    for code in 0..<UInt32(life.shard.live.adKeys.count) {
      for minute in Set(minutes.flatMap { [$0, $0 + 1] }).sorted() where part.contains(minute) && generator.oneIn(2) {
        keys.append(RowCount(code: code, bucket: minute, count: 1))
      }
    }
    var looked = 0
    try narrow.compare(at: RowStream(keys), version.segments) { key, present, clicks in
      let ad = AdKey(rawValue: life.shard.live.adKeys[Int(key.code)])
      let count = life.fold[Row(ad: ad, minute: Minute(index: key.bucket))] ?? 0
      #expect(present == count && clicks == count, "\(place): \(key)")
      looked += 1
    }
    #expect(looked == keys.count)
  }

  @Test func bothSidesAreTheFoldOfAllClicks() throws {
    var met = Met()
    for seed in Seeds.list(12) {
      var generator = seed.generator
      let life = try Life(&generator)
      for round in 0..<8 {
        for _ in 0..<generator.pick([1, 3]) {
          try life.click(20, hoursAgo: generator.pick([0, 0, 3]), &generator)
          try life.pass(generator.pick([15_000, 70_000, 400_000]))
          // With minutes that are open still: their repeats are listed by position.
          if generator.oneIn(2) { try life.shard.maintenance.recount(.changes) }
        }
        if round == 3 {
          try life.pass(life.june.end - life.machine.time.wall() + 2 * Self.hour)
          if generator.oneIn(2) { try life.click(5, hoursAgo: 4, &generator) }
        }
        if generator.oneIn(3) { try life.pass(26 * Self.hour) }
        try life.pass(400_000)
        try life.shard.maintenance.recount(.changes)
        if round == 3 {
          try life.shard.maintenance.seal(life.june)
          try life.click(10, hoursAgo: 6, &generator)
          try life.pass(400_000)
          try life.shard.maintenance.recount(.changes)
        }
        if generator.oneIn(3) { try life.retain() }
        try check(life, &generator, &met, "\(seed), round \(round)")
      }
    }
    #expect(met.listed > 0 && met.base > 0 && met.credits > 0, "\(met)")
  }

  /// More repeats than clicks are damage, whichever way one looks.
  @Test func aRowDoesNotFallBelowZero() throws {
    var generator = SeededGenerator(seed: 5)
    let life = try Life(&generator)
    for _ in 0..<3 {
      try life.click(40, hoursAgo: 0, &generator)
      try life.pass(20_000)
      try life.shard.maintenance.recount(.changes)
    }
    try life.pass(400_000)
    try life.shard.maintenance.recount(.changes)
    let version = life.shard.live.version
    let repeats = try version.repeats(in: 0..<UInt64.max)
    let first = try #require(repeats.first)
    let expected = try ExpectedRows(version, repeats: 0..<UInt64.max, file: "/shard")
    let fault = FormatError(
      file: "/shard", offset: 0,
      reason: "more repeats than clicks of ad code \(first.code) in bucket \(first.bucket)")
    #expect(throws: fault) { try life.rows(expected.clicks(of: [])) }
    #expect(throws: fault) { try expected.compare(at: RowStream([first]), []) { _, _, _ in } }
  }
}
