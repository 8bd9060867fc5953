import Clicks
import HTTP
import JSON
import Traffic

/// Reads the counts back the way an advertiser would: over HTTP, ad by ad.
package struct TableReader {
  private let client: HTTPClient
  private let token: String

  /// Why the counts cannot be had.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  /// A reader with a bearer token that may read every ad.
  package init(_ address: String, token: String) throws {
    client = try HTTPClient(address)
    self.token = token
  }

  /// Every count of the given ads in `from ..< to` (ms since 1970), by ad and minute.
  package func counts(of ads: [AdID], from: Int64, to: Int64) throws -> [AdMinute: Int] {
    var counts: [AdMinute: Int] = [:]
    for ad in ads {
      var cursor: String?
      repeat {
        var target = "/api/v1/ads/\(ad)/aggregates?granularity=minute&from=\(from)&to=\(to)"
        if let cursor { target += "&cursor=\(PercentCoding.encode(cursor))" }
        let response = try client.request("GET", target, headers: [("Authorization", "Bearer \(token)")])
        // An ad that is in no catalog and was never clicked has no counts.
        if response.status == 404 { break }
        guard response.status == 200 else {
          throw Failure(description: "\(target): \(response.status) \(response.text)")
        }
        let answer = try JSONReader.read(response.body)
        for point in answer["series"]?.elements ?? [] {
          guard let clicks = point["clicks"]?.integer, let time = point["minute"]?.text.flatMap({ Timestamp.parse($0) })
          else {
            throw Failure(
              description: "\(target): no count of a minute: \(String(decoding: point.encoded(), as: UTF8.self))")
          }
          if clicks != 0 { counts[AdMinute(ad, Minute(containing: time)), default: 0] += clicks }
        }
        cursor = answer["next"]?.text
      } while cursor != nil
    }
    return counts
  }
}
