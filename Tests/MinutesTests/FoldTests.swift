import Clicks
import Minutes
import Simulation
import Testing

/// The fold against dictionaries.
@Suite struct FoldTests {
  @Test func codesAreGivenInTheOrderOfFirstSight() throws {
    try Seeds.run(20) { seed in
      var generator = seed.generator
      var codes = AdCodes()
      var reference: [AdKey: UInt32] = [:]
      // Keys that differ in their low, middle or high bits only.
      let shift = generator.pick([0, 20, 40, 48] as [UInt64])
      for _ in 0..<6_000 {
        let key = AdKey(rawValue: UInt64(generator.small(in: 0...65_535)) << shift)
        let known = codes.code(of: key)
        let expected = reference[key] ?? UInt32(reference.count)
        guard known == reference[key], codes.assign(key) == expected, codes.key(expected) == key else {
          Issue.record("\(seed): \(key) should have code \(expected)")
          return
        }
        reference[key] = expected
      }
      #expect(codes.count == reference.count)
    }
  }

  @Test func frozenRowsComeInOrder() throws {
    try Seeds.run(20) { seed in
      var generator = seed.generator
      var live = LiveMinutes()
      var reference: [Minute: [AdKey: UInt64]] = [:]
      let (ads, minutes) = (generator.pick([3, 40, 5_000]), generator.pick([1, 7, 200]))
      let clicks = generator.pick([50, 9_000])
      for _ in 0..<clicks {
        let ad = AdKey(rawValue: UInt64(generator.small(in: 0...ads)) << 40)
        let minute = Minute(index: Int64(generator.small(in: 0...minutes)))
        live.apply(ad: ad, minute: minute)
        reference[minute, default: [:]][ad, default: 0] += 1
      }
      let frozen = live.freeze(before: Minute(index: .max))
      let rows = frozen.sortedRows(0..<frozen.times.count)
      let isInOrder = zip(rows, rows.dropFirst()).allSatisfy { ($0.code, $0.minute) < ($1.code, $1.minute) }
      #expect(isInOrder, "\(seed)")
      #expect(rows.count == reference.values.reduce(0) { $0 + $1.count }, "\(seed)")
      for row in rows {
        #expect(reference[Minute(index: row.minute)]?[live.ads.key(row.code)] == row.clicks, "\(seed)")
      }
    }
  }

  @Test func aMinuteCountsEachAd() throws {
    try Seeds.run(20) { seed in
      var generator = seed.generator
      var map = MinuteMap()
      var reference: [UInt32: UInt32] = [:]
      for _ in 0..<8_000 {
        let code = generator.oneIn(3) ? generator.edge(in: 0...UInt32.max) : UInt32(generator.small(in: 0...20_000))
        map.add(code)
        reference[code, default: 0] += 1
      }
      #expect(map.ads == reference.count && map.total == 8_000)
      var found: [UInt32: UInt32] = [:]
      var isTwice = false
      map.forEach { code, clicks in isTwice = found.updateValue(clicks, forKey: code) != nil || isTwice }
      #expect(!isTwice)
      #expect(found == reference, "\(seed)")
      for _ in 0..<1_000 {
        let code = UInt32(generator.small(in: 0...30_000))
        #expect(map.count(code) == reference[code, default: 0])
      }
    }
  }

  private struct Row: Hashable {
    var ad: AdKey
    var minute: Minute
  }

  @Test func theTableIsTheFoldOfItsClicks() throws {
    try Seeds.run(30) { seed in
      var generator = seed.generator
      var table = LiveMinutes()
      var reference: [Row: UInt64] = [:]
      let now = generator.edge(in: -1_000...30_000_000 as ClosedRange<Int64>)
      for _ in 0..<3_000 {
        // Mostly the newest minute; some late, some early, some before 1970.
        let offset = generator.oneIn(4) ? Int64(generator.small(in: 0...3_000)) * (generator.oneIn(2) ? 1 : -1) : 0
        let row = Row(ad: AdKey(rawValue: UInt64(generator.small(in: 0...50))), minute: Minute(index: now + offset))
        table.apply(ad: row.ad, minute: row.minute)
        reference[row, default: 0] += 1
      }
      #expect(table.position == 3_000 && table.total == 3_000 && table.rowCount == reference.count)
      #expect(table.newest == reference.keys.map(\.minute).max())
      #expect(table.minuteCount == Set(reference.keys.map(\.minute)).count)
      var rows: [Row: UInt64] = [:]
      table.forEachRow { rows[Row(ad: $0, minute: $1)] = $2 }
      #expect(rows == reference, "\(seed)")

      for _ in 0..<100 {
        let ad = AdKey(rawValue: UInt64(generator.small(in: 0...60)))
        let from = Minute(index: now + Int64(generator.small(in: 0...2_000)) - 1_000)
        let to = Minute(index: from.index + Int64(generator.small(in: 0...1_000)) - 10)
        let due = reference.filter { $0.key.ad == ad && $0.key.minute >= from && $0.key.minute < to }
          .sorted { $0.key.minute < $1.key.minute }
        let code = table.ads.code(of: ad)
        let series = code.map { table.series(of: $0, from: from, to: to) } ?? []
        #expect(series.map(\.minute) == due.map(\.key.minute) && series.map(\.clicks) == due.map(\.value), "\(seed)")
        let isKnown = reference.keys.contains { $0.ad == ad }
        #expect((code != nil) == isKnown)
      }
    }
  }

  @Test func anEmptyTableAnswersNothing() {
    let table = LiveMinutes()
    #expect(table.series(of: 1, from: Minute(index: 0), to: Minute(index: 10)).isEmpty)
    #expect(table.newest == nil && table.position == 0 && table.floor == 0 && table.ads.count == 0)
  }
}
