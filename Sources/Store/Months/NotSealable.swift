import Clicks

/// What keeps a month of a shard from being sealed.
package enum SealObstacle: Equatable, Sendable {
  /// Minutes from this one on are not closed.
  case open(from: Int64)
  /// Minutes from this one on were never recounted.
  case notRecounted(from: Int64)
  /// Clicks came since the last recount, of these days; nil where there are too many to tell.
  case changed(days: [Int64]?)
  /// Rows of hours or days are not the sums of their minutes.
  case uneven(String)
}

/// A month cannot be sealed now.
package struct NotSealable: Error, CustomStringConvertible {
  package var month: Month
  package var obstacle: SealObstacle

  package var description: String { "\(month) cannot be sealed: \(obstacle)" }
}
