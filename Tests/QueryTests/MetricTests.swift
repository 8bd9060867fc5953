import Clicks
import Platform
import Query
import Shards
import Simulation
import Store
import StoreHarness
import Testing

/// A store whose ads met verdicts besides their clicks, and repeats that recounts took away.
private struct Funnel {
  let machine: SimulatedMachine
  var options = Scenario.options
  var store: Store
  var generator: SeededGenerator
  static let ads = (1...4).map { number in
    let id = AdID("ad-\(number)")!
    return SelectedAd(id: id, key: AdKey(id), advertiserID: "acme", campaignID: number < 3 ? "x" : nil)
  }
  /// What is to be told, by ad and minute.
  private(set) var clicks: [AdKey: [Minute: UInt64]] = [:]
  private(set) var repeats: [AdKey: [Minute: Int64]] = [:]
  private(set) var met: [AdKey: [Minute: [Verdict: UInt64]]] = [:]
  private var counted: Set<ClickIdentity> = []
  private var pending: [AdKey: [Minute: Int64]] = [:]

  init(_ seed: Seed) throws {
    generator = seed.generator
    machine = SimulatedMachine(seed: generator.next())
    options.dedupHorizon = 10_000
    options.recountInterval = 0
    options.keepsVerdicts = true
    store = try Store.open(machine.environment, "/data", options: options)
  }

  var shard: Shard { store.shards[0] }
  var tables: ShardTables { ShardTables([shard.live], routes: nil) }

  /// Clicks, of which those with an identity that was there before the horizon count until a recount finds them.
  mutating func click(_ count: Int) throws {
    if shard.slots.needsPreparation { try shard.slots.prepare() }
    var batch: [ClickRequest] = []
    var used: Set<ClickIdentity> = []
    for _ in 0..<count {
      let number = UInt64(generator.small(in: 0...40))
      let ad = Self.ads[Int(number % 4)].key
      let identity = ClickIdentity(
        ad: ad, impression: ImpressionID(high: number &* 0x9E37_79B9_7F4A_7C15, low: number))
      if used.insert(identity).inserted { batch.append(ClickRequest(identity: identity)) }
    }
    var taken: [(ClickIdentity, Minute)] = []
    shard.commit(batch.span) { index, answer in
      if answer.verdict == .valid { taken.append((batch[index].identity, Minute(containing: answer.eventTime))) }
    }
    for (identity, minute) in taken {
      clicks[identity.ad, default: [:]][minute, default: 0] += 1
      if !counted.insert(identity).inserted { pending[identity.ad, default: [:]][minute, default: 0] += 1 }
    }
  }

  mutating func meet(_ count: Int) {
    let now = Minute(containing: store.clock.now()).index
    var counts: [VerdictCounts.Key: UInt64] = [:]
    for _ in 0..<count {
      let ad = generator.pick(Self.ads).key
      let verdict = generator.pick(Metric.verdicts)
      let minute = now - generator.pick([0, 0, 0, 1, 70, 1_500] as [Int64])
      counts[VerdictCounts.Key(ad: ad, minute: minute, verdict: verdict), default: 0] += 1
      met[ad, default: [:]][Minute(index: minute), default: [:]][verdict, default: 0] += 1
    }
    shard.core.verdicts.add(counts)
  }

  mutating func recount() throws {
    // So that every minute is closed.
    machine.time.advance(milliseconds: 600_000)
    _ = store.clock.now()
    try shard.maintenance.settle()
    try shard.maintenance.recount(.changes)
    for (ad, minutes) in pending {
      for (minute, count) in minutes {
        clicks[ad, default: [:]][minute, default: 0] -= UInt64(count)
        repeats[ad, default: [:]][minute, default: 0] -= count
      }
    }
    pending = [:]
  }

