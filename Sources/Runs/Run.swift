import Bytes
import Columns
import Files
import Platform

/// A run that is open for reading, by any thread.
package final class Run: Sendable {
  package let file: SealedFile
  package let descriptor: RunDescriptor
  private let rows: SealedSection
  let sparse: [FenceEntry]
  let dense: [FenceEntry]

  /// Opens the run at `path`; `store` and `reference` say which it must be, where they are given. Throws `FormatError` where
  /// it is another or damaged, `SystemError` where the disk does not answer.
  package static func open(
    _ files: any FileSystem, _ path: String, store: StoreID? = nil, reference: SealedReference? = nil,
    access: SealedFile.Access
  ) throws -> Run {
    try Run(
      try SealedFile.open(files, path, as: .run, store: store, reference: reference, access: access))
  }

  private init(_ file: SealedFile) throws {
    self.file = file
    descriptor = try RunDescriptor(page: file.page, path: file.path)
    rows = try file.section(RunFormat.rows)
    sparse = try Self.fence(file, RunFormat.sparse, rows, descriptor)
    dense = try Self.fence(file, RunFormat.dense, rows, descriptor)
    let count = (sparse + dense).reduce(UInt64(0)) { $0 + UInt64($1.rows) }
    guard count == descriptor.rows else {
      throw FormatError(
        file: file.path, offset: 96, reason: "blocks of \(count) rows, the header says \(descriptor.rows)")
    }
    guard try file.section(RunFormat.totals).bytes == 8 * Int(descriptor.bucketCount) else {
      throw FormatError(
        file: file.path, offset: try file.section(RunFormat.totals).offset, reason: "totals do not fit the window")
    }
  }

  private static func fence(
    _ file: SealedFile, _ kind: UInt32, _ rows: SealedSection, _ descriptor: RunDescriptor
  ) throws -> [FenceEntry] {
    let section = try file.section(kind)
    func fault(_ i: Int) -> FormatError {
      FormatError(
        file: file.path, offset: section.offset + UInt64(i * FenceEntry.size), reason: "the fence is out of order")
    }
    guard section.bytes % FenceEntry.size == 0 else { throw fault(section.bytes / FenceEntry.size) }
    let entries = unsafe try file.withBytes(of: section, 0..<section.bytes) { bytes in
      (0..<(bytes.count / FenceEntry.size)).map { unsafe FenceEntry(bytes.baseAddress! + $0 * FenceEntry.size) }
    }
    var before: FenceEntry?
    for (i, entry) in entries.enumerated() {
      let bytes = UInt64(entry.bytes) + UInt64(entry.versionBytes)
      guard entry.offset <= UInt64(rows.bytes), bytes <= UInt64(rows.bytes) - entry.offset,
        1...UInt32(RowBlock.maximumRows) ~= entry.rows,
        (entry.firstCode, entry.firstBucket) <= (entry.lastCode, entry.lastBucket),
        entry.firstBucket < descriptor.bucketCount, entry.lastBucket < descriptor.bucketCount,
        descriptor.hasVersions == (entry.versionBytes > 0)
      else { throw fault(i) }
      if let before, (before.lastCode, before.lastBucket) >= (entry.firstCode, entry.firstBucket) { throw fault(i) }
      before = entry
    }
    return entries
  }

  // MARK: - Reading

  /// The rows of one ad inside `buckets`, ascending.
  package func series(
    of code: UInt32, buckets: Range<Int64>, _ visit: (_ bucket: Int64, _ value: UInt64, _ version: UInt64) -> Void
  ) throws {
    let from = max(buckets.lowerBound, descriptor.firstBucket) - descriptor.firstBucket
    let end = min(buckets.upperBound, descriptor.firstBucket + Int64(descriptor.bucketCount)) - descriptor.firstBucket
    guard from < end else { return }
    let wanted = UInt32(from)...UInt32(end - 1)
    for fence in [dense, sparse] {
      var found = false
      for entry in fence[Self.first(in: fence, of: code, bucket: wanted.lowerBound)...] {
        guard entry.firstCode < code || entry.firstCode == code && entry.firstBucket <= wanted.upperBound else { break }
        found = try visitBlock(entry, code, wanted, visit) || found
      }
      if found { return }
    }
  }

  /// The first block whose end is not before (code, bucket).
  private static func first(in fence: [FenceEntry], of code: UInt32, bucket: UInt32) -> Int {
    var low = 0
    var high = fence.count
    while low < high {
      let middle = (low + high) / 2
      if (fence[middle].lastCode, fence[middle].lastBucket) < (code, bucket) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Returns whether the block has the ad at all.
  private func visitBlock(
    _ entry: FenceEntry, _ code: UInt32, _ wanted: ClosedRange<UInt32>,
    _ visit: (Int64, UInt64, UInt64) -> Void
  ) throws -> Bool {
    let limit = Int(entry.rows)
    return unsafe try withBlock(entry) { bytes, versions in
      unsafe try withUnsafeTemporaryAllocation(of: UInt32.self, capacity: RowBlock.maximumRows) { buckets in
        unsafe try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: RowBlock.maximumRows) { values in
          let count = unsafe try RowBlock.decode(
            bytes, only: code, buckets: buckets.baseAddress!, values: values.baseAddress!)
          guard count <= limit else { throw ColumnFault("more rows than the fence says") }
          let ownVersions = unsafe try versions.map { unsafe try self.versions(of: code, bytes, $0, limit) }
          for i in 0..<count {
            let bucket = unsafe buckets[i]
            guard bucket < descriptor.bucketCount else { throw ColumnFault("bucket \(bucket) is outside the window") }
            guard wanted.contains(bucket) else { continue }
            unsafe visit(descriptor.firstBucket + Int64(bucket), values[i], ownVersions?[i] ?? 0)
          }
          return count > 0
        }
      }
    }
  }

  /// The versions of an ad's rows in a block.
  private func versions(
    of code: UInt32, _ bytes: UnsafeRawBufferPointer, _ versions: UnsafeRawBufferPointer, _ rows: Int
  ) throws -> [UInt64] {
    var block = RowArrays()
    let count = unsafe try block.load(bytes, versions)
    guard count == rows else { throw ColumnFault("\(count) rows where the fence says \(rows)") }
    return (0..<count).filter { block.codes[$0] == code }.map { block.versions[$0] }
  }

  /// The bytes of a block, and of its versions. What the decoder finds wrong becomes an error with file and place.
  func withBlock<R>(
    _ entry: FenceEntry, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws -> R
  ) throws -> R {
    let start = Int(entry.offset)
    let end = start + Int(entry.bytes)
    do {
      return unsafe try file.withBytes(of: rows, start..<(end + Int(entry.versionBytes))) { bytes in
        let own = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Int(entry.bytes)])
        let versions = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(entry.bytes)...])
        return unsafe try body(own, entry.versionBytes > 0 ? versions : nil)
      }
    } catch let fault as ColumnFault {
      throw FormatError(file: file.path, offset: rows.offset + entry.offset, reason: "a block of rows: \(fault)")
    }
  }

  /// Every row, in order.
  package func forEach(_ visit: (RunRow) throws -> Void) throws {
    var cursor = RunCursor(self)
    try cursor.advance()
    while let row = cursor.row {
      try visit(row)
      try cursor.advance()
    }
  }

  /// Adds the changes of the buckets' totals to `totals`, whose first element is the bucket `buckets.lowerBound`.
  package func totals(buckets: Range<Int64>, into totals: inout [Int64]) throws {
    let window = descriptor.firstBucket..<(descriptor.firstBucket + Int64(descriptor.bucketCount))
    let wanted = buckets.clamped(to: window)
    guard !wanted.isEmpty else { return }
    let from = Int(wanted.lowerBound - window.lowerBound)
    let target = Int(wanted.lowerBound - buckets.lowerBound)
    unsafe try file.withBytes(of: file.section(RunFormat.totals), from * 8..<(from + wanted.count) * 8) { bytes in
      for i in 0..<wanted.count {
        totals[target + i] &+= unsafe bytes.baseAddress!.unsafeLoadLE(i * 8, as: Int64.self)
      }
    }
  }

  /// The ads with the largest sums in the window, heaviest first.
  package func heaviest() throws -> [(code: UInt32, sum: UInt64)] {
    let section = try file.section(RunFormat.heaviest)
    return unsafe try file.withBytes(of: section, 0..<section.bytes) { bytes in
      (0..<(bytes.count / 16)).map { i in
        unsafe (bytes.baseAddress!.unsafeLoadLE(i * 16), bytes.baseAddress!.unsafeLoadLE(i * 16 + 8))
      }
    }
  }

  /// Checks every block, decodes every row, and compares rows, totals and heaviest ads with each other.
  package func verify() throws {
    try file.verify()
    var sums = [Int64](repeating: 0, count: Int(descriptor.bucketCount))
    var rows: UInt64 = 0
    var heaviest = Heaviest(RunFormat.heaviestCount)
    var ad: (code: UInt32, sum: UInt64)?
    try forEach { row in
      rows += 1
      sums[Int(row.bucket - descriptor.firstBucket)] &+= Int64(bitPattern: row.value)
      if let open = ad, open.code != row.code {
        heaviest.add(open.code, open.sum)
        ad = nil
      }
      ad = (row.code, (ad?.sum ?? 0) &+ row.value)
    }
    if let ad { heaviest.add(ad.code, ad.sum) }
    var totals = [Int64](repeating: 0, count: sums.count)
    let window = descriptor.firstBucket..<(descriptor.firstBucket + Int64(descriptor.bucketCount))
    try self.totals(buckets: window, into: &totals)
    guard rows == descriptor.rows else {
      throw FormatError(file: file.path, offset: 96, reason: "\(rows) rows, the header says \(descriptor.rows)")
    }
    guard totals.reduce(0, &+) == descriptor.total,
      descriptor.kind == .patch || descriptor.hasVersions || totals == sums
    else {
      throw FormatError(
        file: file.path, offset: try file.section(RunFormat.totals).offset,
        reason: "the totals are not those of the rows")
    }
    guard try self.heaviest().elementsEqual(heaviest.sorted, by: { $0 == $1 }) else {
      throw FormatError(
        file: file.path, offset: try file.section(RunFormat.heaviest).offset,
        reason: "the heaviest ads are not those of the rows")
    }
  }
}
