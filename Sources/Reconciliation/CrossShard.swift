import Clicks
import Segments

// Whether two shards have counted one click. Codes are each shard's own, so identities are compared by the ad's key. The
// clicks of one side are walked through in the order of ids, and those of hot ads are looked up in the segments of the other,
// page by page; ads that are not hot live in one shard and are passed over.

/// A click that stands in the segments of two shards.
package struct SharedIdentity: Hashable, Sendable {
  package var ad: AdKey
  package var impression: ImpressionID
  /// Its minute in the first shard.
  package var minute: Minute

  package init(ad: AdKey, impression: ImpressionID, minute: Minute) {
    self.ad = ad
    self.impression = impression
    self.minute = minute
  }
}

/// The search for identities that are in two shards.
package enum CrossShard {
  /// One shard's segments, in the order of their positions, and what its codes mean; nil for a code that it does not know.
  package struct Side {
    package var segments: [Segment]
    package var key: (UInt32) -> AdKey?

    package init(segments: [Segment], key: @escaping (UInt32) -> AdKey?) {
      self.segments = segments
      self.key = key
    }
  }

  /// Hands `visit` each identity of a hot ad that stands on both sides, once, in the order of ids.
  package static func find(
    _ first: Side, _ second: Side, isHot: (AdKey) -> Bool, memory: Int = RecountSettings.defaultMemory,
    _ visit: (SharedIdentity) throws -> Void
  ) throws {
    let merger = try RowMerger(first.segments, lookBack: [], [.code, .eventTime], memory: memory / 4)
    let probes = second.segments.map { SegmentProbe($0) }
    let batch = RowBatch()
    var keys: [AdKey?] = []
    while try merger.fill(batch) {
      // Those of hot ads move to the front; the batch is not needed for anything else.
      keys.removeAll(keepingCapacity: true)
      for row in 0..<batch.count {
        guard let key = first.key(unsafe batch.rows.code[row]), isHot(key) else { continue }
        batch.move(row, to: keys.count)
        keys.append(key)
      }
      let wanted = unsafe SegmentProbe.Wanted(high: batch.rows.high, low: batch.rows.low, count: keys.count)
      var found = [Bool](repeating: false, count: keys.count)
      for probe in probes {
        try probe.find(wanted) { index, code in
          if let key = second.key(code), key == keys[index] { found[index] = true }
        }
      }
      for row in found.indices where found[row] {
        let impression = unsafe ImpressionID(high: batch.rows.high[row], low: batch.rows.low[row])
        let minute = unsafe Minute(containing: batch.rows.eventTime[row])
        try visit(SharedIdentity(ad: keys[row]!, impression: impression, minute: minute))
      }
      batch.removeAll()
    }
  }
}
