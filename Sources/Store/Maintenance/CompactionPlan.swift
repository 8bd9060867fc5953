import Clicks
import Files

// Which files are merged next: a pure function of their shapes, so that a test can ask it anything.
//
//   minutes   1 m ─10─▶ 10 m ─6─▶ 1 h ─6─▶ 6 h ─4─▶ day ─4─▶ 4 d ─4─▶ 16 d, aligned windows, each when it is complete
//   days      the step to the day folds in all patches and writes the day's hour and day rows along
//   patches   of one day and table: eight become one; folded into their base with the next merge above it, or after
//             six hours of rest
//   segments  sixteen neighbours of like size become one
//
// Time-tiered like Cassandra's TimeWindowCompactionStrategy: an old window is never touched again unless something late
// falls into it, and retention is an unlink.

/// One merge.
package enum CompactionTask: Equatable, Sendable {
  /// All base runs inside a window become one; with whole days also the patches inside.
  case merge(RunTableKey, window: Range<Int64>)
  /// A day is complete: one run of its minutes, one of its hours, one of the day.
  case rollUp(day: Int64)
  /// The patches of one day become one.
  case patches(RunTableKey, day: Int64)
  /// Neighbouring segments become one: their indices.
  case segments(Range<Int>)
  /// The last dictionary files become one: how many of them.
  case dictionaries(Int)
  /// Files of corrections become one: their indices.
  case corrections([Int])
}

