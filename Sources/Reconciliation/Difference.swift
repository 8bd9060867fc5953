import Clicks
import Segments

// The exact counts against the rows that are there: a merge of three streams in the order of (ad code, minute).
//
//     exact    from the raw clicks, each identity once
//     repeats  how many clicks of the key the recount left out as repeats
//     present  what the table says
//
//     present = exact                           no difference
//     exact < present ≤ exact + repeats         late repeat: the fold counted repeats that came behind the dedup horizon
//     present is 0, exact is not                missing
//     exact is 0, present is not                phantom
//     both are there and differ otherwise       damage
//
// The first that applies is the reason. A table from which the repeats were taken once before is equal to the exact
// counts, so running it again finds nothing.

/// Why a row was not what it had to be.
package enum DifferenceReason: String, CaseIterable, Sendable {
  /// The table counted repeats that came behind the dedup horizon.
  case lateRepeat = "late-repeat"
  /// Clicks are there, the row is not.
  case missing
  /// The row is there, no click is.
  case phantom
  /// The row has another number than there are clicks.
  case damage
}

/// A row that is not what the clicks say.
package struct Difference: Hashable, Sendable {
  package var code: UInt32
  package var minute: Minute
  /// What the table says; 0 where it has no row.
  package var present: UInt64
  /// What the clicks say.
  package var exact: UInt64
  package var reason: DifferenceReason

  package init(code: UInt32, minute: Minute, present: UInt64, exact: UInt64, reason: DifferenceReason) {
    self.code = code
    self.minute = minute
    self.present = present
    self.exact = exact
    self.reason = reason
  }

  /// What has to be added to the row. Wraps around where a damaged row has more than 2⁶³ clicks.
  package var change: Int64 { Int64(bitPattern: exact &- present) }
}

/// The differences between two streams, in order, one row of each in memory.
package final class DifferenceCursor {
  private let exact: any CountStream
  private let repeats: any CountStream
  private let present: any CountStream
  private var exactRow: SegmentSum?
  private var repeatRow: SegmentSum?
  private var presentRow: SegmentSum?
  private var isStarted = false

  /// Keys compared so far: those that either side has.
  package private(set) var rows: UInt64 = 0
  /// Clicks of the exact side so far.
  package private(set) var exactClicks: UInt64 = 0
  /// Clicks of the table so far; wraps around where damaged rows have more than 2⁶⁴ together.
  package private(set) var presentClicks: UInt64 = 0

  package init(exact: any CountStream, repeats: any CountStream, present: any CountStream) {
    self.exact = exact
    self.repeats = repeats
    self.present = present
  }

  /// The next row that differs; nil at the end.
  package func next() throws -> Difference? {
    if !isStarted {
      isStarted = true
      (exactRow, repeatRow, presentRow) = (try exact.next(), try repeats.next(), try present.next())
    }
    while let key = first(exactRow, presentRow) {
      var (due, have): (UInt64, UInt64) = (0, 0)
      if let row = exactRow, row.isSameRow(as: key) {
        due = row.clicks
        exactRow = try exact.next()
      }
      if let row = presentRow, row.isSameRow(as: key) {
        have = row.clicks
        presentRow = try present.next()
      }
      rows &+= 1
      exactClicks &+= due
      presentClicks &+= have
      if due == have { continue }
      let repeated = try repeats(of: key)
      return Difference(
        code: key.code, minute: key.minute, present: have, exact: due,
        reason: Self.reason(present: have, exact: due, repeats: repeated))
    }
    return nil
  }

  private func first(_ a: SegmentSum?, _ b: SegmentSum?) -> SegmentSum? {
    guard let a else { return b }
    guard let b else { return a }
    return b.precedes(a) ? b : a
  }

  private func repeats(of key: SegmentSum) throws -> UInt64 {
    while let row = repeatRow, row.precedes(key) { repeatRow = try repeats.next() }
    guard let row = repeatRow, row.isSameRow(as: key) else { return 0 }
    return row.clicks
  }

  /// Why a row differs; `present` and `exact` are not equal.
  package static func reason(present: UInt64, exact: UInt64, repeats: UInt64) -> DifferenceReason {
    if present > exact, present - exact <= repeats { return .lateRepeat }
    if present == 0 { return .missing }
    return exact == 0 ? .phantom : .damage
  }
}
