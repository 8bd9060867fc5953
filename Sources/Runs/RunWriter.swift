import Bytes
import Columns
import Files
import Platform

// Rows come in order. Those of an ad wait until there are 64 of them or the next ad begins, which decides the part; each part
// gathers a block and writes it when it is full. So both parts grow in one section, block by block, and memory stays at
// three blocks whatever the ads are. A dense ad may begin and end in the middle of a block, a sparse one is never cut.

/// Writes a run whose rows come in order. Memory: two blocks, 64 rows, the fences, and the totals of the window's buckets.
package struct RunWriter: ~Copyable {
  private var file: SealedFileWriter
  private var descriptor: RunDescriptor
  private var sparse = Part()
  private var dense = Part()
  private var totals: [Int64]
  private var heaviest = Heaviest(RunFormat.heaviestCount)
  private var bytes: [UInt8] = []

  /// The first rows of the open ad, as long as they do not make it dense.
  private let ad = RowColumns()
  private var isDense = false
  private var isStarted = false
  /// The open ad has no row yet.
  private var isFresh = false
  private var code: UInt32 = 0
  private var bucket: UInt32 = 0
  private var sum: UInt64 = 0

  /// One of the two parts: the block being gathered, and the fence of those in the file.
  private struct Part {
    let rows = RowColumns()
    var fence = ByteWriter()
  }

  /// Starts a run that will be called `path` and is born as `temporary`. `descriptor.bucketCount` is at most
  /// `RunDescriptor.bucketLimit`.
  package init(
    _ files: any FileSystem, path: String, temporary: String, header: FileHeader, descriptor: RunDescriptor
  ) throws(SystemError) {
    precondition(header.magic == .run && descriptor.bucketSeconds > 0)
    precondition(1...RunDescriptor.bucketLimit ~= descriptor.bucketCount)
    precondition(descriptor.firstBucket.magnitude <= RunDescriptor.bucketRange.magnitude)
    var file = try SealedFileWriter(files, path: path, temporary: temporary, header: header)
    try file.begin(section: RunFormat.rows)
    self.file = file
    self.descriptor = descriptor
    totals = Array(repeating: 0, count: Int(descriptor.bucketCount))
  }

  /// Width of the run's buckets, in seconds.
  package var bucketSeconds: UInt32 { descriptor.bucketSeconds }

  /// Adds a row: behind the last one by code and bucket, and inside the window. Versions are of tables that have them.
  package mutating func add(
    code: UInt32, bucket: Int64, value: UInt64, version: UInt64 = 0
  ) throws(SystemError) {
    let offset = bucket - descriptor.firstBucket
    precondition(offset >= 0 && offset < Int64(descriptor.bucketCount), "a row outside the window")
    try add(code, UInt32(truncatingIfNeeded: offset), value, version)
  }

  /// Adds rows, in order.
  package mutating func add(_ rows: [RunRow]) throws(SystemError) {
    var (buckets, values, versions): ([Int64], [UInt64], [UInt64]) = ([], [], [])
    var start = 0
    while start < rows.count {
      let code = rows[start].code
      var end = start
      buckets.removeAll(keepingCapacity: true)
      values.removeAll(keepingCapacity: true)
      versions.removeAll(keepingCapacity: true)
      while end < rows.count, rows[end].code == code {
        buckets.append(rows[end].bucket)
        values.append(rows[end].value)
        if descriptor.hasVersions { versions.append(rows[end].version) }
        end += 1
      }
      unsafe try add(
        code, end - start, from: descriptor.firstBucket, buckets, values, descriptor.hasVersions ? versions : nil)
      start = end
    }
  }

  /// Adds rows of one ad: behind the last one by code and bucket, ascending, and inside the window. Of tables without versions.
  package mutating func add(
    code: UInt32, buckets: UnsafeBufferPointer<Int64>, values: UnsafeBufferPointer<UInt64>
  ) throws(SystemError) {
    precondition(buckets.count == values.count)
    guard let bucket = buckets.baseAddress, let value = values.baseAddress else { return }
    unsafe try add(code, buckets.count, from: descriptor.firstBucket, bucket, value, nil)
  }

  /// Adds rows whose buckets count from `first`.
  mutating func add(_ rows: RowColumns, _ range: Range<Int>, from first: Int64) throws(SystemError) {
    let codes = unsafe rows.codes
    var start = range.lowerBound
    while start < range.upperBound {
      let code = unsafe codes[start]
      var end = start + 1
      while end < range.upperBound, unsafe codes[end] == code { end += 1 }
      let versions = unsafe descriptor.hasVersions ? rows.versions + start : nil
      unsafe try add(
        code, end - start, from: descriptor.firstBucket - first, rows.buckets + start, rows.values + start, versions)
      start = end
    }
  }

  /// Adds `count` rows of one ad whose buckets, less `first`, count from the window's beginning.
  @inline(__always)
  private mutating func add<Bucket: FixedWidthInteger>(
    _ code: UInt32, _ count: Int, from first: Int64, _ buckets: UnsafePointer<Bucket>, _ values: UnsafePointer<UInt64>,
    _ versions: UnsafePointer<UInt64>?
  ) throws(SystemError) {
    guard count > 0 else { return }
    try open(code)
    var done = 0
    while done < count {
      let rows = isDense ? dense.rows : ad
      let room = (isDense ? RowColumns.capacity : RunFormat.denseRows) - rows.count
      let more = min(count - done, room)
      unsafe sum &+= rows.append(
        code, more, from: first, buckets + done, values + done, versions.map { unsafe $0 + done })
      let end = rows.count
      let place = end - more
      unsafe precondition(
        done == 0 && isFresh || bucket < rows.buckets[place], "rows out of order")
      isFresh = false
      unsafe totals.withUnsafeMutableBufferPointer { totals in
        // Ascending: the last is the greatest.
        unsafe precondition(Int(rows.buckets[end - 1]) < totals.count, "a row outside the window")
        for i in place..<end {
          unsafe totals[Int(rows.buckets[i])] &+= Int64(bitPattern: rows.values[i])
        }
      }
      bucket = unsafe rows.buckets[end - 1]
      descriptor.rows &+= UInt64(more)
      done += more
      if isDense {
        if end == RowColumns.capacity { try flush(isDense: true) }
      } else if end == RunFormat.denseRows {
        try moveToDense()
      }
    }
  }

  /// Begins an ad, unless it is the open one.
  @inline(__always)
  private mutating func open(_ code: UInt32) throws(SystemError) {
    if code == self.code, isStarted { return }
    precondition(!isStarted || self.code < code, "rows out of order")
    try endAd()
    isStarted = true
    isFresh = true
    self.code = code
  }

  @inline(__always)
  private mutating func add(
    _ code: UInt32, _ bucket: UInt32, _ value: UInt64, _ version: UInt64
  ) throws(SystemError) {
    unsafe try withUnsafePointer(to: bucket) { bucket throws(SystemError) in
      unsafe try withUnsafePointer(to: value) { value throws(SystemError) in
        unsafe try withUnsafePointer(to: version) { version throws(SystemError) in
          unsafe try add(code, 1, from: 0, bucket, value, descriptor.hasVersions ? version : nil)
        }
      }
    }
  }

  /// The open ad turns out to be dense: what waits of it goes there, and so do its other rows.
  private mutating func moveToDense() throws(SystemError) {
    isDense = true
    let done = dense.rows.append(ad, from: 0)
    if dense.rows.count == RowColumns.capacity {
      try flush(isDense: true)
      _ = dense.rows.append(ad, from: done)
    }
    ad.removeAll()
  }

  /// The open ad, if there is one, has no more rows.
  private mutating func endAd() throws(SystemError) {
    guard isStarted else { return }
    heaviest.add(code, sum)
    sum = 0
    isDense = false
    if ad.count == 0 { return }
    if sparse.rows.count + ad.count > RowColumns.capacity { try flush(isDense: false) }
    _ = sparse.rows.append(ad, from: 0)
    ad.removeAll()
  }

  /// Writes the block that a part has gathered.
  private mutating func flush(isDense: Bool) throws(SystemError) {
    let rows = isDense ? dense.rows : sparse.rows
    let offset = UInt64(file.sectionBytes)
    bytes.removeAll(keepingCapacity: true)
    let size = rows.encode(versions: descriptor.hasVersions, to: &bytes)
    try file.append(bytes)
    let last = rows.count - 1
    let entry = unsafe FenceEntry(
      firstCode: rows.codes[0], lastCode: rows.codes[last], firstBucket: rows.buckets[0],
      lastBucket: rows.buckets[last], rows: UInt32(rows.count), offset: offset, bytes: UInt32(size.rows),
      versionBytes: UInt32(size.versions))
    if isDense { entry.append(to: &dense.fence) } else { entry.append(to: &sparse.fence) }
    rows.removeAll()
  }

  /// Ends the run and puts it in its place. `totals` says for each bucket of the window by how much the run changes the
  /// bucket's total; without it, that is the sum of its rows.
  package consuming func finish(totals changes: [Int64]? = nil) throws(SystemError) -> SealedReference {
    try endAd()
    if sparse.rows.count > 0 { try flush(isDense: false) }
    if dense.rows.count > 0 { try flush(isDense: true) }
    file.end()
    let changes = changes ?? totals
    precondition(changes.count == totals.count, "totals of another window")
    try write(RunFormat.sparse, sparse.fence.bytes)
    try write(RunFormat.dense, dense.fence.bytes)
    try write(RunFormat.totals, RunTotals.bytes(changes))
    var writer = ByteWriter()
    for (code, sum) in heaviest.sorted {
      writer.append(code)
      writer.append(UInt32(0))
      writer.append(sum)
    }
    try write(RunFormat.heaviest, writer.bytes)
    descriptor.total = changes.reduce(0, &+)
    let described = descriptor
    return unsafe try file.finish { unsafe described.write(to: $0) }
  }

  private mutating func write(_ kind: UInt32, _ bytes: [UInt8]) throws(SystemError) {
    try file.begin(section: kind)
    try file.append(bytes)
    file.end()
  }
}
