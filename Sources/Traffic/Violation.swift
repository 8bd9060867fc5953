import Clicks

/// An answer that no honest server gives, whatever was lost on the way.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, CaseIterable, Sendable {
    /// Two answers said `valid`, or one did after an earlier answer had settled the impression.
    case countedTwice = "counted twice"
    /// `duplicate`, though every other send of the impression was refused, or there was none.
    case duplicateOfNothing = "duplicate of nothing"
    /// The event time lies before the send or after the answer, by more than a second.
    case timeOutside = "event time outside the request"
    /// Two answers named different event times for one impression.
    case timeDiffers = "event time differs"
    /// `valid` or `duplicate` came without an event time.
    case timeMissing = "event time missing"
    /// A request that must not count was answered `valid`.
    case countedWrongly = "counted though it must not be"
    /// The verdict is not one that this kind of request may get.
    case wrongVerdict = "wrong verdict"
    /// The status does not fit the verdict.
    case wrongStatus = "wrong status"
  }

  package var kind: Kind
  package var ad: AdID
  package var impression: ImpressionID
  /// What was answered, and to what.
  package var detail: String

  package var description: String { "\(kind.rawValue): ad \(ad), impression \(impression): \(detail)" }
}

/// An ad and a minute: what a count belongs to.
package struct AdMinute: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var ad: AdID
  package var minute: Minute

  package init(_ ad: AdID, _ minute: Minute) {
    self.ad = ad
    self.minute = minute
  }

  package static func < (a: AdMinute, b: AdMinute) -> Bool {
    a.ad == b.ad ? a.minute < b.minute : a.ad.text < b.ad.text
  }

  package var description: String { "ad \(ad), \(minute)" }
}

/// A count that cannot be what the clients saw.
package struct Difference: Hashable, Sendable, CustomStringConvertible {
  package var ad: AdID
  /// Nil for the sum over all minutes of the ad.
  package var minute: Minute?
  package var expected: ClosedRange<Int>
  package var actual: Int

  package var description: String {
    let bounds =
      expected.count == 1 ? "\(expected.lowerBound)" : "\(expected.lowerBound) to \(expected.upperBound)"
    let distance =
      actual < expected.lowerBound
      ? "\(expected.lowerBound - actual) too few" : "\(actual - expected.upperBound) too many"
    return "ad \(ad), \(minute.map { "\($0)" } ?? "all minutes"): expected \(bounds), counted \(actual) (\(distance))"
  }
}
