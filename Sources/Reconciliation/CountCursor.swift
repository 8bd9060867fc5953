import Clicks
import Segments

// Counting, second half: part after part, keys become counts in the order of (ad code, minute).
//
//     a part of few cells for its keys   a counter for each cell; one walk counts, one hands out
//     any other                          up to `batch` keys are sorted and equal ones counted; where there are more keys than
//                                        that, the counts of each batch are merged with those so far
//
// The first kind takes the ads that have most of the clicks: their part may be larger than memory, its counters are not. The
// counts of the second kind are bounded by the different keys of a part, which the plan keeps small.

/// Clicks per (ad code, minute), in order; each key comes once, with at least one click. A walk is for one thread; several may
/// go at once.
@safe package final class CountCursor {
  private let table: CountTable
  private var part = 0
  private var buffer: UnsafeMutableRawBufferPointer
  private let sorter: KeySort
  /// Counters of a dense part.
  private var cells: UnsafeMutablePointer<UInt32>?
  private let mostCells: Int

  /// Rows that are ready. One thread walks, so nothing has to look after who else does.
  @exclusivity(unchecked) private var rows: [SegmentSum] = []
  @exclusivity(unchecked) private var at = 0

  // The part at hand: what is left of it to be handed out.
  private enum Rest {
    case none
    /// Counters from a cell on.
    case cells(next: Int, count: Int)
    /// Sorted keys, equal ones not counted yet.
    case keys(next: Int, count: Int)
    /// Counts of several batches.
    case counts(next: Int)
  }
  private var rest = Rest.none
  private var counts: [KeyCount] = []

  private static let rowsAtOnce = 4096

  /// A walk that takes about `memory` bytes.
  init(_ table: CountTable, memory: Int) {
    self.table = table
    unsafe buffer = .allocate(byteCount: table.blockBytes, alignment: 64)
    sorter = KeySort(batch: max(table.blockBytes / 4, memory / 32))
    mostCells = max(1_024, memory / 16)
    unsafe rows.reserveCapacity(Self.rowsAtOnce)
  }

  deinit {
    unsafe buffer.deallocate()
    unsafe cells?.deallocate()
  }

  /// The next row; nil at the end.
  package func next() throws -> SegmentSum? {
    if unsafe at == rows.count {
      unsafe rows.removeAll(keepingCapacity: true)
      unsafe at = 0
      while unsafe rows.isEmpty {
        if try !fill() { return nil }
      }
    }
    let row = unsafe rows[at]
    unsafe at += 1
    return row
  }

  /// Makes some more rows ready; false at the end.
  private func fill() throws -> Bool {
    switch rest {
    case .none:
      guard part < table.plan.parts.count else { return false }
      try start()
      part += 1
    case .cells(let next, let count):
      let end = takeCells(from: next, count)
      rest = end < count ? .cells(next: end, count: count) : .none
    case .keys(let next, let count):
      let end = takeKeys(from: next, count)
      rest = end < count ? .keys(next: end, count: count) : .none
    case .counts(let next):
      let end = min(next + Self.rowsAtOnce, counts.count)
      let keys = PartKeys(table.plan, part - 1)
      for i in next..<end { unsafe rows.append(keys.row(counts[i].key, counts[i].count)) }
      rest = end < counts.count ? .counts(next: end) : .none
    }
    return true
  }

  /// Sorts or counts the keys of part `part`.
  private func start() throws {
    let bytes = table.bytes(of: part)
    guard bytes > 0 else { return }
    let own = table.plan.parts[part]
    let keys = bytes / (own.isNarrow ? 4 : 8)
    if own.isNarrow, own.cells <= UInt64(mostCells), UInt64(keys) >= own.cells / 8, keys <= UInt32.max {
      let cells = unsafe self.cells ?? .allocate(capacity: mostCells)
      unsafe self.cells = unsafe cells
      let count = Int(own.cells)
      unsafe cells.update(repeating: 0, count: count)
      unsafe try table.forEachBlock(of: part, buffer) { block in unsafe count32(block, into: cells) }
      rest = .cells(next: 0, count: count)
      return
    }
    counts.removeAll(keepingCapacity: true)
    var merged = false
    sorter.removeAll()
    unsafe try table.forEachBlock(of: part, buffer) { block in
      if sorter.count + block.count / (own.isNarrow ? 4 : 8) > sorter.batch {
        sorter.sort(isNarrow: own.isNarrow)
        counts = merge(counts, sorter.counts(isNarrow: own.isNarrow))
        merged = true
        sorter.removeAll()
      }
      unsafe sorter.append(block, isNarrow: own.isNarrow)
    }
    sorter.sort(isNarrow: own.isNarrow)
    if merged {
      counts = merge(counts, sorter.counts(isNarrow: own.isNarrow))
      rest = .counts(next: 0)
    } else {
      rest = .keys(next: 0, count: sorter.count)
    }
  }

  private func takeCells(from start: Int, _ count: Int) -> Int {
    let keys = PartKeys(table.plan, part - 1)
    let cells = unsafe self.cells!
    var cell = start
    while cell < count, unsafe rows.count < Self.rowsAtOnce {
      let clicks = unsafe cells[cell]
      if clicks > 0 { unsafe rows.append(keys.row(UInt64(cell), UInt64(clicks))) }
      cell &+= 1
    }
    return cell
  }

  private func takeKeys(from start: Int, _ count: Int) -> Int {
    let keys = PartKeys(table.plan, part - 1)
    var next = start
    if keys.part.isNarrow {
      let sorted = unsafe sorter.narrow
      while next < count, unsafe rows.count < Self.rowsAtOnce {
        let key = unsafe sorted[next]
        var end = next &+ 1
        while end < count, unsafe sorted[end] == key { end &+= 1 }
        unsafe rows.append(keys.row(UInt64(key), UInt64(end &- next)))
        next = end
      }
    } else {
      let sorted = unsafe sorter.wide
      while next < count, unsafe rows.count < Self.rowsAtOnce {
        let key = unsafe sorted[next]
        var end = next &+ 1
        while end < count, unsafe sorted[end] == key { end &+= 1 }
        unsafe rows.append(keys.row(key, UInt64(end &- next)))
        next = end
      }
    }
    return next
  }
}

