import Store
import Testing

/// Which step is next, asked of the pure plan.
@Suite struct MaintenancePlanTests {
  /// A shard with clicks in all three places, of which nothing is due, a second after its opening.
  private static var quiet: MaintenancePlan {
    var options = ShardOptions()
    options.slotBytes = 1 << 20
    options.sealLogBytes = 4 << 20
    options.segmentRows = 1_000
    options.checkpointClicks = 500
    var plan = MaintenancePlan(options, MaintenancePlan.Times(opened: 0), now: 1_000_000_000)
    plan.times.retention = 0
    (plan.position, plan.applied, plan.sealed) = (900, 800, 700)
    (plan.closedThrough, plan.closable) = (50, 50)
    plan.recounted = RecountMark(position: 600, floor: 600, through: 40)
    return plan
  }

  private static func next(
    _ plan: MaintenancePlan, expired: Bool = false, task: CompactionTask? = nil
  ) -> MaintenancePlan.Step? {
    plan.next(hasExpired: { expired }, compaction: { task })
  }

  @Test func nothingIsDueOfAQuietShard() {
    #expect(Self.next(Self.quiet, expired: true) == nil)
    #expect(Self.next(Self.quiet, task: .dictionaries(3)) == .compact(.dictionaries(3)))
  }

  @Test func aCheckpointComesWithAMinuteManyClicksOrTime() {
    var plan = Self.quiet
    plan.closable = 51
    #expect(Self.next(plan) == .checkpoint)
    // An import waits for many clicks, or time.
    plan.options.closesMinutesAtOnce = false
    #expect(!plan.isCheckpointDue)
    plan.position = plan.applied + 500
    #expect(Self.next(plan) == .checkpoint)
    plan = Self.quiet
    plan.position = plan.applied + 499
    #expect(!plan.isCheckpointDue)
    plan.position += 1
    #expect(Self.next(plan) == .checkpoint)
    plan = Self.quiet
    plan.now = plan.options.checkpointInterval * 1_000_000 - 1
    #expect(!plan.isCheckpointDue)
    plan.now += 1
    #expect(Self.next(plan) == .checkpoint)
    // Without a click there is nothing to write, however long ago the last one was.
    plan.position = plan.applied
    #expect(!plan.isCheckpointDue)
  }

  @Test func theLogIsFlushedByRowsSlotsOrTime() {
    var plan = Self.quiet
    plan.applied = plan.sealed + 999
    plan.position = plan.applied
    #expect(Self.next(plan) == nil)
    plan.applied += 1
    plan.position += 1
    #expect(Self.next(plan) == .flush)
    plan = Self.quiet
    plan.flushableSlots = 3
    #expect(Self.next(plan) == nil)
    plan.flushableSlots = 4
    #expect(Self.next(plan) == .flush)
    plan = Self.quiet
    plan.times.checkpoint = plan.options.sealAfter * 1_000_000
    plan.now = plan.options.sealAfter * 1_000_000
    #expect(Self.next(plan) == .flush)
    plan.sealed = plan.applied
    #expect(!plan.isFlushDue)
  }

  @Test func aRecountWaitsForItsTimeAndForSomethingToDo() {
    var plan = Self.quiet
    (plan.times.checkpoint, plan.times.flush) = (1 << 60, 1 << 60)
    plan.now = plan.options.recountInterval * 1_000_000
    #expect(Self.next(plan) == .recount)
    plan.recounted = RecountMark(position: plan.applied, floor: plan.applied, through: plan.closedThrough)
    #expect(!plan.isRecountDue)
    plan.recounted.through -= 1
    #expect(plan.isRecountDue)
    plan.options.recountInterval = 0
    #expect(!plan.isRecountDue)
  }

  @Test func retentionIsLookedAtOnceInTenMinutes() {
    var plan = Self.quiet
    plan.times.retention = nil
    #expect(Self.next(plan, expired: true, task: .dictionaries(3)) == .retain)
    #expect(Self.next(plan, expired: false, task: .dictionaries(3)) == .compact(.dictionaries(3)))
    plan.times.retention = 500
    plan.now = 600_000_000_499
    (plan.times.checkpoint, plan.times.flush, plan.times.recount) = (plan.now, plan.now, plan.now)
    #expect(Self.next(plan, expired: true) == nil)
    plan.now += 1
    #expect(Self.next(plan, expired: true) == .retain)
  }

  @Test func theMostUrgentStepComesFirst() {
    var plan = Self.quiet
    plan.now = 1 << 60
    plan.times.retention = nil
    var steps: [MaintenancePlan.Step] = []
    while let step = Self.next(
      plan, expired: plan.times.retention == nil, task: steps.count < 5 ? .patches(.days, day: 1) : nil)
    {
      steps.append(step)
      switch step {
      case .checkpoint: (plan.applied, plan.times.checkpoint) = (plan.position, plan.now)
      case .flush: plan.sealed = plan.applied
      case .recount: plan.times.recount = plan.now
      case .retain: plan.times.retention = plan.now
      case .compact: break
      }
    }
    #expect(steps == [.checkpoint, .flush, .recount, .retain, .compact(.patches(.days, day: 1))])
  }

  @Test func shortRetentionIsLookedAtMoreOften() {
    var plan = Self.quiet
    plan.position = plan.sealed
    plan.applied = plan.sealed
    plan.recounted = RecountMark(position: plan.applied, floor: plan.applied, through: plan.closedThrough)
    for (retention, day) in [
      (2 * 86_400_000, 86_400_000), (2 * 86_400_000 - 1, 28_799_999), (1_800_000, 300_000), (600_000, 100_000),
      (0, 60_000),
    ] as [(Int64, Int64)] {
      plan.options.rawRetention = retention
      #expect(plan.options.receiveDay == day, "\(retention) ms")
      plan.now = min(600_000, day) * 1_000_000 - 1
      #expect(!plan.isRetentionDue, "\(retention) ms")
      plan.now += 1
      #expect(plan.isRetentionDue, "\(retention) ms")
    }
  }
}
