import Clicks
import Platform
import Query
import Shards
import Simulation
import Store
import StoreHarness
import Testing

/// A store of several shards with clicks of many ads, and what a plain fold makes of them.
private struct ManyAds {
  let machine: SimulatedMachine
  let store: Store
  var generator: SeededGenerator
  let ads: [SelectedAd]
  private(set) var ledger: [AdKey: [Minute: UInt64]] = [:]
  private var next: UInt64 = 0

  init(_ seed: Seed, ads count: Int, shards: Int) throws {
    generator = seed.generator
    machine = SimulatedMachine(seed: generator.next())
    var options = Scenario.options
    options.runTiers = [10, 60, 1_440, 5_760]
    store = try Store.open(machine.environment, "/data", shards: shards, options: options)
    var ads: [SelectedAd] = []
    for number in 0..<count {
      let id = AdID("ad-\(number)")!
      let advertiser = ["acme", "bolt", "acme-2", nil][generator.small(in: 0...3)]
      ads.append(
        SelectedAd(
          id: id, key: AdKey(id), advertiserID: advertiser,
          campaignID: advertiser == nil ? nil : ["x", "y", nil][generator.small(in: 0...2)]))
    }
    self.ads = ads
  }

  /// Commits clicks of any ads on any shards, which happened up to some days ago, and lets time go on.
  mutating func live(_ rounds: Int, clicks: Int) throws {
    for _ in 0..<rounds {
      for shard in store.shards {
        let now = store.clock.now()
        var batch: [ClickRequest] = []
        for _ in 0..<(clicks > 1_000 ? clicks : generator.small(in: 0...clicks)) {
          next += 1
          let ago = Int64(generator.small(in: 0...3 * 86_400_000))
          let ad = ads[generator.small(in: 0...ads.count - 1)].key
          ledger[ad, default: [:]][Minute(containing: now - ago), default: 0] += 1
          batch.append(
            ClickRequest(
              identity: ClickIdentity(ad: ad, impression: ImpressionID(high: next, low: next)), eventTime: now - ago))
        }
        for start in stride(from: 0, to: batch.count, by: shard.batchLimit) {
          if shard.slots.needsPreparation { try? shard.slots.prepare() }
          shard.maintain()
          let part = Array(batch[start..<min(start + shard.batchLimit, batch.count)])
          shard.commit(part.span) { #expect($1.verdict == .valid, "click \($0)") }
        }
        machine.time.advance(milliseconds: Int64(generator.edge(in: 0...20_000_000)))
        shard.maintain()
        if generator.oneIn(3) { try shard.maintenance.settle() }
      }
    }
  }

  var tables: ShardTables { ShardTables(store.shards.map(\.live), routes: nil) }

  /// What the query is to say: name of the group, bucket, clicks.
  func fold(_ ads: [SelectedAd], _ query: GroupedQuery) -> [Row] {
    var sums: [String: [Minute: UInt64]] = [:]
    let (series, grid) = (query.series, query.series.grid)
    for ad in ads {
      let name = name(of: ad, query.grouping)
      if series.fill == .zero, series.from < series.to {
        for start in [grid.start(of: series.from)] + grid.starts(in: series.from..<series.to) {
          sums[name, default: [:]][start, default: 0] += 0
        }
      }
      for (minute, clicks) in ledger[ad.key] ?? [:] where series.from <= minute && minute < series.to {
        sums[name, default: [:]][grid.start(of: minute), default: 0] += clicks
      }
    }
    return sums.sorted { $0.key < $1.key }.flatMap { name, buckets in
      buckets.sorted { $0.key < $1.key }.map { Row(name: name, minute: $0.key, clicks: $0.value) }
    }
  }

  func name(of ad: SelectedAd, _ grouping: Grouping) -> String {
    switch grouping {
    case .none: ""
    case .ad: ad.id!.text
    case .campaign: "\(ad.advertiserID ?? "")/\(ad.campaignID ?? "")"
    }
  }
}

private struct Row: Equatable {
  var name: String
  var minute: Minute
  var clicks: UInt64
}

@Suite struct GroupedSeriesTests {
  private func query(_ texts: [String], now: Int64) throws -> GroupedQuery {
    try GroupedQuery(
      parameters: texts.map { text in
        let sides = text.split(separator: "=", maxSplits: 1).map(String.init)
        return (sides[0], sides[1])
      }, now: now, zones: zoneBook)
  }

