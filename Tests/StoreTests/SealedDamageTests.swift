import Clicks
import Corrections
import Platform
import Store
import StoreHarness
import Testing

/// A row of a sealed month that is not what was sealed is put back, or the month is left alone: it never becomes a credit.
@Suite struct SealedDamageTests {
  private static let everything = RecountScope.deep(0..<1 << 40)

  private func sealed(
    settlesEarly: Bool = false, _ change: (inout ShardOptions) -> Void = { _ in }
  ) throws -> (JuneStore, MonthSeal) {
    let sample = try JuneStore(settlesEarly: settlesEarly) {
      $0.recountInterval = 0
      change(&$0)
    }
    try sample.shard.maintenance.recount(.changes)
    return (sample, try sample.shard.maintenance.seal(sample.june))
  }

  /// Everything is as it was sealed, with these credits.
  private func check(_ sample: JuneStore, _ seal: MonthSeal, credits: Int64 = 0) throws {
    let maintenance = sample.shard.maintenance
    #expect(try sample.sums() == Array(repeating: "(clicks: \(seal.clicks), credits: \(credits))", count: 3))
    #expect(maintenance.counters.books.drift == 0 && maintenance.counters.recounts.monthsLeftAlone.isEmpty)
    #expect(try maintenance.recount(Self.everything).isClean)
    #expect(try maintenance.seal(sample.june) == seal)
    #expect(try Contents(sample.machine.environment, Run.path).inconsistent == [])
  }

  /// Too many, none, and clicks of a minute without any.
  @Test(arguments: [(0, 4), (0, -1_000), (2, 3)] as [(Int64, Int64)], [false, true])
  func damagedRowsArePutBack(damage: (later: Int64, by: Int64), isWhole: Bool) throws {
    let (sample, seal) = try sealed()
    let maintenance = sample.shard.maintenance
    let minute = try #require(try sample.rows().last).minute.index + damage.later
    try sample.damage(minute, by: damage.by, isWhole: isWhole)
    let wrong = try sample.sums()
    #expect(try !Contents(sample.machine.environment, Run.path).inconsistent.isEmpty)

    let before = sample.shard.core.manifest.sequence
    let dry = try maintenance.recount(Self.everything, isDry: true)
    #expect(dry.corrected == [.damage: 1] && dry.credits == 0 && dry.standings == [sample.june: .damaged])
    #expect(try sample.sums() == wrong && sample.shard.core.manifest.sequence == before)

    let report = try maintenance.recount(Self.everything)
    #expect(report.corrected == [.damage: 1] && report.credits == 0 && report.leftAlone.isEmpty)
    #expect(report.added + report.removed == UInt64(damage.by == -1_000 ? 3 : damage.by))
    try check(sample, seal)
    let rows = try sample.shard.live.corrections(
      of: JuneStore.ad, from: Minute(index: 0), to: Minute(containing: sample.machine.time.wall()))
    #expect(rows.count == 1 && rows[0].reason == .damage && !rows[0].isCredit && rows[0].bucket == minute)
  }

