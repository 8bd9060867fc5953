import Clicks

/// The traffic of the reference design: how much of what, and the server's settings that it goes by. Times in milliseconds.
package struct ReferenceOptions: Sendable {
  /// Ads beside the viral one, spread by Zipf's law: `ad-00000000`, the heaviest, and so on; the viral one is behind the last.
  package var ads = 10_000_000
  package var exponent = 1.0
  /// How long the traffic goes on, which is what the viral ad's time is a part of.
  package var length: Int64 = 7_200_000
  /// What the server was given: `--impression-lifetime`, `--dedup-horizon`, `--max-lateness`.
  package var lifetime: Int64 = 1_200_000
  package var horizon: Int64 = 300_000
  package var lateness: Int64 = 900_000

  /// Impressions that are clicked again, one to three times, up to `lifetime` after the first copy.
  package var repeated = 0.04
  /// Impressions whose id carries no minting time. Of their repeats half come behind the dedup horizon, where only the recount finds
  /// them.
  package var untimed = 0.05
  /// Impressions that are sent two to four times at once.
  package var bursts = 0.005
  /// Robots, prefetches, HEAD requests and forged links; half of these impressions are clicked soon after.
  package var robots = 0.02
  package var prefetches = 0.01
  package var heads = 0.005
  package var forged = 0.005
  /// The viral ad's part of the clicks in its time, which is a part of `length`, and before and after.
  package var viral = 0.3
  package var viralTime = 0.25..<0.45
  package var viralRest = 0.001

  /// Lines of a late batch that are right, that are too old, and whose signature is not; the time between two batches.
  package var batchLines = 400
  package var batchTooOld = 5
  package var batchForged = 2
  package var batchPause: Int64 = 2_000

  package init() {}

  /// An ad's id. Their order as texts is that of their numbers.
  package static func name(_ ad: UInt32) -> [UInt8] {
    var digits = [UInt8](repeating: 0x30, count: 8)
    var rest = ad
    for place in stride(from: 7, through: 0, by: -1) {
      digits[place] = 0x30 + UInt8(rest % 10)
      rest /= 10
    }
    precondition(rest == 0, "ad \(ad) has more than eight digits")
    return Array("ad-".utf8) + digits
  }

  /// The number of an ad's id; nil where it is none.
  package static func ad(_ name: some Collection<UInt8>) -> UInt32? {
    guard name.count == 11, name.starts(with: "ad-".utf8) else { return nil }
    var number: UInt32 = 0
    for digit in name.dropFirst(3) {
      guard 0x30...0x39 ~= digit else { return nil }
      number = number * 10 + UInt32(digit - 0x30)
    }
    return number
  }

  /// Ads of one campaign, so that a question is about one.
  package static let adsOfCampaign = 40_000

  /// A campaign's id.
  package static func campaign(_ number: Int) -> String { "campaign-\(number)" }
}
