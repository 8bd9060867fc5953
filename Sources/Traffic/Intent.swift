import Clicks

/// What a request is meant to be, and so what may become of it.
package enum Intent: UInt8, CaseIterable, Sendable {
  /// A signed click of an active ad: counts once for its impression.
  case click
  case head
  case prefetch
  /// A robot that says so.
  case robot
  /// The signature is wrong: another digit, or another key.
  case forged
  /// The signature is too short.
  case truncated
  case unknownAd
  case pausedAd
  /// A parameter is missing.
  case malformed

  /// Whether the server may count it.
  package var counts: Bool { self == .click }

  /// The verdicts that an honest server may give it. `unrecorded` may befall whatever would have been counted.
  func allows(_ verdict: Verdict) -> Bool {
    switch self {
    case .click: [.valid, .duplicate, .unknown, .unrecorded].contains(verdict)
    case .head: verdict == .head
    case .prefetch: verdict == .prefetch
    case .robot: verdict == .bot
    case .forged: verdict == .badSignature
    case .truncated: verdict == .badSignature || verdict == .malformed
    case .unknownAd: verdict == .unknownAd
    case .pausedAd: verdict == .paused
    case .malformed: verdict == .malformed
    }
  }
}

extension Verdict {
  /// The statuses that may carry the verdict (`--on-bad-signature` and `--on-unknown-ad` may turn two into redirects).
  func allows(status: Int) -> Bool {
    switch self {
    case .valid, .duplicate, .expired, .head, .bot, .unrecorded, .unknown: status == 302
    case .preflight: status == 204
    case .prefetch: status == 503
    case .badSignature: status == 403 || status == 302
    case .paused: status == 410 || status == 302
    case .unknownAd: status == 404 || status == 302
    case .malformed: status == 400
    }
  }
}
