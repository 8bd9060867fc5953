// A block of rows (code, bucket) → value, sorted: what runs and a segment's minute sums are made of.
//
//   varint ads − 1, varint rows − ads
//   varint first code
//   integers: for each further ad, its code less the one before, less 1
//   integers: for each ad, its rows less 1
//   integers: for each ad, its first bucket
//   integers: for each further row of an ad, its bucket less the one before, less 1
//   integers: for each row, its value
//
// Each list of integers is one block of the ladder and missing where it is empty. An ad with a row in each bucket has
// nothing but zeros in the fourth list, which cost no bits.

/// Sorted rows ↔ a compressed block.
package enum RowBlock {
  /// Most rows of a block.
  package static let maximumRows = 4096

  /// Appends the block of 1 to `maximumRows` rows, strictly ascending by (code, bucket).
  package static func encode(
    codes: UnsafeBufferPointer<UInt32>, buckets: UnsafeBufferPointer<UInt32>, values: UnsafeBufferPointer<UInt64>,
    to bytes: inout [UInt8]
  ) {
    let rows = codes.count
    precondition(1...maximumRows ~= rows && buckets.count == rows && values.count == rows)
    var codeGaps: [UInt64] = []
    var rowCounts: [UInt64] = [0]
    var firsts: [UInt64] = unsafe [UInt64(buckets[0])]
    var gaps: [UInt64] = []
    gaps.reserveCapacity(rows)
    for i in 1..<max(1, rows) {
      if unsafe codes[i] == codes[i - 1] {
        unsafe precondition(buckets[i] > buckets[i - 1], "rows out of order")
        unsafe gaps.append(UInt64(buckets[i] - buckets[i - 1] - 1))
        rowCounts[rowCounts.count - 1] += 1
      } else {
        unsafe precondition(codes[i] > codes[i - 1], "rows out of order")
        unsafe codeGaps.append(UInt64(codes[i] - codes[i - 1] - 1))
        rowCounts.append(0)
        unsafe firsts.append(UInt64(buckets[i]))
      }
    }
    let ads = rowCounts.count
    Varint.append(UInt64(ads - 1), to: &bytes)
    Varint.append(UInt64(rows - ads), to: &bytes)
    unsafe Varint.append(UInt64(codes[0]), to: &bytes)
    if ads > 1 { IntegerColumn.encode(codeGaps, to: &bytes) }
    IntegerColumn.encode(rowCounts, to: &bytes)
    IntegerColumn.encode(firsts, to: &bytes)
    if rows > ads { IntegerColumn.encode(gaps, to: &bytes) }
    unsafe IntegerColumn.encode(values, to: &bytes)
  }

  /// Decodes all rows; each output has room for `maximumRows`. Returns how many there are.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, codes: UnsafeMutablePointer<UInt32>, buckets: UnsafeMutablePointer<UInt32>,
    values: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    var head = unsafe try Head(bytes)
    var gaps: [UInt64] = []
    gaps = try head.list(head.rows - head.ads)
    let used = unsafe try IntegerColumn.decode(head.reader.rest, count: head.rows, into: values)
    guard used == head.reader.remaining else { throw ColumnFault("bytes behind the rows") }
    var row = 0
    var gap = 0
    for ad in 0..<head.ads {
      var bucket = head.firsts[ad]
      unsafe codes[row] = head.codes[ad]
      unsafe buckets[row] = try narrow(bucket)
      row += 1
      for _ in 0..<head.counts[ad] {
        bucket = try next(bucket, gaps[gap])
        gap += 1
        unsafe codes[row] = head.codes[ad]
        unsafe buckets[row] = UInt32(truncatingIfNeeded: bucket)
        row += 1
      }
    }
    return row
  }

  /// Decodes the rows of one ad alone; the outputs have room for `maximumRows`. Returns how many there are.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, only code: UInt32, buckets: UnsafeMutablePointer<UInt32>,
    values: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    var head = unsafe try Head(bytes)
    guard let ad = head.index(of: code) else { return 0 }
    var further = 0
    for i in 0..<ad { further += head.counts[i] }
    let count = head.counts[ad] + 1
    let gaps = try head.list(head.rows - head.ads, further..<(further + count - 1))
    let first = further + ad
    _ = unsafe try IntegerColumn.decode(
      head.reader.rest, count: head.rows, range: first..<(first + count), into: values)
    var bucket = head.firsts[ad]
    unsafe buckets[0] = try narrow(bucket)
    for i in 1..<max(1, count) {
      bucket = try next(bucket, gaps[i - 1])
      unsafe buckets[i] = UInt32(truncatingIfNeeded: bucket)
    }
    return count
  }

  private static func narrow(_ bucket: UInt64) throws(ColumnFault) -> UInt32 {
    guard let narrow = UInt32(exactly: bucket) else { throw ColumnFault("bucket \(bucket) is out of range") }
    return narrow
  }

  @inline(__always)
  private static func next(_ bucket: UInt64, _ gap: UInt64) throws(ColumnFault) -> UInt64 {
    guard gap <= UInt64(UInt32.max), bucket + gap + 1 <= UInt64(UInt32.max) else {
      throw ColumnFault("a bucket is out of range")
    }
    return bucket + gap + 1
  }

  /// What stands before the rows' own lists.
  private struct Head {
    var reader: ColumnReader
    var ads: Int
    var rows: Int
    var codes: [UInt32] = []
    /// Rows of each ad behind its first.
    var counts: [Int] = []
    var firsts: [UInt64] = []

    init(_ bytes: UnsafeRawBufferPointer) throws(ColumnFault) {
      reader = unsafe ColumnReader(bytes)
      let ads = try reader.varint()
      let further = try reader.varint()
      guard ads < UInt64(maximumRows), further < UInt64(maximumRows), ads + 1 + further <= UInt64(maximumRows) else {
        throw ColumnFault("a block of \(ads) ads and \(further) further rows")
      }
      self.ads = Int(ads) + 1
      rows = Int(ads) + 1 + Int(further)
      guard var code = UInt32(exactly: try reader.varint()) else { throw ColumnFault("a code is out of range") }
      codes = [code]
      codes.reserveCapacity(self.ads)
      for gap in try list(self.ads - 1) {
        guard gap < UInt64(UInt32.max), UInt64(code) + gap + 1 <= UInt64(UInt32.max) else {
          throw ColumnFault("a code is out of range")
        }
        code = UInt32(UInt64(code) + gap + 1)
        codes.append(code)
      }
      var sum: UInt64 = 0
      counts.reserveCapacity(self.ads)
      for count in try list(self.ads) {
        guard count <= further else { throw ColumnFault("an ad of \(count) rows") }
        sum += count
        counts.append(Int(count))
      }
      guard sum == further else { throw ColumnFault("ads have \(sum) further rows, the block \(further)") }
      firsts = try list(self.ads)
    }

    /// The next list of `count` integers, or the part `range` of it.
    mutating func list(_ count: Int, _ range: Range<Int>? = nil) throws(ColumnFault) -> [UInt64] {
      guard count > 0 else { return [] }
      let range = range ?? 0..<count
      var values = [UInt64](repeating: 0, count: max(range.count, 1))
      var used = 0
      var fault: ColumnFault?
      let rest = unsafe reader.rest
      unsafe values.withUnsafeMutableBufferPointer { target in
        do throws(ColumnFault) {
          used = unsafe try IntegerColumn.decode(rest, count: count, range: range, into: target.baseAddress!)
        } catch { fault = error }
      }
      if let fault { throw fault }
      reader.skip(used)
      if range.isEmpty { return [] }
      return values
    }

    func index(of code: UInt32) -> Int? {
      var low = 0
      var high = codes.count
      while low < high {
        let middle = (low + high) / 2
        if codes[middle] < code { low = middle + 1 } else { high = middle }
      }
      return low < codes.count && codes[low] == code ? low : nil
    }
  }
}
