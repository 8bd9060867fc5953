import Bytes
import Files

// A run: rows (ad code, bucket) → total in one window of time, in an immutable file. See Formats/run.md.
//
//   header page, from byte 56
//     56 u32 table          60 u32 bucket seconds   64 i64 first bucket       72 u32 buckets
//     76 u32 kind           80 u64 sequence         88 u64 log position       96 u64 rows
//     104 i64 total         112 u32 flags (1: rows have versions)             116 u32 zero
//   section 1, rows         row blocks, one behind another, in the order of writing
//   section 2, sparse       fence: 40 bytes a block of ads with few rows
//   section 3, dense        fence: 40 bytes a block of ads with many rows
//   section 4, totals       for each bucket i64: the change of the bucket's total that this run makes
//   section 5, heaviest     the ads with the most: u32 code, u32 zero, u64 sum, heaviest first
//
// An ad's rows all stand in one part, so that few rows of many ads and many rows of few ads are each coded as they are
// best. Fences are sorted by ad and bucket: a look-up is a binary search and one block, or several for a dense ad.

/// What a run is among the others of its table.
package enum RunKind: UInt32, Sendable {
  /// Rows that were written when their bucket closed; windows of base runs do not overlap.
  case base = 0
  /// Rows that change others. Every patch is newer than every base row.
  case patch = 1
}

/// What a run says of itself.
package struct RunDescriptor: Equatable, Sendable {
  /// The number of its table; 0 for clicks.
  package var table: UInt32
  /// Width of a bucket.
  package var bucketSeconds: UInt32
  /// First bucket of the window: seconds since 1970 by the width.
  package var firstBucket: Int64
  /// Buckets in the window.
  package var bucketCount: UInt32
  package var kind: RunKind
  /// Among runs of one kind the higher one is newer.
  package var sequence: UInt64
  /// The log position that the rows reflect.
  package var position: UInt64
  /// Whether each row carries a version of its own.
  package var hasVersions: Bool
  /// Rows in the file.
  package internal(set) var rows: UInt64 = 0
  /// The sum of the totals section: by how much the run changes the table's total.
  package internal(set) var total: Int64 = 0

  package init(
    table: UInt32, bucketSeconds: UInt32, firstBucket: Int64, bucketCount: UInt32, kind: RunKind, sequence: UInt64,
    position: UInt64, hasVersions: Bool = false
  ) {
    self.table = table
    self.bucketSeconds = bucketSeconds
    self.firstBucket = firstBucket
    self.bucketCount = bucketCount
    self.kind = kind
    self.sequence = sequence
    self.position = position
    self.hasVersions = hasVersions
  }

  /// Most buckets of a window: the totals of all of them stand in the file.
  package static let bucketLimit: UInt32 = 1 << 22

  /// Whether the rows of this run are newer than those of `other`, of the same table.
  package func outranks(_ other: RunDescriptor) -> Bool {
    (kind.rawValue, sequence) > (other.kind.rawValue, other.sequence)
  }

  /// Writes the fields into a header page.
  func write(to page: UnsafeMutableRawPointer) {
    unsafe page.unsafeStoreLE(table, 56)
    unsafe page.unsafeStoreLE(bucketSeconds, 60)
    unsafe page.unsafeStoreLE(firstBucket, 64)
    unsafe page.unsafeStoreLE(bucketCount, 72)
    unsafe page.unsafeStoreLE(kind.rawValue, 76)
    unsafe page.unsafeStoreLE(sequence, 80)
    unsafe page.unsafeStoreLE(position, 88)
    unsafe page.unsafeStoreLE(rows, 96)
    unsafe page.unsafeStoreLE(total, 104)
    unsafe page.unsafeStoreLE(UInt32(hasVersions ? 1 : 0), 112)
  }

  /// Reads the fields of a header page.
  init(page: [UInt8], path: String) throws(FormatError) {
    var reader = ByteReader(page[FileHeader.typeFields..<FileHeader.size])
    let table = reader.next(UInt32.self)!
    let bucketSeconds = reader.next(UInt32.self)!
    let firstBucket = reader.next(Int64.self)!
    let bucketCount = reader.next(UInt32.self)!
    let kind = reader.next(UInt32.self)!
    let sequence = reader.next(UInt64.self)!
    let position = reader.next(UInt64.self)!
    let rows = reader.next(UInt64.self)!
    let total = reader.next(Int64.self)!
    let flags = reader.next(UInt32.self)!
    guard let known = RunKind(rawValue: kind) else {
      throw FormatError(file: path, offset: 76, reason: "kind \(kind) of a run is unknown")
    }
    guard flags <= 1 else { throw FormatError(file: path, offset: 112, reason: "flags \(flags) are unknown") }
    guard bucketSeconds > 0, 1...Self.bucketLimit ~= bucketCount,
      -RunFormat.bucketRange...RunFormat.bucketRange ~= firstBucket
    else { throw FormatError(file: path, offset: 60, reason: "a window of \(bucketCount) buckets at \(firstBucket)") }
    self.init(
      table: table, bucketSeconds: bucketSeconds, firstBucket: firstBucket, bucketCount: bucketCount, kind: known,
      sequence: sequence, position: position, hasVersions: flags == 1)
    self.rows = rows
    self.total = total
  }
}

