import Bytes
import Clicks
import Files

// Looking for many identities at once. The keys come in the order of the rows, so each page that may hold some of them is
// opened once; inside a page an id is found through the high parts of its Elias-Fano code, without decoding the others.

/// An identity that is looked for.
package struct SegmentKey: Hashable, Sendable {
  package let impression: ImpressionID
  /// The shard's number of the ad.
  package var code: UInt32
  /// The caller's own number for it.
  package var tag: Int
  /// What filters know the impression by.
  let number: UInt64

  package init(impression: ImpressionID, code: UInt32, tag: Int) {
    self.impression = impression
    self.code = code
    self.tag = tag
    number = IDFilter.number(impression)
  }

  /// The order in which keys are handed in.
  package static func precedes(_ a: SegmentKey, _ b: SegmentKey) -> Bool {
    a.impression.high != b.impression.high
      ? a.impression.high < b.impression.high : a.impression.low < b.impression.low
  }
}

extension Segment {
  /// Looks for every key, which come in the order of `SegmentKey.precedes`. `found` gets the tag of each that is there, and
  /// its first row. Throws `FormatError` where a page is damaged, `SystemError` where the disk does not answer.
  package func find(_ keys: [SegmentKey], _ found: (_ tag: Int, SegmentRow) -> Void) throws {
    var at = 0
    while at < keys.count {
      let page = lastPage(below: keys[at].impression.high)
      let next = page + 1 < pages ? fences[page + 1] : .max
      // Rows with the high half of the next fence may stand on both sides of it.
      guard keys[at].impression.high < next else {
        try find(keys[at], found)
        at += 1
        continue
      }
      try unsafe withPageBytes(page..<(page + 1)) { bytes in
        let reader = unsafe try reader(page, bytes)
        do {
          while at < keys.count, keys[at].impression.high < next {
            let range = try reader.find(high: keys[at].impression.high)
            if !range.isEmpty {
              _ = try find(keys[at].impression, reader, in: range) { tell(keys[at], $0, found) }
            }
            at += 1
          }
        } catch let fault as Fault { throw formatError(fault, page: page) }
      }
    }
  }

  private func find(_ key: SegmentKey, _ found: (Int, SegmentRow) -> Void) throws {
    try find(key.impression) { tell(key, $0, found) }
  }

  /// Whether the search goes on behind `row`.
  private func tell(_ key: SegmentKey, _ row: SegmentRow, _ found: (Int, SegmentRow) -> Void) -> Bool {
    guard row.code == key.code else { return true }
    found(key.tag, row)
    return false
  }
}
