import Clicks
import Platform
import Query
import Simulation
import Store
import StoreHarness
import Testing

/// A store whose clicks lie over some days, late ones among them, at any point of checkpoint, roll-up, merge and patch.
private struct Days {
  let machine: SimulatedMachine
  let store: Store
  var generator: SeededGenerator
  private var next: UInt64 = 0
  static let ads = (1...3).map { AdKey(rawValue: $0) }

  init(_ seed: Seed) throws {
    generator = seed.generator
    machine = SimulatedMachine(seed: generator.next())
    var options = Scenario.options
    // Runs and segments that many, so that every tier is met.
    options.runTiers = [10, 60, 1_440, 5_760]
    options.minuteRetention = Int64(generator.small(in: 3...30)) * 86_400_000
    store = try Store.open(machine.environment, "/data", options: options)
  }

  var shard: Shard { store.shards[0] }

  /// Commits clicks that happened up to `days` ago.
  mutating func click(_ count: Int, days: Int) {
    if shard.slots.needsPreparation { try? shard.slots.prepare() }
    let now = store.clock.now()
    let batch = (0..<count).map { _ in
      next += 1
      let ago = Int64(generator.small(in: 0...max(1, days * 86_400_000)))
      let identity = ClickIdentity(ad: generator.pick(Self.ads), impression: ImpressionID(high: next, low: next))
      return ClickRequest(identity: identity, eventTime: now - ago)
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
  }

  mutating func live() throws {
    for _ in 0..<(3 + generator.small(in: 0...12)) {
      click(1 + generator.small(in: 0...40), days: generator.small(in: 0...4))
      machine.time.advance(milliseconds: Int64(generator.edge(in: 0...40_000_000)))
      shard.maintain()
      switch generator.next() % 4 {
      case 0: try shard.upkeep.settle()
      case 1: try shard.upkeep.checkpoint()
      default: for _ in 0..<generator.small(in: 0...20) { _ = shard.upkeep.turn() }
      }
      shard.maintain()
    }
    if generator.oneIn(2) { click(1 + generator.small(in: 0...40), days: 4) }
  }
}

@Suite struct BucketTests {
  /// Hours and days are the sums of their minutes, whatever stands on disk of which, for any range.
  @Test(arguments: Seeds.list(60))
  func widePointsAreTheSumsOfMinutes(_ seed: Seed) throws {
    var days = try Days(seed)
    try days.live()
    let table = days.shard.live
    let now = Minute(containing: days.store.clock.now()).index
    // Minutes that retention has dropped cannot be summed any more.
    let first = max(days.shard.state.minutesFrom, now - 30 * 1_440)
    for granularity in [SeriesQuery.Granularity.hour, .day] {
      let width = granularity.minutes
      let (low, high) = ((first + width - 1) / width, now / width + 1)
      for _ in 0..<4 {
        let from = days.generator.edge(in: low...high)
        let to = days.generator.edge(in: from...high)
        for ad in Days.ads + [AdKey(rawValue: 99)] {
          let range = (from: Minute(index: from * width), to: Minute(index: to * width))
          var sums: [Int64: UInt64] = [:]
          for point in try table.series(of: ad, from: range.from, to: range.to).points {
            sums[point.minute.index / width, default: 0] += point.clicks
          }
          let wide = try table.series(
            of: ad, from: range.from, to: range.to, bucketSeconds: UInt32(60 * width))
          #expect(wide.points.map { $0.minute.index / width } == sums.keys.sorted(), "\(seed)")
          #expect(wide.points.map(\.clicks) == sums.keys.sorted().map { sums[$0]! }, "\(seed)")
        }
      }
    }
    days.shard.close()
  }

  /// Days stay when their minutes have gone.
  @Test func daysOutliveTheirMinutes() throws {
    let machine = SimulatedMachine(seed: 4)
    var options = Scenario.options
    options.minuteRetention = 3 * 86_400_000
    let store = try Store.open(machine.environment, "/data", options: options)
    let shard = store.shards[0]
    let from = Minute(index: Minute(containing: store.clock.now()).index / 1_440 * 1_440)
    let batch = (1...10).map {
      ClickRequest(identity: ClickIdentity(ad: AdKey(rawValue: 7), impression: ImpressionID(high: 1, low: $0)))
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid, "\($0)") }
    for _ in 0..<8 {
      machine.time.advance(milliseconds: 86_400_000)
      shard.maintain()
      try shard.upkeep.settle()
    }
    #expect(shard.state.minutesFrom > from.index)
    let to = Minute(index: from.index + 1_440)
    #expect(try shard.live.series(of: AdKey(rawValue: 7), from: from, to: to).points.isEmpty)
    for seconds in [UInt32(3_600), 86_400] {
      let points = try shard.live.series(of: AdKey(rawValue: 7), from: from, to: to, bucketSeconds: seconds).points
      #expect(points.map(\.clicks) == [10], "\(seconds)")
    }
    shard.close()
  }

