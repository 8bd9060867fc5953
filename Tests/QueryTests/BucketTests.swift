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
  /// Clicks of each ad, by minute.
  private var ledger: [AdKey: [Minute: UInt64]] = [:]
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
      ledger[identity.ad, default: [:]][Minute(containing: now - ago), default: 0] += 1
      return ClickRequest(identity: identity, eventTime: now - ago)
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
  }

  /// What the clicks in `from ..< to` come to in each bucket.
  func fold(_ ad: AdKey, _ from: Minute, _ to: Minute, _ grid: BucketGrid) -> [Minute: UInt64] {
    var sums: [Minute: UInt64] = [:]
    for (minute, clicks) in ledger[ad] ?? [:] where from <= minute && minute < to {
      sums[grid.start(of: minute), default: 0] += clicks
    }
    return sums
  }

  mutating func live() throws {
    for _ in 0..<(3 + generator.small(in: 0...12)) {
      click(1 + generator.small(in: 0...40), days: generator.small(in: 0...4))
      machine.time.advance(milliseconds: Int64(generator.edge(in: 0...40_000_000)))
      shard.maintain()
      switch generator.next() % 4 {
      case 0: try shard.maintenance.settle()
      case 1: try shard.maintenance.checkpoint()
      default: for _ in 0..<generator.small(in: 0...20) { _ = shard.maintenance.turn() }
      }
      shard.maintain()
    }
    if generator.oneIn(2) { click(1 + generator.small(in: 0...40), days: 4) }
  }
}

