import Runs

// Hour and day rows, held against the minutes they are sums of while a recount goes through these anyway:
//
//     minute rows by (ad code, minute) ─▶ sums by (ad code, hour) = hour rows?      all of one version
//                                      └▶ sums by (ad code, day)  = day rows?
//
// Where all are right, as nearly always, nothing has to be read twice. What is to be done about one that is not is
// `RollUpComparison`'s.

/// Whether the hour and day rows of a version are the sums of its minute rows. Belongs to one thread.
final class RollUpSums {
  /// Hour and day rows, once all are seen.
  private(set) var rows: UInt64 = 0
  /// Whether all have been so far.
  private(set) var areRight = true
  private var widths: [Width] = []

  /// The rows of one width, and the sum that is being made.
  private struct Width {
    let minutes: Int64
    let buckets: Range<Int64>
    let rows: RowStream
    var open = RowCount(code: 0, bucket: 0, count: 0)
    /// The minutes of the open bucket.
    var openMinutes: Range<Int64> = 0..<0
    var right: UInt64 = 0
    /// The code of the last row that was right, and so were all before it; −1: none.
    var lastRight: Int64 = -1

    /// Adds minute rows; false where a sum was not the next row.
    mutating func add(_ narrow: [RowCount]) throws -> Bool {
      for row in narrow {
        if row.code == open.code, openMinutes.contains(row.bucket) {
          open.count &+= row.count
          continue
        }
        let bucket = row.bucket.dividedDown(by: minutes)
        guard buckets.contains(bucket) else { continue }
        guard try close() else { return false }
        open = RowCount(code: row.code, bucket: bucket, count: row.count)
        openMinutes = bucket * minutes..<(bucket + 1) * minutes
      }
      return true
    }

    /// The sum that is made has to be the next row.
    mutating func close() throws -> Bool {
      guard open.count > 0 else { return true }
      right += 1
      guard try rows.next() == open else { return false }
      lastRight = Int64(open.code)
      return true
    }
  }

  /// Looks at the rows whose minutes are all in `minutes`, of which days before `rolledUp` have some.
  init(_ version: Version, in minutes: Range<Int64>, rolledUp: Int64) throws {
    for (key, buckets) in RollUpComparison.buckets(minutes, rolledUp: rolledUp) {
      let rows = try RowStream(version.table(key).limited(to: buckets)).limited(to: buckets)
      widths.append(Width(minutes: Int64(key.bucketSeconds) / 60, buckets: buckets, rows: rows))
    }
  }

  /// The next minute rows.
  func add(_ rows: [RowCount]) throws {
    for i in widths.indices where areRight {
      var width = widths[i]
      areRight = try width.add(rows)
      widths[i] = width
    }
  }

  /// Whether the row of an ad in this bucket of `key` is known to be the sum of its minutes, as those are that went by.
  func isRight(_ key: RunTableKey, code: UInt32, bucket: Int64) -> Bool {
    let minutes = Int64(key.bucketSeconds) / 60
    guard areRight, let width = widths.first(where: { $0.minutes == minutes }) else { return false }
    return width.buckets.contains(bucket) && Int64(code) < width.lastRight
  }

  /// There are no more minute rows.
  func finish() throws {
    for i in widths.indices where areRight { areRight = try widths[i].close() && widths[i].rows.next() == nil }
    rows = widths.reduce(0) { $0 + $1.right }
  }
}