  /// Pages of hours and days, put one behind the other, are what a plain reference makes of the same counts.
  @Test(arguments: Seeds.list(100))
  func pagesConcatenateToTheWhole(_ seed: Seed) throws {
    var generator = seed.generator
    let granularity = generator.pick([SeriesQuery.Granularity.hour, .day])
    let width = granularity.minutes
    let start = 20_000 * 1_440 / width + Int64(generator.small(in: 0...100))
    let length = Int64(generator.small(in: 0...100))
    let fill = generator.oneIn(2) ? "zero" : "none"
    let status = generator.oneIn(2) ? "final" : "any"
    let pairs = [
      "from=\(start * width * 60)", "to=\((start + length) * width * 60)", "fill=\(fill)", "status=\(status)",
      "granularity=\(granularity.rawValue)",
    ]
    var clicks: [Int64: UInt64] = [:]
    for _ in 0..<generator.small(in: 0...100) where length > 0 {
      clicks[generator.edge(in: start...(start + length - 1)), default: 0] += UInt64(generator.edge(in: 1...1000))
    }
    let closed = generator.edge(in: start * width - 5...(start + length) * width + 5)
    var expected: [Point] = []
    for bucket in start..<(start + length) {
      let count = clicks[bucket] ?? 0
      // As final as its last minute.
      let isClosed = (bucket + 1) * width <= closed
      if count == 0 && fill == "none" || status == "final" && !isClosed { continue }
      expected.append(
        Point(minute: Minute(index: bucket * width), clicks: count, status: isClosed ? .closed : .provisional))
    }
    let counts = clicks.sorted { $0.key < $1.key }.map { (minute: Minute(index: $0.key * width), clicks: $0.value) }
    var points: [Point] = []
    var cursor: String?
    var pages = 0
    repeat {
      let limit = generator.edge(in: 1...20)
      let query = try query(pairs + ["limit=\(limit)"] + (cursor.map { ["cursor=\($0)"] } ?? []))
      let page = Series(query, counts: counts, completeThrough: Minute(index: closed), asOf: [9])
      #expect(page.total == expected.reduce(0) { $0 + $1.clicks }, "\(seed)")
      points += page.points
      cursor = page.next
      pages += 1
    } while cursor != nil && pages <= 1000
    #expect(points == expected, "\(seed)")
  }

  @Test(arguments: [
    ("granularity=hour", "2026-11-22T18:00:00Z", "2026-11-23T18:00:00Z"),
    ("granularity=day", "2026-10-25T00:00:00Z", "2026-11-24T00:00:00Z"),
    ("granularity=hour&from=-90m", "2026-11-23T16:00:00Z", "2026-11-23T18:00:00Z"),
    (
      "granularity=day&from=2026-11-01T05:00:00Z&to=2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z",
      "2026-11-02T00:00:00Z"
    ),
    (
      "granularity=day&from=2026-11-01T05:00:00Z&to=2026-11-02T00:00:01Z", "2026-11-01T00:00:00Z",
      "2026-11-03T00:00:00Z"
    ),
    ("granularity=hour&from=-5h&to=-5h", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
  ])
  func bucketsCoverWhatWasAskedFor(_ text: String, _ from: String, _ to: String) throws {
    let query = try query(text.split(separator: "&").map(String.init))
    #expect(query.from.description == from && query.to.description == to)
  }

  @Test func thePointsTimeIsNamedAfterTheGranularity() throws {
    func text(_ pairs: String...) throws -> String {
      let query = try query(["from=2026-11-23T16:00:00Z", "to=2026-11-23T18:00:00Z"] + pairs)
      let counts = [(minute: query.from, clicks: UInt64(17))]
      let complete = Minute(index: query.from.index + 61)
      return String(
        decoding: Series(query, counts: counts, completeThrough: complete, asOf: [1]).rendered(), as: UTF8.self)
    }
    #expect(
      try text("granularity=hour").hasSuffix(
        #""granularity":"hour","completeThrough":"2026-11-23T17:01:00Z","reconciledThrough":null,"asOf":"0:1","total":17,"#
          + #""next":null,"series":[{"hour":"2026-11-23T16:00:00Z","clicks":17,"status":"closed"}]}"# + "\n"))
    #expect(
      try text("granularity=day", "format=csv")
        == "day,clicks,status,credits\r\n2026-11-23T00:00:00Z,17,provisional,0\r\n")
    #expect(
      try text("granularity=hour", "format=ndjson")
        == #"{"hour":"2026-11-23T16:00:00Z","clicks":17,"status":"closed"}"# + "\n")
  }

  @Test func widerBucketsReachFarther() throws {
    #expect(refusal("from=2020-01-01T00:00:00Z", "granularity=minute")?.code == .rangeTooLong)
    #expect(refusal("from=2020-01-01T00:00:00Z", "granularity=hour") == nil)
    #expect(refusal("from=2010-01-01T00:00:00Z", "granularity=hour")?.code == .rangeTooLong)
    #expect(refusal("from=0", "granularity=day") == nil)
    #expect(refusal("from=0", "to=9999-12-31T23:59:59Z", "granularity=day")?.code == .rangeTooLong)
    // A cursor belongs to its granularity.
    let hours = try query("from=-24h", "granularity=hour", "limit=1")
    let counts = (0..<2).map { (minute: Minute(index: hours.from.index + 60 * $0), clicks: UInt64(1)) }
    let cursor = try #require(Series(hours, counts: counts, completeThrough: Minute(index: 0), asOf: [2]).next)
    #expect(try query("from=-24h", "granularity=hour", "cursor=\(cursor)").start.index == hours.from.index + 60)
    for other in ["granularity=day", "granularity=minute"] {
      #expect(refusal("from=-24h", other, "cursor=\(cursor)")?.code == .cursorMismatch)
    }
  }
}
