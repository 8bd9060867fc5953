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
    for row in rows { try add(code: row.code, bucket: row.bucket, value: row.value, version: row.version) }
  }

  /// Adds rows whose buckets count from `first`.
  mutating func add(_ rows: RowColumns, _ range: Range<Int>, from first: Int64) throws(SystemError) {
    for i in range {
      unsafe try add(
        code: rows.codes[i], bucket: first + Int64(rows.buckets[i]), value: rows.values[i], version: rows.versions[i])
    }
  }

  @inline(__always)
  private mutating func add(
    _ code: UInt32, _ bucket: UInt32, _ value: UInt64, _ version: UInt64
  ) throws(SystemError) {
    if code == self.code, isStarted {
      precondition(self.bucket < bucket, "rows out of order")
    } else {
      precondition(!isStarted || self.code < code, "rows out of order")
      try endAd()
      isStarted = true
      self.code = code
    }
    self.bucket = bucket
    totals[Int(bucket)] &+= Int64(bitPattern: value)
    sum &+= value
    descriptor.rows &+= 1
    if isDense {
      dense.rows.append(code, bucket, value, version)
      if dense.rows.count == RowColumns.capacity { try flush(isDense: true) }
    } else {
      ad.append(code, bucket, value, version)
      if ad.count == RunFormat.denseRows { try moveToDense() }
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