/// What the keys of a part mean.
private struct PartKeys {
  let part: CountPart
  let firstMinute: Int64

  init(_ plan: CountPlan, _ part: Int) {
    self.part = plan.parts[part]
    firstMinute = plan.firstMinute
  }

  @inline(__always) func row(_ key: UInt64, _ clicks: UInt64) -> SegmentSum {
    let (code, minute): (UInt64, UInt64)
    if part.minutes > 0 {
      // Both below 2³²: a division of half the width is a third of the time.
      let (narrow, minutes) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: part.minutes))
      let (quotient, remainder) = (narrow / minutes, narrow % minutes)
      (code, minute) = (part.code &+ UInt64(quotient), UInt64(remainder))
    } else {
      (code, minute) = (key &>> 32, key & 0xFFFF_FFFF)
    }
    return SegmentSum(
      code: UInt32(truncatingIfNeeded: code), minute: Minute(index: firstMinute &+ Int64(bitPattern: minute)),
      clicks: clicks)
  }
}

/// Adds one to the counter of each key.
private func count32(_ block: UnsafeRawBufferPointer, into cells: UnsafeMutablePointer<UInt32>) {
  let count = block.count / 4
  let keys = unsafe block.baseAddress!.assumingMemoryBound(to: UInt32.self)
  for i in 0..<count { unsafe cells[Int(truncatingIfNeeded: keys[i])] &+= 1 }
}

/// A key and how often it was there.
struct KeyCount {
  var key: UInt64
  var count: UInt64
}

/// Two lists in the order of their keys as one.
private func merge(_ a: [KeyCount], _ b: [KeyCount]) -> [KeyCount] {
  if a.isEmpty { return b }
  var merged: [KeyCount] = []
  merged.reserveCapacity(a.count + b.count)
  var (i, j) = (0, 0)
  while i < a.count, j < b.count {
    if a[i].key < b[j].key {
      merged.append(a[i])
      i += 1
    } else if b[j].key < a[i].key {
      merged.append(b[j])
      j += 1
    } else {
      merged.append(KeyCount(key: a[i].key, count: a[i].count + b[j].count))
      (i, j) = (i + 1, j + 1)
    }
  }
  merged += a[i...]
  merged += b[j...]
  return merged
}