  /// Pages of any size, put one behind the other, are the groups that a plain fold of the clicks makes, whatever stands on disk
  /// of which; and the groups together are the series of all.
  @Test(arguments: Seeds.list(25)) func pagesOfGroupsConcatenateToTheWhole(_ seed: Seed) throws {
    var many = try ManyAds(seed, ads: 24, shards: 3)
    try many.live(4, clicks: 60)
    let now = many.store.clock.now()
    for _ in 0..<8 {
      let count = many.generator.small(in: 0...many.ads.count)
      let chosen = Array(many.ads.shuffled(using: &many.generator).prefix(count))
      let grouping = many.generator.pick(Grouping.allCases)
      let unit = many.generator.pick([BucketGrid.Unit.hour, .hour, .day, .week, .month, .minute])
      let from = now / 60_000 - Int64(many.generator.small(in: 0...(unit == .minute ? 300 : 6 * 1_440)))
      let texts = [
        "groupBy=\(grouping.rawValue)", "granularity=\(unit.rawValue)", "from=\(from * 60)",
        "fill=\(many.generator.oneIn(3) ? "zero" : "none")",
        "tz=\(many.generator.pick(["UTC", "Europe/Berlin", "Asia/Kolkata", "-03:30"]))",
      ]
      let first = try query(texts, now: now)
      let due = many.fold(chosen, first)
      var found: [Row] = []
      var cursor: String?
      var pages = 0
      repeat {
        let limit = many.generator.edge(in: 1...60)
        let query = try query(texts + ["limit=\(limit)"] + (cursor.map { ["cursor=\($0)"] } ?? []), now: now)
        let page = try GroupedSeries(query, of: chosen.shuffled(using: &many.generator), over: many.tables)
        let points = page.groups.flatMap { group in
          group.series.points.map {
            Row(name: many.name(of: group.ad, grouping), minute: $0.minute, clicks: $0.clicks)
          }
        }
        #expect(points.count <= limit && (page.next == nil || points.count == limit), "\(seed)")
        #expect(page.total == due.reduce(0) { $0 + $1.clicks } && page.ads == count, "\(seed) \(texts)")
        found += points
        cursor = page.next
        pages += 1
      } while cursor != nil && pages < 20_000
      #expect(found == due, "\(seed) \(texts)")
      let top = try TopPage(
        TopQuery(
          parameters: [("from", "\(from * 60)"), ("limit", "5")], now: now, zones: zoneBook), of: chosen,
        over: many.tables)
      let sums = chosen.map { ad in
        (
          ad.id!.text,
          many.ledger[ad.key, default: [:]].reduce(0) {
            $0 + ($1.key.index >= from && $1.key.index * 60_000 <= now ? $1.value : 0)
          }
        )
      }
      try expectWaysToAgree(
        many, chosen, Minute(index: from)..<Minute(index: now / 60_000 + 1), first.series.grid, seed)
      let heaviest = sums.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(5)
      #expect(top.rows.map { $0.ad.id!.text } == heaviest.map(\.0), "\(seed)")
      #expect(top.rows.map(\.clicks) == heaviest.map(\.1) && top.total == sums.reduce(0) { $0 + $1.1 }, "\(seed)")
    }
  }

  /// Looking ads up and going through all rows come to the same cells.
  private func expectWaysToAgree(
    _ many: ManyAds, _ ads: [SelectedAd], _ range: Range<Minute>, _ grid: BucketGrid, _ seed: Seed
  ) throws {
    let groups = ads.indices.map { Int32($0 % 3) }
    for table in many.tables.tables {
      let sums = try TableReading.Way.allCases.map { way in
        let reading = table.reading(of: ads.map(\.key), from: range.lowerBound, to: range.upperBound)
        var (cells, totals) = (SumCells(groups: 3, of: range, in: grid), SumCells(groups: 3, of: range))
        let exactFrom = try reading.addClicks(of: groups, from: 0, to: &cells, way: way)
        let totalsFrom = try reading.addClicks(of: groups, from: 0, to: &totals, way: way)
        #expect(exactFrom == nil && totalsFrom == nil)
        #expect((0..<3).allSatisfy { cells.clicks(of: $0).reduce(0, +) == totals.clicks(of: $0).reduce(0, +) })
        return cells.clicks
      }
      #expect(sums[0] == sums[1], "\(seed)")
    }
  }

