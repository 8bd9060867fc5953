import Bytes
import Clicks

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
