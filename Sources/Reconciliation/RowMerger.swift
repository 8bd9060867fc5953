import Clicks
import Platform
import Segments

// Many sorted segments as one sorted stream of clicks, each identity once.
//
//     input 0   ████████████░░░░│         decoded rows, of which those up to the bound
//     input 1   ██████████░░░░░░░░│       are in order with all that is still to come
//     input 2   ████████████████│
//                            bound = the least last decoded row of those inputs that have more pages
//
// Each turn decodes pages for the inputs that have none left, takes from each the rows up to the bound, and sorts what was
// taken. So memory is a few pages an input, whatever the ids are: random ones come a little from each input, ids that
// begin with a time from few inputs at a time, and where all ids are alike the bound still moves, since it looks at the whole
// identity. Rows that are equal to the bound may go on in the next turn: the last identity is remembered.
//
// Inputs are numbered by their positions and rows that are alike keep that order: the first of them is the click that was
// received first, and it is the one that stays.

/// The merge, turn by turn.
@safe final class RowMerger: @unchecked Sendable {
  private let pool: RowPool
  private let inputs: [MergeInput]
  private let sort: ChunkSort
  private let lookBack: [SegmentProbe]
  private let fields: SegmentFields
  private let captured: Int
  /// Rows of which a batch that travels has a whole number: a page, or a group of pages.
  private let unit: Int
  private var seen: [Bool] = []
  /// The position from which the pool's count.
  private let firstPosition: UInt64
  /// Rows of the pool that each input has.
  private let rowsPerInput: Int

  /// The chunk at hand, and how far it is done.
  private var chunk: UnsafeMutablePointer<ChunkEntry>
  private var chunkCount = 0
  private var chunkNext = 0
  /// The identity of the row before; `isFirst` until there is one.
  private var last: (high: UInt64, low: UInt64, code: UInt32) = (0, 0, 0)
  private var isFirst = true
  /// First copies of an unfinished page or group, for the next batch.
  private var carried: RowBatch?

  /// The most pages that an input decodes at a time, and reads at a time.
  private static let mostPages = 8
  private static let mostAhead = 16
  /// Bytes of decoded pages that a core's second cache is hoped to hold.
  private static let cachedBytes = 1_536 << 10

  /// A merge of `segments`, in the order of their positions, in about `memory` bytes. All batches but the last are whole pages,
  /// or with `groups` whole groups.
  init(
    _ segments: [Segment], lookBack: [Segment], _ fields: SegmentFields, groups: Bool = false, memory: Int
  ) throws {
    let inputCount = max(1, segments.count)
    let pages = max(1, min(Self.mostPages, min(memory / 2, Self.cachedBytes) / (inputCount * RowPool.pageBytes)))
    let ahead = min(
      Self.mostAhead, (memory - pages * inputCount * RowPool.pageBytes) / (inputCount * SegmentPages.aheadBytes))
    let pool = RowPool(pages: pages * segments.count)
    let first = segments.first?.summary.positions.lowerBound ?? 0
    inputs = try segments.enumerated().map { i, segment in
      try MergeInput(
        segment, fields, shift: segment.summary.positions.lowerBound - first, pool,
        slots: (i * pages)..<((i + 1) * pages), ahead: ahead)
    }
    self.pool = pool
    self.fields = fields
    unit = (groups ? GroupEncoder.pages : 1) * RowVector.capacity
    firstPosition = first
    rowsPerInput = pages * RowVector.capacity
    sort = ChunkSort(capacity: pages * segments.count * RowVector.capacity)
    unsafe chunk = sort.entries
    self.lookBack = lookBack.map { SegmentProbe($0) }
    captured = fields.contains(.strings) ? segments.first?.summary.captured.count ?? 0 : 0
  }

  /// Fills `batch`, which is empty; false where nothing was left.
  func fill(_ batch: RowBatch) throws -> Bool {
    if captured > 0, batch.strings.isEmpty { batch.strings = Array(repeating: [], count: captured) }
    takeCarried(batch)
    var probed = batch.count
    while true {
      // Half of the room for repeats is for those that are found by looking back.
      while batch.count < batch.capacity, batch.repeatCount < batch.repeatCapacity / 2 {
        if chunkNext == chunkCount, try !nextChunk() { break }
        take(batch)
      }
      if !lookBack.isEmpty { try removeSeen(batch, from: &probed) }
      if isAtEnd || batch.count == batch.capacity || batch.repeatCount >= batch.repeatCapacity / 2 { break }
    }
    if !isAtEnd { carryUnfinished(batch) }
    return batch.count > 0 || batch.repeatCount > 0
  }

  private var isAtEnd: Bool {
    chunkNext == chunkCount && inputs.allSatisfy { $0.next == $0.end && !$0.hasMore }
  }

  /// Takes the next rows from the inputs and sorts them; false at the end.
  private func nextChunk() throws -> Bool {
    var bound: (high: UInt64, low: UInt64, code: UInt32)?
    for input in inputs {
      if input.next == input.end, input.hasMore { try input.refill(pool) }
      guard input.hasMore else { continue }
      let row = input.end - 1
      let key = unsafe (pool.high[row], pool.low[row], pool.code[row])
      if bound == nil || key < bound! { bound = key }
    }
    var count = 0
    for input in inputs where input.next < input.end {
      let range = input.next..<input.end
      let end = bound.map { unsafe firstAbove($0, in: range, pool.high, pool.low, pool.code) } ?? range.upperBound
      unsafe collect(pool.high, range.lowerBound..<end, to: sort.entries + count)
      count += end - range.lowerBound
      input.pass(to: end)
    }
    unsafe chunk = sort.sort(count, ChunkKeys(low: pool.low, code: pool.code))
    chunkCount = count
    chunkNext = 0
    return count > 0
  }

