import Clicks
import Store

/// The files that a `CompactionPlan` sees, with what its tasks would do to them, and what that would write.
struct PlannedFiles {
  var plan = CompactionPlan()
  /// Files that came, and their bytes.
  private(set) var arrived: (files: Int, bytes: UInt64) = (0, 0)
  /// Bytes that folds of runs have written.
  private(set) var folded: UInt64 = 0
  /// Rows that merges of segments have written, and those that came.
  private(set) var mergedRows: UInt64 = 0
  private(set) var arrivedRows: UInt64 = 0
  /// What a task did that none may do.
  private(set) var faults: [String] = []

  /// What a file has besides its rows.
  static let head: UInt64 = 4_096

  mutating func add(
    _ key: RunTableKey, isPatch: Bool = false, _ window: Range<Int64>, rows: Int, bytesPerRow: UInt64 = 6
  ) {
    let bytes = Self.head + UInt64(rows) * bytesPerRow
    let shape = CompactionPlan.Shape(window: window, bytes: bytes, created: plan.now)
    if isPatch {
      plan.tables[key, default: CompactionPlan.Table()].patches.append(shape)
    } else {
      plan.tables[key, default: CompactionPlan.Table()].bases.append(shape)
      plan.tables[key]!.bases.sort { $0.window.lowerBound < $1.window.lowerBound }
    }
    arrived.files += 1
    arrived.bytes += bytes
  }

  mutating func addSegment(rows: UInt64, day: Int64) {
    plan.segments.append(CompactionPlan.SegmentShape(rows: rows, day: day, created: plan.now))
    arrivedRows += rows
  }

  func files(_ key: RunTableKey) -> Int {
    plan.tables[key].map { $0.bases.count + $0.patches.count } ?? 0
  }

  /// Does what the plan says until it says no more. Returns the tasks.
  @discardableResult
  mutating func settle() -> [CompactionTask] {
    var tasks: [CompactionTask] = []
    while let task = plan.next() {
      perform(task)
      check(task)
      tasks.append(task)
      if tasks.count == 5_000 {
        faults.append("no end, now at \(task)")
        break
      }
    }
    return tasks
  }

  private mutating func check(_ task: CompactionTask) {
    for (key, table) in plan.tables {
      for (a, b) in zip(table.bases, table.bases.dropFirst()) where a.window.upperBound > b.window.lowerBound {
        faults.append("\(task): \(key) has \(a.window) over \(b.window)")
      }
    }
  }

  private mutating func perform(_ task: CompactionTask) {
    switch task {
    case .merge(let key, let window):
      merge(key, window, patches: Int64(window.count) >= key.bucketsPerDay)
    case .fold(let key, let window):
      let table = plan.tables[key] ?? CompactionPlan.Table()
      let inside = (table.bases + table.patches).filter(window.contains)
      // Alone or with others it must become something else.
      if inside.isEmpty || inside.count == 1 && table.patches.allSatisfy({ !window.contains($0) }) {
        faults.append("\(task) of \(inside)")
      }
      for shape in table.bases + table.patches where shape.window.overlaps(window) && !window.contains(shape) {
        faults.append("\(task) cuts \(shape.window)")
      }
      if key == .minutes, window.contains(plan.minutesFrom), window.lowerBound != plan.minutesFrom {
        faults.append("\(task) reaches over minute \(plan.minutesFrom)")
      }
      merge(key, window, patches: true, whole: true)
      if inside.count > 1 { folded += plan.tables[key]!.bases.first { $0.window == window }!.bytes }
    case .rollUp(let day):
      let minutes = day * 1_440..<(day + 1) * 1_440
      merge(.minutes, minutes, patches: true, whole: true)
      for key in [RunTableKey.hours, .days] {
        let rows = (plan.tables[.minutes]!.bases.first { $0.window == minutes }!.bytes - Self.head) / 6
        add(key, day * key.bucketsPerDay..<(day + 1) * key.bucketsPerDay, rows: Int(rows))
      }
      plan.rolledUp = day + 1
    case .patches(let key, let day):
      merge(key, day * key.bucketsPerDay..<(day + 1) * key.bucketsPerDay, patches: true, asPatch: true)
    case .segments(let range):
      let inputs = plan.segments[range]
      let rows = inputs.reduce(0) { $0 + $1.rows }
      if Set(inputs.map(\.day)).count != 1 { faults.append("\(task) of several days") }
      if range.contains(plan.recountedSegments), range.lowerBound != plan.recountedSegments {
        faults.append("\(task) of what is recounted and what is not")
      }
      if rows > plan.segmentLimit || inputs.count < 2 { faults.append("\(task) of \(rows) rows") }
      plan.segments.replaceSubrange(
        range, with: [CompactionPlan.SegmentShape(rows: rows, day: inputs.first!.day, created: plan.now)])
      if range.lowerBound < plan.recountedSegments { plan.recountedSegments -= range.count - 1 }
      mergedRows += rows
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

  /// Runs inside the window become one, with the window as its own where it is the `whole`.
  private mutating func merge(
    _ key: RunTableKey, _ window: Range<Int64>, patches: Bool, asPatch: Bool = false, whole: Bool = false
  ) {
    var table = plan.tables[key] ?? CompactionPlan.Table()
    let over = table.bases.filter { !window.contains($0) }
    func isTaken(_ patch: CompactionPlan.Shape) -> Bool {
      patches && window.contains(patch) && (asPatch || over.allSatisfy { !$0.window.overlaps(patch.window) })
    }
    let taken = (asPatch ? [] : table.bases.filter(window.contains)) + table.patches.filter(isTaken)
    guard !taken.isEmpty else { return }
    let hull = taken.map(\.window.lowerBound).min()!..<taken.map(\.window.upperBound).max()!
    if !asPatch { table.bases.removeAll(where: window.contains) }
    table.patches.removeAll(where: isTaken)
    let bytes = taken.reduce(Self.head) { $0 + $1.bytes - Self.head }
    let merged = CompactionPlan.Shape(window: whole ? window : hull, bytes: bytes, created: plan.now)
    if asPatch { table.patches.append(merged) } else { table.bases.append(merged) }
    table.bases.sort { $0.window.lowerBound < $1.window.lowerBound }
    plan.tables[key] = table
  }
}

extension Range<Int64> {
  fileprivate func contains(_ shape: CompactionPlan.Shape) -> Bool {
    lowerBound <= shape.window.lowerBound && shape.window.upperBound <= upperBound
  }
}
