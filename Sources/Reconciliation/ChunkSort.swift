import Clicks

// Sorting a chunk of rows that come from several sorted pages. Ids fall about evenly between the least and the greatest of
// the chunk, so a place in that interval is nearly the place in the order: rows are counted into as many buckets as there
// are rows, scattered, and what shares a bucket, one or two rows mostly, is put in order by insertion. Two walks over memory
// that fits the second cache, where a heap of the inputs would cost four badly predicted comparisons a row. Crowded ids make
// full buckets; these are sorted by comparing.

/// A row of a chunk: the first half of its id, and where in the pool it is.
struct ChunkEntry {
  var high: UInt64
  var index: UInt32
}

/// The columns that rows are told apart by.
@safe struct ChunkKeys {
  let low: UnsafePointer<UInt64>
  let code: UnsafePointer<UInt32>

  /// Whether `a` stands before `b` in the order of (high, low, code, place in the pool).
  @inline(__always) func precedes(_ a: ChunkEntry, _ b: ChunkEntry) -> Bool {
    if a.high != b.high { return a.high < b.high }
    let (i, j) = (Int(truncatingIfNeeded: a.index), Int(truncatingIfNeeded: b.index))
    let (x, y) = unsafe (low[i], low[j])
    if x != y { return x < y }
    let (p, q) = unsafe (code[i], code[j])
    return p != q ? p < q : i < j
  }
}

/// Memory for the chunk at hand.
@safe final class ChunkSort {
  private(set) var capacity: Int
  /// The rows as they are collected, in any order.
  private(set) var entries: UnsafeMutablePointer<ChunkEntry>
  private var sorted: UnsafeMutablePointer<ChunkEntry>
  private var places: UnsafeMutablePointer<UInt32>
  private var placeCount: Int

  /// Rows of a bucket above which it is sorted by comparing.
  private static let crowded = 32

  init(capacity: Int) {
    self.capacity = max(capacity, 1)
    unsafe entries = .allocate(capacity: self.capacity)
    unsafe sorted = .allocate(capacity: self.capacity)
    placeCount = 2 * self.capacity + 2
    unsafe places = .allocate(capacity: placeCount)
  }

  deinit {
    unsafe entries.deallocate()
    unsafe sorted.deallocate()
    unsafe places.deallocate()
  }

  /// Sorts the first `count` entries; returns them, valid until the next call. Entries that are equal but for their place keep
  /// the order of their places.
  func sort(_ count: Int, _ keys: ChunkKeys) -> UnsafeMutablePointer<ChunkEntry> {
    guard count > 1 else { return unsafe entries }
    unsafe sortChunk(entries, count, to: sorted, places, keys, crowded: Self.crowded)
    return unsafe sorted
  }
}

/// Sorts `entries` into `sorted`. `places` has room for twice as many numbers and two more.
private func sortChunk(
  _ entries: UnsafeMutablePointer<ChunkEntry>, _ count: Int, to sorted: UnsafeMutablePointer<ChunkEntry>,
  _ places: UnsafeMutablePointer<UInt32>, _ keys: ChunkKeys, crowded: Int
) {
  var least = UInt64.max
  var greatest: UInt64 = 0
  let first = unsafe entries[0].high
  var different: UInt64 = 0
  for i in 0..<count {
    let high = unsafe entries[i].high
    least = min(least, high)
    greatest = max(greatest, high)
    different |= high ^ first
  }
  // Where all have the same version nibble, as UUIDs do, the interval is spread over the other bits.
  let isUUID = different & 0xF000 == 0
  @inline(__always) func spread(_ high: UInt64) -> UInt64 {
    isUUID ? (high &>> 16) &<< 12 | high & 0xFFF : high
  }
  let base = spread(least)
  let span = spread(greatest) &- base
  // At most as many buckets as the next power of two has.
  let bits = Int.bitWidth - (count &- 1).leadingZeroBitCount
  let shift = UInt64(max(0, (64 - span.leadingZeroBitCount) - bits))
  let buckets = Int(truncatingIfNeeded: span &>> shift) &+ 1
  unsafe places.update(repeating: 0, count: buckets &+ 1)
  for i in 0..<count {
    let bucket = Int(truncatingIfNeeded: (spread(unsafe entries[i].high) &- base) &>> shift)
    unsafe places[bucket] &+= 1
  }
  var sum: UInt32 = 0
  var fullest: UInt32 = 0
  for bucket in 0..<buckets {
    let here = unsafe places[bucket]
    unsafe places[bucket] = sum
    fullest = max(fullest, here)
    sum &+= here
  }
  for i in 0..<count {
    let entry = unsafe entries[i]
    let bucket = Int(truncatingIfNeeded: (spread(entry.high) &- base) &>> shift)
    let place = unsafe places[bucket]
    unsafe places[bucket] = place &+ 1
    unsafe sorted[Int(truncatingIfNeeded: place)] = entry
  }
  if fullest > UInt32(crowded) {
    // After the scatter each place is its bucket's end.
    var start = 0
    for bucket in 0..<buckets {
      let end = Int(unsafe places[bucket])
      if end - start > crowded {
        var bucket = unsafe UnsafeMutableBufferPointer(start: sorted + start, count: end - start)
        unsafe bucket.sort { keys.precedes($0, $1) }
      }
      start = end
    }
  }
  // Only neighbours in a bucket can still be out of order.
  for i in 1..<count {
    let moved = unsafe sorted[i]
    guard unsafe keys.precedes(moved, sorted[i &- 1]) else { continue }
    var place = i
    repeat {
      unsafe sorted[place] = unsafe sorted[place &- 1]
      place &-= 1
    } while unsafe place > 0 && keys.precedes(moved, sorted[place &- 1])
    unsafe sorted[place] = moved
  }
}