  /// What a bucket of some ads is to say: clicks, and what `metrics` name.
  func due(_ ads: [SelectedAd], _ query: SeriesQuery, _ metrics: [Metric]) -> [Minute: [Int64]] {
    struct Sum {
      var clicks: Int64 = 0
      var corrected: Int64 = 0
      var met: [Verdict: Int64] = [:]
    }
    var sums: [Minute: Sum] = [:]
    func start(_ minute: Minute) -> Minute? {
      query.from <= minute && minute < query.to ? query.grid.start(of: minute) : nil
    }
    for ad in ads {
      for (minute, count) in clicks[ad.key] ?? [:] where count > 0 {
        if let bucket = start(minute) { sums[bucket, default: Sum()].clicks += Int64(count) }
      }
      for (minute, change) in repeats[ad.key] ?? [:] {
        if let bucket = start(minute) { sums[bucket, default: Sum()].corrected += change }
      }
      for (minute, counts) in met[ad.key] ?? [:] {
        guard let bucket = start(minute) else { continue }
        for (verdict, count) in counts { sums[bucket, default: Sum()].met[verdict, default: 0] += Int64(count) }
      }
    }
    return sums.mapValues { sum in
      [sum.clicks]
        + metrics.map { metric in
          switch metric {
          case .clicks: sum.clicks
          case .verdict(let verdict): sum.met[verdict] ?? 0
          case .corrected: sum.corrected
          case .gross: sum.clicks - sum.corrected + sum.met.filter { $0.key != .unknown }.values.reduce(0, +)
          }
        }
    }
  }
}

@Suite struct MetricTests {
  /// Every number of every bucket is what a plain fold says, whatever stands in memory or on disk, for one ad, for groups and for
  /// the heaviest; and the parts of a range add up.
  @Test(arguments: Seeds.list(20)) func grossToNetIsTheFold(_ seed: Seed) throws {
    var funnel = try Funnel(seed)
    for _ in 0..<(2 + funnel.generator.small(in: 0...6)) {
      try funnel.click(1 + funnel.generator.small(in: 0...30))
      funnel.meet(funnel.generator.small(in: 0...30))
      funnel.machine.time.advance(milliseconds: Int64(funnel.generator.edge(in: 11_000...4_000_000)))
      funnel.shard.maintain()
      switch funnel.generator.next() % 4 {
      case 0: try funnel.shard.maintenance.checkpoint()
      case 1: try funnel.recount()
      case 2: try funnel.shard.maintenance.settle()
      default: break
      }
    }
    let now = funnel.store.clock.now()
    let metrics = Array(Metric.all.dropFirst())
    let names = "metrics=" + metrics.map(\.name).joined(separator: ",")
    for table in funnel.tables.tables {
      let found = try TableReading.Way.allCases.map { way in
        let (from, to) = (Minute(index: now / 60_000 - 1_000), Minute(index: now / 60_000 + 1))
        let reading = table.reading(of: Funnel.ads.map(\.key), from: from, to: to, details: true)
        var details: [String] = []
        try reading.addDetails(of: [0, 1, 1, 2], from: 0, Metric.verdicts, corrected: true, hours: true, way: way) {
          details.append("\($0) \($1) \($2)")
        }
        return details.sorted()
      }
      #expect(found[0] == found[1], "\(seed)")
    }
    for unit in BucketGrid.Unit.allCases {
      let cuts = [
        now / 60_000 - 2 * 1_440, now / 60_000 - Int64(funnel.generator.small(in: 0...2_000)), now / 60_000 + 1,
      ]
      for (from, to) in zip(cuts, cuts.dropFirst()) {
        let texts = ["granularity=\(unit.rawValue)", "from=\(from * 60)", "to=\(to * 60)", names]
        for ad in Funnel.ads {
          let query = try SeriesQuery(
            adID: ad.id!, ad: ad.key, parameters: Self.pairs(texts), now: now, zones: zoneBook)
          let series = try Series(query, over: funnel.tables)
          let due = funnel.due([ad], query, metrics)
          let found = Dictionary(
            uniqueKeysWithValues: series.points.map { ($0.minute, [Int64($0.clicks)] + $0.metrics) })
          // A bucket whose clicks were all taken away says so.
          #expect(found == due, "\(seed) \(texts) \(ad.id!)")
          let sums = due.values.reduce(into: [Int64](repeating: 0, count: 1 + metrics.count)) { sums, values in
            for i in values.indices { sums[i] += values[i] }
          }
          #expect([Int64(series.total)] + series.metrics == sums && !series.verdictsIncomplete, "\(seed)")
        }
        let grouped = try GroupedQuery(
          parameters: Self.pairs(texts + ["groupBy=campaign"]), now: now, zones: zoneBook)
        let page = try GroupedSeries(grouped, of: Funnel.ads, over: funnel.tables)
        for group in page.groups {
          let ads = Funnel.ads.filter { $0.campaignID == group.ad.campaignID }
          let found = Dictionary(
            uniqueKeysWithValues: group.series.points.map { ($0.minute, [Int64($0.clicks)] + $0.metrics) })
          #expect(found == funnel.due(ads, grouped.series, metrics), "\(seed) \(texts)")
        }
        let top = try TopPage(
          TopQuery(parameters: Self.pairs(Array(texts.dropFirst())), now: now, zones: zoneBook), of: Funnel.ads,
          over: funnel.tables)
        #expect(top.metrics == page.metrics && top.total == page.total, "\(seed)")
      }
    }
  }

