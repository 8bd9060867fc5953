import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A recount merges the segments that are new to it and marks their repeats; from then on sums say what counts, and no list of
/// positions does.
@Suite struct MarkedRepeatsTests {
  private static let hour: Int64 = 3_600_000

  /// A store, the clicks that it was sent, and what counts of them.
  private final class Sample {
    let machine: SimulatedMachine
    var options = Scenario.options
    private(set) var store: Store
    private var generator: SeededGenerator
    /// Every identity that is retained, and each row's clicks by the first copies.
    private(set) var fold: [Row: UInt64] = [:]
    private var seen: Set<ClickIdentity> = []
    private(set) var repeats: UInt64 = 0
    var shard: Shard { store.shards[0] }

    init(seed: UInt64, _ change: (inout ShardOptions) -> Void = { _ in }) throws {
      generator = SeededGenerator(seed: seed)
      machine = SimulatedMachine(seed: seed)
      options.recountInterval = 0
      options.dedupHorizon = 10_000
      options.recountChunk = generator.pick([3, 1_000])
      options.segmentRows = generator.pick([20, 1_000])
      change(&options)
      store = try Store.open(machine.environment, Run.path, options: options)
    }

    /// Clicks on a few ads, of which many have an identity that was there before; behind the horizon each is taken.
    func click(_ count: Int) throws {
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      var batch: [ClickRequest] = []
      var used: Set<ClickIdentity> = []
      while batch.count < count {
        let number = generator.next() % 60
        let id = ClickIdentity(
          ad: AdKey(rawValue: number % 5), impression: ImpressionID(high: number &* 0x9E37_79B9_7F4A_7C15, low: number))
        if used.insert(id).inserted { batch.append(ClickRequest(identity: id)) }
      }
      var times: [Int64] = []
      shard.commit(batch.span) { times.append($1.verdict == .valid ? $1.eventTime : 0) }
      for (request, time) in zip(batch, times) where time > 0 {
        let row = Row(ad: request.identity.ad, minute: Minute(containing: time))
        if seen.insert(request.identity).inserted { fold[row, default: 0] += 1 } else { repeats += 1 }
      }
    }

    func pass(_ milliseconds: Int64) throws {
      machine.time.advance(milliseconds: milliseconds)
      _ = store.clock.now()
      try shard.maintenance.checkpoint()
      shard.maintain()
    }

    func rows() throws -> [Row: UInt64] {
      var rows: [Row: UInt64] = [:]
      for row in try shard.live.rows() { rows[Row(ad: row.ad, minute: row.minute)] = row.clicks }
      return rows
    }

    func reopen() throws {
      store.close()
      store = try Store.open(machine.environment, Run.path, options: options)
    }

    var marked: UInt64 { shard.live.version.segments.reduce(0) { $0 + $1.summary.marked } }

    /// Repeats that files of corrections list and no segment marks.
    func listed() throws -> Int { try shard.live.version.recordedRepeats(in: 0..<UInt64.max).count }

    func check(_ place: String) throws {
      let books = shard.maintenance.counters.books
      #expect(books.drift == 0 && books.baseDrift == 0, "\(place): \(books)")
      #expect(try Contents(machine.environment, Run.path).inconsistent == [], "\(place)")
    }
  }

  @Test(arguments: 0..<12 as Range<UInt64>)
  func whatIsMergedIsMarked(seed: UInt64) throws {
    let sample = try Sample(seed: seed) { $0.rawRetention = 365 * 24 * Self.hour }
    var generator = SeededGenerator(seed: seed ^ 0xABCD)
    for round in 0..<6 {
      for _ in 0..<generator.pick([1, 2, 4]) {
        try sample.click(20)
        try sample.pass(generator.pick([15_000, 70_000, 400_000, 9 * Self.hour]))
        if generator.oneIn(2) { try sample.shard.maintenance.perform(.sealLog) }
      }
      try sample.pass(generator.pick([300_000, 30 * Self.hour]))
      let isDry = try sample.shard.maintenance.recount(.deep(nil), isDry: true)
      let report = try sample.shard.maintenance.recount(generator.oneIn(2) ? .changes : .deep(nil))
      #expect(isDry.repeats == report.repeats, "round \(round)")
      #expect(try sample.rows() == sample.fold, "round \(round)")
      #expect(sample.marked == sample.repeats, "round \(round)")
      #expect(try sample.listed() == 0)
      #expect(sample.shard.live.version.segments.allSatisfy { $0.summary.recount > 0 })
      try sample.check("round \(round)")
      if generator.oneIn(3) { try sample.shard.maintenance.settle() }
      if generator.oneIn(3) { try sample.reopen() }
      #expect(try sample.rows() == sample.fold && sample.marked == sample.repeats, "round \(round)")
      try sample.shard.maintenance.rebuildRuns()
      #expect(try sample.rows() == sample.fold, "round \(round), rebuilt")
      #expect(try sample.shard.maintenance.recount(.deep(nil)).isClean)
      try sample.check("round \(round), settled")
    }
    #expect(sample.repeats > 20)
  }

