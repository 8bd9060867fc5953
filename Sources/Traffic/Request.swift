import Clicks

/// One request to be sent, in a buffer that the client lends to its source and uses again.
package struct RequestPlan: Sendable {
  /// Given back with the outcome.
  package var tag: UInt64 = 0
  package var method = Method.get
  package var purpose = Purpose.none
  /// Whether a robot sends it, which says so. It has no purpose.
  package var isRobot = false
  /// Path and query, percent-encoded: what stands between the method and `HTTP/1.1`.
  package var target: [UInt8] = []

  package enum Method: UInt8, Sendable { case get, head }

  /// The header by which a browser says that nobody has clicked yet.
  package enum Purpose: UInt8, CaseIterable, Sendable {
    case none, prefetch, prerender, oldPrefetch, preview, mozPrefetch

    /// The header line, empty for a real navigation.
    package var line: String {
      switch self {
      case .none: ""
      case .prefetch: "Sec-Purpose: prefetch\r\n"
      case .prerender: "Sec-Purpose: prefetch;prerender\r\n"
      case .oldPrefetch: "Purpose: prefetch\r\n"
      case .preview: "X-Purpose: preview\r\n"
      case .mozPrefetch: "X-Moz: prefetch\r\n"
      }
    }
  }

  /// The header line of a robot.
  package static let robotLine =
    "User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)\r\n"

  package init() { target.reserveCapacity(256) }
}

/// What a source says when it is asked for a request.
package enum Supply: Sendable {
  /// The plan is filled; it is sent at once.
  case ready
  /// Nothing now: ask again after the next outcome, or in a millisecond.
  case idle
  /// Nothing any more.
  case done
}

/// Where requests come from. Called from the client's thread.
package protocol RequestSource: AnyObject {
  /// Fills `plan`, whose `target` is empty and whose other fields are those of a plain GET.
  func next(into plan: inout RequestPlan) -> Supply
}

/// Who learns how requests ended: each one given out ends exactly once. Called from the client's thread.
package protocol Observer: AnyObject {
  /// `latency` in nanoseconds: from the send in a closed loop, from the intended send in an open one.
  func finished(tag: UInt64, outcome: Outcome, latency: Int64)
}

/// How a request ended.
package struct Outcome: Hashable, Sendable {
  /// The status of the answer; 0 where there was none: the connection was lost or the time was up.
  package var status: Int
  /// `X-Tally-Verdict`; nil where it is missing or has another text.
  package var verdict: Verdict?
  /// `X-Tally-Time`, milliseconds since 1970; nil where it is missing or no time.
  package var eventTime: Int64?

  package init(status: Int, verdict: Verdict? = nil, eventTime: Int64? = nil) {
    self.status = status
    self.verdict = verdict
    self.eventTime = eventTime
  }

  /// Sent, at least in part, and never answered.
  package static let noAnswer = Outcome(status: 0)
}
