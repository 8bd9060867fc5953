import Clicks
import HTTP
import JSON

// The counts of all ads as anybody gets them: campaign by campaign, a line of CSV for each ad and minute that has clicks.
//
//   adId,minute,clicks,status,credits
//   ad-00000012,2026-12-01T01:22:00Z,7,reconciled,0

/// Reads the counts of all ads over HTTP.
package struct ServedCounts {
  private let client: HTTPClient
  private let token: String
  /// Points that no recount has seen.
  package private(set) var unreconciled = 0

  /// Why the counts cannot be had.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  /// A reader with a bearer token that may read every ad.
  package init(_ address: String, token: String) throws {
    client = try HTTPClient(address, readTimeout: 120_000_000_000)
    self.token = token
  }

  /// Hands over the counts of the first `ads` ads in `from ..< to` (ms), in the order of ads and minutes; after each campaign `ended`
  /// hears that no ad below is still to come.
  package mutating func read(
    ads: Int, from: Int64, to: Int64, count: (AdCount) -> Void, ended: (_ below: UInt32) -> Void
  ) throws {
    let campaigns = (ads + ReferenceOptions.adsOfCampaign - 1) / ReferenceOptions.adsOfCampaign
    for campaign in 0..<campaigns {
      var cursor: String?
      repeat {
        var target =
          "/api/v1/aggregates?campaignId=\(ReferenceOptions.campaign(campaign))&groupBy=ad&granularity=minute"
          + "&from=\(from)&to=\(to)&format=csv&limit=100000"
        if let cursor { target += "&cursor=\(PercentCoding.encode(cursor))" }
        let response = try client.request("GET", target, headers: [("Authorization", "Bearer \(token)")])
        guard response.status == 200 else {
          throw Failure(description: "\(target): \(response.status) \(response.text)")
        }
        try Self.parse(response.body, &unreconciled, count)
        cursor = response.headers.first { $0.name.lowercased() == "x-tally-next" }?.value
      } while cursor != nil
      ended(UInt32(min(ads, (campaign + 1) * ReferenceOptions.adsOfCampaign)))
    }
  }

  /// Reads a page of CSV.
  package static func parse(_ body: [UInt8], _ unreconciled: inout Int, _ count: (AdCount) -> Void) throws {
    var isHead = true
    for line in body.split(separator: 0x0A) {
      let fields = line.split(separator: 0x2C, omittingEmptySubsequences: false)
      if isHead {
        isHead = false
        guard line.starts(with: "adId,minute,clicks,status,credits".utf8) else {
          throw Failure(description: "another table: \(String(decoding: line, as: UTF8.self))")
        }
        continue
      }
      guard fields.count == 5, let ad = ReferenceOptions.ad(fields[0]), let minute = minute(fields[1]),
        let clicks = number(fields[2])
      else { throw Failure(description: "no count: \(String(decoding: line, as: UTF8.self))") }
      if !fields[3].elementsEqual("reconciled".utf8) { unreconciled += 1 }
      if clicks > 0 { count(AdCount(ad: ad, minute: minute, clicks: clicks)) }
    }
  }

  /// `2026-12-01T01:22:00Z`.
  private static func minute(_ text: ArraySlice<UInt8>) -> Minute? {
    let start = text.startIndex
    guard text.count == 20, let year = number(text[start..<start + 4]), let month = number(text[start + 5..<start + 7]),
      let day = number(text[start + 8..<start + 10]), let hour = number(text[start + 11..<start + 13]),
      let minute = number(text[start + 14..<start + 16]), 1...12 ~= month, 1...31 ~= day
    else { return nil }
    let days = Timestamp.days(fromCivil: Int64(year), Int64(month), Int64(day))
    return Minute(index: days * 1_440 + Int64(hour * 60 + minute))
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var number = 0
    for digit in digits {
      guard 0x30...0x39 ~= digit, number < 1 << 53 else { return nil }
      number = number * 10 + Int(digit - 0x30)
    }
    return digits.isEmpty ? nil : number
  }
}