  private static func pairs(_ texts: [String]) -> [(name: String, value: String)] {
    texts.map { text in
      let sides = text.split(separator: "=", maxSplits: 1).map(String.init)
      return (sides[0], sides[1])
    }
  }

  /// What was open when the process ended is gone, and the answer says so of these minutes and of no others; so it does where a
  /// stranger named more ads than there is room for.
  @Test func lostVerdictsAreSaid() throws {
    var funnel = try Funnel(Seed(11))
    try funnel.click(20)
    funnel.meet(10)
    funnel.machine.time.advance(milliseconds: 900_000)
    funnel.shard.maintain()
    try funnel.shard.maintenance.settle()
    try funnel.click(20)
    funnel.meet(10)
    let ended = funnel.store.clock.now() / 60_000
    let closed = funnel.shard.state.closedThrough
    let machine = funnel.machine.crashed(.nothing)
    let store = try Store.open(machine.environment, "/data", options: funnel.options)
    let shard = store.shards[0]
    func isIncomplete(_ from: Int64, _ to: Int64, _ name: String = "duplicate") throws -> Bool {
      let query = try query(
        ["from=\(from * 60)", "to=\(to * 60)", "metrics=\(name)"], ad: Funnel.ads[0].key, now: store.clock.now())
      return try Series(query, over: ShardTables([shard.live], routes: nil)).verdictsIncomplete
    }
    for _ in 0..<2 {
      #expect(try isIncomplete(closed, ended + 1) && isIncomplete(ended, ended + 1))
      #expect(try !isIncomplete(closed - 60, closed) && !isIncomplete(ended + 20, ended + 40))
      #expect(try !isIncomplete(closed, ended + 1, "corrected"))
      // Now out of the table.
      machine.time.advance(milliseconds: 600_000)
      try shard.maintenance.settle()
      #expect(shard.core.verdicts.entries == 0)
    }
    let later = store.clock.now() / 60_000
    var counts: [VerdictCounts.Key: UInt64] = [:]
    for ad in 0..<VerdictCounts.unsignedLimit + 1 {
      counts[.init(ad: AdKey(rawValue: UInt64(ad) &* 0x9E37_79B9_7F4A_7C15), minute: later, verdict: .badSignature)] = 1
    }
    shard.core.verdicts.add(counts)
    for _ in 0..<2 {
      #expect(try isIncomplete(later, later + 1, "bad-signature") && !isIncomplete(later + 1, later + 2, "gross"))
      machine.time.advance(milliseconds: 600_000)
      try shard.maintenance.settle()
    }
  }

  @Test func answersSayHowGoodTheirNumbersAre() throws {
    var funnel = try Funnel(Seed(5))
    try funnel.click(3)
    let key = Funnel.ads[0].key
    let minute = Minute(containing: funnel.store.clock.now())
    funnel.shard.core.verdicts.add([.init(ad: key, minute: minute.index, verdict: .duplicate): 4])
    func text(_ more: String...) throws -> String {
      let texts = ["from=-0s", "metrics=corrected,duplicate,gross,clicks"] + more
      let query = try query(texts, ad: key, now: funnel.store.clock.now())
      return String(decoding: try Series(query, over: funnel.tables).rendered(), as: UTF8.self)
    }
    let clicks = funnel.clicks[key]?[minute] ?? 0
    #expect(
      try text("format=csv")
        == "minute,clicks,status,credits,corrected,duplicate,gross\r\n\(minute),\(clicks),provisional,0,0,4,\(clicks + 4)\r\n"
    )
    #expect(
      try text().contains(
        #""metrics":{"corrected":0,"duplicate":4,"gross":\#(clicks + 4)},"notBillingGrade":["duplicate","gross"],"#
          + #""verdictsIncomplete":false,"next":null"#))
    #expect(refusal("metrics=clicks,valid")?.faults.map(\.parameter) == ["metrics"])
    #expect(refusal("metrics=")?.faults.map(\.parameter) == ["metrics"])
    #expect(
      Metric.all.map(\.name).joined(separator: ",")
        == "clicks,duplicate,expired,bot,prefetch,head,bad-signature,paused,unrecorded,unknown,corrected,gross")
    // Clicks alone are what is told without the parameter.
    #expect(try query("metrics=clicks").binding == query().binding)
  }
}