  /// Credits that are there, and those of repeats that the same recount finds, are not mixed up with what was damaged.
  @Test func creditsStayWhatTheyAre() throws {
    let (sample, seal) = try sealed {
      $0.dedupHorizon = 1_000
      $0.rawRetention = 30 * 86_400_000
    }
    let maintenance = sample.shard.maintenance
    try sample.click(2, hoursAgo: 3)
    let minute = Minute(containing: sample.machine.time.wall() - 3 * JuneStore.hour).index
    sample.machine.time.advance(milliseconds: 10_000)
    try sample.clickAgain(hoursAgo: 3)
    try maintenance.checkpoint()
    #expect(try sample.months() == (8, 3))
    try sample.damage(minute, by: 5)
    try sample.damage(try #require(try sample.rows().first).minute.index, by: -1)
    let report = try maintenance.recount(.changes)
    #expect(report.standings == [sample.june: .damaged])
    #expect(report.corrected[.lateRepeat] == 1 && report.credits == 1 && report.repeats == 1)
    try check(sample, seal, credits: 2)
  }

  /// A recount of some minutes puts back the whole month: one digest says of all its rows whether they are right.
  @Test func aRangePutsBackTheWholeMonth() throws {
    let (sample, seal) = try sealed()
    let rows = try sample.rows()
    let (first, last) = (try #require(rows.first).minute.index, try #require(rows.last).minute.index)
    try sample.damage(first, by: 7)
    try sample.damage(last, by: 7, isWhole: true)
    let report = try sample.shard.maintenance.recount(.deep(last..<last + 1))
    #expect(report.corrected[.damage] == 2 && report.credits == 0)
    try check(sample, seal)
  }

  /// Hours and days follow the minutes, which have the digest.
  @Test(arguments: [RunTableKey.hours, .days]) func aWideRowIsPutBack(key: RunTableKey) throws {
    let (sample, seal) = try sealed()
    let bucket = try #require(try sample.rows().last).minute.index * 60 / Int64(key.bucketSeconds)
    try sample.shard.maintenance.plant([(ad: JuneStore.ad, bucket: bucket, change: 2)], in: key)
    let report = try sample.shard.maintenance.recount(Self.everything)
    #expect(report.corrected == [.damage: 1] && report.standings == [sample.june: .asSealed])
    try check(sample, seal)
  }

  /// A month that was sealed with a wrong row, and damaged afterwards: nothing tells what was sealed.
  @Test func whatNobodyKnowsIsLeftAlone() throws {
    let sample = try JuneStore { $0.recountInterval = 0 }
    let maintenance = sample.shard.maintenance
    try sample.click(2)
    sample.machine.time.advance(milliseconds: 300_000)
    try maintenance.settle()
    try maintenance.recount(.changes)
    let rows = try sample.rows()
    let (first, last) = (try #require(rows.first).minute.index, try #require(rows.last).minute.index)
    try sample.damage(last, by: 4, isWhole: true)
    let seal = try maintenance.seal(sample.june)
    try sample.damage(first, by: 3)
    // July is corrected all the same.
    let july = try #require(try sample.shard.live.rows().last)
    #expect(!sample.june.minutes.contains(july.minute.index))
    try sample.damage(july.minute.index, by: 1)
    let wrong = try sample.rows().map { "\($0)" }
    for isDry in [true, false, false] {
      let report = try maintenance.recount(Self.everything, isDry: isDry)
      #expect(report.standings == [sample.june: .unknown] && report.credits == 0 && !report.isClean)
      // Two minutes, and the hour and the day that the second damage has left as they were.
      #expect(report.leftAlone == [sample.june: 4] && report.repeatsLeft == 0)
      #expect(try sample.rows().map { "\($0)" } == wrong && sample.months().credits == 0)
      #expect(maintenance.counters.recounts.monthsLeftAlone == [sample.june])
      let told = "\(try #require(SealedRowsDiffer(report)))"
      #expect(told.contains("2025-06") && told.contains("4 rows") && told.contains("backup"))
    }
    #expect(try sample.shard.live.rows().last?.clicks == july.clicks)
    let faults = try Contents(sample.machine.environment, Run.path).inconsistent
    let remedy = "tally reconcile --from 2025-06-01T00:00:00Z --to 2025-07-01T00:00:00Z"
    #expect(faults.contains { $0.contains(remedy) }, "\(faults)")

    // Without the damage the rows are those that were sealed again, and what was wrong with them is a credit.
    try sample.damage(first, by: -3)
    let report = try maintenance.recount(Self.everything)
    #expect(report.credits == 1 && report.removed == 4 && report.standings == [sample.june: .asSealed])
    try check(sample, seal, credits: -4)
  }

  /// Repeats in a month that is left alone do not retire uncounted: recounts look for them until somebody has seen to it.
  @Test func repeatsOfAMonthThatIsLeftAloneAreKept() throws {
    let sample = try JuneStore {
      $0.recountInterval = 0
      $0.dedupHorizon = 1_000
    }
    let maintenance = sample.shard.maintenance
    try maintenance.recount(.changes)
    let rows = try sample.rows()
    let (first, last) = (try #require(rows.first).minute.index, try #require(rows.last).minute.index)
    try sample.damage(last, by: 4, isWhole: true)
    try maintenance.seal(sample.june)
    try sample.click(1, hoursAgo: 3)
    sample.machine.time.advance(milliseconds: 10_000)
    try sample.clickAgain(hoursAgo: 3)
    try sample.damage(first, by: 3)
    let mark = sample.shard.state.recounted
    let report = try maintenance.recount(.changes)
    #expect(report.leftAlone == [sample.june: 1] && report.repeatsLeft == 1 && sample.shard.state.recounted == mark)
    try sample.pass(12 * JuneStore.hour)
    try maintenance.settle()
    #expect(sample.shard.state.retired <= mark.floor)
    try sample.damage(first, by: -3)
    try maintenance.recount(.changes)
    #expect(try sample.months().credits == 1 && sample.shard.state.recounted != mark)
    try maintenance.recount(Self.everything)
    #expect(try sample.months() == (12, -3) && maintenance.counters.books.drift == 0)
  }

  /// Where minutes have gone, the digest of days decides.
  @Test func daysTellWhereMinutesAreGone() throws {
    let (sample, seal) = try sealed(settlesEarly: true) { $0.minuteRetention = 20 * 86_400_000 }
    let maintenance = sample.shard.maintenance
    let rows = try sample.rows()
    let (first, last) = (try #require(rows.first).minute.index, try #require(rows.last).minute.index)
    for _ in 0..<2 { try sample.pass(5 * 86_400_000) }
    try sample.click(1)
    sample.machine.time.advance(milliseconds: 300_000)
    try maintenance.settle()
    #expect(first < sample.shard.state.minutesFrom && sample.shard.state.minutesFrom <= last)
    try sample.damage(last, by: 4)
    let report = try maintenance.recount(Self.everything)
    #expect(report.corrected == [.damage: 1] && report.standings == [sample.june: .damaged])
    #expect(try sample.months().clicks == 8 && maintenance.counters.books.drift == 0)
    #expect(try maintenance.recount(Self.everything).isClean && maintenance.seal(sample.june) == seal)
    // A wrong day of which no minutes are left is nothing that a recount could put back, and keeps it from crediting.
    try maintenance.plant([(ad: JuneStore.ad, bucket: first / 1_440, change: 1)], in: .days)
    try sample.damage(last, by: 4)
    let again = try maintenance.recount(Self.everything)
    #expect(again.standings == [sample.june: .unknown] && again.credits == 0 && again.corrections == 0)
  }
}
