import Bytes
import Columns
import Files
import Platform

/// Writes a run whose rows come in order. Memory: the rows of one ad, and one block of each part.
package struct RunWriter: ~Copyable {
  private var file: SealedFileWriter
  private var descriptor: RunDescriptor
  private var ad = RowBuffer()
  private var sparse = Part()
  private var dense = Part()
  private var totals: [Int64]
  private var heaviest = Heaviest(RunFormat.heaviestCount)
  private var last: (code: UInt32, bucket: UInt32)?
  private var bytes: [UInt8] = []

  /// One of the two parts.
  private struct Part {
    var pending = RowBuffer()
    var fence: [FenceEntry] = []
  }

  /// Starts a run that will be called `path` and is born as `temporary`. `descriptor.bucketCount` is at most
  /// `RunDescriptor.bucketLimit`.
  package init(
    _ files: any FileSystem, path: String, temporary: String, header: FileHeader, descriptor: RunDescriptor
  ) throws(SystemError) {
    precondition(header.magic == .run && 1...RunDescriptor.bucketLimit ~= descriptor.bucketCount)
    var file = try SealedFileWriter(files, path: path, temporary: temporary, header: header)
    try file.begin(section: RunFormat.rows)
    self.file = file
    self.descriptor = descriptor
    totals = Array(repeating: 0, count: Int(descriptor.bucketCount))
  }

  /// Width of the run's buckets.
  package var bucketSeconds: UInt32 { descriptor.bucketSeconds }

  /// Adds a row: behind the last one by code and bucket, and inside the window.
  package mutating func add(
    code: UInt32, bucket: Int64, value: UInt64, version: UInt64 = 0
  ) throws(SystemError) {
    let offset = bucket - descriptor.firstBucket
    precondition(offset >= 0 && offset < Int64(descriptor.bucketCount), "a row outside the window")
    let relative = UInt32(truncatingIfNeeded: offset)
    if let last {
      precondition(last.code < code || last.code == code && last.bucket < relative, "rows out of order")
      if last.code != code { try endAd() }
    }
    last = (code, relative)
    ad.append(code, relative, value, version)
    totals[Int(relative)] &+= Int64(bitPattern: value)
    descriptor.rows += 1
  }

  /// Adds rows, in order.
  package mutating func add(_ rows: [RunRow]) throws(SystemError) {
    for row in rows { try add(code: row.code, bucket: row.bucket, value: row.value, version: row.version) }
  }

  private mutating func endAd() throws(SystemError) {
    heaviest.add(last!.code, ad.sum)
    // The part leaves its place for the time, so that it can grow while the file does.
    var part = Part()
    if ad.count >= RunFormat.denseRows {
      swap(&part, &dense)
      try move(to: &part)
      swap(&part, &dense)
    } else {
      swap(&part, &sparse)
      try move(to: &part)
      swap(&part, &sparse)
    }
    ad.removeAll()
  }

  /// Moves the ad's rows into a part, and full blocks of it into the file. Rows of an ad are split only where they do not
  /// fit into one block.
  private mutating func move(to part: inout Part) throws(SystemError) {
    var done = 0
    if part.pending.count + ad.count > RowBlock.maximumRows, part.pending.count > 0 { try flush(&part) }
    while done < ad.count {
      let count = min(ad.count - done, RowBlock.maximumRows - part.pending.count)
      part.pending.append(ad, done..<(done + count))
      done += count
      if part.pending.count == RowBlock.maximumRows { try flush(&part) }
    }
  }

  private mutating func flush(_ part: inout Part) throws(SystemError) {
    let rows = part.pending
    let offset = UInt64(file.sectionBytes)
    bytes.removeAll(keepingCapacity: true)
    unsafe rows.codes.withUnsafeBufferPointer { codes in
      unsafe rows.buckets.withUnsafeBufferPointer { buckets in
        unsafe rows.values.withUnsafeBufferPointer { values in
          unsafe RowBlock.encode(codes: codes, buckets: buckets, values: values, to: &bytes)
        }
      }
    }
    let rowBytes = bytes.count
    if descriptor.hasVersions { IntegerColumn.encode(rows.versions, to: &bytes) }
    try file.append(bytes)
    part.fence.append(
      FenceEntry(
        firstCode: rows.codes.first!, lastCode: rows.codes.last!, firstBucket: rows.buckets.first!,
        lastBucket: rows.buckets.last!, rows: UInt32(rows.count), offset: offset, bytes: UInt32(rowBytes),
        versionBytes: UInt32(bytes.count - rowBytes)))
    part.pending.removeAll()
  }

  /// Ends the run and puts it in its place. `totals` says for each bucket of the window by how much the run changes the
  /// bucket's total; without it, that is the sum of its rows.
  package consuming func finish(totals changes: [Int64]? = nil) throws(SystemError) -> SealedReference {
    if last != nil { try endAd() }
    var (few, many) = (sparse, dense)
    if few.pending.count > 0 { try flush(&few) }
    if many.pending.count > 0 { try flush(&many) }
    file.end()
    let changes = changes ?? totals
    precondition(changes.count == totals.count)
    for (kind, fence) in [(RunFormat.sparse, few.fence), (RunFormat.dense, many.fence)] {
      var writer = ByteWriter()
      for entry in fence { entry.append(to: &writer) }
      try write(kind, writer.bytes)
    }
    var writer = ByteWriter()
    for change in changes { writer.append(change) }
    try write(RunFormat.totals, writer.bytes)
    writer = ByteWriter()
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

/// Rows as columns.
struct RowBuffer {
  var codes: [UInt32] = []
  var buckets: [UInt32] = []
  var values: [UInt64] = []
  var versions: [UInt64] = []

  var count: Int { codes.count }
  var sum: UInt64 { values.reduce(0, &+) }

  mutating func append(_ code: UInt32, _ bucket: UInt32, _ value: UInt64, _ version: UInt64) {
    codes.append(code)
    buckets.append(bucket)
    values.append(value)
    versions.append(version)
  }

  mutating func append(_ other: RowBuffer, _ range: Range<Int>) {
    codes.append(contentsOf: other.codes[range])
    buckets.append(contentsOf: other.buckets[range])
    values.append(contentsOf: other.values[range])
    versions.append(contentsOf: other.versions[range])
  }

  mutating func removeAll() {
    codes.removeAll(keepingCapacity: true)
    buckets.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
    versions.removeAll(keepingCapacity: true)
  }
}

/// The ads with the largest sums: twice as many are kept as are wanted, and cut back when that is full.
struct Heaviest {
  private let limit: Int
  private var entries: [(code: UInt32, sum: UInt64)] = []
  private var least: UInt64 = 0

  init(_ limit: Int) { self.limit = limit }

  mutating func add(_ code: UInt32, _ sum: UInt64) {
    guard sum > 0, entries.count < limit || sum > least else { return }
    entries.append((code, sum))
    if entries.count >= 2 * limit {
      entries = Array(sorted)
      least = entries.last!.sum
    }
  }

  /// Heaviest first; of equal ones the lower code first.
  var sorted: [(code: UInt32, sum: UInt64)] {
    Array(entries.sorted { $0.sum != $1.sum ? $0.sum > $1.sum : $0.code < $1.code }.prefix(limit))
  }
}
