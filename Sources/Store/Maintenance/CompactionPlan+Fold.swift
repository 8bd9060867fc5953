import Clicks
import Files

// Small files are folded with their neighbours, however narrow or wide what they hold is. The tiers of `CompactionPlan` go by
// time: a history of a few clicks a day fills them with as many files as a full one. Folds go by weight:
//
//   part      a segment, or runs of a table that share days: a base run with the patches over it, or patches with nothing under them
//   weight    of a file: its size, at least `floor`, because a file costs a header and a manifest entry whatever it holds
//   group     neighbouring parts that have rested, two files or more, no more than `limit` in size together
//   rule      a group becomes one file where   heaviest file ≤ 2 × all others
//
//             limit          floor             inside
//   runs      1 MiB          64 KiB            aligned windows, below
//   segments  segmentLimit   segmentLimit/256  a day of receipt (R20 c), on one side of the recount's mark
//
// What that costs: a fold writes at most 3 × the weight of all its files but the heaviest. A file on the light side ends in one that
// is twice as large, or was no larger than the floor. So folds of n files with B bytes write no more than
// 3 × (n × floor + B × log₂(limit / floor)) bytes: O(log) for each row, whatever comes in which order.
//
// What remains: where no group is left, each heaviest part outweighs the rest of its window twice. Files of a window that are no
// larger than 4 × floor together end as two at most, those of `limit` as four parts.
//
// Windows bound what a wide run costs retention. Minute rows retire by the run, and a run goes when its last minute is too old:
// its first minutes stay longer by its width. That is at most a quarter of their retention and 1 MiB a window and shard, and
// in exchange a sparse store retires a file where it would have retired a hundred. What a fold writes counts as written then (R16);
// the last one of a window comes soon after its end. Hours, days and BASE rows never retire. No fold reaches over `minutesFrom`,
// before which minute rows are gone.

/// Some files of a kind, in the order of what they hold, as far as folds go.
struct FoldPart {
  var files = 0
  var bytes: UInt64 = 0
  /// Sum of the files' weights, and the greatest.
  var weight: UInt64 = 0
  var heaviest: UInt64 = 0

  init() {}

  /// One file.
  init(bytes: UInt64, floor: UInt64) {
    (files, self.bytes) = (1, bytes)
    weight = max(bytes, floor)
    heaviest = weight
  }

  mutating func add(_ other: FoldPart) {
    files += other.files
    bytes += other.bytes
    weight += other.weight
    heaviest = max(heaviest, other.heaviest)
  }

  /// Whether it is worth while to make one file of these.
  private var isDue: Bool { files >= 2 && heaviest <= 2 * (weight - heaviest) }

  /// The group of neighbours with most files that are to be one; the first of several.
  static func group(_ parts: [FoldPart], limit: UInt64) -> Range<Int>? {
    var best: (files: Int, range: Range<Int>)?
    for start in parts.indices {
      var group = FoldPart()
      for end in start..<parts.count {
        group.add(parts[end])
        if group.bytes > limit { break }
        if group.isDue, group.files > best?.files ?? 0 { best = (group.files, start..<(end + 1)) }
      }
    }
    return best?.range
  }
}

extension CompactionPlan {
  static let foldLimit: UInt64 = 1 << 20
  static let foldFloor: UInt64 = 1 << 16

  /// Runs of a table that share days.
  struct Unit {
    /// Whole days, where the days are over.
    var window: Range<Int64>
    var part: FoldPart
    var hasBase: Bool
    /// When its last file was written.
    var created: Int64
    /// Whether minutes of its day may still close.
    var isOpen: Bool
  }

  /// The runs of a table by time. Those of minutes that are still open are left out.
  func units(of key: RunTableKey) -> [Unit] {
    let perDay = key.bucketsPerDay
    /// Days before this bucket are over.
    let whole =
      switch key {
      case .minutes, .hours, .days: rolledUp > .min ? rolledUp * perDay : Int64.min
      default: Int64.max
      }
    func unit(_ shape: Shape, isBase: Bool) -> Unit? {
      var window = shape.window
      let isOpen = window.upperBound > whole
      if isOpen {
        guard key == .minutes, window.upperBound <= closedThrough else { return nil }
      } else {
        window = window.roundedOut(to: perDay)
      }
      return Unit(
        window: window, part: FoldPart(bytes: shape.bytes, floor: Self.foldFloor), hasBase: isBase,
        created: shape.created, isOpen: isOpen)
    }
    let table = tables[key] ?? Table()
    let files = table.bases.compactMap { unit($0, isBase: true) } + table.patches.compactMap { unit($0, isBase: false) }
    var units: [Unit] = []
    for file in files.sorted(by: { $0.window.lowerBound < $1.window.lowerBound }) {
      guard let last = units.last, last.window.overlaps(file.window) else {
        units.append(file)
        continue
      }
      let end = max(last.window.upperBound, file.window.upperBound)
      units[units.count - 1].window = last.window.lowerBound..<end
      units[units.count - 1].part.add(file.part)
      units[units.count - 1].hasBase = last.hasBase || file.hasBase
      units[units.count - 1].created = max(last.created, file.created)
    }
    return units
  }

