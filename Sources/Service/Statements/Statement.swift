import Bytes
import Clicks
import Store

// What an advertiser is billed for a sealed month: the clicks of each ad on each day as they were sealed, and beside them the
// credits that came since.
//
//     total = clicks, which never change  +  credits
//
// The digest is over the clicks alone, so it is that of the statement that was sent, whatever came since: SHA-256 of
//
//     tally statement 1 2026-10 acme            ~unknown for ads that the catalog does not know
//     73475cb40a568e8d 2026-10-01 1234          ad key, day, clicks: by key and day, rows without clicks left out
//
// each line with a newline behind it. See Formats/seals.md.

/// The statement of one advertiser, or of the ads without one.
package struct Statement: Sendable {
  /// An ad of it.
  package struct AdPart: Sendable {
    /// Nil where the catalog has no entry for the key.
    package var id: AdID?
    package var key: AdKey
    /// Ascending.
    package var days: [Day]

    package init(id: AdID?, key: AdKey, days: [Day]) {
      self.id = id
      self.key = key
      self.days = days
    }

    package var clicks: UInt64 { days.reduce(0) { $0 + $1.clicks } }
    package var credits: Int64 { days.reduce(0) { $0 + $1.credits } }
  }

  /// A day of an ad: since 1970.
  package struct Day: Sendable {
    package var day: Int64
    package var clicks: UInt64
    package var credits: Int64

    package init(day: Int64, clicks: UInt64, credits: Int64) {
      self.day = day
      self.clicks = clicks
      self.credits = credits
    }
  }

  package var month: Month
  /// Nil for the ads that the catalog does not know.
  package var advertiserID: String?
  /// When the last shard was sealed, ms since 1970.
  package var sealedAt: Int64
  /// By id; those without one behind them, by key. None without clicks and credits.
  package private(set) var ads: [AdPart]

  package init(month: Month, advertiserID: String?, sealedAt: Int64, ads: [AdPart]) {
    self.month = month
    self.advertiserID = advertiserID
    self.sealedAt = sealedAt
    self.ads = ads.filter { !$0.days.isEmpty }.sorted { a, b in
      (a.id == nil ? 1 : 0, a.id?.text ?? "", a.key.rawValue) < (b.id == nil ? 1 : 0, b.id?.text ?? "", b.key.rawValue)
    }
  }

  /// The name under which ads stand that the catalog does not know: no advertiser can have it.
  package static let unknownAdvertiser = "~unknown"

  /// How the advertiser is named.
  package var name: String { advertiserID ?? Self.unknownAdvertiser }

  package var clicks: UInt64 { ads.reduce(0) { $0 + $1.clicks } }
  package var credits: Int64 { ads.reduce(0) { $0 + $1.credits } }
  package var total: Int64 { Int64(clamping: clicks) &+ credits }

  /// The text whose SHA-256 the digest is.
  package var canonicalText: [UInt8] {
    var text = Array("tally statement 1 \(month) \(name)\n".utf8)
    for ad in ads.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      for day in ad.days where day.clicks > 0 {
        text += "\(Hex.encode(ad.key.rawValue)) \(Self.date(day.day)) \(day.clicks)\n".utf8
      }
    }
    return text
  }

  /// 64 hex digits.
  package func digest(by hasher: SHA256 = SHA256()) -> String { Hex.encode(hasher.digest(canonicalText)) }

  /// `2026-10-01`.
  static func date(_ day: Int64) -> String { String(Timestamp.format(day * 86_400_000, fraction: false).prefix(10)) }
}

extension Statement.AdPart {
  /// Days in any order, several of one day among them, as one of each day; none without clicks and credits.
  static func days(_ all: some Sequence<Statement.Day>) -> [Statement.Day] {
    var days: [Statement.Day] = []
    for day in all.sorted(by: { $0.day < $1.day }) {
      if let last = days.last, last.day == day.day {
        days[days.count - 1].clicks += day.clicks
        days[days.count - 1].credits += day.credits
      } else {
        days.append(day)
      }
    }
    return days.filter { $0.clicks > 0 || $0.credits != 0 }
  }
}
