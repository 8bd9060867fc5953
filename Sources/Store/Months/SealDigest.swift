import Bytes
import Clicks

/// Goes over the rows of a month in their order and digests them.
struct SealDigest {
  private let hasher = SHA256()
  private var piece = ByteWriter()
  private(set) var rows: UInt64 = 0
  private(set) var clicks: UInt64 = 0
  private(set) var ads: UInt64 = 0
  private var lastCode: UInt32?

  /// `table`: `minutes` or `days`.
  init(_ table: String, of month: Month) {
    hasher.begin()
    hasher.add(Array("tally seal 1 \(table) \(month)\n".utf8))
  }

  mutating func add(_ row: RowCount, key: AdKey) {
    piece.append(key.rawValue)
    piece.append(row.bucket)
    piece.append(row.count)
    rows += 1
    clicks &+= row.count
    if row.code != lastCode { ads += 1 }
    lastCode = row.code
    if piece.bytes.count >= 1 << 16 { flush() }
  }

  private mutating func flush() {
    hasher.add(piece.bytes)
    piece = ByteWriter()
  }

  mutating func finish() -> [UInt8] {
    flush()
    return hasher.finish()
  }
}
