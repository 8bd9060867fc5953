// The problems that a click can end in.

extension Problem {
  static let badSignature = Problem(
    403, "bad-signature", "The signature does not hold", "no active key made this signature for this ad and impression")
  static let paused = Problem(410, "paused", "The ad is paused", "the ad is paused and has no fallback")
  /// 503: a bounded queue is full; nothing was done.
  static let overloaded = Problem(
    503, "overloaded", "The server is overloaded", "a queue is full; nothing was done, try again",
    headers: [("Retry-After", "1")])
}
