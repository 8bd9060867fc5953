import Clicks
import Store
import Testing

/// What is merged next, asked of the pure plan.
@Suite struct CompactionPlanTests {
  private static func shape(_ from: Int64, _ count: Int64, bytes: UInt64 = 10_000, created: Int64 = 0)
    -> CompactionPlan.Shape
  {
    CompactionPlan.Shape(window: from..<(from + count), bytes: bytes, created: created)
  }

  private static func plan(_ bases: [CompactionPlan.Shape], _ patches: [CompactionPlan.Shape] = []) -> CompactionPlan {
    var plan = CompactionPlan()
    var table = CompactionPlan.Table()
    (table.bases, table.patches) = (bases, patches)
    plan.tables[.minutes] = table
    return plan
  }

  @Test func aWindowIsMergedWhenItIsComplete() {
    var plan = Self.plan((0..<10).map { Self.shape($0, 1) })
    plan.closedThrough = 9
    #expect(plan.next() == nil)
    plan.closedThrough = 10
    #expect(plan.next() == .merge(.minutes, window: 0..<10))
    plan = Self.plan((0..<6).map { Self.shape($0 * 10, 10) })
    plan.closedThrough = 60
    #expect(plan.next() == .merge(.minutes, window: 0..<60))
  }

  @Test func aRunOverAnEdgeWaitsForTheWiderWindow() {
    var plan = Self.plan([Self.shape(0, 4), Self.shape(4, 8), Self.shape(12, 3)])
    plan.closedThrough = 40
    #expect(plan.next() == nil)
    plan.closedThrough = 60
    #expect(plan.next() == .merge(.minutes, window: 0..<60))
  }

  @Test func aCompleteDayIsRolledUpBeforeAnythingElse() {
    var plan = Self.plan((0..<10).map { Self.shape($0, 1) }, [Self.shape(5, 1)])
    plan.closedThrough = 1_440
    #expect(plan.next() == .rollUp(day: 0))
    plan.rolledUp = 1
    #expect(plan.next() == .merge(.minutes, window: 0..<10))
  }

  @Test func whatIsRecountedStaysApart() {
    var plan = CompactionPlan()
    plan.segments = Self.segments([UInt64](repeating: 10, count: 16))
    plan.recountedSegments = 9
    #expect(plan.next() == nil)
    plan.recountedSegments = 16
    #expect(plan.next() == .segments(0..<16))
    // However much they are at rest.
    (plan.recountedSegments, plan.rest) = (9, 0)
    #expect(plan.next() == .segments(0..<9))
    plan.segments = Self.segments([10])
    plan.corrections = [UInt64](repeating: 5, count: 15).map(Int.init) + [1 << 19, 3]
    #expect(plan.next() == .corrections(Array(0..<15) + [16]))
  }

  @Test func patchesOfADayBecomeOne() {
    var plan = Self.plan([Self.shape(0, 1_440)], (0..<8).map { Self.shape(100 + $0, 30, bytes: 10) })
    (plan.closedThrough, plan.rolledUp) = (3_000, 1)
    #expect(plan.next() == .patches(.minutes, day: 0))
    plan.tables[.minutes]!.patches.removeFirst()
    #expect(plan.next() == nil)
    // Six hours of rest fold them into the day's run.
    plan.now = CompactionPlan.restMilliseconds
    #expect(plan.next() == .fold(.minutes, window: 0..<1_440))
    // However heavy the run is.
    plan.tables[.minutes]!.bases[0].bytes = 10_000_000
    #expect(plan.next() == .merge(.minutes, window: 0..<1_440))
  }

  @Test func patchesOverAWideBaseTakeItAlong() {
    var plan = CompactionPlan()
    var table = CompactionPlan.Table()
    table.bases = [Self.shape(0, 4 * 1_440)]
    table.patches = (0..<8).map { _ in Self.shape(1_440, 1_440, bytes: 10) }
    plan.tables[.base] = table
    #expect(plan.next() == .merge(.base, window: 0..<(4 * 1_440)))
  }

  private static func segments(_ rows: [UInt64], day: Int64 = 0) -> [CompactionPlan.SegmentShape] {
    rows.map { CompactionPlan.SegmentShape(rows: $0, day: day) }
  }

  @Test func neighboursOfLikeSizeBecomeOne() {
    var plan = CompactionPlan()
    plan.segments = Self.segments([16_000_000] + [UInt64](repeating: 1_000_000, count: 15))
    #expect(plan.next() == nil)
    plan.segments += Self.segments([1_000_000])
    #expect(plan.next() == .segments(1..<17))
    // Sixteen of them would be too many: the last step to the limit takes four.
    plan.segmentLimit = 10_000_000
    #expect(plan.next() == .segments(1..<5))
    plan.segmentLimit = 3_500_000
    #expect(plan.next() == nil)
  }

  @Test func segmentsOfDifferentDaysStayApart() {
    var plan = CompactionPlan()
    plan.segments = (0..<16).flatMap { Self.segments([1_000], day: Int64($0 / 8)) }
    #expect(plan.next() == nil)
    plan.rest = 0
    #expect(plan.next() == .segments(0..<8))
    plan.segments = Self.segments([8_000]) + Self.segments([8_000], day: 1)
    #expect(plan.next() == nil)
  }

  @Test func smallNeighboursBecomeOneWhenTheyRest() {
    var plan = CompactionPlan()
    var table = CompactionPlan.Table()
    // A history: patches of days without a base run.
    table.patches = [3, 4, 9, 20].map { Self.shape($0 * 1_440 + 77, 2) }
    plan.tables[.minutes] = table
    (plan.closedThrough, plan.rolledUp, plan.now) = (30 * 1_440, 30, CompactionPlan.restMilliseconds - 1)
    #expect(plan.next() == nil)
    plan.now += 1
    #expect(plan.next() == .fold(.minutes, window: 3 * 1_440..<21 * 1_440))
    // Where minutes have retired, nothing new reaches over.
    plan.minutesFrom = 9 * 1_440
    #expect(plan.next() == .fold(.minutes, window: 3 * 1_440..<5 * 1_440))
    // A heavy run in the middle stays what it is.
    plan.minutesFrom = .min
    plan.tables[.minutes]!.bases = [Self.shape(5 * 1_440, 1_440, bytes: 900_000)]
    #expect(plan.next() == .fold(.minutes, window: 3 * 1_440..<5 * 1_440))
    // Windows are a quarter of the retention; patches without neighbours become base runs of their own.
    plan.minuteRetention = 16 * 86_400_000
    #expect(plan.next() == .fold(.minutes, window: 3 * 1_440..<4 * 1_440))
  }

  /// Minutes of a day that goes on have no hours yet, and are folded among themselves.
  @Test func aDayThatGoesOnStaysApart() {
    var plan = Self.plan([Self.shape(0, 1_440), Self.shape(1_500, 1), Self.shape(2_000, 3)], [Self.shape(2_002, 5)])
    (plan.closedThrough, plan.rolledUp, plan.rest) = (2_010, 1, 0)
    #expect(plan.next() == .fold(.minutes, window: 1_500..<2_007))
    plan.closedThrough = 2_005
    plan.tables[.minutes]!.patches = []
    #expect(plan.next() == .fold(.minutes, window: 1_500..<2_003))
  }
}
