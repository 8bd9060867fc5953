import Columns

/// Up to a block of rows as columns, in memory that is used again from block to block. Buckets count from the window's first.
@safe final class RowColumns {
  let codes: UnsafeMutablePointer<UInt32>
  let buckets: UnsafeMutablePointer<UInt32>
  let values: UnsafeMutablePointer<UInt64>
  /// Zeros in tables without versions.
  let versions: UnsafeMutablePointer<UInt64>
  /// Rows that it holds.
  private(set) var count = 0

  static let capacity = RowBlock.maximumRows

  /// Empty. A reader that asks for no versions where there are none does without the zeros.
  init(zeroed: Bool = true) {
    unsafe codes = .allocate(capacity: Self.capacity)
    unsafe buckets = .allocate(capacity: Self.capacity)
    unsafe values = .allocate(capacity: Self.capacity)
    unsafe versions = .allocate(capacity: Self.capacity)
    if zeroed { unsafe versions.initialize(repeating: 0, count: Self.capacity) }
  }

  deinit {
    unsafe codes.deallocate()
    unsafe buckets.deallocate()
    unsafe values.deallocate()
    unsafe versions.deallocate()
  }

  // MARK: - Writing

  func removeAll() { count = 0 }

  /// Adds rows of one ad, which fit: their buckets less `first`, ascending and at least 0. Returns the sum of their values.
  @inline(__always)
  func append<Bucket: FixedWidthInteger>(
    _ code: UInt32, _ more: Int, from first: Int64, _ newBuckets: UnsafePointer<Bucket>,
    _ newValues: UnsafePointer<UInt64>, _ newVersions: UnsafePointer<UInt64>?
  ) -> UInt64 {
    let place = count
    precondition(more > 0 && place + more <= Self.capacity)
    let (codes, buckets, values) = unsafe (codes + place, buckets + place, values + place)
    var sum: UInt64 = 0
    var before: Int64 = -1
    var isAscending = true
    for i in 0..<more {
      let bucket = unsafe Int64(truncatingIfNeeded: newBuckets[i]) &- first
      isAscending = isAscending && bucket > before
      before = bucket
      unsafe codes[i] = code
      unsafe buckets[i] = UInt32(truncatingIfNeeded: bucket)
      let value = unsafe newValues[i]
      unsafe values[i] = value
      sum &+= value
    }
    precondition(isAscending && before <= Int64(UInt32.max), "rows out of order, or outside the window")
    // Else they are zeros, and stay so.
    if let newVersions = unsafe newVersions { unsafe (versions + place).update(from: newVersions, count: more) }
    count = place + more
    return sum
  }

  /// Adds the rows of `other` from `start` on, as many as fit; returns where it stopped.
  func append(_ other: RowColumns, from start: Int) -> Int {
    let more = min(other.count - start, Self.capacity - count)
    unsafe (codes + count).update(from: other.codes + start, count: more)
    unsafe (buckets + count).update(from: other.buckets + start, count: more)
    unsafe (values + count).update(from: other.values + start, count: more)
    unsafe (versions + count).update(from: other.versions + start, count: more)
    count += more
    return start + more
  }

  /// Appends the rows as a block and, where they have them, their versions as a column behind it; returns the bytes of each.
  func encode(versions hasVersions: Bool, to bytes: inout [UInt8]) -> (rows: Int, versions: Int) {
    let start = bytes.count
    unsafe RowBlock.encode(
      codes: UnsafeBufferPointer(start: codes, count: count),
      buckets: UnsafeBufferPointer(start: buckets, count: count),
      values: UnsafeBufferPointer(start: values, count: count), to: &bytes)
    let end = bytes.count
    if hasVersions { unsafe IntegerColumn.encode(UnsafeBufferPointer(start: versions, count: count), to: &bytes) }
    return (end - start, bytes.count - end)
  }

  // MARK: - Reading

  /// Decodes a block and its versions, which must be what its fence says.
  func load(
    _ entry: FenceEntry, _ bytes: UnsafeRawBufferPointer, buckets bucketCount: UInt32
  ) throws(ColumnFault) {
    count = 0
    let own = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Int(entry.bytes)])
    let found = try unsafe RowBlock.decode(own, codes: codes, buckets: buckets, values: values)
    let last = found - 1
    guard found == Int(entry.rows), unsafe codes[0] == entry.firstCode, unsafe buckets[0] == entry.firstBucket,
      unsafe codes[last] == entry.lastCode, unsafe buckets[last] == entry.lastBucket
    else { throw ColumnFault("the rows are not those that the fence says") }
    var highest: UInt32 = 0
    for i in 0..<found { highest = unsafe max(highest, buckets[i]) }
    guard highest < bucketCount else { throw ColumnFault("bucket \(highest) is outside the window") }
    if entry.versionBytes > 0 {
      let behind = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(entry.bytes)...])
      let used = try unsafe IntegerColumn.decode(behind, count: found, into: versions)
      guard used == Int(entry.versionBytes) else { throw ColumnFault("bytes behind the versions") }
    }
    count = found
  }

  /// The first of rows `range` whose key (code, bucket + `shift`) is at least `key`; the range's end where there is none. A walk
  /// that doubles its steps: where runs meet in every ad, the row is among the next few.
  func first(in range: Range<Int>, notBefore key: UInt64, shift: UInt32) -> Int {
    var low = range.lowerBound
    var high = range.upperBound
    // Otherwise mostly all of them are before it.
    if low < high, self.key(high - 1, shift: shift) < key { return high }
    var step = 1
    while low &+ step < high, self.key(low &+ step &- 1, shift: shift) < key {
      low &+= step
      step &*= 2
    }
    high = min(high, low &+ step)
    return search(in: low..<high, notBefore: key, shift: shift)
  }

  /// The same, by halving the range.
  func search(in range: Range<Int>, notBefore key: UInt64, shift: UInt32 = 0) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = (low &+ high) &>> 1
      if self.key(middle, shift: shift) < key { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// Code and bucket of a row as one number that ascends as the rows do; `shift` is added to the bucket.
  @inline(__always)
  func key(_ row: Int, shift: UInt32) -> UInt64 { unsafe UInt64(codes[row]) << 32 | UInt64(buckets[row] &+ shift) }
}
