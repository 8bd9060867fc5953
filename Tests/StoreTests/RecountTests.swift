import Clicks
import Simulation
import Store
import StoreHarness
import Testing

/// T16 at the size of every push.
@Suite struct RecountTests {
  @Test(arguments: 0..<8 as Range<UInt64>)
  func everyRowBecomesTheFold(seed: UInt64) {
    let findings = (0..<25).reduce(Findings()) { $0 + RecountCampaign.run(seed: seed &* 1_000 &+ $1) }
    #expect(findings.violations.prefix(5) == [])
    #expect(findings.faultsInjected > 20)
  }

  @Test(arguments: 0..<3 as Range<UInt64>)
  func aCrashLeavesWholeChunks(seed: UInt64) {
    let findings = RecountCampaign.crash(seed: seed, stride: 29)
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 50)
  }

  @Test(arguments: 0..<3 as Range<UInt64>)
  func aFailedCallLeavesWholeChunks(seed: UInt64) {
    let findings = RecountCampaign.errors(seed: seed, stride: 61)
    #expect(findings.violations == [])
    #expect(findings.faultsInjected > 20)
  }

  @Test(arguments: 0..<5 as Range<UInt64>)
  func theSameLogGivesTheSameCorrections(seed: UInt64) {
    #expect(RecountCampaign.repeated(seed: seed) == [])
  }

  /// Hour rows that are wrong by themselves are corrected chunk by chunk, each with its corrections.
  @Test func wrongHoursAreCorrectedInChunks() throws {
    let sample = try JuneStore {
      $0.recountInterval = 0
      $0.recountChunk = 4
    }
    let maintenance = sample.shard.maintenance
    for hour in 4..<14 as Range<Int64> { try sample.click(1, hoursAgo: hour) }
    try maintenance.settle()
    try maintenance.recount(.changes)
    let hours = Set(try sample.rows().map { $0.minute.index / 60 }).sorted()
    #expect(hours.count == 12 && sample.shard.state.rolledUp == sample.june.days.upperBound)
    try maintenance.plant(hours.map { (ad: JuneStore.ad, bucket: $0, change: 2) }, in: .hours)
    #expect(try sample.months(3_600).clicks == 18 + 24)
    let files = sample.shard.state.files(.corrections).count
    let report = try maintenance.recount(.deep(0..<1 << 40))
    #expect(report.corrected == [.damage: 12])
    #expect(sample.shard.state.files(.corrections).count - files == 3)
    #expect(try sample.months(3_600).clicks == 18)
    #expect(try maintenance.recount(.deep(0..<1 << 40)).isClean)
    #expect(try Contents(sample.machine.environment, Run.path).inconsistent == [])
  }

  /// Hours and days that are wrong by themselves, and whose minutes lose repeats in the same recount, become the sums of these,
  /// whichever of them stand in one chunk, and whether the repeats had room in memory.
  @Test(arguments: [1, 3, 1_000])
  func wrongRollUpsBesideRepeatsBecomeSums(chunk: Int) throws {
    let sample = try JuneStore {
      $0.recountInterval = 0
      $0.recountChunk = chunk
      $0.recountRepeats = 4
      $0.dedupHorizon = 1_000
    }
    let maintenance = sample.shard.maintenance
    for hour in 4..<14 as Range<Int64> {
      try sample.click(1, hoursAgo: hour)
      try sample.pass(8_000)
      try sample.clickAgain(hoursAgo: hour)
    }
    try maintenance.settle()
    let hours = Set(try sample.rows().map { $0.minute.index / 60 }).sorted()
    #expect(try sample.months(60).clicks == 28 && sample.months(3_600).clicks == 28)
    for (number, hour) in hours.enumerated() where number % 2 == 0 {
      try maintenance.plant([(ad: JuneStore.ad, bucket: hour, change: number % 3 == 0 ? -1 : 2)], in: .hours)
    }
    try maintenance.plant([(ad: JuneStore.ad, bucket: hours.last! / 24, change: 1)], in: .days)
    let report = try maintenance.recount(.deep(nil))
    #expect(report.repeats == 10)
    for seconds in [60, 3_600, 86_400] as [UInt32] { #expect(try sample.months(seconds).clicks == 18) }
    #expect(try maintenance.recount(.deep(nil)).isClean)
    #expect(try Contents(sample.machine.environment, Run.path).inconsistent == [])
    #expect(try sample.machine.environment.files.list("\(Run.path)/shard-00/tmp").isEmpty)
  }
}