/// What the plan sees.
package struct CompactionPlan: Sendable {
  /// A run as far as planning goes.
  package struct Shape: Equatable, Sendable {
    package var window: Range<Int64>
    package var bytes: UInt64
    package var created: Int64

    package init(window: Range<Int64>, bytes: UInt64, created: Int64) {
      self.window = window
      self.bytes = bytes
      self.created = created
    }
  }

  package struct Table: Equatable, Sendable {
    package var bases: [Shape] = []
    package var patches: [Shape] = []
    package init() {}
  }

  package var tables: [RunTableKey: Table] = [:]
  /// Rows of each segment.
  package var segments: [UInt64] = []
  /// Codes of each dictionary file, by first code.
  package var dictionaries: [Int] = []
  /// So many of the segments, from the first on, hold clicks below the recount's mark alone. None of them is merged with
  /// one behind: what was recounted stays apart from what was not.
  package var recountedSegments = 0
  /// Entries of each file of corrections.
  package var corrections: [Int] = []
  package var closedThrough = Int64.min
  package var rolledUp = Int64.min
  package var now: Int64 = 0

  package var runTiers: [Int64] = ShardOptions().runTiers
  package var patchFanIn = ShardOptions().patchFanIn
  package var correctionFanIn = ShardOptions().correctionFanIn
  package var segmentFanIn = ShardOptions().segmentFanIn
  package var segmentLimit = UInt64(ShardOptions().segmentLimit)

  /// Widths of merged hour and day runs, in days.
  private static let wideTiers: [Int64] = [8, 32, 512]
  private static let restMilliseconds: Int64 = 6 * 3_600_000
  private static let dictionaryFanIn = 16
  /// Entries of corrections that are merged in memory, at most.
  private static let correctionLimit = 1 << 20

  package init() {}

  /// The next merge, or nil where everything is as merged as it can be.
  package func next() -> CompactionTask? {
    rollUp() ?? patches() ?? minutes() ?? dictionaryTail() ?? correctionFiles() ?? neighbours() ?? wide() ?? fold()
  }

  private func rollUp() -> CompactionTask? {
    guard let table = tables[.minutes] else { return nil }
    var earliest: Int64?
    for shape in table.bases + table.patches {
      let day = Day(ofMinute: shape.window.lowerBound).index
      if day >= rolledUp, (day + 1) * 1_440 <= closedThrough { earliest = min(earliest ?? day, day) }
    }
    return earliest.map { .rollUp(day: $0) }
  }

  private func patches() -> CompactionTask? {
    for key in tables.keys.sorted() {
      let perDay = key.bucketsPerDay
      var counts: [Int64: Int] = [:]
      for patch in tables[key]!.patches {
        let day = patch.window.lowerBound.dividedDown(by: perDay)
        guard patch.window.upperBound <= (day + 1) * perDay else { continue }
        counts[day, default: 0] += 1
      }
      guard let day = counts.filter({ $0.value >= patchFanIn }).keys.min() else { continue }
      // BASE rows never have base runs of their own: a merge makes them, with what lies beneath, however wide it is.
      guard key.kind == .base else { return .patches(key, day: day) }
      let window = day * perDay..<(day + 1) * perDay
      let beneath = tables[key]!.bases.filter { $0.window.overlaps(window) }.map(\.window)
      let from = min(window.lowerBound, beneath.map(\.lowerBound).min() ?? window.lowerBound)
      let to = max(window.upperBound, beneath.map(\.upperBound).max() ?? window.upperBound)
      return .merge(key, window: from..<to)
    }
    return nil
  }

  /// Merges inside a day, and of whole days once these are rolled up.
  private func minutes() -> CompactionTask? {
    for key in tables.keys.sorted() where key.bucketSeconds == 60 && key.kind != .base {
      let complete = key == .minutes ? rolledUp : closedThrough.dividedDown(by: 1_440)
      for tier in runTiers {
        let limit = tier < 1_440 ? closedThrough : complete > .min / 1_440 ? complete * 1_440 : .min
        // The day itself is the roll-up's where there is one.
        if tier == 1_440, key == .minutes { continue }
        if let window = firstWindow(tables[key]!.bases, width: tier, before: limit) {
          return .merge(key, window: window)
        }
      }
    }
    return nil
  }

  private func wide() -> CompactionTask? {
    for key in tables.keys.sorted() {
      let perDay = key.bucketsPerDay
      if key.kind == .base {
        for tier in runTiers where tier > 1_440 {
          if let window = firstWindow(tables[key]!.bases, width: tier, before: .max) {
            return .merge(key, window: window)
          }
        }
      }
      guard key == .hours || key == .days, rolledUp > .min else { continue }
      for tier in Self.wideTiers {
        if let window = firstWindow(tables[key]!.bases, width: tier * perDay, before: rolledUp * perDay) {
          return .merge(key, window: window)
        }
      }
    }
    return nil
  }

  /// The earliest aligned window of this width that is complete and holds at least two base runs.
  private func firstWindow(_ bases: [Shape], width: Int64, before limit: Int64) -> Range<Int64>? {
    var i = 0
    while i < bases.count {
      let start = bases[i].window.lowerBound.dividedDown(by: width) * width
      let (end, overflow) = start.addingReportingOverflow(width)
      var last = i
      while last < bases.count, bases[last].window.upperBound <= end { last += 1 }
      if !overflow, end <= limit, last - i >= 2 { return start..<end }
      i = max(last, i + 1)
    }
    return nil
  }

  private func dictionaryTail() -> CompactionTask? {
    guard dictionaries.count >= Self.dictionaryFanIn else { return nil }
    // As many of the last files as each is not much larger than all behind it: every code is copied a few times at most.
    var count = 1
    var sum = dictionaries.last!
    for size in dictionaries.dropLast().reversed() {
      if size > 4 * sum, count >= 2 { break }
      sum += size
      count += 1
    }
    return .dictionaries(count)
  }

  /// The smallest files, where they fit into memory together.
  private func correctionFiles() -> CompactionTask? {
    let smallest = corrections.indices.sorted { corrections[$0] < corrections[$1] }.prefix(correctionFanIn)
    guard smallest.count == correctionFanIn,
      smallest.reduce(0, { $0 + corrections[$1] }) <= Self.correctionLimit
    else { return nil }
    return .corrections(smallest.sorted())
  }

  private func neighbours() -> CompactionTask? {
    guard segments.count >= segmentFanIn else { return nil }
    var best: (largest: UInt64, start: Int)?
    for start in 0...(segments.count - segmentFanIn) {
      let group = segments[start..<(start + segmentFanIn)]
      let total = group.reduce(0, +)
      let largest = group.max()!
      guard total <= segmentLimit, largest * 2 <= total else { continue }
      if start < recountedSegments, start + segmentFanIn > recountedSegments { continue }
      if largest < best?.largest ?? .max { best = (largest, start) }
    }
    return best.map { .segments($0.start..<($0.start + segmentFanIn)) }
  }

  /// Patches that have come to rest over a run of a day, or that are as heavy as what they lie on.
  private func fold() -> CompactionTask? {
    for key in tables.keys.sorted() {
      let perDay = key.bucketsPerDay
      for base in tables[key]!.bases where base.window.count >= perDay || key.kind == .base {
        if key == .minutes || key == .hours || key == .days {
          guard rolledUp > .min, base.window.upperBound <= rolledUp * perDay else { continue }
        }
        let patches = tables[key]!.patches.filter {
          base.window.lowerBound <= $0.window.lowerBound
            && $0.window.upperBound <= base.window.upperBound
        }
        guard let newest = patches.map(\.created).max(), now - newest >= Self.restMilliseconds else { continue }
        let weight = patches.reduce(0) { $0 + $1.bytes }
        if base.window.count <= perDay || weight * 10 >= base.bytes { return .merge(key, window: base.window) }
      }
    }
    return nil
  }
}
