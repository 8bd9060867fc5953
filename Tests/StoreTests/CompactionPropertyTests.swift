import Clicks
import Simulation
import Store
import Testing

/// What the plan keeps to whatever comes: it ends, it leaves few files where little is in them, and writes little for that.
@Suite struct CompactionPropertyTests {
  private static let hour: Int64 = 3_600_000
  private static let floor: UInt64 = 1 << 16
  /// log₂ of limit / floor.
  private static let doublings: UInt64 = 4

  /// Whatever the shapes, the plan comes to an end, and base runs never overlap.
  @Test func thePlanComesToAnEnd() throws {
    try Seeds.run(60) { seed in
      var generator = seed.generator
      var files = PlannedFiles()
      for key in [RunTableKey.minutes, .base, RunTableKey(kind: .external, table: 3, bucketSeconds: 60)] {
        var minute = Int64(generator.small(in: 0...5_000))
        for _ in 0..<generator.small(in: 0...200) {
          let width = min(Int64(1 + generator.small(in: 0...20)), 1_440 - minute % 1_440)
          files.add(key, minute..<(minute + width), rows: generator.small(in: 0...30_000))
          minute += width + (generator.oneIn(5) ? Int64(generator.small(in: 0...3_000)) : 0)
        }
        files.plan.closedThrough = max(files.plan.closedThrough, minute)
        for _ in 0..<generator.small(in: 0...40) {
          let start = Int64(generator.small(in: 0...Int(minute)))
          let end = start + min(Int64(1 + generator.small(in: 0...9)), 1_440 - start % 1_440)
          files.add(key, isPatch: true, start..<end, rows: generator.small(in: 0...30_000))
        }
      }
      if generator.oneIn(2) {
        files.plan.minutesFrom = Int64(generator.small(in: 0...Int(files.plan.closedThrough / 1_440))) * 1_440
      }
      for day in 0..<generator.small(in: 0...4) {
        for _ in 0..<generator.small(in: 0...40) {
          files.addSegment(rows: UInt64(1 + generator.small(in: 0...20_000_000)), day: Int64(day))
        }
      }
      files.plan.recountedSegments = generator.small(in: 0...files.plan.segments.count)
      files.plan.dictionaries = (0..<generator.small(in: 0...40)).map { _ in 1 + generator.small(in: 0...10_000) }
      files.plan.now = generator.pick([0, 1 << 50])
      files.plan.rest = generator.pick([0, 6 * Self.hour])
      files.settle()
      if !files.faults.isEmpty { Issue.record("\(seed): \(files.faults.prefix(5))") }
    }
  }

  /// A few clicks a day leave a few files, whether they came as they happened or from a file long after.
  @Test func aSparseHistoryIsAFewFiles() throws {
    try Seeds.run(60) { seed in
      var generator = seed.generator
      var files = PlannedFiles()
      let days = Int64(1 + generator.small(in: 0...59))
      let first = Int64(generator.small(in: 0...20_000))
      let isLate = generator.oneIn(2)
      files.plan.now = 1 << 50
      for day in first..<(first + days) where !generator.oneIn(4) {
        let rows = generator.small(in: 1...100)
        let tables: [RunTableKey] = isLate ? [.minutes, .hours, .days, .base] : [.minutes]
        for key in tables {
          let start = day * key.bucketsPerDay
          files.add(key, isPatch: isLate || key == .base, start..<(start + key.bucketsPerDay), rows: rows)
        }
      }
      // Of the last day some minutes have closed.
      let last = first + days
      for part in 0..<generator.small(in: 0...9) {
        let start = last * 1_440 + Int64(part) * 60
        files.add(.minutes, start..<(start + 1), rows: 3)
      }
      files.plan.closedThrough = last * 1_440 + 600
      if isLate { files.plan.rolledUp = last }
      if generator.oneIn(2) {
        files.plan.rest = 0
        files.settle()
      } else {
        // A server folds what the other merges have left when it has come to rest.
        for _ in 0..<3 {
          files.plan.now += 6 * Self.hour
          files.settle()
        }
      }
      for key in files.plan.tables.keys where files.files(key) > 4 {
        Issue.record("\(seed): \(files.files(key)) files of \(key) for \(days) days from \(first)")
      }
      if !files.faults.isEmpty { Issue.record("\(seed): \(files.faults.prefix(5))") }
    }
  }

  /// Years of days of any size, with late clicks, as a server meets them: folds write no more than the head of
  /// `CompactionPlan+Fold.swift` says.
  @Test func foldsWriteLittle() throws {
    try Seeds.run(20) { seed in
      var generator = seed.generator
      var files = PlannedFiles()
      files.plan.tables[.minutes] = CompactionPlan.Table()
      let start = Int64(generator.small(in: 0...20_000))
      let usual = generator.pick([10, 3_000, 20_000, 100_000])
      for day in start..<(start + 700) {
        files.plan.now = (day + 1) * 24 * Self.hour
        if !generator.oneIn(5) {
          let rows = generator.oneIn(30) ? 400_000 : 1 + generator.small(in: 0...usual)
          files.add(.minutes, day * 1_440..<(day + 1) * 1_440, rows: rows)
        }
        for _ in 0..<(generator.oneIn(4) ? generator.small(in: 0...5) : 0) {
          let late = (day - Int64(generator.small(in: 1...30))) * 1_440 + Int64(generator.small(in: 0...1_400))
          files.add(.minutes, isPatch: true, late..<(late + 10), rows: generator.small(in: 1...10))
        }
        (files.plan.closedThrough, files.plan.rolledUp) = ((day + 1) * 1_440, max(files.plan.rolledUp, day))
        files.settle()
        files.plan.now += 7 * Self.hour
        files.settle()
      }
      let (count, bytes) = (UInt64(files.arrived.files), files.arrived.bytes)
      if files.folded > 3 * (count * Self.floor + bytes * Self.doublings) {
        Issue.record("\(seed): folds wrote \(files.folded) bytes for \(count) files of \(bytes)")
      }
      // Two windows, and what about two dozen heavy days leave between them.
      if usual <= 10, files.files(.hours) > 8 + 30 { Issue.record("\(seed): \(files.files(.hours)) hour runs") }
      if !files.faults.isEmpty { Issue.record("\(seed): \(files.faults.prefix(5))") }
    }
  }

  /// A week of segments as recounts make them: few are left, and each row was rewritten a few times.
  @Test(arguments: [UInt64(60), 3_000, 300_000, 1_000_000, 3_000_000, 30_000_000])
  func fewSegmentsAreLeft(rows: UInt64) throws {
    var files = PlannedFiles()
    for step in 0..<(7 * 144) as Range<Int64> {
      files.plan.now = (step + 1) * 600_000
      files.addSegment(rows: rows - UInt64(step % 7), day: step / 144)
      files.plan.recountedSegments = files.plan.segments.count
      files.settle()
    }
    let perDay = Double(rows) * 144 / Double(files.plan.segmentLimit)
    // A day over the limit is cut into parts of which no two fit together; the last hours come on top.
    #expect(Double(files.plan.segments.count) <= 7 * (2 + 2 * perDay) + 40)
    #expect(Double(files.mergedRows) <= 5 * Double(files.arrivedRows))
    // All merges: as few as fit.
    files.plan.rest = 0
    files.settle()
    #expect(Double(files.plan.segments.count) <= 7 * (2 + 2 * perDay))
    #expect(files.faults == [])
    if rows <= 3_000 { #expect(files.plan.segments.count == 7) }
  }
}
