import Clicks

/// A click whose id had a time in its bits that was still to come when it was received: more than the mint tolerance ahead (R21).
/// Once that time has come the id looks like any other, and must still be routed to where this click was counted.
package struct EarlyClick: Hashable, Sendable {
  package var identity: ClickIdentity
  /// It was received at this time, ms since 1970, or before.
  package var received: Int64

  package init(identity: ClickIdentity, received: Int64) {
    self.identity = identity
    self.received = received
  }

  /// The time in its bits.
  package var time: Int64 { identity.impression.timeInBits ?? .min }

  /// Whether an id that was received at `received` is early.
  package static func isEarly(_ impression: ImpressionID, received: Int64) -> Bool {
    guard let time = impression.timeInBits else { return false }
    return time >= ImpressionID.earliestMinting && time > received &+ EventTimeLimits.mintTolerance
  }
}