@Suite struct BucketTests {
  private static let units = [BucketGrid.Unit.day, .week, .month]
  /// Offsets of all kinds, and zones whose clocks change: by day, by half an hour, and in the middle of an hour.
  private static let zones =
    [0, 0, 60, -300, 345, 330, -210, 1_080, -1_080, 840].map { WallZone.fixed($0 * 60) }
    + ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York", "Europe/London"].compactMap {
      ZoneBook(KernelFileSystem()).zone($0)
    }

  /// Every range is answered to the minute, whatever stands on disk of which, with any bounds and in the days of any clock: its
  /// points are what a plain fold of the clicks says, and so are the parts of it, put side by side. Where minute rows have
  /// retired, it is either right or said not to be.
  @Test(arguments: Seeds.list(60))
  func rangesAreExactToTheMinute(_ seed: Seed) throws {
    var days = try Days(seed)
    try days.live()
    let table = days.shard.live
    let now = Minute(containing: days.store.clock.now()).index
    var refused = 0
    for _ in 0..<24 {
      let zone = days.generator.pick(Self.zones)
      let ad = days.generator.pick(Days.ads + [AdKey(rawValue: 99)])
      let grid = days.generator.pick([BucketGrid.minutes, .hours] + Self.units.map { BucketGrid($0, of: zone) })
      var cuts = (0..<4).map { _ in Minute(index: days.generator.edge(in: now - 12 * 1_440...now + 2)) }
      // Beginnings of hours and days as well.
      for i in cuts.indices where days.generator.oneIn(3) { cuts[i] = grid.start(of: cuts[i]) }
      cuts.sort()
      var sums: [Minute: UInt64] = [:]
      var isWhole = true
      for (from, to) in zip(cuts, cuts.dropFirst()) {
        let part = try table.series(of: ad, from: from, to: to, in: grid)
        let due = days.fold(ad, from, to, grid)
        for point in part.points { sums[point.minute, default: 0] += point.clicks }
        if part.exactFrom != nil {
          refused += 1
          isWhole = false
          #expect(from.index < days.shard.state.minutesFrom, "\(seed)")
        } else {
          #expect(part.points.map(\.minute) == due.keys.sorted(), "\(seed) \(grid) \(from) \(to)")
          #expect(part.points.map(\.clicks) == due.keys.sorted().map { due[$0]! }, "\(seed) \(grid) \(from) \(to)")
        }
        // Bounded, it is the same or is not told.
        let limit = days.generator.pick([0, 2_000, 40_000])
        if let bounded = try? table.reading(of: [ad], from: from, to: to, rowLimit: limit).series(0, in: grid) {
          #expect(bounded.points.map(\.minute) == part.points.map(\.minute), "\(seed) \(grid) \(from) \(to)")
          #expect(bounded.points.map(\.clicks) == part.points.map(\.clicks), "\(seed) \(grid) \(from) \(to)")
        }
        // Whole hours can always be told.
        if grid == .hours || grid == .days || grid == BucketGrid(.month), [from, to].allSatisfy({ $0.index % 60 == 0 })
        {
          #expect(part.exactFrom == nil, "\(seed) \(grid) \(from) \(to)")
        }
      }
      if isWhole { #expect(sums == days.fold(ad, cuts[0], cuts[3], grid), "\(seed) parts of \(cuts)") }
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
      try shard.maintenance.settle()
    }
    #expect(shard.state.minutesFrom > from.index)
    let to = Minute(index: from.index + 1_440)
    #expect(try shard.live.series(of: AdKey(rawValue: 7), from: from, to: to).points.isEmpty)
    for grid in [BucketGrid.hours, .days] {
      let series = try shard.live.series(of: AdKey(rawValue: 7), from: from, to: to, in: grid)
      #expect(series.points.map(\.clicks) == [10] && series.exactFrom == nil, "\(grid)")
    }
    // What cuts the hour is refused, with the bounds that would not.
    let hour = BucketGrid.hours.start(of: Minute(containing: machine.time.wall() - 8 * 86_400_000))
    let cut = Minute(index: hour.index + 30)
    let end = Minute(index: from.index + 3 * 1_440)
    let texts = [
      ("granularity=hour&from=\(cut)&to=\(end)", ["from"]), ("granularity=day&from=\(from)&to=\(cut)", ["to"]),
      ("granularity=minute&from=\(from)&to=\(end)", ["from"]),
      // Its days begin inside the hour that has the clicks.
      ("granularity=day&tz=\(Self.zone(inside: hour))&from=\(from)&to=\(end)", ["tz"]),
      ("granularity=week&tz=\(Self.zone(inside: hour))&from=\(from)&to=\(end)", ["tz"]),
    ]
    for (text, parameters) in texts {
      let query = try query(text.split(separator: "&").map(String.init), ad: AdKey(rawValue: 7))
      let refusal = #expect(throws: QueryRefusal.self, "\(text)") { try Series(query, over: [shard.live]) }
      #expect(refusal?.code == .rangeNotExact && refusal?.faults.map(\.parameter) == parameters, "\(text)")
      if parameters != ["tz"], !text.contains("minute") {
        #expect(refusal?.description.contains("\(hour) and \(Minute(index: hour.index + 60))") == true)
      }
    }
    let whole = ["granularity=hour", "granularity=day&tz=+00:30", "granularity=month&tz=Asia/Kathmandu"]
    for text in whole {
      let texts = text.split(separator: "&").map(String.init) + ["from=\(hour)", "to=\(end)"]
      #expect(try Series(query(texts, ad: AdKey(rawValue: 7)), over: [shard.live]).total == 10, "\(text)")
    }
    shard.close()
  }

  /// An offset whose midnight is half past the hour that begins at `hour`.
  private static func zone(inside hour: Minute) -> String {
    let ahead = 24 - (hour.index / 60) % 24 - 1
    return "+\(ahead < 10 ? "0" : "")\(ahead):30"
  }

  /// Pages of hours and days, put one behind the other, are what a plain reference makes of the same counts.
  @Test(arguments: Seeds.list(100))
  func pagesConcatenateToTheWhole(_ seed: Seed) throws {
    var generator = seed.generator
    let granularity = generator.pick([SeriesQuery.Granularity.hour, .day])
    let width = BucketGrid(granularity).minutes
    let start = 20_000 * 1_440 / width + Int64(generator.small(in: 0...100))
    let length = Int64(generator.small(in: 0...100))
    // The range may cut its first and its last bucket.
    let late = length > 1 ? generator.edge(in: 0...width - 1) : 0
    let early = length > 1 ? generator.edge(in: 0...width - 1) : 0
    let range = start * width + late..<(start + length) * width - early
    let fill = generator.oneIn(2) ? "zero" : "none"
    let status = generator.oneIn(2) ? "final" : "any"
    let pairs = [
      "from=\(range.lowerBound * 60)", "to=\(range.upperBound * 60)", "fill=\(fill)", "status=\(status)",
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
      let isClosed = min((bucket + 1) * width, range.upperBound) <= closed
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
    // Without from: 24 hours or thirty days, the last of which `now` cuts.
    ("granularity=hour", "2026-11-22T18:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=day", "2026-10-25T00:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=day&tz=+05:45", "2026-10-24T18:15:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=day&tz=+08:00", "2026-10-25T16:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=hour&from=-90m", "2026-11-23T16:11:00Z", "2026-11-23T17:42:00Z"),
    (
      "granularity=day&from=2026-11-01T05:00:00Z&to=2026-11-02T00:00:59Z", "2026-11-01T05:00:00Z",
      "2026-11-02T00:00:00Z"
    ),
    ("granularity=day&from=2026-11-01&to=2026-11-02", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
    ("granularity=day&from=2026-11-01&to=today&tz=-03:30", "2026-11-01T03:30:00Z", "2026-11-23T03:30:00Z"),
    ("granularity=day&from=today&tz=+08:00", "2026-11-23T16:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=minute&from=today-1d&to=today", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
    ("granularity=hour&from=-5h&to=-5h", "2026-11-23T12:41:00Z", "2026-11-23T12:41:00Z"),
    // Months and weeks of the calendar, whatever the clocks do.
    ("granularity=week&tz=Europe/Berlin", "2026-09-06T22:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=month&tz=Europe/Berlin", "2025-11-30T23:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=month", "2025-12-01T00:00:00Z", "2026-11-23T17:42:00Z"),
    (
      "granularity=day&from=2026-10-25&to=2026-10-26&tz=Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"
    ),
    ("granularity=day&from=today-30d&tz=America/New_York", "2026-10-24T04:00:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=hour&from=today-5w&to=today-36h&tz=Europe/Berlin", "2026-10-18T22:00:00Z", "2026-11-21T11:00:00Z"),
    // As long as the rules say, from any moment of the minute.
    ("granularity=minute&from=-400d", "2025-10-19T17:41:00Z", "2026-11-23T17:42:00Z"),
    ("granularity=hour&from=-4000d", "2015-12-11T17:41:00Z", "2026-11-23T17:42:00Z"),
  ])
  func theRangeIsWhatWasAskedFor(_ text: String, _ from: String, _ to: String) throws {
    let query = try query(text.split(separator: "&").map(String.init))
    #expect(query.from.description == from && query.to.description == to)
  }

  @Test func thePointsTimeIsNamedAfterTheGranularity() throws {
    func text(_ pairs: String...) throws -> String {
      let query = try query(["from=2026-11-23T16:00:00Z", "to=2026-11-23T18:00:00Z"] + pairs)
      let counts = [(minute: query.grid.start(of: query.from), clicks: UInt64(17))]
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
