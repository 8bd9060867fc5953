import Bytes
import Clicks
import Files
import Platform
import Runs

// A sealed month (R8). From the manifest record on that says so, its rows never change: what would have changed one is a
// credit beside it (`Corrections`), and what counts is   row + Σ credits.   The record carries what the rows were, so that
// anybody can see that they are the same still:
//
//   minutes   SHA-256 over the text "tally seal 1 minutes 2026-10\n" and the minute rows, by (ad code, minute)
//   days      SHA-256 over the text "tally seal 1 days 2026-10\n" and the day rows, by (ad code, day)
//
//   a row     u64 ad key   i64 bucket: minutes or days since 1970   u64 clicks, little-endian; none of 0 clicks
//
// Minute rows go with their retention, day rows stay: the second digest can be checked for ever. See Formats/seals.md.

/// What a shard keeps of a month that is frozen.
package struct MonthSeal: Equatable, Sendable {
  package var month: Month
  /// Logical ms since 1970.
  package var time: Int64
  /// Minute rows; 0 where some had gone already.
  package var rows: UInt64
  /// Clicks of the day rows.
  package var clicks: UInt64
  /// Ads with clicks.
  package var ads: UInt64
  /// SHA-256 of the minute rows; 32 zero bytes where some of them had gone already.
  package var minutes: [UInt8]
  /// SHA-256 of the day rows.
  package var days: [UInt8]

  package init(
    month: Month, time: Int64, rows: UInt64, clicks: UInt64, ads: UInt64, minutes: [UInt8], days: [UInt8]
  ) {
    precondition(minutes.count == Self.digestBytes && days.count == Self.digestBytes)
    self.month = month
    self.time = time
    self.rows = rows
    self.clicks = clicks
    self.ads = ads
    self.minutes = minutes
    self.days = days
  }

  /// Bytes of a digest.
  package static let digestBytes = 32

  /// What stands for the digest of minute rows that are gone.
  package static let noMinutes = [UInt8](repeating: 0, count: digestBytes)

  /// The digest of the month over all shards of a store: SHA-256 over a line of text for each, in their order.
  package static func digest(of seals: [MonthSeal], by hasher: SHA256 = SHA256()) -> [UInt8] {
    var text = "tally seal 1 month \(seals.first.map { "\($0.month)" } ?? "")\n"
    for (shard, seal) in seals.enumerated() {
      text +=
        "\(shard) \(seal.ads) \(seal.rows) \(seal.clicks) \(Hex.encode(seal.minutes)) \(Hex.encode(seal.days))\n"
    }
    return hasher.digest(Array(text.utf8))
  }
}

/// Which months of a shard are sealed.
package struct SealedMonths: Equatable, Sendable {
  /// Ascending.
  package private(set) var seals: [MonthSeal] = []
  /// Their minutes, ascending; months that follow one another make one range.
  private var ranges: [Range<Int64>] = []

  package init(_ seals: [MonthSeal] = []) { for seal in seals { insert(seal) } }

  /// What is kept of a month; nil where it is not sealed.
  package func seal(of month: Month) -> MonthSeal? { seals.first { $0.month == month } }

  package var isEmpty: Bool { seals.isEmpty }

  /// Whether the minute is of one.
  package func contains(minute: Int64) -> Bool {
    guard let last = ranges.last, minute < last.upperBound else { return false }
    return ranges.contains { $0.contains(minute) }
  }

  /// Whether all of these minutes are; some at least.
  package func contains(_ minutes: Range<Int64>) -> Bool {
    !minutes.isEmpty && ranges.contains { $0.lowerBound <= minutes.lowerBound && minutes.upperBound <= $0.upperBound }
  }

  /// Whether some of these minutes are.
  package func overlaps(_ minutes: Range<Int64>) -> Bool { ranges.contains { $0.overlaps(minutes) } }

  mutating func insert(_ seal: MonthSeal) {
    seals.append(seal)
    seals.sort { $0.month < $1.month }
    ranges = []
    for month in seals.map(\.month) {
      if let last = ranges.last, last.upperBound == month.minutes.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<month.minutes.upperBound
      } else {
        ranges.append(month.minutes)
      }
    }
  }
}

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

