import Clicks
import Corrections
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// A sealed month stays as it is, whatever comes; what comes counts beside it.
@Suite struct SealTests {
  private static let ad = JuneStore.ad

  private typealias Sample = JuneStore

  @Test func aMonthIsSealedOnceNothingIsInTheWay() throws {
    let sample = try Sample { $0.recountInterval = 0 }
    let maintenance = sample.shard.maintenance
    let july = sample.june.next
    #expect(maintenance.core.obstacle(to: sample.june) == .notRecounted(from: sample.june.minutes.lowerBound))
    if case .open = maintenance.core.obstacle(to: july) {} else { Issue.record("\(july) is open") }
    #expect(throws: NotSealable.self) { try maintenance.seal(sample.june) }
    try maintenance.recount(.changes)
    #expect(maintenance.core.obstacle(to: sample.june) == nil)
    try sample.click(1, hoursAgo: 4)
    let day = sample.june.days.upperBound - 1
    #expect(maintenance.core.obstacle(to: sample.june) == .changed(days: [day]))
    try maintenance.recount(.changes)
    let before = sample.shard.core.manifest.sequence
    let dry = try maintenance.seal(sample.june, isDry: true)
    #expect(sample.shard.core.manifest.sequence == before && sample.shard.state.seals.isEmpty)
    let seal = try maintenance.seal(sample.june)
    #expect(seal.clicks == 9 && seal.ads == 1 && seal.rows == 3)
    #expect((dry.days, dry.minutes) == (seal.days, seal.minutes))
    let sealed = sample.shard.core.manifest.sequence
    #expect(try maintenance.seal(sample.june) == seal && sample.shard.core.manifest.sequence == sealed)
    try sample.kill()
    #expect(sample.shard.state.seals == [seal] && sample.shard.live.sealed.contains(sample.june.minutes))
  }

  @Test func lateClicksAreCredits() throws {
    let sample = try Sample { $0.recountInterval = 0 }
    try sample.shard.maintenance.recount(.changes)
    let seal = try sample.shard.maintenance.seal(sample.june)
    // In memory, in a file, and after a crash of either: always the same.
    for step in 0..<3 {
      try sample.click(2, hoursAgo: 4)
      let due = Int64(2 * step + 2)
      #expect(try sample.sums() == Array(repeating: "(clicks: 8, credits: \(due))", count: 3))
      if step == 0 { try sample.kill() }
      #expect(try sample.months() == (8, due))
      try sample.shard.maintenance.checkpoint()
      #expect(try sample.months() == (8, due))
      if step == 1 { try sample.kill() }
      #expect(try sample.months() == (8, due) && sample.shard.maintenance.counters.books.drift == 0)
    }
    let rows = try sample.shard.live.corrections(
      of: Self.ad, from: Minute(index: 0), to: Minute(containing: sample.machine.time.wall()))
    #expect(rows.count == 3 && rows.allSatisfy { $0.isCredit && $0.reason == .late && $0.change == 2 })
    #expect(rows.map(\.from) == [3, 5, 7] || rows.map(\.from) == [0, 0, 0] || Set(rows.map(\.run.number)).count == 3)
    // Recounts, merges, retention and a rebuild find nothing to do.
    #expect(try sample.shard.maintenance.recount(.deep(0..<1 << 40)).isClean)
    try sample.shard.maintenance.settle()
    try sample.shard.maintenance.rebuildRuns()
    #expect(try sample.sums() == Array(repeating: "(clicks: 8, credits: 6)", count: 3))
    #expect(try sample.shard.maintenance.seal(sample.june) == seal)
    let found = try Contents(sample.machine.environment, Run.path)
    #expect(found.inconsistent == [])
  }

  @Test func aRecountsDifferenceIsACredit() throws {
    let sample = try Sample { $0.recountInterval = 0 }
    let maintenance = sample.shard.maintenance
    try maintenance.recount(.changes)
    let ofJune = try sample.shard.live.rows().filter { sample.june.minutes.contains($0.minute.index) }
    let minute = try #require(ofJune.last).minute
    // A wrong row that is sealed as it is: recounts of changes do not look at it again.
    try maintenance.plant([(ad: Self.ad, bucket: minute.index, change: 4)])
    try maintenance.plant([(ad: Self.ad, bucket: minute.index / 60, change: 4)], in: .hours)
    try maintenance.plant([(ad: Self.ad, bucket: minute.index / 1_440, change: 4)], in: .days)
    let seal = try maintenance.seal(sample.june)
    #expect(seal.clicks == 12 && maintenance.counters.books.drift == 4)
    let report = try maintenance.recount(.deep(0..<1 << 40))
    #expect(report.credits == 1 && report.removed == 4 && report.corrections == 1)
    #expect(try sample.sums() == Array(repeating: "(clicks: 12, credits: -4)", count: 3))
    #expect(maintenance.counters.books.drift == 0)
    #expect(try maintenance.recount(.deep(0..<1 << 40)).isClean)
    try maintenance.rebuildRuns()
    #expect(try sample.sums() == Array(repeating: "(clicks: 12, credits: -4)", count: 3))
    #expect(try Contents(sample.machine.environment, Run.path).inconsistent == [])
  }

