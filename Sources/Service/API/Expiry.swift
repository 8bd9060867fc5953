import Clicks

/// Until when something holds, as people say it: a moment (RFC 3339) or a time from now (`90d`).
package enum Expiry {
  /// What is accepted, in words to go behind a name.
  package static let rule =
    "must be RFC 3339, as 2027-01-31T00:00:00Z, or a time from now, as 12h or 90d, of ten years at most"

  private static let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
  /// The longest time from now, ms.
  private static let longest: Int64 = 3_653 * 86_400_000

  /// The moment, ms since 1970; nil where `text` says none.
  package static func read(_ text: String, now: Int64) -> Int64? {
    if let time = Timestamp.parse(text) { return time - now <= longest ? time : nil }
    let digits = text.dropLast()
    guard let unit = text.last.flatMap({ units[$0] }), 1...10 ~= digits.utf8.count,
      digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let count = Int64(digits), count <= longest / unit
    else { return nil }
    return now + count * unit
  }
}

extension Fields {
  /// A moment until which something holds; nil where it is absent.
  mutating func expiry(_ name: String, now: Int64) -> Int64? {
    guard let text = string(name) else { return nil }
    guard let time = Expiry.read(text, now: now) else {
      fault(name, Expiry.rule)
      return nil
    }
    return time
  }
}
