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

  /// Imports lines as the file `name`, behind what is durable of it. The text of each line is what is hashed.
  private func importing(
    _ lines: [Line], _ store: Store, _ name: String, stopAfter: Int? = nil,
    remember: (FinishedImport) throws -> Void = { _ in }
  ) throws -> ImportResult {
    var plan = ImportPlan()
    plan.source = name
    let memory = ImportMemory(
      progress: StoreImport.progress(of: plan.sourceID, in: store.shards), finished: [],
      retired: store.shards.map { _ in 0 }, layout: 0)
    let before = memory.readBefore
    let shards = UInt64(store.shards.count)
    let digest = SourceDigest()
    func add(_ line: Line) {
      let text = Array(line.text.utf8)
      unsafe text.withUnsafeBytes { unsafe digest.add($0) }
    }
    for line in lines.prefix(Int(before?.lines ?? 0)) { add(line) }
    if let before { #expect(before.digest == digest.value) }
    let work = try StoreImport(
      plan, parser: try ClickParser(plan), gate: AdGate(catalog, admitsPaused: false), clock: store.clock,
      shards: store.shards, layout: 0, behind: before, sample: before == nil ? LineSample() : nil
    ) { Int($0.ad.rawValue % shards) }
    if let before { work.skip(lines: before.lines, bytes: before.bytes) }
    for (number, line) in lines.enumerated().dropFirst(Int(before?.lines ?? 0)) {
      if let stopAfter, number == stopAfter {
        work.abandon()
        return work.report
      }
      let text = Array(line.text.utf8)
      try unsafe text.withUnsafeBytes { unsafe try work.take($0, text.count + 1) }
      add(line)
      if work.isPieceFull { #expect(work.flush(digest.value)) }
    }
    try work.finish(digest.value, remember: remember)
    return work.report
  }

  private func linesDone(_ store: Store, _ name: String) -> UInt64? {
    var plan = ImportPlan()
    plan.source = name
    return StoreImport.progress(of: plan.sourceID, in: store.shards)?.map(\.lines).min()
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
    let first = try importing(lines, store, "clicks", stopAfter: 70_000)
    #expect(first.lines == 70_000)
    machine.time.advance(milliseconds: 5_000)
    store = try open(2)
    let done = try #require(linesDone(store, "clicks"))
    #expect(done == UInt64(StoreImport.pieceLines * 2))
    let second = try importing(lines, store, "clicks")
    #expect(second.skipped == done && second.rejectedLines == 0)
    #expect(second.lines == 120_000 - second.skipped)
    machine.time.advance(milliseconds: 5_000)
    store = try open(2)
    #expect(try rows(store) == due)
    // Done: the shards have forgotten it. Who reads it again all the same counts nothing.
    #expect(linesDone(store, "clicks") == nil)
    let again = try importing(lines, store, "clicks")
    #expect(again.accepted == 0 && again.duplicate == 120_000)
    store = try open(2)
    #expect(try rows(store) == due)
  }

  /// What is remembered of a finished import is remembered after its last click is durable, and before the shards forget
  /// how far they are: a crash in between is found proven.
  @Test func anImportIsRememberedBetweenItsLastClickAndItsEnd() throws {
    struct Crash: Error {}
    var chance = SeededGenerator(seed: 5)
    let lines = lines(3_000, &chance)
    let store = try open(2)
    var remembered: FinishedImport?
    #expect(throws: Crash.self) {
      _ = try importing(lines, store, "clicks") { one in
        remembered = one
        #expect(store.shards.reduce(0) { $0 + $1.position } == UInt64(Set(lines.map(\.id)).count))
        throw Crash()
      }
    }
    machine.time.advance(milliseconds: 5_000)
    let next = try open(2)
    #expect(linesDone(next, "clicks") == 3_000)
    var again: FinishedImport?
    let report = try importing(lines, next, "clicks") { again = $0 }
    #expect(report.lines == 0 && report.skipped == 3_000)
    #expect(again?.digest == remembered?.digest && again?.bytes == remembered?.bytes && again?.since == [0, 0])
    #expect(linesDone(try open(2), "clicks") == nil)
  }

  /// An import's end leaves no more to read back than the minutes that are open, and those who look after the files need no
  /// index of identities.
  @Test func theNextOpeningHasLittleToReadBack() throws {
    var chance = SeededGenerator(seed: 6)
    let lines = lines(60_000, &chance).filter { $0.minute.start < now - 300_000 }
    _ = try importing(lines, try open(1), "clicks")
    machine.time.advance(milliseconds: 5_000)
    var options = ShardOptions()
    options.slotBytes = 1 << 20
    options.diskReserve = 0
    let state = try Store.open(machine.environment, "/data", shards: 1, options: options).shards[0].state
    #expect(state.sealed == state.applied && state.floor == state.applied && state.extents.count == 1)
    #expect(state.applied == UInt64(Set(lines.map(\.id)).count))
    options.takesClicks = false
    let shard = try Store.open(machine.environment, "/data", shards: 1, options: options).shards[0]
    try shard.maintenance.settle()
    shard.maintain()
    #expect(shard.condition.counters.dedupKeys == 0)
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
      ], store, "named")
    #expect(report.accepted == 1 && report.duplicate == 1 && report.lines == 8)
    #expect(
      report.rejectedCount
        == ["too-old": 1, "in-future": 1, "expired": 1, "unknown-ad": 1, "paused": 1, "malformed": 1])
    #expect(report.rejected.map(\.line) == [2, 3, 4, 5, 6, 7])
  }

  /// Ids that look like UUIDs of version 7, in either spelling and as either kind of file.
  @Test func onlyTheSpellingClaimsAMinting() throws {
    let day: Int64 = 86_400_000
    for (number, format) in [ImportFormat.ndjson, .csv].enumerated() {
      var plan = ImportPlan()
      plan.format = format
      let parser = try ClickParser(plan)
      if format == .csv {
        let header = Array("adId,impressionId,time".utf8)
        try unsafe header.withUnsafeBytes { _ = unsafe try parser.readHead($0) }
      }
      let store = try open(1)
      let work = try StoreImport(
        plan, parser: parser, gate: AdGate(catalog, admitsPaused: false), clock: store.clock, shards: store.shards,
        layout: 0, behind: nil, sample: nil
      ) { _ in 0 }
      // The first and the third are timed with hyphens, and expired.
      for offset in [-30 * day, -90 * 365 * day, 120_000, 2 * day, 7_000 * 365 * day] {
        let id = ImpressionID.version7(at: max(0, now + offset), random: (UInt64(number), UInt64(bitPattern: offset)))
        for spelling in [id.digits, "\(id)"] {
          let text = Array(
            (format == .csv
              ? "ad1,\(spelling),\(now)" : #"{"adId":"ad1","impressionId":"\#(spelling)","time":\#(now)}"#).utf8)
          try unsafe text.withUnsafeBytes { unsafe try work.take($0, text.count + 1) }
          let click = try #require(try unsafe text.withUnsafeBytes { unsafe try parser.read($0, number: 2) })
          #expect((click.minted == nil) == (spelling.utf8.count == 32) && click.spelling == spelling)
        }
      }
      try work.finish(SourceDigest().value) { _ in }
      #expect(work.report.rejectedCount == ["expired": 2])
      #expect(work.report.accepted == 5 && work.report.duplicate == 3, "\(format)")
    }
  }
}
