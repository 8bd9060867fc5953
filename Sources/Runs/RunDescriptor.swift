import Bytes
import Files

/// What a run is among the others of its table.
package enum RunKind: UInt32, Sendable {
  /// Rows that were written when their bucket closed; windows of base runs do not overlap.
  case base = 0
  /// Rows that change others. Every patch is newer than every base row.
  case patch = 1
}

/// What a run says of itself: the fields of its header page.
///
///     56 u32 table          60 u32 bucket seconds   64 i64 first bucket       72 u32 buckets
///     76 u32 kind           80 u64 sequence         88 u64 log position       96 u64 rows
///     104 i64 total         112 u32 flags (1: rows have versions)             116 u32 zero
package struct RunDescriptor: Equatable, Sendable {
  /// The number of its table; 0 for clicks.
  package var table: UInt32
  /// Width of a bucket, in seconds.
  package var bucketSeconds: UInt32
  /// First bucket of the window: seconds since 1970 by the width, rounded down.
  package var firstBucket: Int64
  /// Buckets in the window, 1 ... `bucketLimit`.
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
  /// Buckets stay this near to 1970, on both sides, so that no arithmetic with them overflows.
  static let bucketRange: Int64 = 1 << 48

  /// The buckets of the window.
  var buckets: Range<Int64> { firstBucket..<(firstBucket + Int64(bucketCount)) }

  /// Of two runs of one table the rows of the one with the higher rank are newer.
  package var rank: (kind: UInt32, sequence: UInt64) { (kind.rawValue, sequence) }

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

  /// Reads the fields of a header page, whose checksum has held.
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
      -Self.bucketRange...Self.bucketRange ~= firstBucket
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
