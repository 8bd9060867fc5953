import Clicks
import Query
import Simulation
import Store
import Testing

@Suite struct SeriesTests {
  /// Pages of every size, put one behind the other, are the series that a plain reference makes.
  @Test(arguments: Seeds.list(300))
  func pagesConcatenateToTheWhole(_ seed: Seed) throws {
    var generator = seed.generator
    let start: Int64 = 29_000_000 - Int64(generator.small(in: 0...2000))
    let length = Int64(generator.small(in: 0...400))
    let fill = generator.oneIn(2) ? "zero" : "none"
    let status = generator.oneIn(2) ? "final" : "any"
    let pairs = ["from=\(start * 60)", "to=\((start + length) * 60)", "fill=\(fill)", "status=\(status)"]
    var clicks: [Int64: UInt64] = [:]
    for _ in 0..<generator.small(in: 0...500) where length > 0 {
      clicks[generator.edge(in: start...(start + length - 1)), default: 0] += UInt64(generator.edge(in: 1...1000))
    }
    let closed = generator.edge(in: (start - 5)...(start + length + 5))

    // The reference: every minute looked at for itself.
    var expected: [Point] = []
    for minute in start..<(start + length) {
      let count = clicks[minute] ?? 0
      if count == 0, fill == "none" { continue }
      if status == "final", minute >= closed { continue }
      expected.append(
        Point(minute: Minute(index: minute), clicks: count, status: minute < closed ? .closed : .provisional))
    }

    let counts = clicks.sorted { $0.key < $1.key }.map { (minute: Minute(index: $0.key), clicks: $0.value) }
    var points: [Point] = []
    var cursor: String?
    var pages = 0
    repeat {
      let limit = generator.edge(in: 1...50)
      let query = try query(pairs + ["limit=\(limit)"] + (cursor.map { ["cursor=\($0)"] } ?? []))
      let page = Series(query, counts: counts, completeThrough: Minute(index: closed), asOf: [9])
      #expect(page.total == expected.reduce(0) { $0 + $1.clicks }, "\(seed)")
      #expect(page.points.count <= limit && (page.next == nil || page.points.count == limit), "\(seed)")
      points += page.points
      cursor = page.next
      pages += 1
    } while cursor != nil && pages <= 1000
    #expect(points == expected, "\(seed)")
  }

  /// Many points are written in pieces; each by itself is the reference.
  @Test(arguments: Seeds.list(60)) func manyPointsAreWrittenAsEachByItself(_ seed: Seed) throws {
    var generator = seed.generator
    let start: Int64 = 29_000_000 - Int64(generator.small(in: 0...2_000))
    let length = Int64(generator.pick([1, 2, 511, 512, 513, 1_440, 3_000]))
    let lines = generator.oneIn(2)
    let query = try query(["from=\(start * 60)", "to=\((start + length) * 60)", "format=\(lines ? "ndjson" : "json")"])
    var counts: [(minute: Minute, clicks: UInt64)] = []
    var credits: [(minute: Minute, change: Int64)] = []
    for minute in start..<(start + length) where !generator.oneIn(9) {
      let wide = generator.next() >> UInt64(generator.small(in: 0...62))
      counts.append((Minute(index: minute), generator.pick([0, 1, 9, 10, wide >> 12])))
      if generator.oneIn(5) {
        credits.append((Minute(index: minute), generator.pick([-1, 7, -Int64(wide >> 13), Int64(wide >> 13)])))
      }
    }
    let closed = Minute(index: start + Int64(generator.small(in: 0...Int(length))))
    let series = Series(query, counts: counts, credits: credits, completeThrough: closed, asOf: [1])
    let points = series.points.map { point in
      var text: [UInt8] = []
      series.append(point, to: &text)
      return String(decoding: text, as: UTF8.self)
    }
    let text = String(decoding: series.rendered(), as: UTF8.self)
    if lines {
      #expect(text == points.map { $0 + "\n" }.joined(), "\(seed)")
    } else {
      #expect(text.hasSuffix("\"series\":[" + points.joined(separator: ",") + "]}\n"), "\(seed)")
    }
  }

  private func series(_ pairs: String...) throws -> Series {
    let query = try query(["from=1795453200", "to=1795453380"] + pairs)
    let first = query.from.index
    return Series(
      query, counts: [(Minute(index: first), 17), (Minute(index: first + 2), 3)],
      completeThrough: Minute(index: first + 1), asOf: [8_812_345, 8_790_021])
  }

