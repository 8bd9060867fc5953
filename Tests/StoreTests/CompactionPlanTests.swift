import Simulation
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
    plan.segments = [UInt64](repeating: 10, count: 16)
    plan.recountedSegments = 9
    #expect(plan.next() == nil)
    plan.recountedSegments = 16
    #expect(plan.next() == .segments(0..<16))
    plan.segments = [10]
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
    plan.now = 6 * 3_600_000
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

  @Test func neighboursOfLikeSizeBecomeOne() {
    var plan = CompactionPlan()
    plan.segments = [16_000_000] + [UInt64](repeating: 1_000_000, count: 15)
    #expect(plan.next() == nil)
    plan.segments.append(1_000_000)
    #expect(plan.next() == .segments(1..<17))
    plan.segmentLimit = 10_000_000
    #expect(plan.next() == nil)
  }

  /// Whatever the shapes, the plan comes to an end: each task leaves fewer files.
  @Test func thePlanComesToAnEnd() throws {
    try Seeds.run(60) { seed in
      var generator = seed.generator
      var bases: [CompactionPlan.Shape] = []
      var minute = Int64(generator.small(in: 0...5_000))
      for _ in 0..<generator.small(in: 0...200) {
        let width = min(Int64(1 + generator.small(in: 0...20)), 1_440 - minute % 1_440)
        bases.append(Self.shape(minute, width))
        minute += width + (generator.oneIn(5) ? Int64(generator.small(in: 0...3_000)) : 0)
      }
      var plan = Self.plan(
        bases,
        (0..<generator.small(in: 0...40)).map { _ in
          let start = Int64(generator.small(in: 0...Int(minute)))
          return Self.shape(start, min(Int64(1 + generator.small(in: 0...9)), 1_440 - start % 1_440))
        })
      plan.segments = (0..<generator.small(in: 0...60)).map { _ in UInt64(1 + generator.small(in: 0...2_000_000)) }
      plan.dictionaries = (0..<generator.small(in: 0...40)).map { _ in 1 + generator.small(in: 0...10_000) }
      plan.closedThrough = minute
      plan.now = 1 << 50
      var steps = 0
      while let task = plan.next() {
        Self.perform(task, &plan)
        steps += 1
        guard steps < 2_000 else {
          Issue.record("\(seed): no end, now at \(task)")
          return
        }
      }
    }
  }

  /// What a task does to the shapes.
  private static func perform(_ task: CompactionTask, _ plan: inout CompactionPlan) {
    func merge(_ key: RunTableKey, _ window: Range<Int64>, patches: Bool, asPatch: Bool = false) {
      var table = plan.tables[key] ?? CompactionPlan.Table()
      func isInside(_ shape: CompactionPlan.Shape) -> Bool {
        window.lowerBound <= shape.window.lowerBound && shape.window.upperBound <= window.upperBound
      }
      let taken = (asPatch ? [] : table.bases.filter(isInside)) + (patches ? table.patches.filter(isInside) : [])
      guard !taken.isEmpty else { return }
      let hull = taken.map(\.window.lowerBound).min()!..<taken.map(\.window.upperBound).max()!
      if !asPatch { table.bases.removeAll(where: isInside) }
      if patches { table.patches.removeAll(where: isInside) }
      let merged = CompactionPlan.Shape(window: hull, bytes: taken.reduce(0) { $0 + $1.bytes }, created: plan.now)
      if asPatch { table.patches.append(merged) } else { table.bases.append(merged) }
      table.bases.sort { $0.window.lowerBound < $1.window.lowerBound }
      plan.tables[key] = table
    }
    switch task {
    case .merge(let key, let window):
      merge(key, window, patches: Int64(window.count) >= 86_400 / Int64(key.bucketSeconds))
    case .rollUp(let day):
      merge(.minutes, day * 1_440..<(day + 1) * 1_440, patches: true)
      for (key, perDay) in [(RunTableKey.hours, Int64(24)), (.days, 1)] {
        plan.tables[key, default: CompactionPlan.Table()].bases.append(shape(day * perDay, perDay))
      }
      plan.rolledUp = day + 1
    case .patches(let key, let day):
      let perDay = 86_400 / Int64(key.bucketSeconds)
      merge(key, day * perDay..<(day + 1) * perDay, patches: true, asPatch: true)
    case .segments(let range):
      plan.segments.replaceSubrange(range, with: [plan.segments[range].reduce(0, +)])
    case .dictionaries(let count):
      let sum = plan.dictionaries.suffix(count).reduce(0, +)
      plan.dictionaries.removeLast(count)
      plan.dictionaries.append(sum)
    case .corrections(let indices):
      let sum = indices.reduce(0) { $0 + plan.corrections[$1] }
      for index in indices.reversed() { plan.corrections.remove(at: index) }
      plan.corrections.append(sum)
    }
  }
}
