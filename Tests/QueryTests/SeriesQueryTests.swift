import Bytes
import Clicks
import Platform
import Query
import Simulation
import Testing

let adID = AdID("42")!
let adKey = AdKey(adID)
let zoneBook = ZoneBook(KernelFileSystem())

/// A query for ad 42 at `TimeTextTests.now`, from `name=value` texts.
func query(_ pairs: String...) throws(QueryRefusal) -> SeriesQuery {
  try query(pairs)
}

func query(
  _ pairs: [String], ad: AdKey = adKey, now: Int64 = TimeTextTests.now
) throws(QueryRefusal) -> SeriesQuery {
  let parameters = pairs.map { pair in
    let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (name: String(parts[0]), value: parts.count == 2 ? String(parts[1]) : "")
  }
  return try SeriesQuery(adID: adID, ad: ad, parameters: parameters, now: now, zones: zoneBook)
}

/// Why a query is refused.
func refusal(_ pairs: String...) -> QueryRefusal? {
  do throws(QueryRefusal) {
    _ = try query(pairs)
    return nil
  } catch { return error }
}

@Suite struct SeriesQueryTests {
  @Test func anEmptyQueryIsTheLastHourWithTheMinuteUnderWay() throws {
    let query = try query()
    #expect(query.from.description == "2026-11-23T16:42:00Z")
    #expect(query.to.description == "2026-11-23T17:42:00Z")
    #expect(query.start == query.from && query.limit == 10_000)
    #expect(query.fill == .none && query.status == .any && query.format == .json)
  }

  @Test(arguments: [
    // A bound inside a minute is its beginning.
    ("2026-11-23T17:00:59.999Z", "2026-11-23T17:05:00.001Z", "17:00", "17:05"),
    ("2026-11-23T17:00:00Z", "2026-11-23T17:05:00Z", "17:00", "17:05"),
    ("-90m", "now", "16:11", "17:42"), ("-1s", "now", "17:41", "17:42"), ("-1h", "-30m", "16:41", "17:11"),
    ("1795453200", "1795453260", "17:00", "17:01"), ("1795453200", "1795453200001", "17:00", "17:00"),
    // The same moment: nothing.
    ("2026-11-23T17:00:30Z", "2026-11-23T17:00:30Z", "17:00", "17:00"), ("now", "now", "17:42", "17:42"),
    ("-1h", "-1h", "16:41", "16:41"),
  ])
  func boundsAreMinutes(_ from: String, _ to: String, _ first: String, _ end: String) throws {
    let query = try query("from=\(from)", "to=\(to)")
    #expect(query.from.description == "2026-11-23T\(first):00Z" && query.to.description == "2026-11-23T\(end):00Z")
  }

  @Test func nowTakesTheMinuteInThatBeginsWithIt() throws {
    let full = TimeTextTests.now / 60_000 * 60_000
    for pairs in [[], ["to=now"], ["from=-1h"], ["from=-1h", "to=now"], ["from=now"]] {
      #expect(try query(pairs, now: full).to.start == full + 60_000, "\(pairs)")
    }
    #expect(try query(["to=\(full)"], now: full).to.start == full)
    #expect(try query(["to=-0s"], now: full).to.start == full)
  }

  @Test func withoutFromItIsTheHourBeforeTo() throws {
    #expect(try query("to=2026-11-23T12:00:01Z").from.description == "2026-11-23T11:00:00Z")
    #expect(try query("to=0").from.index == 0)
    #expect(try query("to=90").from.index == 0)
  }

  @Test func everyParameterIsRead() throws {
    let all = try query("granularity=minute", "tz=UTC", "fill=zero", "status=final", "format=csv", "limit=100000")
    #expect(all.fill == .zero && all.status == .final && all.format == .csv && all.limit == 100_000)
    #expect(try query("limit=1", "format=ndjson", "fill=none", "status=any").limit == 1)
  }

  @Test(arguments: [
    ("limit=0", "limit"), ("limit=100001", "limit"), ("limit=-1", "limit"), ("limit=+5", "limit"), ("limit=", "limit"),
    ("limit=99999999999999999999", "limit"), ("limit=1e3", "limit"), ("limit=٣", "limit"), ("fill=one", "fill"),
    ("fill", "fill"),
    ("status=closed", "status"), ("format=xml", "format"), ("format=JSON", "format"),
    ("granularity=second", "granularity"),
    ("granularity=", "granularity"), ("from=yesterday", "from"), ("to=tomorrow", "to"), ("form=now", "form"),
    ("From=now", "From"), ("=", ""), ("from=2027-01-01T00:00:00Z", "from"),
  ])
  func aBadParameterIsNamed(_ pair: String, _ name: String) {
    let refusal = refusal(pair)
    #expect(refusal?.code == .invalidParameter && refusal?.faults.map(\.parameter) == [name], "\(pair)")
  }

