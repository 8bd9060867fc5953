import Clicks
import Segments

/// One segment on its way through the merge: the rows of some of its pages, and which of them come next.
@safe final class MergeInput {
  private let pages: SegmentPages
  private let windows: ArraySlice<RowVector>
  private var nextPage = 0
  private var last: (high: UInt64, low: UInt64, code: UInt32) = (0, 0, 0)

  /// What is added to its positions so that they count from the merged segment's first.
  private let shift: UInt64
  /// For each captured column of the output, which one it is of the segment; nil: none.
  private let places: [Int?]
  /// Rows of the pool that are decoded and not merged yet.
  private(set) var next: Int
  private(set) var end: Int
  private let start: Int

  /// Whether pages follow those that are decoded.
  var hasMore: Bool { nextPage < pages.count }

  /// An input that decodes into the pool's pages `slots`.
  init(
    _ segment: Segment, captured: [CapturedColumn], shift: UInt64, _ pool: RowPool, slots: Range<Int>, ahead: Int
  ) throws {
    places = captured.map { segment.summary.captured.firstIndex(of: $0) }
    let hasStrings = places.contains { $0 != nil }
    pages = try SegmentPages(segment, hasStrings ? [.all, .strings] : .all, ahead: ahead)
    windows = pool.windows[slots]
    start = slots.lowerBound * RowVector.capacity
    next = start
    end = start
    self.shift = shift
  }

  /// Decodes the next pages. All rows of those before have been merged.
  func refill(_ pool: RowPool) throws {
    let range = nextPage..<min(nextPage + windows.count, pages.count)
    try pages.read(range, into: windows)
    nextPage = range.upperBound
    next = start
    end = start
    for window in windows.prefix(range.count) { end += window.count }
    if shift > 0 { unsafe add(shift, to: pool.position + start, end - start) }
    guard unsafe isOrdered(pool.high + start, pool.low + start, pool.code + start, end - start, after: last) else {
      throw pages.disorder
    }
    last = unsafe (pool.high[end - 1], pool.low[end - 1], pool.code[end - 1])
  }

  /// Takes the rows up to `end`.
  func pass(to end: Int) { next = end }

  /// Adds the captured strings of a row of the pool to `batch`.
  func copyStrings(_ row: Int, to batch: RowBatch) {
    let window = windows[windows.startIndex + (row - start) / RowVector.capacity]
    let index = (row - start) % RowVector.capacity
    for (column, place) in places.enumerated() {
      let string = place.map { window.strings[$0][index] } ?? []
      batch.strings[column].append(string)
      // An array has a head.
      batch.stringBytes += string.count + 32
    }
  }
}

/// Makes entries of rows of the pool.
func collect(_ high: UnsafePointer<UInt64>, _ rows: Range<Int>, to entries: UnsafeMutablePointer<ChunkEntry>) {
  var entry = unsafe entries
  for row in rows {
    unsafe entry.initialize(to: ChunkEntry(high: high[row], index: UInt32(truncatingIfNeeded: row)))
    unsafe entry += 1
  }
}

private func add(_ shift: UInt64, to positions: UnsafeMutablePointer<UInt64>, _ count: Int) {
  for i in 0..<count { unsafe positions[i] &+= shift }
}

/// Whether rows ascend by (high, low, code) from `after` on.
private func isOrdered(
  _ high: UnsafePointer<UInt64>, _ low: UnsafePointer<UInt64>, _ code: UnsafePointer<UInt32>, _ count: Int,
  after last: (high: UInt64, low: UInt64, code: UInt32)
) -> Bool {
  guard unsafe last <= (high[0], low[0], code[0]) else { return false }
  var i = 1
  while i < count {
    // Mostly the first halves tell.
    if unsafe high[i] <= high[i &- 1] {
      guard unsafe (high[i &- 1], low[i &- 1], code[i &- 1]) <= (high[i], low[i], code[i]) else { return false }
    }
    i &+= 1
  }
  return true
}

/// The first row of `range` whose (high, low, code) is above `bound`, or not below it unless `equals`, with a walk that doubles
/// its steps.
func firstBehind(
  _ bound: (high: UInt64, low: UInt64, code: UInt32), equals: Bool, in range: Range<Int>,
  _ high: UnsafePointer<UInt64>, _ low: UnsafePointer<UInt64>, _ code: UnsafePointer<UInt32>
) -> Int {
  @inline(__always) func isAbove(_ row: Int) -> Bool {
    let h = unsafe high[row]
    if h != bound.high { return h > bound.high }
    let rest = unsafe (low[row], code[row])
    return rest > (bound.low, bound.code) || !equals && rest == (bound.low, bound.code)
  }
  var low = range.lowerBound
  var step = 1
  while low &+ step <= range.upperBound, !isAbove(low &+ step &- 1) {
    low &+= step
    step &*= 2
  }
  var end = min(low &+ step &- 1, range.upperBound)
  while low < end {
    let middle = low &+ (end &- low) / 2
    if isAbove(middle) { end = middle } else { low = middle &+ 1 }
  }
  return low
}
