import Bytes
import Clicks
import Corrections
import Query
import Shards
import Store

// What recounts changed in many ads, page by page, the oldest first. Files of corrections are sorted by ad, so a page is picked out of
// all of them in one pass, which holds twice the rows of a page at most:
//
//     rows of the selection ─▶ counted and summed ─▶ behind the cursor? ─▶ the first `limit` of them by (time, bucket, …)

/// The place of a correction among those of all shards; no two have the same.
struct CorrectionPlace: Hashable, Comparable {
  /// When the change was made, ms.
  var time: Int64
  /// The bucket's first minute, and its width in seconds.
  var minute: Int64
  var width: UInt32
  var shard: UInt32
  var ad: UInt64
  var run: UInt64
  var reason: UInt8

  init(_ row: Correction, of ad: AdKey, in shard: Int) {
    time = row.run.time
    minute = row.bucket * Int64(row.bucketSeconds / 60)
    width = row.bucketSeconds
    self.shard = UInt32(shard)
    self.ad = ad.rawValue
    run = row.run.number
    reason = row.reason.rawValue
  }

  static func < (a: CorrectionPlace, b: CorrectionPlace) -> Bool {
    if (a.time, a.minute, a.width) != (b.time, b.minute, b.width) {
      return (a.time, a.minute, a.width) < (b.time, b.minute, b.width)
    }
    return (a.shard, a.ad, a.run, a.reason) < (b.shard, b.ad, b.run, b.reason)
  }
}

/// Where the next page begins, as opaque text: 70 bytes as hex digits, integers big-endian. It is no secret and no permission.
///
///     ver  from  to  binding  time  minute  width  shard  ad  run  reason  crc
///     01   8     8   4        8     8       4      4      8   8    1       4        crc: CRC-32C of what stands before it
struct CorrectionCursor: Hashable {
  var from: Minute
  var to: Minute
  /// Of the selection that it belongs to.
  var binding: UInt32
  /// The last correction of the page before.
  var last: CorrectionPlace

  private static let version: UInt8 = 1
  private static let widths = [8, 8, 4, 8, 8, 4, 4, 8, 8, 1]
  private static let count = 1 + widths.reduce(0, +) + 4

  var text: String {
    let values: [UInt64] = [
      UInt64(bitPattern: from.index), UInt64(bitPattern: to.index), UInt64(binding), UInt64(bitPattern: last.time),
      UInt64(bitPattern: last.minute), UInt64(last.width), UInt64(last.shard), last.ad, last.run, UInt64(last.reason),
    ]
    var bytes = [Self.version]
    for (value, width) in zip(values, Self.widths) { Self.append(value, width, to: &bytes) }
    Self.append(UInt64(CRC32C.checksum(bytes)), 4, to: &bytes)
    return Hex.encode(bytes)
  }

  init(from: Minute, to: Minute, binding: UInt32, last: CorrectionPlace) {
    (self.from, self.to, self.binding, self.last) = (from, to, binding, last)
  }

  /// Nil where `text` is not one that `text` makes.
  init?(_ text: String) {
    guard text.utf8.count == 2 * Self.count, let bytes = Hex.decode(text.utf8), bytes[0] == Self.version,
      CRC32C.checksum(Array(bytes.dropLast(4))) == UInt32(truncatingIfNeeded: Self.integer(bytes.suffix(4)))
    else { return nil }
    var values: [UInt64] = []
    var at = 1
    for width in Self.widths {
      values.append(Self.integer(bytes[at..<at + width]))
      at += width
    }
    from = Minute(index: Int64(bitPattern: values[0]))
    to = Minute(index: Int64(bitPattern: values[1]))
    binding = UInt32(truncatingIfNeeded: values[2])
    last = CorrectionPlace(
      time: Int64(bitPattern: values[3]), minute: Int64(bitPattern: values[4]),
      width: UInt32(truncatingIfNeeded: values[5]), shard: UInt32(truncatingIfNeeded: values[6]), ad: values[7],
      run: values[8], reason: UInt8(truncatingIfNeeded: values[9]))
  }

  private static func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    for i in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - i)))) }
  }

  private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}

extension CorrectionPlace {
  fileprivate init(time: Int64, minute: Int64, width: UInt32, shard: UInt32, ad: UInt64, run: UInt64, reason: UInt8) {
    (self.time, self.minute, self.width) = (time, minute, width)
    (self.shard, self.ad, self.run, self.reason) = (shard, ad, run, reason)
  }
}

/// One page of the corrections of many ads.
struct CorrectionPage {
  /// The rows of the page, the oldest change first.
  private(set) var rows: [(place: CorrectionPlace, ad: Int, correction: Correction)] = []
  /// Corrections of the whole range, what they come to in minute rows, and which part of it is credits.
  private(set) var total = 0
  private(set) var change: Int64 = 0
  private(set) var credits: Int64 = 0
  /// The place behind which the next page begins; nil on the last.
  private(set) var last: CorrectionPlace?

  /// The page behind `start`, of what the shards hold of `ads` in rows whose buckets begin in `from ..< to`. Throws `FormatError`
  /// where a file is damaged, `SystemError` where the disk does not answer.
  init(
    of ads: [AdKey], from: Minute, to: Minute, behind start: CorrectionPlace?, limit: Int, over tables: ShardTables
  ) throws {
    for (shard, table) in tables.tables.enumerated() {
      try table.forEachCorrection(of: ads, from: from, to: to) { ad, row in
        total += 1
        if row.bucketSeconds == 60 { change += row.change }
        if row.isCredit { credits += row.change }
        let place = CorrectionPlace(row, of: ads[ad], in: shard)
        if let start, place <= start { return }
        rows.append((place, ad, row))
        if rows.count >= 2 * limit + 2 { keep(limit + 1) }
      }
    }
    keep(limit + 1)
    if rows.count > limit {
      rows.removeLast()
      last = rows.last?.place
    }
  }

  private mutating func keep(_ count: Int) {
    rows.sort { $0.place < $1.place }
    if rows.count > count { rows.removeLast(rows.count - count) }
  }
}
