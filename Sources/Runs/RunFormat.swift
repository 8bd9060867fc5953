import Bytes
import Columns
import Files

// A run: rows (ad code, bucket) → total in one window of time, in an immutable file. See Formats/run.md.
//
//   header page             what the run is: RunDescriptor
//   section 1, rows         row blocks, one behind another, in the order of writing
//   section 2, sparse       fence: 40 bytes a block of ads with few rows
//   section 3, dense        fence: 40 bytes a block of ads with many rows
//   section 4, totals       for each bucket the change of its total that this run makes: RunTotals
//   section 5, heaviest     the ads with the most: u32 code, u32 zero, u64 sum, heaviest first
//
// An ad's rows all stand in one part, so that few rows of many ads and many rows of few ads are each coded as they are
// best. Fences are sorted by ad and bucket: a look-up is a binary search and one block, or several for a dense ad.

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
  /// Bytes of an ad in it.
  static let heaviestBytes = 16
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

  /// Whether it can stand behind `before` in a run of this descriptor whose rows section has `room` bytes.
  func follows(_ before: FenceEntry?, _ descriptor: RunDescriptor, room: UInt64) -> Bool {
    let length = UInt64(bytes) + UInt64(versionBytes)
    guard offset <= room, length <= room - offset, 1...UInt32(RowBlock.maximumRows) ~= rows,
      (firstCode, firstBucket) <= (lastCode, lastBucket), max(firstBucket, lastBucket) < descriptor.bucketCount,
      descriptor.hasVersions == (versionBytes > 0)
    else { return false }
    return before.map { ($0.lastCode, $0.lastBucket) < (firstCode, firstBucket) } ?? true
  }
}
