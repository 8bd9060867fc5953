import Clicks

// The rows of the newest clicks, in the order of their positions. Who has seen the table at some position learns here which rows have
// grown since, at a cost of what has changed and not of what there is:
//
//     position    end − count                      end
//                 │ (ad, minute) (ad, minute) … │
//
//     invariant: count ≤ limit, and the row of the click at p stands in slot (p − origin) mod limit

/// The rows of the newest clicks of a shard: 8 bytes each, 2 MiB at most.
struct RecentClicks: Sendable {
  /// One click's row.
  struct Row: Hashable, Sendable {
    var code: UInt32
    /// Minutes since 1970; no click has one that does not fit.
    var minute: UInt32
  }

  private var rows: [Row] = []
  private let origin: UInt64
  /// Position after the last click.
  private(set) var end: UInt64

  /// Clicks that are remembered: 26 seconds of 10,000 a second.
  static let limit = 1 << 18

  /// Nothing is remembered of clicks before `position`.
  init(from position: UInt64) { (origin, end) = (position, position) }

  /// Takes in the click at `end`.
  mutating func append(_ code: UInt32, _ minute: Minute) {
    let row = Row(code: code, minute: UInt32(clamping: minute.index))
    if rows.count < Self.limit {
      rows.append(row)
    } else {
      rows[slot(end)] = row
    }
    end += 1
  }

  /// The rows of the clicks from `position` on, several of one row among them; nil where some are forgotten, or were never
  /// here. `position` is at most `end`.
  func rows(from position: UInt64) -> [Row]? {
    guard position <= end, end - position <= UInt64(rows.count) else { return nil }
    if position == end { return [] }
    let (first, last) = (slot(position), slot(end - 1))
    return first <= last ? Array(rows[first...last]) : Array(rows[first...] + rows[...last])
  }

  private func slot(_ position: UInt64) -> Int { Int(truncatingIfNeeded: (position - origin) % UInt64(Self.limit)) }
}
