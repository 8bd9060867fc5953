import Clicks
import Files

// Which files are merged next: a pure function of their shapes, so that a test can ask it anything.
//
//   minutes   1 m ─10─▶ 10 m ─6─▶ 1 h ─6─▶ 6 h ─4─▶ day ─4─▶ 4 d ─4─▶ 16 d, aligned windows, each when it is complete
//   days      the step to the day folds in all patches and writes the day's hour and day rows along
//   patches   of one day and table: eight become one; folded into their base with the next merge above it, or after
//             six hours of rest. Where there is no base, they become it
//   segments  sixteen neighbours of like size and one day of receipt become one; near the limit four do
//   small     neighbours that are small become one after six hours of rest, whatever they hold: CompactionPlan+Fold.swift
//
// Time-tiered like Cassandra's TimeWindowCompactionStrategy: an old window is never touched again unless something late
// falls into it, and retention is an unlink. What is asked for (`tally compact`) waits for no rest.
//
// Segments of a shard whose recount merges what came in ten minutes, up to 64 Mi rows:
//
//   clicks a second   rows of a recount   merges                  rows are rewritten   a day   in 7 days
//   500               0.3 Mi              ×16, ×4, ×2 at rest     3 times              1       7
//   5,000             2.9 Mi              ×16                     once                 9       63
//   50,000            28.6 Mi             ×2 at rest              once                 72      504
//
// Those of the last hours come on top. With 16 Mi rows and sixteen alone, 144 a day were left at 5,000 clicks a second, since sixteen
// of 2.9 Mi are too many; merged by four up to 16 Mi, 36 would be.

/// One merge.
package enum CompactionTask: Equatable, Sendable {
  /// All base runs inside a window become one; with whole days also the patches inside.
  case merge(RunTableKey, window: Range<Int64>)
  /// All runs inside a window, bases and patches, become one base run of that window.
  case fold(RunTableKey, window: Range<Int64>)
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

  /// A segment as far as planning goes.
  package struct SegmentShape: Equatable, Sendable {
    package var rows: UInt64
    /// Of receipt, see `Segment.receiveDay`.
    package var day: Int64
    package var created: Int64

    package init(rows: UInt64, day: Int64 = 0, created: Int64 = 0) {
      self.rows = rows
      self.day = day
      self.created = created
    }
  }

  package struct Table: Equatable, Sendable {
    package var bases: [Shape] = []
    package var patches: [Shape] = []
    package init() {}
  }

  package var tables: [RunTableKey: Table] = [:]
  /// By position.
  package var segments: [SegmentShape] = []
  /// Codes of each dictionary file, by first code.
  package var dictionaries: [Int] = []
  /// So many of the segments, from the first on, hold clicks below the recount's mark alone. None of them is merged with
  /// one behind: what was recounted stays apart from what was not.
  package var recountedSegments = 0
  /// Entries of each file of corrections.
  package var corrections: [Int] = []
  package var closedThrough = Int64.min
  package var rolledUp = Int64.min
  /// Minute rows before have retired.
  package var minutesFrom = Int64.min
  package var now: Int64 = 0
  /// What was written so long ago has come to rest, ms; 0 where somebody asks for all merges.
  package var rest = Self.restMilliseconds

  package var runTiers: [Int64] = ShardOptions().runTiers
  package var patchFanIn = ShardOptions().patchFanIn
  package var correctionFanIn = ShardOptions().correctionFanIn
  package var segmentFanIn = ShardOptions().segmentFanIn
  package var minuteRetention = ShardOptions().minuteRetention
  package var segmentLimit = UInt64(ShardOptions().segmentLimit)

  /// Widths of merged hour and day runs, in days.
  private static let wideTiers: [Int64] = [8, 32, 512]
  package static let restMilliseconds: Int64 = 6 * 3_600_000
  /// Segments that become one where sixteen would be too many rows.
  private static let lastFanIn = 4
  private static let dictionaryFanIn = 16
  /// Entries of corrections that are merged in memory, at most.
  private static let correctionLimit = 1 << 20

  package init() {}

  /// The next merge, or nil where everything is as merged as it can be.
  package func next() -> CompactionTask? {
    rollUp() ?? patches() ?? minutes() ?? dictionaryTail() ?? correctionFiles() ?? neighbours() ?? wide()
      ?? foldedSegments() ?? foldedRuns() ?? restedPatches()
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

  /// Segments of like size. Those of which sixteen would exceed the limit are merged by four, so that the last step to the limit is
  /// made as well.
  private func neighbours() -> CompactionTask? {
    let places = segments.indices.map { place(ofSegment: $0) }
    let stretches = Self.stretches(places)
    return likeSized(segmentFanIn, from: 0, stretches)
      ?? likeSized(min(Self.lastFanIn, segmentFanIn), from: segmentLimit / 4, stretches)
  }

  /// The smallest `count` neighbours inside one of `stretches` of which none is larger than the others together, with `least` rows or
  /// more.
  private func likeSized(_ count: Int, from least: UInt64, _ stretches: [Range<Int>]) -> CompactionTask? {
    var best: (largest: UInt64, start: Int)?
    for stretch in stretches where stretch.count >= count {
      for start in stretch.lowerBound...(stretch.upperBound - count) {
        let group = segments[start..<(start + count)]
        let total = group.reduce(0) { $0 + $1.rows }
        let largest = group.map(\.rows).max()!
        guard least...max(least, segmentLimit) ~= total, largest * 2 <= total else { continue }
        if largest < best?.largest ?? .max { best = (largest, start) }
      }
    }
    return best.map { .segments($0.start..<($0.start + count)) }
  }

  /// Patches that have come to rest over a run of a day, over one that they are as heavy as, or over none.
  private func restedPatches() -> CompactionTask? {
    for key in tables.keys.sorted() where !tables[key]!.patches.isEmpty {
      let perDay = key.bucketsPerDay
      for base in tables[key]!.bases where base.window.count >= perDay || key.kind == .base {
        if key == .minutes || key == .hours || key == .days {
          guard rolledUp > .min, base.window.upperBound <= rolledUp * perDay else { continue }
        }
        let patches = tables[key]!.patches.filter {
          base.window.lowerBound <= $0.window.lowerBound
            && $0.window.upperBound <= base.window.upperBound
        }
        guard let newest = patches.map(\.created).max(), hasRested(newest) else { continue }
        let weight = patches.reduce(0) { $0 + $1.bytes }
        if base.window.count <= perDay || weight * 10 >= base.bytes { return .merge(key, window: base.window) }
      }
      for unit in units(of: key) where !unit.hasBase && !unit.isOpen && hasRested(unit.created) {
        return .fold(key, window: unit.window)
      }
    }
    return nil
  }
}
