import Clicks
import Query

// What a client of a stream asks for:
//
//   from             the first minute that is watched; without it the sixty minutes up to now
//   since            ASOF of an answer that it has, which was about these minutes
//   Last-Event-ID    FROM;CLOSED;ASOF of the last whole round it has seen, three things of that moment: the first minute
//                    watched, the minute before which all were closed, the positions of the shards
//
// At the same positions the table holds the same counts, so a client that comes back to them misses only what was closed
// meanwhile. At others anything may have changed, and it gets the points of its window again: they are totals, so a
// repeated one does no harm.

/// A checked request for the live points of one ad.
package struct LiveQuery: Sendable {
  package var adID: AdID
  package var ad: AdKey
  /// The first minute that is watched.
  package var from: Minute
  /// What the client has seen; nil where it comes new.
  package var seen: LiveMark?

  /// The longest time that a stream watches, minutes: 48 hours, as long as clicks may be late by default.
  package static let maximumMinutes: Int64 = 48 * 60
  /// Minutes that are watched where the client does not say.
  package static let defaultMinutes: Int64 = 60
}

/// A moment of a stream, as its events carry it.
package struct LiveMark: Hashable, Sendable {
  package var from: Minute
  package var closed: Minute
  /// As `Series.asOfText` writes it.
  package var asOf: String

  package init(from: Minute, closed: Minute, asOf: String) {
    self.from = from
    self.closed = closed
    self.asOf = asOf
  }

  /// Reads what `text` writes; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
    guard text.utf8.count <= 4_096, parts.count == 3, let from = Int64(parts[0]), let closed = Int64(parts[1]),
      0...(1 << 40) ~= from, 0...(1 << 40) ~= closed
    else { return nil }
    self.init(from: Minute(index: from), closed: Minute(index: closed), asOf: String(parts[2]))
  }

  /// Whether a text is one that `Series.asOfText` may write.
  static func isPositions(_ text: String) -> Bool {
    text.utf8.count <= 4_096
      && text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
        let sides = part.split(separator: ":", omittingEmptySubsequences: false)
        return sides.count == 2 && sides.allSatisfy { UInt64($0) != nil }
      }
  }

  package var text: String { "\(from.index);\(closed.index);\(asOf)" }
}