  /// Copies rows of the chunk into the batch, as many as fit.
  private func take(_ batch: RowBatch) {
    let start = batch.count
    let before = chunkNext
    var state = TakenRows(next: chunkNext, count: start, repeats: batch.repeatCount, last: last, isFirst: isFirst)
    unsafe copyRows(
      chunk, chunkCount, pool, batch, &state, first: firstPosition,
      hasPositions: fields.contains(.position), hasSources: fields.contains(.source),
      apart: sabotaged(.keepRepeatsOfOthers) ? UInt32(rowsPerInput) : nil, keepsLast: sabotaged(.keepLastCopy))
    chunkNext = state.next
    batch.count = state.count
    batch.repeatCount = state.repeats
    last = state.last
    isFirst = state.isFirst
    batch.read += UInt64(chunkNext - before)
    guard captured > 0 else { return }
    for row in start..<batch.count {
      let origin = unsafe Int(batch.origins[row])
      for (column, string) in inputs[origin / rowsPerInput].strings(origin).enumerated() {
        batch.strings[column].append(string)
      }
    }
  }

  /// Makes repeats of the first copies from `probed` on whose identity is in a segment looked back to.
  private func removeSeen(_ batch: RowBatch, from probed: inout Int) throws {
    defer { probed = batch.count }
    let count = batch.count - probed
    guard count > 0 else { return }
    seen.removeAll(keepingCapacity: true)
    seen.append(contentsOf: repeatElement(false, count: count))
    let (rows, first) = (batch.rows, probed)
    let wanted = unsafe SegmentProbe.Wanted(high: rows.high + first, low: rows.low + first, count: count)
    var isAny = false
    for probe in lookBack {
      try probe.find(wanted) { index, code in
        // Rows of one id stand together, in the order of codes; the first of them is looked for, or each of them.
        guard unsafe rows.code[first + index] == code else { return }
        seen[index] = true
        isAny = true
      }
    }
    guard isAny else { return }
    var kept = first
    for row in first..<batch.count {
      if seen[row - first] {
        batch.addRepeat(of: row, first: firstPosition)
      } else {
        batch.move(row, to: kept)
        kept += 1
      }
    }
    batch.truncate(to: kept)
  }

  /// Whole pages or groups go; what is left over waits for the next batch.
  private func carryUnfinished(_ batch: RowBatch) {
    let rest = batch.count % unit
    guard rest > 0 else { return }
    let carried = self.carried ?? RowBatch(pages: unit / RowVector.capacity, repeats: 0)
    self.carried = carried
    if captured > 0 { carried.strings = Array(repeating: [], count: captured) }
    carried.take(batch, from: batch.count - rest)
    batch.truncate(to: batch.count - rest)
  }

  private func takeCarried(_ batch: RowBatch) {
    guard let carried, carried.count > 0 else { return }
    batch.take(carried, from: 0)
    carried.removeAll()
  }
}

/// How far a chunk has been copied.
private struct TakenRows {
  var next: Int
  var count: Int
  var repeats: Int
  var last: (high: UInt64, low: UInt64, code: UInt32)
  var isFirst: Bool
}

/// Copies rows of the sorted `chunk` into `batch` until one of the two is at its end: first copies among the rows, others
/// among the repeats.
private func copyRows(
  _ chunk: UnsafeMutablePointer<ChunkEntry>, _ chunkCount: Int, _ pool: RowPool, _ batch: RowBatch,
  _ state: inout TakenRows, first: UInt64, hasPositions: Bool, hasSources: Bool, apart: UInt32?, keepsLast: Bool
) {
  let (lows, codes, times) = unsafe (pool.low, pool.code, pool.eventTime)
  let (positions, sources) = unsafe (pool.position, pool.source)
  let rows = batch.rows
  let (toHigh, toLow, toCode, toTime) = unsafe (rows.high, rows.low, rows.code, rows.eventTime)
  let (toPosition, toSource) = unsafe (rows.position, rows.source)
  let (origins, repeats) = unsafe (batch.origins, batch.repeats)
  let (capacity, repeatCapacity) = (batch.capacity, batch.repeatCapacity / 2)
  var next = state.next
  var count = state.count
  var repeated = state.repeats
  var (high, low, code) = state.last
  var isFirst = state.isFirst
  while next < chunkCount, count < capacity, repeated < repeatCapacity {
    let entry = unsafe chunk[next]
    next &+= 1
    let row = Int(truncatingIfNeeded: entry.index)
    let (rowLow, rowCode) = unsafe (lows[row], codes[row])
    if entry.high == high, rowLow == low, rowCode == code, !isFirst,
      unsafe apart == nil || count > 0 && entry.index / apart! == origins[count &- 1] / apart!
    {
      if keepsLast, count > 0 {
        unsafe swap(&toTime[count &- 1], &times[row])
        unsafe swap(&toPosition[count &- 1], &positions[row])
      }
      unsafe repeats[repeated] = RemovedRepeat(
        code: rowCode, minute: Minute(containing: times[row]), position: hasPositions ? first &+ positions[row] : 0)
      repeated &+= 1
      continue
    }
    isFirst = false
    (high, low, code) = (entry.high, rowLow, rowCode)
    unsafe toHigh[count] = entry.high
    unsafe toLow[count] = rowLow
    unsafe toCode[count] = rowCode
    unsafe toTime[count] = unsafe times[row]
    if hasPositions { unsafe toPosition[count] = unsafe positions[row] }
    if hasSources { unsafe toSource[count] = unsafe sources[row] }
    unsafe origins[count] = entry.index
    count &+= 1
  }
  state = TakenRows(next: next, count: count, repeats: repeated, last: (high, low, code), isFirst: isFirst)
}
