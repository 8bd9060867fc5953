import Clicks
import Platform
import Segments

// Many sorted segments as one sorted stream of clicks, in the order of (impression, ad code, position).
//
//     input 0   ████████████░░░░│         decoded rows, of which those up to the bound
//     input 1   ██████████░░░░░░░░│       are in order with all that is still to come
//     input 2   ████████████████│
//                            bound = the least last decoded row of those inputs that have more pages
//
// Each turn decodes pages for the inputs that have none left, takes from each the rows up to the bound, and sorts what was
// taken. So memory is a few pages an input, whatever the ids are: random ones come a little from each input, ids that
// begin with a time from few inputs at a time, and where all ids are alike the bound still moves, since it looks at the whole
// identity and at the input.
//
// Inputs are numbered by their positions and rows that are alike keep that order: of rows that are equal to the bound, those of
// inputs behind the one that gave it wait, for it may have more of them.

/// The merge, turn by turn.
@safe final class RowMerger: @unchecked Sendable {
  private let pool: RowPool
  private let inputs: [MergeInput]
  private let sort: ChunkSort
  private let marker: RepeatMarker
  private let captured: Int
  private let firstSegment: Segment?
  /// Rows of the pool that each input has.
  private let rowsPerInput: Int

  /// The chunk at hand, and how far it is done.
  private var chunk: UnsafeMutablePointer<ChunkEntry>
  private var chunkCount = 0
  private var chunkNext = 0

  /// The most pages that an input decodes at a time, and reads at a time.
  private static let mostPages = 8
  private static let mostAhead = 16
  /// Bytes of decoded pages that a core's second cache is hoped to hold.
  private static let cachedBytes = 1_536 << 10
  /// Pages that are decoded at a time where each brings strings, over all inputs.
  private static let pagesWithStrings = 16
  /// Bytes of captured strings that end a batch at its next page.
  private static let stringBytes = 4 << 20

  /// A merge of `segments`, in the order of their positions, in about `memory` bytes, with these captured columns. The repeats are
  /// marked by `marker`.
  init(_ segments: [Segment], captured: [CapturedColumn], _ marker: RepeatMarker, memory: Int) throws {
    let inputCount = max(1, segments.count)
    let most = captured.isEmpty ? Self.mostPages : min(Self.mostPages, Self.pagesWithStrings / inputCount)
    let pages = max(1, min(most, min(memory / 2, Self.cachedBytes) / (inputCount * RowPool.pageBytes)))
    let ahead = min(
      Self.mostAhead, (memory - pages * inputCount * RowPool.pageBytes) / (inputCount * SegmentPages.aheadBytes))
    let pool = RowPool(pages: pages * segments.count)
    let first = segments.first?.summary.positions.lowerBound ?? 0
    inputs = try segments.enumerated().map { i, segment in
      try MergeInput(
        segment, captured: captured, shift: segment.summary.positions.lowerBound - first, pool,
        slots: (i * pages)..<((i + 1) * pages), ahead: ahead)
    }
    self.pool = pool
    self.marker = marker
    self.captured = captured.count
    firstSegment = segments.first
    rowsPerInput = pages * RowVector.capacity
    sort = ChunkSort(capacity: pages * segments.count * RowVector.capacity)
    unsafe chunk = sort.entries
  }

  /// A batch to be filled.
  func batch(forGroups: Bool) -> RowBatch { RowBatch(firstSegment, captured: captured, forGroups: forGroups) }

  /// Fills `batch`, which is empty; false where nothing was left.
  func fill(_ batch: RowBatch) throws -> Bool {
    while batch.count < batch.capacity {
      if chunkNext == chunkCount, try !nextChunk() { break }
      take(batch)
      if batch.stringBytes >= Self.stringBytes, batch.count % RowVector.capacity == 0 { break }
    }
    try marker.mark(batch)
    return batch.count > 0
  }

  /// Takes the next rows from the inputs and sorts them; false at the end.
  private func nextChunk() throws -> Bool {
    var bound: (high: UInt64, low: UInt64, code: UInt32)?
    var bounding = 0
    for (i, input) in inputs.enumerated() {
      if input.next == input.end, input.hasMore { try input.refill(pool) }
      guard input.hasMore else { continue }
      let row = input.end - 1
      let key = unsafe (pool.high[row], pool.low[row], pool.code[row])
      if bound == nil || key < bound! { (bound, bounding) = (key, i) }
    }
    var count = 0
    for (i, input) in inputs.enumerated() where input.next < input.end {
      let range = input.next..<input.end
      let end =
        bound.map { bound in
          unsafe firstBehind(bound, equals: i <= bounding, in: range, pool.high, pool.low, pool.code)
        } ?? range.upperBound
      unsafe collect(pool.high, range.lowerBound..<end, to: sort.entries + count)
      count += end - range.lowerBound
      input.pass(to: end)
    }
    unsafe chunk = sort.sort(count, ChunkKeys(low: pool.low, code: pool.code))
    chunkCount = count
    chunkNext = 0
    return count > 0
  }

  /// Copies rows of the chunk into the batch, as many as fit; with strings as many as fit on a page.
  private func take(_ batch: RowBatch) {
    let room =
      captured == 0 ? batch.capacity - batch.count : RowVector.capacity - batch.count % RowVector.capacity
    let count = min(chunkCount - chunkNext, room)
    unsafe copyRows(chunk + chunkNext, count, pool, to: batch.rows, at: batch.count)
    if captured > 0 {
      for i in 0..<count {
        let row = Int(truncatingIfNeeded: unsafe chunk[chunkNext + i].index)
        inputs[row / rowsPerInput].copyStrings(row, to: batch)
      }
    }
    chunkNext += count
    batch.count += count
  }
}

/// Copies `count` rows of the pool, in the order of the chunk, to the rows of `target` from `start` on.
private func copyRows(
  _ chunk: UnsafePointer<ChunkEntry>, _ count: Int, _ pool: RowPool, to target: RowPool, at start: Int
) {
  let (lows, codes, times) = unsafe (pool.low, pool.code, pool.eventTime)
  let (positions, sources) = unsafe (pool.position, pool.source)
  let (toHigh, toLow, toCode) = unsafe (target.high + start, target.low + start, target.code + start)
  let (toTime, toPosition) = unsafe (target.eventTime + start, target.position + start)
  let toSource = unsafe target.source + start
  for i in 0..<count {
    let entry = unsafe chunk[i]
    let row = Int(truncatingIfNeeded: entry.index)
    unsafe toHigh[i] = entry.high
    unsafe toLow[i] = unsafe lows[row]
    unsafe toCode[i] = unsafe codes[row]
    unsafe toTime[i] = unsafe times[row]
    unsafe toPosition[i] = unsafe positions[row]
    unsafe toSource[i] = unsafe sources[row]
  }
}
