import Catalog
import Clicks
import Importing
import Platform
import Simulation
import Store
import Testing

/// A log of clicks of two days, shuffled, some of them late or twice, imported in pieces with interruptions: the table is
/// the fold of the different clicks. `Tests/campaign`'s `import` script does the same with 20 million.
@Suite struct StoreImportTests {
  private struct Line {
    var text: String
    var ad: AdKey
    var minute: Minute
    var id: Int
  }

  private static let ads = (0..<20).map { "ad\($0)" }
  private let machine: SimulatedMachine
  private let scratch: ScratchDirectory
  private let catalog: Catalog
  private let now: Int64

  init() throws {
    machine = SimulatedMachine(seed: 12)
    now = machine.time.wall()
    scratch = try ScratchDirectory()
    catalog = try Catalog.open("\(scratch.path)/catalog.sqlite", in: .kernel)
    for ad in Self.ads {
      _ = try catalog.put(
        AdDraft(AdFields(adID: ad, redirectURL: "https://x.example/", advertiserID: "a")), hasCounts: false)
    }
  }

  private func lines(_ count: Int, _ chance: inout SeededGenerator) -> [Line] {
    var lines: [Line] = []
    for i in 0..<count {
      if i > 10, chance.oneIn(20) {
        lines.append(lines[chance.small(in: 0...(i - 1))])
        continue
      }
      let ad = chance.pick(Self.ads)
      let time = now - Int64(chance.next() % (48 * 3_600_000 - 60_000))
      let impression = ImpressionID(high: UInt64(i) &* 0x9E37_79B9_7F4A_7C15, low: 3)
      lines.append(
        Line(
          text: #"{"adId":"\#(ad)","impressionId":"\#(impression)","time":\#(time)}"#, ad: AdKey(AdID(ad)!),
          minute: Minute(containing: time), id: i))
    }
    lines.shuffle(using: &chance)
    return lines
  }

  private func importing(
    _ lines: [Line], _ store: Store, _ source: (UInt64, UInt64), stopAfter: Int? = nil
  ) throws -> ImportResult {
    let plan = ImportPlan()
    let done = StoreImport.progress(of: source, in: store.shards)
    let shards = UInt64(store.shards.count)
    let work = try StoreImport(
      plan, parser: try ClickParser(plan), gate: AdGate(catalog, admitsPaused: false), clock: store.clock,
      shards: store.shards, source: source
    ) { Int($0.ad.rawValue % shards) }
    work.skip(lines: done.lines, bytes: done.bytes, isRead: false)
    for (number, line) in lines.enumerated().dropFirst(Int(done.lines)) {
      if let stopAfter, number == stopAfter {
        work.abandon()
        return work.report
      }
      let text = Array(line.text.utf8)
      #expect(try unsafe text.withUnsafeBytes { unsafe try work.take($0, text.count + 1) })
    }
    try work.finish()
    return work.report
  }

  private func open(_ shards: Int) throws -> Store {
    var options = ShardOptions()
    options.slotBytes = 1 << 20
    options.diskReserve = 0
    options.segmentRows = 20_000
    options.checkpointClicks = 15_000
    options.dedupHorizon = 1_000
    options.expectedImpressions = 1_000
    return try Store.open(machine.environment, "/data", shards: shards, options: options)
  }

  private func rows(_ store: Store) throws -> [String: UInt64] {
    var rows: [String: UInt64] = [:]
    for shard in store.shards {
      for row in try shard.live.rows() { rows["\(row.ad) \(row.minute)", default: 0] += row.clicks }
    }
    return rows
  }

  @Test func theTableIsTheFoldOfTheDifferentClicks() throws {
    var chance = SeededGenerator(seed: 99)
    let lines = lines(120_000, &chance)
    var seen: Set<Int> = []
    var due: [String: UInt64] = [:]
    for line in lines where seen.insert(line.id).inserted { due["\(line.ad) \(line.minute)", default: 0] += 1 }

    var store = try open(2)
    let first = try importing(lines, store, (1, 2), stopAfter: 70_000)
    #expect(first.lines == 70_000)
    machine.time.advance(milliseconds: 5_000)
    store = try open(2)
    let done = StoreImport.progress(of: (1, 2), in: store.shards)
    #expect(done.lines == UInt64(StoreImport.pieceLines * 2))
    let second = try importing(lines, store, (1, 2))
    #expect(second.skipped == done.lines && second.rejectedLines == 0)
    #expect(second.lines == 120_000 - second.skipped)
    machine.time.advance(milliseconds: 5_000)
    store = try open(2)
    #expect(try rows(store) == due)
    // Done: who imports it again begins at its first line and counts nothing.
    #expect(StoreImport.progress(of: (1, 2), in: store.shards).lines == 0)
    let again = try importing(lines, store, (1, 2))
    #expect(again.accepted == 0 && again.duplicate == 120_000)
    store = try open(2)
    #expect(try rows(store) == due)
  }

  @Test func whatDoesNotCountIsNamed() throws {
    _ = try catalog.put(
      AdDraft(AdFields(adID: "off", redirectURL: "https://x.example/", advertiserID: "a", status: "paused")),
      hasCounts: false)
    let store = try open(1)
    func text(_ ad: String, _ time: Int64, _ id: ImpressionID = ImpressionID(high: 1, low: 1)) -> Line {
      Line(
        text: #"{"adId":"\#(ad)","impressionId":"\#(id)","time":\#(time)}"#, ad: AdKey(rawValue: 0),
        minute: Minute(index: 0), id: 0)
    }
    let old = ImpressionID.version7(at: now - 30 * 3_600_000, random: (1, 2))
    let report = try importing(
      [
        text("ad1", now), text("ad1", now - 49 * 3_600_000), text("ad1", now + 301_000), text("ad1", now, old),
        text("none", now), text("off", now), text("a b", now), text("ad1", now),
      ], store, (3, 4))
    #expect(report.accepted == 1 && report.duplicate == 1 && report.lines == 8)
    #expect(
      report.rejectedCount
        == ["too-old": 1, "in-future": 1, "expired": 1, "unknown-ad": 1, "paused": 1, "malformed": 1])
    #expect(report.rejected.map(\.line) == [2, 3, 4, 5, 6, 7])
  }
}
