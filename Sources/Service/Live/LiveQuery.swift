import Clicks
import Query

// What a client of the stream of one ad asks for:
//
//   from             the first minute that is watched; without it the sixty minutes up to now
//   since            ASOF of an answer that it has, which was about these minutes
//   Last-Event-ID    FROM;CLOSED;REVISION;ASOF of the last whole round it has seen, of one moment: the first minute watched, the
//                    minute before which all were closed, the revision of the tables, the positions of the shards
//
// At the same positions and the same revision the tables hold the same counts, so a client that comes back to them misses only what
// was closed meanwhile. At others it gets the points of its window again: they are totals, so a repeated one does no harm. Where the
// revision is another one, counts may have become less: then the minutes without clicks are told too. Who does not say the revision,
// with `since` or an id of an earlier version, has seen the current one if clicks have come since it began, and he saw them.

/// A checked request for the live points of one ad.
package struct LiveQuery: Sendable {
  package var adID: AdID
  package var ad: AdKey
  /// The first minute that is watched.
  package var from: Minute
  /// What the client has seen; nil where it comes new.
  package var seen: LiveMark?

  /// The longest time that a stream watches, minutes: 48 hours, as long as clicks may be late by default.
  package static let maximumMinutes = WatchQuery.maximumMinutes
  /// Minutes that are watched where the client does not say.
  package static let defaultMinutes = WatchQuery.defaultMinutes
}

/// A moment of a stream, as its events carry it.
package struct LiveMark: Hashable, Sendable {
  package var from: Minute
  package var closed: Minute
  /// Of all tables together; nil where nobody has said it.
  package var revision: UInt64?
  /// As `Series.asOfText` writes it.
  package var asOf: String

  package init(from: Minute, closed: Minute, revision: UInt64?, asOf: String) {
    self.from = from
    self.closed = closed
    self.revision = revision
    self.asOf = asOf
  }

  /// Reads what `text` writes, or an earlier version wrote; nil for anything else.
  package init?(_ text: String) {
    var parts = text.split(separator: ";", omittingEmptySubsequences: false)
    guard text.utf8.count <= 4_096, 3...4 ~= parts.count, let from = Int64(parts[0]), let closed = Int64(parts[1]),
      0...(1 << 40) ~= from, 0...(1 << 40) ~= closed
    else { return nil }
    let asOf = String(parts.removeLast())
    var revision: UInt64?
    if parts.count == 3 {
      guard let number = UInt64(parts[2]) else { return nil }
      revision = number
    }
    self.init(from: Minute(index: from), closed: Minute(index: closed), revision: revision, asOf: asOf)
  }

  package var text: String { "\(from.index);\(closed.index);\(revision.map { "\($0);" } ?? "")\(asOf)" }
}

/// A moment of a stream over several ads: `REVISION;ASOF`.
package struct WatchMark: Hashable, Sendable {
  package var revision: UInt64
  package var asOf: AsOf

  package init(revision: UInt64, asOf: AsOf) {
    self.revision = revision
    self.asOf = asOf
  }

  /// Reads what `text` writes; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
    guard parts.count == 2, let revision = UInt64(parts[0]), let asOf = AsOf(String(parts[1])) else { return nil }
    self.init(revision: revision, asOf: asOf)
  }

  package var text: String { "\(revision);\(asOf.text)" }
}
