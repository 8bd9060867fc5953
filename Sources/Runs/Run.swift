import Bytes
import Columns
import Files
import Platform

/// A run that is open for reading, by any thread. Memory: its fences, 40 bytes for each 4,096 rows.
package final class Run: Sendable {
  package let file: SealedFile
  package let descriptor: RunDescriptor
  private let rows: SealedSection
  private let totals: RunTotals
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
    let count = sparse.reduce(UInt64(0)) { $0 + UInt64($1.rows) } + dense.reduce(UInt64(0)) { $0 + UInt64($1.rows) }
    guard count == descriptor.rows else {
      throw FormatError(
        file: file.path, offset: 96, reason: "blocks of \(count) rows, the header says \(descriptor.rows)")
    }
    totals = try RunTotals(file, buckets: Int(descriptor.bucketCount))
    let heaviest = try file.section(RunFormat.heaviest)
    guard heaviest.bytes % RunFormat.heaviestBytes == 0 else {
      throw FormatError(file: file.path, offset: heaviest.offset, reason: "half an ad")
    }
  }

  private static func fence(
    _ file: SealedFile, _ kind: UInt32, _ rows: SealedSection, _ descriptor: RunDescriptor
  ) throws -> [FenceEntry] {
    let section = try file.section(kind)
    let entries = unsafe try file.withBytes(of: section, 0..<section.bytes) { bytes in
      (0..<(bytes.count / FenceEntry.size)).map { unsafe FenceEntry(bytes.baseAddress! + $0 * FenceEntry.size) }
    }
    func fault(_ i: Int) -> FormatError {
      FormatError(
        file: file.path, offset: section.offset + UInt64(i * FenceEntry.size), reason: "the fence is out of order")
    }
    guard section.bytes % FenceEntry.size == 0 else { throw fault(entries.count) }
    var before: FenceEntry?
    for (i, entry) in entries.enumerated() {
      guard entry.follows(before, descriptor, room: UInt64(rows.bytes)) else { throw fault(i) }
      before = entry
    }
    return entries
  }

  /// The bytes of a block and, behind it, of its versions. What the decoder finds wrong becomes an error with file and place.
  /// `atHand`: see `SealedFile.withBytes`.
  func withBlock<R>(
    _ entry: FenceEntry, atHand: Bool = false, _ body: (UnsafeRawBufferPointer) throws(ColumnFault) -> R
  ) throws -> R {
    let start = Int(entry.offset)
    let end = start + Int(entry.bytes) + Int(entry.versionBytes)
    do {
      return unsafe try file.withBytes(of: rows, start..<end, atHand: atHand) { bytes in unsafe try body(bytes) }
    } catch let fault as ColumnFault {
      throw FormatError(file: file.path, offset: rows.offset + entry.offset, reason: "a block of rows: \(fault)")
    }
  }

  /// Every row, in order.
  package func forEach(_ visit: (RunRow) throws -> Void) throws {
    var cursor = RunStretches(self)
    try cursor.advance(0)
    while !cursor.range.isEmpty {
      for i in cursor.range { try visit(RunRow(cursor.rows, i, from: descriptor.firstBucket)) }
      try cursor.advance(cursor.range.count)
    }
  }

  /// Adds the changes of the buckets' totals to `totals`, whose first element is the bucket `buckets.lowerBound`.
  package func totals(buckets: Range<Int64>, into totals: inout [Int64]) throws {
    let window = descriptor.buckets
    let wanted = buckets.clamped(to: window)
    guard !wanted.isEmpty else { return }
    let own = Int(wanted.lowerBound - window.lowerBound)..<Int(wanted.upperBound - window.lowerBound)
    try self.totals.add(
      file, own, of: window.count, to: &totals, at: Int(wanted.lowerBound - buckets.lowerBound))
  }

  /// The ads with the largest sums in the window, heaviest first; at most 1,000.
  package func heaviest() throws -> [(code: UInt32, sum: UInt64)] {
    let section = try file.section(RunFormat.heaviest)
    return unsafe try file.withBytes(of: section, 0..<section.bytes) { bytes in
      (0..<(bytes.count / RunFormat.heaviestBytes)).map { i in
        let entry = unsafe bytes.baseAddress! + i * RunFormat.heaviestBytes
        return unsafe (entry.unsafeLoadLE(0), entry.unsafeLoadLE(8))
      }
    }
  }
}
