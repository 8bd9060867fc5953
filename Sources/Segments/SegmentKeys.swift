import Clicks

/// Identities that segments are asked for, side by side, in the order of rows: by impression. For those who ask for as many as
/// a merge does; the memory is fixed, and filled again and again. Belongs to one thread.
@safe package final class SegmentKeys {
  /// How many there are.
  package private(set) var count = 0
  /// First halves of the impression ids.
  package let high: UnsafeMutablePointer<UInt64>
  /// Second halves.
  package let low: UnsafeMutablePointer<UInt64>
  /// What filters know the impressions by.
  let number: UnsafeMutablePointer<UInt64>
  /// Ad codes.
  package let code: UnsafeMutablePointer<UInt32>
  /// The caller's own numbers.
  package let tag: UnsafeMutablePointer<UInt32>

  private let memory: UnsafeMutableRawPointer

  /// Room for `capacity` identities, 32 bytes each.
  package init(capacity: Int) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(capacity, 1) * 32, alignment: 64)
    unsafe self.memory = memory
    unsafe high = memory.bindMemory(to: UInt64.self, capacity: capacity)
    unsafe low = (memory + 8 * capacity).bindMemory(to: UInt64.self, capacity: capacity)
    unsafe number = (memory + 16 * capacity).bindMemory(to: UInt64.self, capacity: capacity)
    unsafe code = (memory + 24 * capacity).bindMemory(to: UInt32.self, capacity: capacity)
    unsafe tag = (memory + 28 * capacity).bindMemory(to: UInt32.self, capacity: capacity)
  }

  deinit { unsafe memory.deallocate() }

  /// Takes the rows of `pool` before `end` that begin an identity; the first row does where `beginsNew`. Their tags are the rows'
  /// numbers. What was there before is forgotten.
  package func take(_ pool: RowPool, before end: Int, beginsNew: Bool) {
    count = unsafe takeIdentities(pool.high, pool.low, pool.code, end, beginsNew: beginsNew, to: self)
  }

  package func removeAll() { count = 0 }

  /// Adds one of other keys.
  @inline(__always)
  func append(_ other: SegmentKeys, _ index: Int) {
    unsafe high[count] = unsafe other.high[index]
    unsafe low[count] = unsafe other.low[index]
    unsafe number[count] = unsafe other.number[index]
    unsafe code[count] = unsafe other.code[index]
    unsafe tag[count] = unsafe other.tag[index]
    count &+= 1
  }

  /// Keeps those of which `isWanted` holds, given their tags.
  package func keep(where isWanted: (_ tag: Int) -> Bool) {
    let all = count
    count = 0
    for i in 0..<all where isWanted(Int(unsafe tag[i])) { append(self, i) }
  }

  /// The first key from `start` on whose high half is above `high`.
  func end(from start: Int, through border: UInt64) -> Int {
    var (low, end) = (start, count)
    while low < end {
      let middle = (low + end) / 2
      if unsafe high[middle] <= border { low = middle + 1 } else { end = middle }
    }
    return low
  }
}

/// Copies the first row of each identity; returns how many there are.
private func takeIdentities(
  _ high: UnsafePointer<UInt64>, _ low: UnsafePointer<UInt64>, _ code: UnsafePointer<UInt32>, _ rows: Int,
  beginsNew: Bool, to keys: SegmentKeys
) -> Int {
  let (toHigh, toLow, toNumber) = unsafe (keys.high, keys.low, keys.number)
  let (toCode, toTag) = unsafe (keys.code, keys.tag)
  var count = 0
  for row in 0..<rows {
    let isNew =
      unsafe row == 0
      ? beginsNew
      : high[row] != high[row &- 1] || low[row] != low[row &- 1] || code[row] != code[row &- 1]
    // Written before it is known whether it stays; there is room, for there are no more keys than rows.
    unsafe toHigh[count] = unsafe high[row]
    unsafe toLow[count] = unsafe low[row]
    unsafe toNumber[count] = IDFilter.number(ImpressionID(high: unsafe high[row], low: unsafe low[row]))
    unsafe toCode[count] = unsafe code[row]
    unsafe toTag[count] = UInt32(truncatingIfNeeded: row)
    count &+= isNew ? 1 : 0
  }
  return count
}