  /// Small runs that become one.
  func foldedRuns() -> CompactionTask? {
    for key in tables.keys.sorted() {
      let units = units(of: key)
      let places = units.map { hasRested($0.created) ? place(of: $0, key) : nil }
      for range in Self.stretches(places) {
        guard let group = FoldPart.group(units[range].map(\.part), limit: Self.foldLimit) else { continue }
        let (first, last) = (units[range.lowerBound + group.lowerBound], units[range.lowerBound + group.upperBound - 1])
        return .fold(key, window: first.window.lowerBound..<last.window.upperBound)
      }
    }
    return nil
  }

  /// Segments that become one.
  func foldedSegments() -> CompactionTask? {
    let floor = max(1, segmentLimit / 256)
    let places = segments.indices.map { hasRested(segments[$0].created) ? place(ofSegment: $0) : nil }
    for range in Self.stretches(places) {
      let parts = segments[range].map { FoldPart(bytes: $0.rows, floor: floor) }
      guard let group = FoldPart.group(parts, limit: segmentLimit) else { continue }
      return .segments((range.lowerBound + group.lowerBound)..<(range.lowerBound + group.upperBound))
    }
    return nil
  }

  /// Whether a file has come to rest.
  func hasRested(_ created: Int64) -> Bool { now - created >= rest }

  // MARK: - What stays apart

  /// Files of one place may become one.
  struct Place: Equatable {
    var window: Int64
    /// Of runs: minute rows before have retired. Of segments: a recount has seen them.
    var isBehind = false
    var isOpen = false
  }

  /// Where segment `index` may be merged.
  func place(ofSegment index: Int) -> Place {
    Place(window: segments[index].day, isBehind: index < recountedSegments)
  }

  /// Where a unit may be folded; nil: nowhere, because it reaches over an edge.
  private func place(of unit: Unit, _ key: RunTableKey) -> Place? {
    let days = unit.isOpen ? 1 : foldDays(key)
    let width = days * key.bucketsPerDay
    let window = unit.window.lowerBound.dividedDown(by: width)
    guard (unit.window.upperBound - 1).dividedDown(by: width) == window else { return nil }
    guard key == .minutes, minutesFrom > .min else { return Place(window: window, isOpen: unit.isOpen) }
    let isBehind = unit.window.upperBound <= minutesFrom
    guard isBehind || unit.window.lowerBound >= minutesFrom else { return nil }
    return Place(window: window, isBehind: isBehind, isOpen: unit.isOpen)
  }

  /// Width of a table's windows, a multiple of its tiers' where it is wide enough: a run holds the totals of all its buckets, and
  /// is read to the end where they are.
  private func foldDays(_ key: RunTableKey) -> Int64 {
    switch key {
    case .hours, .days: return 512
    case _ where key == .minutes || key.kind == .external && key.bucketSeconds == 60:
      let days = min(128, minuteRetention / 4 / 86_400_000)
      return max(1, days >= 16 ? days / 16 * 16 : days >= 4 ? days / 4 * 4 : days)
    default: return 128
    }
  }

  /// Stretches of neighbours in one place, of two or one.
  static func stretches(_ places: [Place?]) -> [Range<Int>] {
    var stretches: [Range<Int>] = []
    for (i, place) in places.enumerated() {
      guard let place else { continue }
      if i > 0, places[i - 1] == place, let last = stretches.popLast() {
        stretches.append(last.lowerBound..<(i + 1))
      } else {
        stretches.append(i..<(i + 1))
      }
    }
    return stretches
  }
}

extension Range<Int64> {
  /// The least range with ends at multiples of `width` that holds this one.
  fileprivate func roundedOut(to width: Int64) -> Range<Int64> {
    lowerBound.dividedDown(by: width) * width..<upperBound.dividedUp(by: width) * width
  }
}