extension Version {
  /// The day rows of a month: those of rolled-up days, and the sums of minutes of the others.
  func dayRows(of month: Month) throws -> RowStream { try wideRows(.days, in: month.days) }

  /// The same of hours or days in `buckets`.
  private func wideRows(_ key: RunTableKey, in buckets: Range<Int64>) throws -> RowStream {
    let width = Int64(key.bucketSeconds) / 60
    let border = rolledUp > .min ? rolledUp * 1_440 / width : .min
    let middle = min(max(buckets.lowerBound, border), buckets.upperBound)
    let (wide, minutes) = (buckets.lowerBound..<middle, middle * width..<buckets.upperBound * width)
    return try RowStream.sum([
      RowStream(table(key).limited(to: wide)).limited(to: wide),
      RowStream(table(.minutes).limited(to: minutes)).limited(to: minutes).widened(by: width),
    ])
  }

  /// Holds the hour rows of a month against its minutes, where all of these are there. Throws `FormatError` for `directory`
  /// where they differ.
  func checkHours(of month: Month, _ state: ManifestState, directory: String, row: () throws -> Void) throws {
    guard state.minutesFrom <= month.minutes.lowerBound else { return }
    let hours = month.minutes.lowerBound / 60..<month.minutes.upperBound / 60
    let narrow = try RowStream(table(.minutes).limited(to: month.minutes)).limited(to: month.minutes)
    try RowStream.compare(wideRows(.hours, in: hours), narrow.widened(by: 60)) { found, have, due in
      try row()
      guard have == due else {
        throw FormatError(
          file: directory, offset: 0,
          reason: "hour \(found.bucket) of ad code \(found.code) has \(have) clicks, its minutes \(due)")
      }
    }
  }

  /// The seal of a month as its rows are now; minute rows are held against the day rows on the way, and `row` is told how
  /// many of them were read. Throws `FormatError` for `directory` where they differ, or a row has no ad.
  func seal(
    _ month: Month, at time: Int64, _ state: ManifestState, key: @escaping (UInt32) -> AdKey?, directory: String,
    row: (_ minutes: UInt64) throws -> Void = { _ in }
  ) throws -> MonthSeal {
    var (days, minutes) = (SealDigest("days", of: month), SealDigest("minutes", of: month))
    func ad(_ row: RowCount) throws -> AdKey {
      guard let ad = key(row.code) else {
        throw FormatError(file: directory, offset: 0, reason: "ad code \(row.code) has clicks, and no ad")
      }
      return ad
    }
    // Minutes that are gone leave the days alone.
    let isWhole = state.minutesFrom <= month.minutes.lowerBound
    guard isWhole else {
      let stream = try dayRows(of: month)
      while let found = try stream.next() {
        try row(0)
        days.add(found, key: try ad(found))
      }
      return MonthSeal(
        month: month, time: time, rows: 0, clicks: days.clicks, ads: days.ads, minutes: MonthSeal.noMinutes,
        days: days.finish())
    }
    var fault: (any Error)?
    let narrow = try RowStream(table(.minutes).limited(to: month.minutes)).limited(to: month.minutes).passing { row in
      do { minutes.add(row, key: try ad(row)) } catch { fault = fault ?? error }
    }
    try RowStream.compare(dayRows(of: month), narrow.widened(by: 1_440)) { found, have, due in
      try row(minutes.rows)
      guard have == due else {
        throw FormatError(
          file: directory, offset: 0,
          reason: "day \(found.bucket) of ad code \(found.code) has \(have) clicks, its minutes \(due)")
      }
      days.add(RowCount(code: found.code, bucket: found.bucket, count: have), key: try ad(found))
    }
    if let fault { throw fault }
    return MonthSeal(
      month: month, time: time, rows: minutes.rows, clicks: days.clicks, ads: days.ads, minutes: minutes.finish(),
      days: days.finish())
  }
}
