import Catalog
import ClickLog
import Clicks
import Importing
import Platform
import Simulation
import Store
import Testing

/// An import ends in three steps, in this order: its last clicks, `IMPORTS`, the shards forget how far they are. The process is
/// killed or the power fails at every call of the disk in them; whoever reads the file again counts each line once, and in the
/// end the import is remembered once.
@Suite struct ImportCrashTests {
  private static let ads = ["a", "b", "c"]
  private static let lineCount = 40
  /// Different ones.
  private static let clickCount: UInt64 = 36
  private let scratch: ScratchDirectory
  private let catalog: Catalog
  private let plan: ImportPlan

  init() throws {
    scratch = try ScratchDirectory()
    catalog = try Catalog.open("\(scratch.path)/catalog.sqlite", in: .kernel)
    for ad in Self.ads {
      _ = try catalog.put(
        AdDraft(AdFields(adID: ad, redirectURL: "https://x.example/", advertiserID: "a")), hasCounts: false)
    }
    var plan = ImportPlan()
    plan.source = "clicks.ndjson"
    self.plan = plan
  }

  /// The source: every tenth line repeats the one before.
  private static func lines(_ now: Int64) -> [[UInt8]] {
    (0..<lineCount).map { number in
      let click = number % 10 == 9 ? number - 1 : number
      let id = ImpressionID(high: UInt64(click) &* 0x9E37_79B9_7F4A_7C15, low: 3)
      let time = now - Int64(click) * 61_000
      return Array(#"{"adId":"\#(ads[click % 3])","impressionId":"\#(id)","time":\#(time)}"#.utf8)
    }
  }

  /// What a process has come to.
  private enum Outcome: Equatable {
    case read(accepted: UInt64)
    case readBefore
    case cut
  }

  private func open(_ machine: SimulatedMachine) throws -> Store {
    var options = ShardOptions()
    options.slotBytes = SlotPool.sizes.lowerBound
    options.diskReserve = 0
    options.dedupHorizon = 1_000
    options.expectedImpressions = 64
    return try Store.open(machine.environment, "/data", shards: 2, options: options)
  }

  /// One process that imports the source. `faults` are in force from the end of its reading on.
  private func live(_ machine: SimulatedMachine, _ text: [[UInt8]], _ faults: FaultPlan = FaultPlan()) throws -> Outcome
  {
    machine.time.advance(milliseconds: 5_000)
    let store = try open(machine)
    let files = machine.environment.files
    var finished = try ImportsFile.read(files, "/data", store: store.identity.id).imports
    let memory = ImportMemory(
      progress: StoreImport.progress(of: plan.sourceID, in: store.shards), finished: finished.read(plan.way),
      retired: store.shards.map(\.state.retired), layout: 0)
    let whole = Array(text.map { $0 + [0x0A] }.joined())
    let source = SourceText(size: UInt64(whole.count), hasHeader: false) { offset, digest in
      var rest = whole[Int(offset)...]
      return unsafe LineSource(digest: digest) { buffer in
        let count = min(rest.count, buffer.count)
        for (i, byte) in rest.prefix(count).enumerated() { unsafe buffer[i] = byte }
        rest = rest.dropFirst(count)
        return count
      }
    }
    let question = ImportQuestion(name: plan.source, isNamed: false, derivesFromLines: false, again: false)
    var before: ReadBefore?
    let digest = SourceDigest()
    switch try memory.start(question, source) {
    case .done:
      store.close()
      return .readBefore
    case .behind(let found, _): before = found
    case .anew(nil):
      // Repeats are found while raw clicks are kept. Where they have gone, it is this that keeps lines from counting twice.
      let durable = store.shards.reduce(0) { $0 + $1.position }
      #expect(durable < Self.clickCount, "a whole import is forgotten")
    case let other:
      Issue.record("\(other)")
      return .cut
    }
    let work = try StoreImport(
      plan, parser: try ClickParser(plan), gate: AdGate(catalog, admitsPaused: false), clock: store.clock,
      shards: store.shards, layout: 0, behind: before, sample: before == nil ? LineSample() : nil
    ) { Int($0.impression.high >> 7 & 1) }
    if let before { work.skip(lines: before.lines, bytes: before.bytes) }
    for (number, line) in text.enumerated() {
      let bytes = line + [0x0A]
      unsafe bytes.withUnsafeBytes { unsafe digest.add($0) }
      if number < Int(before?.lines ?? 0) { continue }
      try unsafe line.withUnsafeBytes { unsafe try work.take($0, line.count + 1) }
    }
    machine.disk.faults = faults
    do {
      try work.finish(digest.value) { one in
        finished.add(one, oldest: 0)
        try ImportsFile.write(finished, files, "/data", store: store.identity.id, created: one.ended)
      }
      _ = store.end.record()
    } catch {
      guard machine.disk.isCrashed else { throw error }
    }
    return machine.disk.isCrashed ? .cut : .read(accepted: work.report.accepted)
  }

  /// Rows of both shards.
  private func rows(_ machine: SimulatedMachine) throws -> [String: UInt64] {
    var rows: [String: UInt64] = [:]
    _ = try Store.read(machine.environment, "/data") { _, recovery in
      for row in try recovery.live.rows() { rows["\(row.ad) \(row.minute)", default: 0] += row.clicks }
    }
    return rows
  }

  @Test(arguments: Seeds.list(1)) func aCrashAnywhereInItsEndCountsNothingTwice(seed: Seed) throws {
    let text = Self.lines(SimulatedMachine(seed: 1).time.wall())
    let whole = SimulatedMachine(seed: seed.value)
    #expect(try live(whole, text) == .read(accepted: Self.clickCount), "\(seed)")
    let due = try rows(whole)
    #expect(due.values.reduce(0, +) == Self.clickCount)
    let identity = try #require(try Store.identify(whole.disk, "/data"))
    let remembered = try ImportsFile.read(whole.disk, "/data", store: identity.id).imports.all
    #expect(remembered.count == 1 && remembered[0].lines == UInt64(Self.lineCount))

    var chance = seed.generator
    var outcomes: [String: Int] = [:]
    var call = 0
    while true {
      let machine = SimulatedMachine(seed: seed.value)
      let first = try live(machine, text, FaultPlan(crashAt: call, inFlight: chance.oneIn(2)))
      if first != .cut { break }
      let place = "\(seed), call \(call)"
      // Half of the crashes only kill the process: the next one finds what the page cache holds, and then the power fails.
      let isKill = chance.oneIn(2)
      let survivals = Survival.eight(seed: chance.next(), unsynced: machine.disk.unsyncedCount)
      machine.disk.faults = FaultPlan()
      if isKill, try live(machine, text) == .readBefore { outcomes["known to the page cache", default: 0] += 1 }
      for survival in isKill ? [.nothing, chance.pick(survivals)] : [chance.pick(survivals), survivals[7]] {
        let next = machine.crashed(survival)
        let second = try live(next, text)
        outcomes[second == .readBefore ? "known" : "read on", default: 0] += 1
        #expect(try rows(next) == due, "\(place), \(survival), \(second)")
        let store = try #require(try Store.identify(next.disk, "/data")).id
        let found = try ImportsFile.read(next.disk, "/data", store: store)
        #expect(found.repaired == [] && found.imports.all.count == 1, "\(place), \(survival)")
        #expect(found.imports.all.first?.digest == remembered[0].digest, "\(place), \(survival)")
        #expect(try live(next, text) == .readBefore, "\(place), \(survival)")
        #expect(try rows(next) == due, "\(place), \(survival), read again")
      }
      call += 1
    }
    print("\(seed): \(call) crashes, \(outcomes.sorted { $0.key < $1.key })")
    #expect(call > 20 && outcomes["known"] != nil && outcomes["read on"] != nil, "\(seed)")
  }
}
