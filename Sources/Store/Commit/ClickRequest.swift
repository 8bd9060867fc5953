import Clicks

// The two nouns of the commit path: what a shard is asked about a click, and what it answers.

/// A click as it reaches the committer.
package struct ClickRequest: Sendable {
  package var identity: ClickIdentity
  /// The click's own time in ms since 1970, or `onReceipt`.
  package var eventTime: Int64
  package var source: UInt16

  /// The time of receipt is the click's own time.
  package static let onReceipt = Int64.min

  @inlinable
  package init(identity: ClickIdentity, eventTime: Int64 = Self.onReceipt, source: UInt16 = 0) {
    self.identity = identity
    self.eventTime = eventTime
    self.source = source
  }
}

/// What the committer decided about a click.
package struct ClickAnswer: Equatable, Sendable {
  /// `valid`, `duplicate`, `unrecorded` or `unknown`.
  package var verdict: Verdict
  /// The event time under which the click, or the first copy of it, is counted; 0 where none is.
  package var eventTime: Int64

  package init(_ verdict: Verdict, eventTime: Int64 = 0) {
    self.verdict = verdict
    self.eventTime = eventTime
  }

  /// The click is another shard's: it is to be routed again by the newest table. Never the last word on a click.
  package static let misrouted = ClickAnswer(.unrecorded, eventTime: .min)

  package var isMisrouted: Bool { eventTime == .min }
}