  @Test func rowsThatDoNotAddUpAreNotSealed() throws {
    let sample = try Sample { $0.recountInterval = 0 }
    try sample.shard.maintenance.recount(.changes)
    try sample.shard.maintenance.plant([(ad: Self.ad, bucket: sample.june.days.upperBound - 1, change: 1)], in: .days)
    if case .uneven = (#expect(throws: NotSealable.self) { try sample.shard.maintenance.seal(sample.june) })?.obstacle {
    } else {
      Issue.record("sealed, or refused for another reason")
    }
  }

  @Test func aSealedRowThatChangesIsNoticed() throws {
    let sample = try Sample { $0.recountInterval = 0 }
    let maintenance = sample.shard.maintenance
    try maintenance.recount(.changes)
    try maintenance.seal(sample.june)
    let minute = try #require(try sample.shard.live.rows().first).minute
    try maintenance.plant([(ad: Self.ad, bucket: minute.index, change: 1)])
    let faults = try Contents(sample.machine.environment, Run.path).inconsistent
    #expect(faults.contains { $0.contains("2025-06") }, "\(faults)")
  }

  @Test func creditsOutliveMinutes() throws {
    let sample = try Sample {
      $0.recountInterval = 0
      $0.minuteRetention = 20 * 86_400_000
    }
    let maintenance = sample.shard.maintenance
    try maintenance.recount(.changes)
    let seal = try maintenance.seal(sample.june)
    try sample.click(2, hoursAgo: 4)
    try maintenance.checkpoint()
    for _ in 0..<8 { try sample.pass(5 * 86_400_000) }
    try sample.click(1)
    sample.machine.time.advance(milliseconds: 300_000)
    try maintenance.settle()
    #expect(sample.shard.state.minutesFrom > sample.june.minutes.lowerBound)
    #expect(try sample.months(3_600) == (8, 2))
    #expect(try sample.months() == (8, 2) && maintenance.counters.books.drift == 0)
    try sample.click(3, hoursAgo: 41 * 24)
    try maintenance.settle()
    #expect(try sample.months() == (8, 5) && maintenance.counters.books.drift == 0)
    #expect(try maintenance.seal(sample.june) == seal)
    try sample.kill()
    #expect(try sample.months() == (8, 5))
    let found = try ShardRecovery.read(
      sample.machine.environment, directory: "\(Run.path)/shard-00", store: sample.store.identity.id,
      options: sample.options)
    let keys = found.live.adKeys
    let faults = try found.version.sealFaults(
      sample.shard.state, key: { AdKey(rawValue: keys[Int($0)]) })
    #expect(faults == [])
  }

  @Test func aShardWithoutClicksIsSealedToo() throws {
    let sample = try Sample { $0.recountInterval = 0 }
    let empty = try Store.open(sample.machine.environment, "/empty", options: sample.options)
    let seal = try empty.shards[0].maintenance.seal(sample.june)
    #expect(seal.clicks == 0 && seal.rows == 0 && empty.shards[0].state.closedThrough == sample.june.minutes.upperBound)
  }

  // MARK: - Campaigns

  @Test(arguments: 0..<6 as Range<UInt64>)
  func sealedRowsNeverChange(seed: UInt64) {
    let findings = (0..<6).reduce(Findings()) { $0 + SealCampaign.run(seed: seed &* 1_000 &+ $1) }
    print("seals \(seed): \(findings)")
    #expect(findings.violations.prefix(5) == [])
    #expect(findings.recoveries > 10)
  }

  @Test(arguments: 0..<2 as Range<UInt64>)
  func aCrashLosesNoCreditAndAddsNone(seed: UInt64) {
    let findings = SealCampaign.crash(seed: seed, stride: 97)
    print("seals, crashes \(seed): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 50)
  }
}