  /// Rows of open minutes wait: the next recount finds them in segments that are merged already, and lists them until a merge.
  @Test(arguments: 0..<6 as Range<UInt64>)
  func openMinutesWait(seed: UInt64) throws {
    let sample = try Sample(seed: seed) { $0.segmentFanIn = 3 }
    for _ in 0..<4 {
      for _ in 0..<3 {
        try sample.click(25)
        try sample.pass(20_000)
      }
      try sample.shard.maintenance.recount(.changes)
      try sample.check("some are open")
    }
    try sample.pass(400_000)
    try sample.shard.maintenance.recount(.changes)
    #expect(try sample.rows() == sample.fold)
    #expect(try UInt64(sample.listed()) + sample.marked == sample.repeats)
    try sample.check("all are closed")
    try sample.shard.maintenance.settle()
    #expect(try sample.rows() == sample.fold)
    #expect(try UInt64(sample.listed()) + sample.marked == sample.repeats)
    try sample.check("settled")
    try sample.reopen()
    #expect(try sample.shard.maintenance.recount(.deep(nil)).isClean)
    #expect(try sample.rows() == sample.fold)
  }

  /// What was marked stays away when its segment retires, and the books know how much that was.
  @Test(arguments: 0..<6 as Range<UInt64>)
  func marksRetire(seed: UInt64) throws {
    let sample = try Sample(seed: seed) { $0.rawRetention = 2 * 24 * Self.hour }
    try sample.click(40)
    try sample.pass(400_000)
    try sample.click(40)
    try sample.pass(400_000)
    try sample.shard.maintenance.recount(.changes)
    let fold = sample.fold
    #expect(sample.marked == sample.repeats && sample.repeats > 0)
    for _ in 0..<4 { try sample.pass(24 * Self.hour) }
    try sample.shard.maintenance.retain()
    #expect(sample.shard.state.retired == 80 && sample.marked == 0)
    // Those of a chunk before the last one are listed as well.
    #expect(try sample.shard.live.version.retiredRepeats(sample.shard.state) == sample.repeats)
    #expect(sample.shard.state.retiredMarks <= sample.repeats)
    #expect(try sample.rows() == fold)
    try sample.check("retired")
    try sample.reopen()
    try sample.shard.maintenance.rebuildRuns()
    #expect(try sample.rows() == fold)
    try sample.check("rebuilt")
  }

  /// Where neither a click nor a file has come, a recount of everything has nothing to read.
  @Test func anUnchangedStoreCostsNothing() throws {
    let sample = try Sample(seed: 3)
    for _ in 0..<3 {
      try sample.click(30)
      try sample.pass(400_000)
    }
    #expect(try sample.shard.maintenance.recount(.deep(nil)).rawClicks == 90)
    let files = sample.shard.state.lastFile
    let again = try sample.shard.maintenance.recount(.deep(nil))
    #expect(again.rawClicks == 0 && again.isClean && sample.shard.state.lastFile == files)
    // A row that somebody put there is a file more.
    try sample.shard.maintenance.plant(
      [(ad: AdKey(rawValue: 1), bucket: sample.fold.keys.map(\.minute.index).min()!, change: 2)], in: .minutes)
    #expect(try sample.shard.maintenance.recount(.deep(nil)).corrected[.damage] == 1)
    #expect(try sample.rows() == sample.fold)
  }

  /// Nor where minutes closed in which no click counts; a click that waits for its minute is one that comes.
  @Test func closedMinutesAloneMoveTheMark() throws {
    let sample = try Sample(seed: 4)
    try sample.click(30)
    try sample.pass(400_000)
    try sample.click(30)
    try sample.pass(1_000)
    try sample.shard.maintenance.recount(.deep(nil))
    let before = sample.shard.state.recounted
    #expect(before.floor < before.position, "the second clicks wait")
    try sample.pass(400_000)
    #expect(try sample.shard.maintenance.recount(.deep(nil)).rawClicks == 60)
    #expect(try sample.rows() == sample.fold)
    let (mark, files) = (sample.shard.state.recounted, sample.shard.state.lastFile)
    try sample.pass(400_000)
    let report = try sample.shard.maintenance.recount(.deep(nil))
    #expect(report.rawClicks == 0 && report.minutes == nil && sample.shard.state.lastFile == files)
    #expect(report.mark.through > mark.through && sample.shard.state.recounted == report.mark)
    try sample.reopen()
    #expect(sample.shard.state.recounted == report.mark)
    #expect(try sample.shard.maintenance.recount(.deep(nil), isDry: true).rawClicks == 60, "a dry run reads")
    #expect(try sample.rows() == sample.fold && UInt64(sample.listed()) + sample.marked == sample.repeats)
  }
}
