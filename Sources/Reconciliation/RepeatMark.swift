import Clicks

/// A click that repeats an earlier one of its identity (ad code, impression): it is marked, and counts no longer.
package struct RepeatMark: Hashable, Sendable {
  /// The ad code and the minute that it would count in.
  package var code: UInt32
  package var minute: Minute
  /// Its position in the shard's log.
  package var position: UInt64
  /// Why it is marked.
  package var origin: Origin
  /// Where the latest copy received before it is.
  package var earlier: EarlierCopy

  package enum Origin: Hashable, Sendable {
    /// This merge found it.
    case found
    /// An earlier recount recorded it, and no segment has its mark yet.
    case recorded
    /// The input has the mark.
    case kept
  }

  package enum EarlierCopy: Hashable, Sendable {
    /// At this position, in an input or in an older segment.
    case at(UInt64)
    /// In no segment that was asked: its raw click has retired.
    case gone
  }

  package init(code: UInt32, minute: Minute, position: UInt64, origin: Origin, earlier: EarlierCopy) {
    self.code = code
    self.minute = minute
    self.position = position
    self.origin = origin
    self.earlier = earlier
  }
}
