import Clicks
import Platform
import Segments

// An opening takes only the newest clicks of the segments back into the dedup index, so that a start after millions of clicks
// is quick and small. What else lies inside the dedup horizon is looked up until the horizon has passed it:
//
//   horizon begins          index begins
//   ──────┼───────────────────────┼──────────────────▶ positions
//         │ looked up in segments │ in the index
//
// Ids with a minting time, and those of batches and imports, are looked up there anyway (LifetimeLookup). This is for the ids
// from /click that are repeats inside the horizon alone.

/// Looks up a batch's plain clicks in the segments of the horizon that the index does not know.
struct HorizonLookup {
  /// For each click of the batch; empty where none was looked up.
  private(set) var earlier: [LifetimeLookup.Earlier] = []
  /// Segments that could not be read, since the start.
  private(set) var failures: UInt64 = 0
  private var keys: [SegmentKey] = []
  private var sifted: [SegmentKey] = []

  /// Nothing is to be looked up.
  mutating func clear() {
    if !earlier.isEmpty { earlier.removeAll() }
  }

  /// Looks for those clicks of `batch` that are plain, at `positions`.
  mutating func run(
    _ batch: Span<ClickRequest>, _ live: LiveTable, _ segments: [Segment], in positions: Range<UInt64>,
    isPlain: (ClickRequest) -> Bool
  ) {
    earlier.removeAll(keepingCapacity: true)
    keys.removeAll(keepingCapacity: true)
    for i in 0..<batch.count where isPlain(batch[i]) {
      guard let code = live.code(of: batch[i].identity.ad) else { continue }
      keys.append(SegmentKey(impression: batch[i].identity.impression, code: code, tag: i))
    }
    guard !keys.isEmpty, !sabotaged(.skipHorizonLookups) else { return }
    earlier.append(contentsOf: repeatElement(.none, count: batch.count))
    keys.sort(by: SegmentKey.precedes)
    for segment in segments where segment.summary.positions.overlaps(positions) { search(segment, positions) }
  }

  private mutating func search(_ segment: Segment, _ positions: Range<UInt64>) {
    sifted.removeAll(keepingCapacity: true)
    do { try segment.sift(keys, into: &sifted) } catch {
      // Without its filters the rows themselves are asked.
      failures += 1
      sifted = keys
    }
    for key in sifted where earlier[key.tag] == .none {
      do {
        try segment.find(key.impression) { row in
          guard row.code == key.code, positions.contains(row.position) else { return true }
          earlier[key.tag] = .counted(row.eventTime)
          return false
        }
      } catch {
        failures += 1
        earlier[key.tag] = .unreadable
      }
    }
  }
}
