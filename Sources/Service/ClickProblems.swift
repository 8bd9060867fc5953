import Catalog

// The problems that a click can end in.

extension Problem {
  /// 400: a link whose parameters cannot be read; all that is wrong with them at once.
  static func malformedLink(_ faults: [(parameter: String, detail: String)]) -> Problem {
    .invalid(faults, code: "malformed")
  }

  static let badSignature = Problem(
    403, "bad-signature", "The signature does not hold", "no active key made this signature for this ad and impression")
  static let paused = Problem(410, "paused", "The ad is paused", "the ad is paused and has no fallback")
  /// A request that the event loop refuses before any route sees it: broken framing, limits, timeouts.
  static func refused(_ status: Int) -> Problem {
    let (code, detail) =
      switch status {
      case 408: ("request-timeout", "the request did not arrive in time")
      case 413: ("body-too-large", "the body is larger than this route accepts")
      case 414: ("target-too-long", "the request target is too long")
      case 417: ("expectation-failed", "only 100-continue can be expected")
      case 431: ("head-too-large", "the header fields are too many or too long")
      case 501: ("not-implemented", "the transfer coding is not implemented")
      case 505: ("version-not-supported", "this server speaks HTTP/1.0 and HTTP/1.1")
      default: ("malformed-request", "the bytes are no HTTP/1.1 request")
      }
    return Problem(status, code, "The request was refused", detail)
  }

  /// 503: the catalog could not say where a click goes. Nothing was counted, and a repeat may be.
  init(lookingUp error: any Error) {
    if case .damagedRow? = error as? CatalogError {
      self = Problem(
        503, "ad-damaged", "The ad cannot be read", "the ad's entry in the catalog is damaged; nothing was counted",
        headers: [("Retry-After", "60")])
    } else {
      self = Problem(
        503, "catalog-failed", "The ad cannot be read", "the catalog does not answer; nothing was counted, try again",
        headers: [("Retry-After", "1")])
    }
  }

  /// 503: a bounded queue is full; nothing was done.
  static let overloaded = Problem(
    503, "overloaded", "The server is overloaded", "a queue is full; nothing was done, try again",
    headers: [("Retry-After", "1")])
}
