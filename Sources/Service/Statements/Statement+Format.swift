import Bytes
import Clicks
import JSON

// A statement as text. The same statement gives the same bytes: nothing in it but what was sealed, and the credits.

extension Statement {
  /// How a statement is written.
  package enum Format: String, Sendable, CaseIterable {
    case json, csv

    package var mediaType: StaticString {
      switch self {
      case .json: "application/json"
      case .csv: "text/csv; charset=utf-8; header=present"
      }
    }
  }

  /// The statement in `format`.
  package func rendered(_ format: Format, by hasher: SHA256 = SHA256()) -> [UInt8] {
    switch format {
    case .csv: return csv
    case .json:
      var text: [UInt8] = []
      json(by: hasher).append(to: &text)
      text.append(0x0A)
      return text
    }
  }

  /// A row for each ad and day; ids and keys need no quotes. The digest is told beside it.
  private var csv: [UInt8] {
    var text = Array("month,advertiserId,adId,adKey,day,clicks,credits,total\r\n".utf8)
    for ad in ads {
      for day in ad.days {
        text +=
          "\(month),\(name),\(ad.id?.text ?? ""),\(Hex.encode(ad.key.rawValue)),\(Self.date(day.day)),\(day.clicks),"
          .utf8
        text += "\(day.credits),\(Int64(clamping: day.clicks) &+ day.credits)\r\n".utf8
      }
    }
    return text
  }

  /// For programs.
  package func json(by hasher: SHA256 = SHA256()) -> JSONValue {
    func sums(_ clicks: UInt64, _ credits: Int64) -> [JSONValue.Member] {
      [
        .init("clicks", .integer(clicks)), .init("credits", .integer(credits)),
        .init("total", .integer(Int64(clamping: clicks) &+ credits)),
      ]
    }
    let head: [JSONValue.Member] = [
      .init("month", .string("\(month)")), .init("advertiserId", .optional(advertiserID)),
      .init("sealedAt", .string(Timestamp.format(sealedAt))),
    ]
    let rows = ads.map { ad in
      JSONValue.object(
        [.init("adId", .optional(ad.id?.text)), .init("adKey", .string(Hex.encode(ad.key.rawValue)))]
          + sums(ad.clicks, ad.credits)
          + [
            .init(
              "days",
              .array(
                ad.days.map { .object([.init("day", .string(Self.date($0.day)))] + sums($0.clicks, $0.credits)) }))
          ])
    }
    return .object(
      head + sums(clicks, credits) + [.init("digest", .string(digest(by: hasher))), .init("ads", .array(rows))])
  }

  /// One line of a month's list of advertisers.
  package func summary(by hasher: SHA256 = SHA256()) -> JSONValue {
    .object([
      "advertiserId": .optional(advertiserID), "ads": .integer(ads.count), "clicks": .integer(clicks),
      "credits": .integer(credits), "total": .integer(total), "digest": .string(digest(by: hasher)),
    ])
  }
}