  @Test func jsonIsWhatTheInterfaceShows() throws {
    let text = String(decoding: try series().rendered(), as: UTF8.self)
    #expect(
      text == """
        {"adId":"42","from":"2026-11-23T17:00:00Z","to":"2026-11-23T17:03:00Z","granularity":"minute",\
        "completeThrough":"2026-11-23T17:01:00Z","reconciledThrough":null,"asOf":"0:8812345,1:8790021","total":20,\
        "next":null,"series":[{"minute":"2026-11-23T17:00:00Z","clicks":17,"status":"closed"},\
        {"minute":"2026-11-23T17:02:00Z","clicks":3,"status":"provisional"}]}\n
        """)
    let page = try series("limit=1")
    #expect(String(decoding: page.rendered(), as: UTF8.self).contains("\"next\":\"\(try #require(page.next))\""))
    let empty = Series(try query(), counts: [], completeThrough: Minute(index: 0), asOf: [0])
    let tail = #""completeThrough":null,"reconciledThrough":null,"asOf":"0:0","total":0,"next":null,"series":[]}"#
    #expect(String(decoding: empty.rendered(), as: UTF8.self).hasSuffix(tail + "\n"))
  }

  @Test func csvAndNDJSONHoldThePoints() throws {
    #expect(
      String(decoding: try series("format=csv", "fill=zero").rendered(), as: UTF8.self)
        == "minute,clicks,status,credits\r\n2026-11-23T17:00:00Z,17,closed,0\r\n"
        + "2026-11-23T17:01:00Z,0,provisional,0\r\n2026-11-23T17:02:00Z,3,provisional,0\r\n")
    #expect(
      String(decoding: try series("format=ndjson", "status=final").rendered(), as: UTF8.self)
        == #"{"minute":"2026-11-23T17:00:00Z","clicks":17,"status":"closed"}"# + "\n")
  }

  @Test func creditsStandBesideTheClicksOfSealedMonths() throws {
    let query = try query(["from=2026-10-31T23:58:00Z", "to=2026-11-01T00:02:00Z"])
    let first = query.from.index
    let october = try #require(Month("2026-10"))
    let none = [UInt8](repeating: 0, count: 32)
    let seal = MonthSeal(month: october, time: 0, rows: 0, clicks: 0, ads: 0, minutes: none, days: none)
    func part(_ points: [(Int64, UInt64)], _ credits: [(Int64, Int64)], isSealed: Bool = true) -> LiveTable.Series {
      var part = LiveTable.Series(
        points: points.map { (Minute(index: first + $0.0), $0.1) }, asOf: 1, closedThrough: Minute(index: first + 4))
      part.recountedThrough = Minute(index: first + 4)
      part.credits = credits.map { (Minute(index: first + $0.0), $0.1) }
      if isSealed { part.sealed = SealedMonths([seal]) }
      return part
    }
    let one = Series(query, of: [part([(0, 5), (2, 3)], [(0, -2), (1, 4)]), part([(0, 1)], [(1, -1)])])
    #expect(one.total == 9 && one.credits == 1)
    #expect(one.points.map(\.clicks) == [6, 0, 3] && one.points.map(\.credits) == [-2, 3, 0])
    #expect(one.points.map(\.status) == [.sealed, .sealed, .reconciled])
    let text = String(decoding: one.rendered(), as: UTF8.self)
    #expect(text.contains(#""total":9,"credits":1,"#), "\(text)")
    #expect(text.contains(#""clicks":6,"status":"sealed","credits":-2}"#), "\(text)")
    // As long as one shard is not, no point is sealed; the fingerprint tells.
    let open = part([(0, 1)], [(1, -1)], isSealed: false)
    let half = Series(query, of: [part([(0, 5), (2, 3)], [(0, -2), (1, 4)]), open])
    #expect(half.points.map(\.status) == [.reconciled, .reconciled, .reconciled])
    #expect(half.fingerprint() != one.fingerprint())
    let more = Series(query, of: [part([(0, 5), (2, 3)], [(0, -1), (1, 4)]), part([(0, 1)], [(1, -1)])])
    #expect(more.fingerprint() != one.fingerprint())
  }

  @Test func minutesAreWrittenAsTheCalendarHasThem() throws {
    var generator = Seeds.list(1)[0].generator
    let days: [Int64] =
      [0, 1, 58, 59, 60, 11_016, 20_000, 2_932_896] + (0..<50).map { _ in generator.edge(in: 0...2_932_896) }
    for day in days {
      // Around midnight, so that the day changes between two points.
      let first = max(0, day * 1440 - 2)
      let query = try query(
        "from=\(first * 60_000 < 100_000_000_000 ? first * 60 : first * 60_000)",
        "to=\(Timestamp.format((first + 4) * 60_000))", "fill=zero", "format=csv")
      let series = Series(query, counts: [], completeThrough: Minute(index: 0), asOf: [])
      let lines = String(decoding: series.rendered(), as: UTF8.self).split(separator: "\r\n").dropFirst()
      #expect(
        lines.map { String($0.prefix { $0 != "," }) } == (first..<(first + 4)).map { Minute(index: $0).description })
    }
  }

  @Test func theFingerprintFollowsWhatTheAnswerSaysOfTheAd() throws {
    let query = try query("from=1795453200", "to=1795453380")
    let minute = query.from
    func print(_ clicks: UInt64, closed: Int64, asOf: UInt64, _ pairs: String...) throws -> String {
      let query = try QueryTests.query(["from=1795453200", "to=1795453380"] + pairs)
      return Series(
        query, counts: [(minute, clicks)], completeThrough: Minute(index: minute.index + closed), asOf: [asOf]
      ).fingerprint()
    }
    let base = try print(5, closed: 1, asOf: 10)
    #expect(try print(5, closed: 1, asOf: 11) == base, "a click on another ad")
    #expect(try print(5, closed: 3, asOf: 10) == print(5, closed: 9, asOf: 10), "closed beyond the range")
    for other in [
      try print(6, closed: 1, asOf: 10), try print(5, closed: 0, asOf: 10), try print(5, closed: 2, asOf: 10),
      try print(5, closed: 1, asOf: 10, "format=csv"), try print(5, closed: 1, asOf: 10, "fill=zero"),
    ] { #expect(other != base) }
  }
}
