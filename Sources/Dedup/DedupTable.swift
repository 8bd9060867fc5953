// A table of the dedup index: its lines, how many keys live in them, and how far the sweep is.
//
// The sweep keeps the lower half of (2) in LineTable.swift. Each step of the watermark by d positions moves it on by
// d × lines / 2³⁰ lines, so a pass ends within 2³⁰ positions and, the remainder being less than a line's share, with at
// least 16 lines each line is visited again before the watermark has moved by
//
//   2³⁰ (pass) + 2³⁰ / 16 (remainder) + 2²⁸ (longest step) < 2³¹ − 2¹⁷.
//
// At 10,000 clicks/s and 6 million keys this is 8 lines a second.

/// The lines of one table with what must be known about them.
struct DedupTable {
  /// The smallest table; see the sum above.
  static let minimumLines = 16
  /// Positions within which every line is swept once, as a power of two.
  private static let passShift: UInt64 = 30
  /// The longest step of the watermark between two calls of `sweep`.
  static let longestStep: UInt64 = 1 << 28

  let lines: LineTable
  var live: LiveCount
  /// Lines ready for use; all of them but while the table is being prepared.
  private(set) var filled = 0
  private var sweepLine = 0
  /// Work of the sweep not yet done, in lines × 2³⁰.
  private var sweepDebt: UInt64 = 0

  /// A table that `prepare` has yet to fill, unless the number 0 is an expired position; nil if there is no memory for it.
  init?(lines count: Int, isReady: Bool = false) {
    guard let lines = LineTable.allocate(lines: count) else { return nil }
    self.lines = lines
    live = LiveCount(capacity: lines.capacity)
    if isReady { filled = count }
  }

  /// More live keys than this start the preparation of a larger table: 75 %, above the design load of 70 %.
  var growthLimit: Int { lines.lines * 15 / 2 }

  /// The most live keys accepted, 90 %: above, searches get long.
  var fullLimit: Int { lines.lines * 9 }

  /// Lines for `keys` live keys at the design load of 70 %.
  static func lines(forKeys keys: Int) -> Int { max(minimumLines, (keys + 6) / 7) }

  /// Makes up to `count` more lines ready; true when all of them are.
  mutating func prepare(lines count: Int, watermark: UInt64) -> Bool {
    let end = min(filled + count, lines.lines)
    lines.fill(filled..<end, UInt32(truncatingIfNeeded: watermark))
    filled = end
    return end == lines.lines
  }

  /// Follows the watermark, which moved by `step` positions to `watermark`.
  mutating func expire(below watermark: UInt64, step: UInt64) {
    precondition(step <= Self.longestStep)
    live.expire(below: watermark)
    sweepDebt += step * UInt64(lines.lines)
    var due = Int(sweepDebt >> Self.passShift)
    sweepDebt &= 1 << Self.passShift - 1
    while due > 0 {
      let end = min(sweepLine + due, lines.lines)
      lines.sweep(sweepLine..<end, UInt32(truncatingIfNeeded: watermark))
      due -= end - sweepLine
      sweepLine = end == lines.lines ? 0 : end
    }
  }

  /// Follows the watermark when it has passed every key: all lines are free.
  mutating func clear(below watermark: UInt64) {
    live.expire(below: watermark)
    lines.fill(0..<lines.lines, UInt32(truncatingIfNeeded: watermark))
    filled = lines.lines
    sweepLine = 0
    sweepDebt = 0
  }
}
