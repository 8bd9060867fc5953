// Up to 4,096 rows (ad code, bucket) → value, strictly ascending by code, then bucket. They are cut into columns so that each
// holds one kind of number:
//
//   varint rows │ varint ads │ varint first code
//   varint bytes of each of the next four columns; 0 for one without values
//   column: code − code of the ad before − 1            ads − 1 values
//   column: rows of the ad − 1                          ads
//   column: first bucket of the ad                      ads
//   column: bucket − bucket of the row before − 1       rows − ads, those that are not the first of their ad
//   column: value                                       rows
//
// Where every ad has all buckets from its first on, the fourth column is all zero: two bytes a block say who was present.
// The lengths let a reader that wants one ad go straight to its rows in the last two columns. The last column ends where
// the block does: whoever keeps blocks knows their lengths.

/// A block of rows, encoded and decoded as arrays.
package enum RowBlock {
  /// The most rows in one block.
  package static let maximumRows = 4096

  /// Appends a block of `codes.count` rows, 1 ... maximumRows, which are strictly ascending by (code, bucket).
  package static func encode(
    codes: UnsafeBufferPointer<UInt32>, buckets: UnsafeBufferPointer<UInt32>, values: UnsafeBufferPointer<UInt64>,
    to bytes: inout [UInt8]
  ) {
    let rows = codes.count
    precondition((1...maximumRows).contains(rows) && buckets.count == rows && values.count == rows)
    let scratch = ColumnScratch(4 * rows)
    defer { scratch.free() }
    let (skips, sizes) = unsafe (scratch.values, scratch.values + rows)
    let (firsts, gaps) = unsafe (scratch.values + 2 * rows, scratch.values + 3 * rows)
    var ads = 0
    var gapCount = 0
    var start = 0
    var code = unsafe codes[0]
    var bucket = unsafe buckets[0]
    unsafe firsts[0] = UInt64(bucket)
    for i in 1..<max(rows, 1) {
      let (nextCode, nextBucket) = unsafe (codes[i], buckets[i])
      if nextCode == code {
        precondition(nextBucket > bucket, "rows out of order")
        unsafe gaps[gapCount] = UInt64(nextBucket &- bucket &- 1)
        gapCount &+= 1
      } else {
        precondition(nextCode > code, "rows out of order")
        unsafe sizes[ads] = UInt64(truncatingIfNeeded: i &- start &- 1)
        unsafe skips[ads] = UInt64(nextCode &- code &- 1)
        ads &+= 1
        unsafe firsts[ads] = UInt64(nextBucket)
        start = i
        code = nextCode
      }
      bucket = nextBucket
    }
    unsafe sizes[ads] = UInt64(rows - start - 1)
    ads += 1
    appendVarint(UInt64(rows), to: &bytes)
    appendVarint(UInt64(ads), to: &bytes)
    unsafe appendVarint(UInt64(codes[0]), to: &bytes)
    let columns = unsafe [
      UnsafeBufferPointer(start: skips, count: ads - 1), UnsafeBufferPointer(start: sizes, count: ads),
      UnsafeBufferPointer(start: firsts, count: ads), UnsafeBufferPointer(start: gaps, count: gapCount), values,
    ]
    let plans = unsafe columns.map { $0.isEmpty ? nil : unsafe ColumnPlan($0, .top) }
    for plan in plans.prefix(4) { appendVarint(UInt64(plan?.bytes ?? 0), to: &bytes) }
    for i in 0..<5 { unsafe plans[i]?.write(columns[i], to: &bytes) }
  }

  /// Decodes all rows; each output has room for maximumRows. Returns the number of rows. Rows that are not strictly
  /// ascending cannot be written down in a block; codes or buckets beyond 32 bits are refused.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, codes: UnsafeMutablePointer<UInt32>, buckets: UnsafeMutablePointer<UInt32>,
    values: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    let block = try unsafe RowBlockHead(bytes)
    let scratch = ColumnScratch(4 * block.rows)
    defer { scratch.free() }
    let (skips, sizes) = unsafe (scratch.values, scratch.values + block.rows)
    let (firsts, gaps) = unsafe (scratch.values + 2 * block.rows, scratch.values + 3 * block.rows)
    try unsafe block.readAds(bytes, skips: skips, sizes: sizes)
    try unsafe block.read(bytes, .firsts, 0..<block.ads, into: firsts)
    try unsafe block.read(bytes, .gaps, 0..<(block.rows - block.ads), into: gaps)
    try unsafe block.read(bytes, .values, 0..<block.rows, into: values)
    var code = block.firstCode
    var row = 0
    var gap = unsafe gaps
    for ad in 0..<block.ads {
      let size = Int(truncatingIfNeeded: unsafe sizes[ad])
      if ad > 0 { unsafe code &+= UInt32(truncatingIfNeeded: skips[ad &- 1]) &+ 1 }
      unsafe (codes + row).update(repeating: code, count: size)
      unsafe try expand(first: firsts[ad], gaps: gap, count: size, into: buckets + row)
      unsafe gap += size &- 1
      row &+= size
    }
    return block.rows
  }

  /// Decodes only the rows of `code`, whose number is returned, 0 where it has none; the values of other ads are passed
  /// over where their encoding allows it. Each output has room for maximumRows.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, only code: UInt32, buckets: UnsafeMutablePointer<UInt32>,
    values: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    let found = try unsafe find(bytes, only: code, in: 0...UInt32.max, buckets: buckets, values: values)
    if let first = found.gapless {
      for i in 0..<found.rows.count { unsafe buckets[i] = first &+ UInt32(truncatingIfNeeded: i) }
    }
    return found.rows.count
  }

  /// What a look-up has found.
  package struct Found {
    /// Which rows of the block they are: for those who keep more columns beside it.
    package var rows: Range<Int>
    /// Rows of the block in all.
    package var blockRows: Int
    /// The ad's last bucket, wanted or not; nil where the block does not have the ad.
    package var last: UInt32?
    /// The bucket of the first of `rows`, where each of the others has the one behind that of the row before. Then the buckets
    /// are not written down.
    package var gapless: UInt32?
  }

  /// As above, but only the rows whose bucket is `wanted`.
  package static func find(
    _ bytes: UnsafeRawBufferPointer, only code: UInt32, in wanted: ClosedRange<UInt32>,
    buckets: UnsafeMutablePointer<UInt32>,
    values: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Found {
    let block = try unsafe RowBlockHead(bytes)
    let scratch = ColumnScratch(2 * block.ads + 1)
    defer { scratch.free() }
    let (skips, sizes) = unsafe (scratch.values, scratch.values + block.ads)
    try unsafe block.readAds(bytes, skips: skips, sizes: sizes)
    var found = block.firstCode
    var ad = 0
    var start = 0
    while found < code {
      start &+= Int(truncatingIfNeeded: unsafe sizes[ad])
      if ad &+ 1 == block.ads { return Found(rows: 0..<0, blockRows: block.rows) }
      unsafe found &+= UInt32(truncatingIfNeeded: skips[ad]) &+ 1
      ad &+= 1
    }
    guard found == code else { return Found(rows: 0..<0, blockRows: block.rows) }
    let size = Int(truncatingIfNeeded: unsafe sizes[ad])
    let first = unsafe scratch.values + 2 * block.ads
    try unsafe block.read(bytes, .firsts, ad..<(ad &+ 1), into: first)
    if try unsafe block.isGapless(bytes) {
      let last = try unsafe lastBucket(from: first.pointee, count: size)
      let low = unsafe max(UInt32(truncatingIfNeeded: first.pointee), wanted.lowerBound)
      let high = min(last, wanted.upperBound)
      guard low <= high else { return Found(rows: start..<start, blockRows: block.rows, last: last) }
      let from = unsafe start &+ Int(truncatingIfNeeded: UInt64(low) &- first.pointee)
      let rows = from..<(from &+ Int(high &- low) &+ 1)
      try unsafe block.read(bytes, .values, rows, into: values)
      return Found(rows: rows, blockRows: block.rows, last: last, gapless: low)
    }
    let gaps = ColumnScratch(size)
    defer { gaps.free() }
    try unsafe block.read(bytes, .gaps, (start &- ad)..<(start &- ad &+ size &- 1), into: gaps.values)
    unsafe try expand(first: first.pointee, gaps: gaps.values, count: size, into: buckets)
    let last = unsafe buckets[size &- 1]
    // They ascend: those before and behind what is wanted fall away.
    let from = unsafe place(of: UInt64(wanted.lowerBound), in: buckets, 0..<size)
    let end = unsafe place(of: UInt64(wanted.upperBound) + 1, in: buckets, from..<size)
    if from > 0 { unsafe buckets.update(from: buckets + from, count: end &- from) }
    let rows = (start &+ from)..<(start &+ end)
    try unsafe block.read(bytes, .values, rows, into: values)
    return Found(rows: rows, blockRows: block.rows, last: last)
  }

  /// The first place in `range`, where buckets ascend, whose bucket is at least `bucket`.
  private static func place(of bucket: UInt64, in buckets: UnsafeMutablePointer<UInt32>, _ range: Range<Int>) -> Int {
    var (low, end) = (range.lowerBound, range.upperBound)
    while low < end {
      let middle = (low &+ end) &>> 1
      if unsafe UInt64(buckets[middle]) < bucket { low = middle &+ 1 } else { end = middle }
    }
    return low
  }

  /// The last of `count` buckets that follow each other from `first` on.
  @inline(__always)
  private static func lastBucket(from first: UInt64, count: Int) throws(ColumnFault) -> UInt32 {
    let last = first &+ UInt64(truncatingIfNeeded: count) &- 1
    guard first <= UInt32.max, last <= UInt32.max else { throw ColumnFault("a bucket beyond 32 bits") }
    return UInt32(truncatingIfNeeded: last)
  }

  /// Memory for `addSums`, used again from block to block, in numbers of 64 bits.
  package static let sumScratch = 5 * maximumRows

  /// Adds the values of the rows in the buckets `wanted` to `sums`, those of an ad to the element that lies so far from the first as
  /// its code from the first of `codes`; ads outside of these are passed over. Sums are modulo 2⁶⁴. `scratch` has room for
  /// `sumScratch` numbers. Returns the rows of the block.
  package static func addSums(
    _ bytes: UnsafeRawBufferPointer, in wanted: ClosedRange<UInt32>, of codes: Range<UInt64>,
    to sums: UnsafeMutablePointer<UInt64>, scratch: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    let block = try unsafe RowBlockHead(bytes)
    let (skips, sizes) = unsafe (scratch, scratch + maximumRows)
    let (firsts, gaps) = unsafe (scratch + 2 * maximumRows, scratch + 3 * maximumRows)
    let values = unsafe scratch + 4 * maximumRows
    try unsafe block.readAds(bytes, skips: skips, sizes: sizes)
    try unsafe block.read(bytes, .firsts, 0..<block.ads, into: firsts)
    let isGapless = try unsafe block.isGapless(bytes)
    if !isGapless { try unsafe block.read(bytes, .gaps, 0..<(block.rows - block.ads), into: gaps) }
    try unsafe block.read(bytes, .values, 0..<block.rows, into: values)
    var code = UInt64(block.firstCode)
    if block.ads == block.rows {
      // One row of each: as in a table of days.
      let (low, span) = (UInt64(wanted.lowerBound), UInt64(wanted.upperBound - wanted.lowerBound))
      let room = codes.upperBound - codes.lowerBound
      var all: UInt64 = 0
      for ad in 0..<block.ads {
        if ad > 0 { unsafe code &+= skips[ad &- 1] &+ 1 }
        let first = unsafe firsts[ad]
        all |= first
        let place = code &- codes.lowerBound
        if place < room {
          unsafe sums[Int(truncatingIfNeeded: place)] &+= first &- low <= span ? values[ad] : 0
        }
      }
      guard all <= UInt32.max else { throw ColumnFault("a bucket beyond 32 bits") }
      return block.rows
    }
    var row = 0
    for ad in 0..<block.ads {
      if ad > 0 { unsafe code &+= skips[ad &- 1] &+ 1 }
      let size = Int(truncatingIfNeeded: unsafe sizes[ad])
      let first = unsafe firsts[ad]
      var sum: UInt64 = 0
      if isGapless || size == 1 {
        let last = try lastBucket(from: first, count: size)
        let low = max(first, UInt64(wanted.lowerBound))
        let high = min(UInt64(last), UInt64(wanted.upperBound))
        if low <= high {
          let from = row &+ Int(truncatingIfNeeded: low &- first)
          for i in from..<(from &+ Int(truncatingIfNeeded: high &- low) &+ 1) { unsafe sum &+= values[i] }
        }
      } else {
        // The gaps of an ad begin where as many rows came before as are not the first of theirs.
        let own = unsafe gaps + (row &- ad)
        var bucket = first
        var all = first
        for i in 0..<size {
          if i > 0 {
            let gap = unsafe own[i &- 1]
            all |= gap
            bucket &+= gap &+ 1
          }
          let isWanted = bucket >= UInt64(wanted.lowerBound) && bucket <= UInt64(wanted.upperBound)
          unsafe sum &+= isWanted ? values[row &+ i] : 0
        }
        guard all <= UInt32.max, bucket <= UInt32.max else { throw ColumnFault("a bucket beyond 32 bits") }
      }
      row &+= size
      if code >= codes.lowerBound, code < codes.upperBound {
        unsafe sums[Int(truncatingIfNeeded: code &- codes.lowerBound)] &+= sum
      }
    }
    return block.rows
  }

  /// The buckets of one ad from its first and the `count` − 1 gaps behind it.
  @inline(__always)
  private static func expand(
    first: UInt64, gaps: UnsafeMutablePointer<UInt64>, count: Int, into buckets: UnsafeMutablePointer<UInt32>
  ) throws(ColumnFault) {
    // All below 2³², and at most 4,096 of them: the sum fits easily, and since it only grows, its end says it all.
    var bucket = first
    var all = first
    unsafe buckets[0] = UInt32(truncatingIfNeeded: bucket)
    for i in 1..<max(count, 1) {
      let gap = unsafe gaps[i &- 1]
      all |= gap
      bucket &+= gap &+ 1
      unsafe buckets[i] = UInt32(truncatingIfNeeded: bucket)
    }
    guard all <= UInt32.max, bucket <= UInt32.max else { throw ColumnFault("a bucket beyond 32 bits") }
  }
}

