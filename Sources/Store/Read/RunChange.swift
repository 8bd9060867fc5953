import Clicks
import Minutes

// The unit of every change of a table: what a row gains or loses. Late clicks, corrections and credits are lists of them.

/// A change of one row.
package struct RunChange: Equatable, Sendable {
  package var code: UInt32
  package var bucket: Int64
  package var change: Int64
  /// What the row has on disk, where whoever changes it has read it; nil: it is looked up.
  package var present: UInt64?

  package init(code: UInt32, bucket: Int64, change: Int64, present: UInt64? = nil) {
    self.code = code
    self.bucket = bucket
    self.change = change
    self.present = present
  }

  /// Clicks per minute as changes of wider buckets; rows are sorted by code and minute, and so are the changes.
  static func widened(_ rows: [LiveRow], by minutes: Int64) -> [RunChange] {
    var changes: [RunChange] = []
    for row in rows {
      let bucket = row.minute.dividedDown(by: minutes)
      if let last = changes.last, last.code == row.code, last.bucket == bucket {
        changes[changes.count - 1].change += Int64(row.clicks)
      } else {
        changes.append(RunChange(code: row.code, bucket: bucket, change: Int64(row.clicks)))
      }
    }
    return changes
  }

  /// Changes in any order as one of each key, in order; none of 0.
  static func summed(_ changes: [RunChange]) -> [RunChange] {
    var sums: [RunChange] = []
    for change in changes.sorted(by: { ($0.code, $0.bucket) < ($1.code, $1.bucket) }) {
      if let last = sums.last, last.code == change.code, last.bucket == change.bucket {
        sums[sums.count - 1].change &+= change.change
      } else {
        sums.append(change)
      }
    }
    sums.removeAll { $0.change == 0 }
    return sums
  }
}