  @Test func aZoneThatTheSystemDoesNotHaveIsNamed() {
    for zone in [
      "Europe/Atlantis", "utc", "Z", "", "+1:00", "+0100", "+19:00", "+01:60", "05:45", "+05:4x", "\u{2212}05:00",
      "../../../etc/passwd", "Europe/../Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "Europe", "zone.tab",
      "Europe/Berlin/", "right/Europe/Berlin", String(repeating: "a", count: 65),
    ] {
      let refusal = refusal("tz=\(zone)")
      #expect(refusal?.code == .unsupportedTimeZone && refusal?.faults.map(\.parameter) == ["tz"])
    }
  }

  @Test func everythingWrongIsToldAtOnce() {
    let refusal = refusal("limit=0", "limit=5", "granularity=fortnight", "x=1", "from=now", "to=-1h", "cursor=x")
    #expect(refusal?.code == .invalidParameter)
    #expect(refusal?.faults.map(\.parameter).sorted() == ["cursor", "from", "granularity", "limit", "x"])
  }

  @Test func theRangeHasALimit() throws {
    #expect(try query("from=2025-01-01T00:00:00Z", "to=2026-02-05T00:00:00Z").to.index > 0)
    #expect(refusal("from=2025-01-01T00:00:00Z", "to=2026-02-05T00:02:00Z")?.code == .rangeTooLong)
    #expect(refusal("from=0", "to=9999-12-31T23:59:59Z")?.code == .rangeTooLong)
  }

  // MARK: - Cursors

  /// The cursor behind the first point of two.
  private func cursor(_ pairs: [String], now: Int64 = TimeTextTests.now) throws -> String {
    let query = try query(pairs + ["limit=1"], now: now)
    let counts = (0..<2).map { (minute: Minute(index: query.from.index + $0), clicks: UInt64(1)) }
    return try #require(Series(query, counts: counts, completeThrough: Minute(index: 0), asOf: [2]).next)
  }

  @Test func aCursorHoldsTheRangeThatItsFirstPageHad() throws {
    let cursor = try cursor(["from=-24h"])
    let later = try query(["from=-24h", "cursor=\(cursor)"], now: TimeTextTests.now + 7_200_000)
    let first = try query(["from=-24h"])
    #expect(later.from == first.from && later.to == first.to && later.start.index == first.from.index + 1)
    // How it is written and how much of it a page has may change.
    #expect(try query("from=-24h", "limit=7", "format=csv", "tz=UTC", "cursor=\(cursor)").start == later.start)
  }

  @Test func aCursorIsBoundToItsQuery() throws {
    let cursor = try cursor(["from=-24h"])
    for others in [
      [], ["from=-23h"], ["from=-24h", "to=now"], ["from=-24h", "fill=zero"], ["from=-24h", "status=final"],
      ["from=-24h", "granularity=hour"], ["from=-24h", "tz=+01:00"],
    ] {
      do throws(QueryRefusal) {
        _ = try query(others + ["cursor=\(cursor)"])
        Issue.record("\(others) took it")
      } catch { #expect(error.code == .cursorMismatch, "\(others)") }
    }
    #expect(throws: QueryRefusal.self) { try query(["from=-24h", "cursor=\(cursor)"], ad: AdKey(rawValue: 7)) }
  }

  /// Cursors of versions before this one are known as such; one that was made with a longer range than its granularity allows
  /// is none.
  @Test func olderCursorsHaveExpired() throws {
    let cursor = try cursor(["from=-24h"])
    func made(_ version: UInt8, from: Int64? = nil) throws -> String {
      var bytes = try #require(Hex.decode(cursor.utf8)).dropLast(4)
      bytes[0] = version
      if let from { for i in 0..<8 { bytes[1 + i] = UInt8(truncatingIfNeeded: from >> Int64(56 - 8 * i)) } }
      let crc = CRC32C.checksum(Array(bytes))
      return Hex.encode(Array(bytes) + (0..<4).map { UInt8(truncatingIfNeeded: crc >> UInt32(24 - 8 * $0)) })
    }
    #expect(try made(2) == cursor)
    #expect(try refusal("from=-24h", "cursor=\(made(1))")?.code == .cursorExpired)
    for version in [0, 3] as [UInt8] {
      #expect(try refusal("from=-24h", "cursor=\(made(version))")?.code == .invalidCursor)
    }
    #expect(try refusal("from=-24h", "cursor=\(made(2, from: 0))")?.code == .invalidCursor)
  }

  @Test func onlyWholeCursorsAreTaken() throws {
    let cursor = try cursor(["from=-24h"])
    var generator = Seeds.list(1)[0].generator
    let digits = Array("0123456789abcdefg")
    for _ in 0..<2000 {
      var text = Array(cursor)
      for _ in 0...generator.small(in: 0...3) {
        text[Int.random(in: 0..<text.count, using: &generator)] = generator.pick(digits)
      }
      if String(text) == cursor { continue }
      #expect(throws: QueryRefusal.self, "\(String(text))") { try query("from=-24h", "cursor=\(String(text))") }
    }
    for text in [
      "", "0", String(cursor.dropLast()), cursor + "0", String(repeating: "f", count: 66), "é" + cursor.dropLast(2),
    ] {
      #expect(refusal("from=-24h", "cursor=\(text)")?.code == .invalidCursor)
    }
  }
}