/// What stands before the columns, and where these begin.
struct RowBlockHead {
  enum Column: Int { case skips, sizes, firsts, gaps, values }

  let rows: Int
  let ads: Int
  let firstCode: UInt32
  /// Where each column begins.
  private let starts: (Int, Int, Int, Int, Int)
  private let end: Int

  init(_ bytes: UnsafeRawBufferPointer) throws(ColumnFault) {
    var reader = unsafe ColumnReader(bytes)
    rows = try reader.varint(atMost: RowBlock.maximumRows, "rows")
    ads = try reader.varint(atMost: rows, "ads")
    guard ads > 0 else { throw ColumnFault("a block without rows") }
    firstCode = UInt32(try reader.varint(atMost: Int(UInt32.max), "as a code"))
    let limit = bytes.count
    let lengths = (
      try reader.varint(atMost: limit, "bytes of a column"), try reader.varint(atMost: limit, "bytes of a column"),
      try reader.varint(atMost: limit, "bytes of a column"), try reader.varint(atMost: limit, "bytes of a column")
    )
    // Five numbers of at most the size of memory that exists: no sum overflows.
    let skips = reader.offset
    let sizes = skips + lengths.0
    let firsts = sizes + lengths.1
    let gaps = firsts + lengths.2
    starts = (skips, sizes, firsts, gaps, gaps + lengths.3)
    end = limit
    guard starts.4 < end else { throw ColumnFault("the block ends before its values") }
  }

