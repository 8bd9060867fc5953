/// Collects keys of 32 or of 64 bits and sorts them: a radix sort by the lowest digit first, which walks only through digits
/// in which keys differ. The memory is allocated once and serves both widths.
@safe final class KeySort {
  /// Keys that fit.
  let batch: Int
  private(set) var count = 0
  private var keys: UnsafeMutableRawPointer
  private var other: UnsafeMutableRawPointer
  private let places: UnsafeMutablePointer<UInt32>

  fileprivate static let digitBits: UInt64 = 11

  init(batch: Int) {
    self.batch = batch
    unsafe keys = .allocate(byteCount: batch * 8, alignment: 64)
    unsafe other = .allocate(byteCount: batch * 8, alignment: 64)
    unsafe places = .allocate(capacity: 1 << Self.digitBits)
  }

  deinit {
    unsafe keys.deallocate()
    unsafe other.deallocate()
    unsafe places.deallocate()
  }

  var narrow: UnsafeMutablePointer<UInt32> { unsafe keys.assumingMemoryBound(to: UInt32.self) }
  var wide: UnsafeMutablePointer<UInt64> { unsafe keys.assumingMemoryBound(to: UInt64.self) }

  func removeAll() { count = 0 }

  /// Adds the keys of a block; there is room for them.
  func append(_ block: UnsafeRawBufferPointer, isNarrow: Bool) {
    let size = isNarrow ? 4 : 8
    precondition(count + block.count / size <= batch)
    unsafe (keys + count * size).copyMemory(from: block.baseAddress!, byteCount: block.count)
    count += block.count / size
  }

  func sort(isNarrow: Bool) {
    let isSwapped =
      isNarrow
      ? unsafe radixSort(narrow, other.assumingMemoryBound(to: UInt32.self), count, places)
      : unsafe radixSort(wide, other.assumingMemoryBound(to: UInt64.self), count, places)
    if isSwapped { unsafe swap(&keys, &other) }
  }

  /// The sorted keys, equal ones counted.
  func counts(isNarrow: Bool) -> [KeyCount] {
    isNarrow ? unsafe countEqual(narrow, count) : unsafe countEqual(wide, count)
  }
}

@inline(__always)
private func countEqual<T: FixedWidthInteger & UnsignedInteger>(
  _ keys: UnsafeMutablePointer<T>, _ count: Int
) -> [KeyCount] {
  var counts: [KeyCount] = []
  var next = 0
  while next < count {
    let key = unsafe keys[next]
    var end = next &+ 1
    while end < count, unsafe keys[end] == key { end &+= 1 }
    counts.append(KeyCount(key: UInt64(key), count: UInt64(end &- next)))
    next = end
  }
  return counts
}

/// Sorts `keys`; true where the result is in `other`.
@inline(__always)
private func radixSort<T: FixedWidthInteger & UnsignedInteger>(
  _ keys: UnsafeMutablePointer<T>, _ other: UnsafeMutablePointer<T>, _ count: Int,
  _ places: UnsafeMutablePointer<UInt32>
) -> Bool {
  guard count > 1 else { return false }
  var different: T = 0
  let first = unsafe keys[0]
  for i in 0..<count { unsafe different |= keys[i] ^ first }
  guard different != 0 else { return false }
  let lowest = UInt64(different.trailingZeroBitCount)
  let bits = UInt64(T.bitWidth - different.leadingZeroBitCount) - lowest
  let passes = (bits + KeySort.digitBits - 1) / KeySort.digitBits
  // Digits of even width: 25 bits are three digits of 9, 8 and 8 bits.
  let width = (bits + passes - 1) / passes
  let mask = T(truncatingIfNeeded: UInt64(1) << width - 1)
  var (from, to) = unsafe (keys, other)
  for pass in 0..<passes {
    let shift = T(truncatingIfNeeded: lowest + pass * width)
    unsafe places.update(repeating: 0, count: 1 << Int(width))
    for i in 0..<count {
      let digit = Int(truncatingIfNeeded: unsafe (from[i] &>> shift) & mask)
      unsafe places[digit] &+= 1
    }
    var sum: UInt32 = 0
    for digit in 0..<(1 << Int(width)) {
      let here = unsafe places[digit]
      unsafe places[digit] = sum
      sum &+= here
    }
    for i in 0..<count {
      let key = unsafe from[i]
      let digit = Int(truncatingIfNeeded: (key &>> shift) & mask)
      let place = unsafe places[digit]
      unsafe places[digit] = place &+ 1
      unsafe to[Int(truncatingIfNeeded: place)] = key
    }
    unsafe swap(&from, &to)
  }
  return passes % 2 == 1
}
