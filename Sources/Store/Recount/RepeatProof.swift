import Clicks

// A repeat is one because of an earlier copy of its identity. Who goes through all raw clicks sees which repeats have none, and
// of these the manifest has to tell, segment by segment (`EarlierCopies`): as many have lost their copies with raw clicks that
// have retired. One more was marked for no reason, and counts no longer; one fewer has lost its mark, and counts again.

/// The repeats without an earlier copy, held against what the manifest tells of them.
package struct RepeatProof: Equatable, Sendable {
  /// Segments of which more or fewer repeats have no earlier copy than clicks have retired.
  package var unproven: [UnprovenRepeats] = []
  /// Repeats whose earlier copies have retired, in the other segments.
  package var ofRetired: UInt64 = 0
  /// Those among them that were recognised before anybody counted them: nothing that is kept proves them.
  package var uncounted: UInt64 = 0

  init() {}

  /// `alone` are the positions of all repeats without an earlier copy.
  init(_ alone: [UInt64], _ version: Version, _ state: ManifestState) {
    let alone = alone.sorted()
    var next = 0
    for segment in version.segments {
      let range = segment.summary.positions
      let start = next
      while next < alone.count, alone[next] < range.upperBound { next += 1 }
      let found = UInt64(next - start)
      let due = state.earlierCopies.withoutCopy(in: range, retired: state.retired)
      let isCounted = range.lowerBound >= state.copiesCounted ?? .max
      // Where nothing has retired every repeat has its earlier copy, whenever it was recognised.
      guard found >= due.lowerBound, found <= due.upperBound || !isCounted && state.retired > 0 else {
        unproven.append(
          UnprovenRepeats(
            file: segment.file.path, receiveTimes: segment.summary.receiveTimes, found: found, due: due,
            positions: Array(alone[start..<next].prefix(UnprovenRepeats.positionLimit))))
        continue
      }
      ofRetired += found
      uncounted += found - min(found, due.upperBound)
    }
  }

  static func + (a: RepeatProof, b: RepeatProof) -> RepeatProof {
    var sum = a
    sum.unproven += b.unproven
    sum.ofRetired += b.ofRetired
    sum.uncounted += b.uncounted
    return sum
  }
}

/// The repeats of one segment that have no earlier copy, where that cannot be.
package struct UnprovenRepeats: Equatable, Sendable, CustomStringConvertible {
  package var file: String
  /// When the segment's clicks were received, ms since 1970.
  package var receiveTimes: ClosedRange<Int64>
  package var found: UInt64
  package var due: ClosedRange<UInt64>
  /// Positions of the first ones.
  package var positions: [UInt64]

  package static let positionLimit = 5

  package var description: String {
    let name = file.split(separator: "/").suffix(2).joined(separator: "/")
    let days = [receiveTimes.lowerBound, receiveTimes.upperBound].map {
      // RFC 3339 without the time of day.
      "\(Minute(containing: $0))".prefix(10)
    }
    let received = days[0] == days[1] ? "\(days[0])" : "\(days[0]) to \(days[1])"
    let due = "\(due.lowerBound)" + (due.count > 1 ? " to \(due.upperBound)" : "")
    let places = positions.map { "\($0)" }.joined(separator: ", ")
    return "\(name), received on \(received): \(found) clicks are marked as repeats and no earlier copy is kept, "
      + "\(due) are recorded as repeats of retired clicks"
      + (places.isEmpty ? "" : "; found at position \(places)\(found > positions.count ? " …" : "")")
  }
}