  /// Where a column begins, where the next one does, and how many values it has.
  private func place(_ column: Column) -> (start: Int, end: Int, count: Int) {
    switch column {
    case .skips: (starts.0, starts.1, ads - 1)
    case .sizes: (starts.1, starts.2, ads)
    case .firsts: (starts.2, starts.3, ads)
    case .gaps: (starts.3, starts.4, rows - ads)
    case .values: (starts.4, end, rows)
    }
  }

  /// Decodes the values `wanted` of a column, which must end where the next begins.
  func read(
    _ bytes: UnsafeRawBufferPointer, _ column: Column, _ wanted: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let (start, end, count) = place(column)
    var used = 0
    if count > 0 {
      // The decoder may load beyond the column, inside the block: so it is shown all the rest.
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
      used = try unsafe IntegerColumn.decode(rest, count: count, rows: wanted, into: output)
    }
    guard start + used == end else {
      throw ColumnFault("a column of \(used) bytes where \(end - start) were announced")
    }
  }

  /// Whether of every ad each row's bucket is the one behind that of the row before.
  func isGapless(_ bytes: UnsafeRawBufferPointer) throws(ColumnFault) -> Bool {
    let (start, end, count) = place(.gaps)
    guard count > 0 || start == end else { throw ColumnFault("gaps of ads with one row") }
    if count == 0 { return true }
    // A constant of zero; what else it may be, and where it is damaged, is for who decodes it.
    return unsafe end - start == 2 && bytes[start] == ColumnEncoding.constant.rawValue && bytes[start + 1] == 0
  }

  /// Reads how far the codes and how many the rows of the ads are, and checks that they describe `rows` rows with codes of 32
  /// bits. Afterwards `sizes` holds the rows of each ad, at least 1.
  func readAds(
    _ bytes: UnsafeRawBufferPointer, skips: UnsafeMutablePointer<UInt64>, sizes: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    try unsafe read(bytes, .skips, 0..<(ads - 1), into: skips)
    try unsafe read(bytes, .sizes, 0..<ads, into: sizes)
    // Each below 2³², at most 4,096 of them: the sums fit.
    var code = UInt64(firstCode)
    var all: UInt64 = 0
    for i in 0..<(ads - 1) {
      unsafe all |= skips[i]
      unsafe code &+= skips[i] &+ 1
    }
    guard all <= UInt32.max, code <= UInt32.max else { throw ColumnFault("a code beyond 32 bits") }
    all = 0
    var sum: UInt64 = 0
    for i in 0..<ads {
      unsafe all |= sizes[i]
      unsafe sizes[i] &+= 1
      unsafe sum &+= sizes[i]
    }
    guard all <= UInt32.max, sum == UInt64(rows) else {
      throw ColumnFault("the rows of the ads are not those of the block")
    }
  }
}
