import Clicks

// How far recounts have come, and which rows clicks have changed since. A reader calls a point reconciled where
//
//     its minutes  <  through      and      no click at or above `position` counts in it
//
// so a late click makes it `closed` again until the next recount (R4). The rows that such clicks changed are few: they are
// kept in memory, and found again by an opening in the clicks from `position` on.

/// How far a shard has been recounted.
package struct RecountMark: Equatable, Sendable, CustomStringConvertible {
  /// Every click below was recounted, if its minute was closed.
  package var position: UInt64
  /// The lowest position whose minute was open then: the next recount looks for repeats from here on.
  package var floor: UInt64
  /// Minutes before this one were recounted.
  package var through: Int64

  package init(position: UInt64 = 0, floor: UInt64 = 0, through: Int64 = .min) {
    self.position = position
    self.floor = floor
    self.through = through
  }

  /// Whether it can come after `before`: marks only go forward.
  func follows(_ before: RecountMark) -> Bool {
    floor <= position && position >= before.position && floor >= before.floor && through >= before.through
  }

  package var description: String { "\(position) (floor \(floor), before minute \(through))" }
}

/// Rows of recounted minutes that clicks have changed since.
struct ChangedRows: Sendable {
  private var minutes: [UInt32: [Int64]] = [:]
  private(set) var count = 0
  /// There were too many to remember: every row may have changed.
  private(set) var isFull = false

  /// Rows that are remembered: some 24 MiB.
  static let limit = 1 << 20

  mutating func insert(_ code: UInt32, _ minute: Int64) {
    guard !isFull else { return }
    var list = minutes.removeValue(forKey: code) ?? []
    let at = list.last.map { $0 < minute } ?? true ? list.count : list.firstIndex { $0 >= minute }!
    if at == list.count || list[at] != minute {
      list.insert(minute, at: at)
      count += 1
    }
    minutes[code] = list
    guard count > Self.limit else { return }
    isFull = true
    minutes = [:]
  }

  /// The days of changed minutes in `range`; nil where there were too many to remember.
  func days(in range: Range<Int64>) -> Set<Int64>? {
    guard !isFull else { return nil }
    return Set(minutes.values.joined().filter { range.contains($0) }.map { Day(ofMinute: $0).index })
  }

  /// The changed minutes of an ad in `range`, ascending.
  func minutes(of code: UInt32, in range: Range<Int64>) -> [Int64] {
    (minutes[code] ?? []).filter { range.contains($0) }
  }
}