  /// Ten thousand ads are one question, and come in pages.
  @Test func tenThousandAdsAreAnswered() throws {
    var many = try ManyAds(Seed(7), ads: 10_000, shards: 2)
    try many.live(3, clicks: 4_000)
    let now = many.store.clock.now()
    let texts = ["groupBy=ad", "granularity=day", "from=-6d", "limit=1000"]
    let due = many.fold(many.ads, try query(texts, now: now))
    var found: [Row] = []
    var cursor: String?
    repeat {
      let query = try query(texts + (cursor.map { ["cursor=\($0)"] } ?? []), now: now)
      let page = try GroupedSeries(query, of: many.ads, over: many.tables)
      found += page.groups.flatMap { group in
        group.series.points.map { Row(name: group.ad.id!.text, minute: $0.minute, clicks: $0.clicks) }
      }
      cursor = page.next
    } while cursor != nil
    #expect(found == due && due.count > 5_000)
    // More buckets than there may be are refused before anything is read.
    let wide = try query(["groupBy=none", "granularity=minute", "from=-300d"], now: now)
    let refusal = #expect(throws: QueryRefusal.self) { try GroupedSeries(wide, of: many.ads, over: many.tables) }
    #expect(refusal?.code == .rangeTooLong)
  }

  @Test func aGroupIsToldBeforeItsPoints() throws {
    let ad = SelectedAd(id: AdID("a")!, key: AdKey(AdID("a")!), advertiserID: "acme", campaignID: nil)
    func text(_ texts: String...) throws -> String {
      let query = try query(["from=-2m", "fill=zero"] + texts, now: TimeTextTests.now)
      let page = try GroupedSeries(query, of: [ad], over: ShardTables([LiveTable.empty], routes: nil))
      return String(decoding: page.rendered(), as: UTF8.self)
    }
    #expect(
      try text("groupBy=campaign", "format=csv", "limit=1")
        == "advertiserId,campaignId,minute,clicks,status,credits\r\nacme,,2026-11-23T17:39:00Z,0,provisional,0\r\n")
    #expect(
      try text("groupBy=ad", "format=ndjson", "limit=1")
        == #"{"adId":"a","minute":"2026-11-23T17:39:00Z","clicks":0,"status":"provisional"}"# + "\n")
    #expect(try text("format=csv", "limit=1").hasPrefix("minute,clicks,status,credits\r\n2026-11-23T17:39:00Z,0,"))
    let whole = try text("groupBy=campaign", "advertiserId=acme")
    #expect(
      whole
        == #"{"advertiserId":"acme","campaignId":null,"groupBy":"campaign","ads":1,"from":"2026-11-23T17:39:00Z","#
        + #""to":"2026-11-23T17:42:00Z","granularity":"minute","completeThrough":null,"reconciledThrough":null,"#
        + #""asOf":"0:0","total":0,"next":null,"series":["#
        + ["39", "40", "41"].map {
          #"{"advertiserId":"acme","campaignId":null,"minute":"2026-11-23T17:\#($0):00Z","#
            + #""clicks":0,"status":"provisional"}"#
        }.joined(separator: ",") + "]}\n")
  }

  @Test(arguments: [
    ("adId=a,,b", ["adId"]), ("adId=", ["adId"]), ("campaignId=a b", ["campaignId"]),
    ("advertiserId=", ["advertiserId"]),
    ("groupBy=advertiser", ["groupBy"]), ("adID=a", ["adID"]), ("limit=0&groupBy=x", ["groupBy", "limit"]),
  ])
  func whatIsWrongIsNamed(_ text: String, _ names: [String]) {
    let pairs = text.split(separator: "&").map { pair in
      let sides = pair.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      return (name: sides[0], value: sides[1])
    }
    let refusal = #expect(throws: QueryRefusal.self) {
      try GroupedQuery(parameters: pairs, now: TimeTextTests.now, zones: zoneBook)
    }
    #expect(refusal?.faults.map(\.parameter).sorted() == names)
  }

  @Test func aCursorBelongsToItsSelection() throws {
    let ads = ["a", "b"].map { SelectedAd(id: AdID($0)!, key: AdKey(AdID($0)!), advertiserID: "x", campaignID: nil) }
    let texts = ["adId=a,b", "groupBy=ad", "fill=zero", "limit=61"]
    let page = try GroupedSeries(
      query(texts, now: TimeTextTests.now), of: ads, over: ShardTables([LiveTable.empty], routes: nil))
    let cursor = try #require(page.next)
    let second = try GroupedSeries(
      query(texts + ["cursor=\(cursor)"], now: TimeTextTests.now), of: ads,
      over: ShardTables([LiveTable.empty], routes: nil))
    #expect(second.groups.count == 1 && second.groups[0].ad.id?.text == "b" && second.next == nil)
    for other in ["adId=b,a", "adId=a,b,c"] {
      let refusal = #expect(throws: QueryRefusal.self) {
        try query([other] + texts.dropFirst() + ["cursor=\(cursor)"], now: TimeTextTests.now)
      }
      #expect(refusal?.code == .cursorMismatch)
    }
    #expect(refusal("fill=zero", "cursor=\(cursor)")?.code == .cursorMismatch)
  }
}