/// One row of a run.
package struct RunRow: Equatable, Sendable {
  package var code: UInt32
  package var bucket: Int64
  /// The total; 0 is a row as well: it says that an older one no longer holds.
  package var value: UInt64
  /// In tables of versions; 0 elsewhere.
  package var version: UInt64

  package init(code: UInt32, bucket: Int64, value: UInt64, version: UInt64 = 0) {
    self.code = code
    self.bucket = bucket
    self.value = value
    self.version = version
  }
}

enum RunFormat {
  static let rows: UInt32 = 1
  static let sparse: UInt32 = 2
  static let dense: UInt32 = 3
  static let totals: UInt32 = 4
  static let heaviest: UInt32 = 5

  /// Ads with at least so many rows in the window are dense.
  static let denseRows = 64
  /// How many ads the last section names.
  static let heaviestCount = 1_000
  /// Buckets stay this near to 1970, on both sides, so that no arithmetic with them overflows.
  static let bucketRange: Int64 = 1 << 48
}

/// One block in a fence.
///
///     0 u32 first code    4 u32 last code    8 u32 first bucket, from the window's    12 u32 rows
///     16 u64 where the block starts in section 1     24 u32 bytes of rows    28 u32 bytes of versions behind them
///     32 u32 last bucket, from the window's          36 u32 zero
struct FenceEntry: Equatable {
  var firstCode: UInt32
  var lastCode: UInt32
  var firstBucket: UInt32
  var lastBucket: UInt32
  var rows: UInt32
  var offset: UInt64
  var bytes: UInt32
  var versionBytes: UInt32

  static let size = 40

  func append(to writer: inout ByteWriter) {
    writer.append(firstCode)
    writer.append(lastCode)
    writer.append(firstBucket)
    writer.append(rows)
    writer.append(offset)
    writer.append(bytes)
    writer.append(versionBytes)
    writer.append(lastBucket)
    writer.append(UInt32(0))
  }

  init(
    firstCode: UInt32, lastCode: UInt32, firstBucket: UInt32, lastBucket: UInt32, rows: UInt32, offset: UInt64,
    bytes: UInt32, versionBytes: UInt32
  ) {
    self.firstCode = firstCode
    self.lastCode = lastCode
    self.firstBucket = firstBucket
    self.lastBucket = lastBucket
    self.rows = rows
    self.offset = offset
    self.bytes = bytes
    self.versionBytes = versionBytes
  }

  init(_ memory: UnsafeRawPointer) {
    firstCode = unsafe memory.unsafeLoadLE(0)
    lastCode = unsafe memory.unsafeLoadLE(4)
    firstBucket = unsafe memory.unsafeLoadLE(8)
    rows = unsafe memory.unsafeLoadLE(12)
    offset = unsafe memory.unsafeLoadLE(16)
    bytes = unsafe memory.unsafeLoadLE(24)
    versionBytes = unsafe memory.unsafeLoadLE(28)
    lastBucket = unsafe memory.unsafeLoadLE(32)
  }
}
