/// How a request to `/click` ended. Every request ends in exactly one of these, and their counters sum to the requests: those
/// to `/click` and those that ended before it could be read what they were for, which are malformed. A number once given stays.
package enum Verdict: UInt8, CaseIterable, Sendable {
  /// Counted, and durable before the answer left.
  case valid
  /// The same (ad, impression) was counted before; not counted again.
  case duplicate
  /// Minted longer ago than the impression lifetime, or too far in the future; not counted.
  case expired
  /// A prefetch, prerender or preview; not counted, the real navigation comes again.
  case prefetch
  /// A HEAD request; not counted.
  case head
  /// The signature is not one of an active key's; not counted.
  case badSignature
  /// The ad is paused; not counted.
  case paused
  /// No such ad; not counted.
  case unknownAd
  /// A parameter is missing or wrong, or the request cannot be read; not counted.
  case malformed
  /// The click cannot be written (disk full, ring full, log stopped): redirected, not counted.
  case unrecorded
  /// Its batch failed in write or sync, or took longer than the commit deadline: counts 0 or 1 times, a retry settles it.
  case unknown
  /// A robot or link previewer that says so in its user agent: redirected, not counted.
  case bot
  /// The question of a browser whether it may send a POST; not counted.
  case preflight

  /// The name in answers, metrics and documents.
  package var name: String {
    switch self {
    case .valid: "valid"
    case .duplicate: "duplicate"
    case .expired: "expired"
    case .prefetch: "prefetch"
    case .head: "head"
    case .badSignature: "bad-signature"
    case .paused: "paused"
    case .unknownAd: "unknown-ad"
    case .malformed: "malformed"
    case .unrecorded: "unrecorded"
    case .unknown: "unknown"
    case .bot: "bot"
    case .preflight: "preflight"
    }
  }
}
