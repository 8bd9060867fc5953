import Clicks
import Runs

// Rows of hours and days that follow from a change of their minutes, in the same record (R7).

/// What minute rows change in wider rows.
enum RollUpChange {
  /// The changes of `key`'s rows that belong to `changes` of minutes of one day, sorted: each row becomes the sum of its
  /// minutes as they are then. A row that was not their sum before, and is changed, is noted as damaged; where `isRight`, it
  /// is known to be their sum.
  static func follow(
    _ changes: [RunChange], _ key: RunTableKey, _ version: Version, _ books: inout RecountBooks,
    isRight: (_ code: UInt32, _ bucket: Int64) -> Bool
  ) throws -> [RunChange] {
    let width = Int64(key.bucketSeconds) / 60
    var wide: [RunChange] = []
    for change in changes {
      let bucket = change.bucket.dividedDown(by: width)
      if let last = wide.last, last.code == change.code, last.bucket == bucket {
        wide[wide.count - 1].change += change.change
      } else {
        wide.append(RunChange(code: change.code, bucket: bucket, change: change.change))
      }
    }
    let (minutes, rows) = (TableLookup(version.table(.minutes)), TableLookup(version.table(key)))
    for i in wide.indices {
      let (code, bucket) = (wide[i].code, wide[i].bucket)
      let stored = try rows.count(of: code, at: bucket)
      wide[i].present = stored
      if isRight(code, bucket) { continue }
      let narrow = try minutes.series(of: code, in: bucket * width..<(bucket + 1) * width)
      let sum = narrow.reduce(UInt64(0)) { $0 &+ $1.count }
      if sum != stored {
        let due = sum &+ UInt64(bitPattern: wide[i].change)
        let row = RowCount(code: code, bucket: bucket, count: 0)
        if due != stored { books.note(wide: row, key, from: stored, to: due) }
        wide[i].change = Int64(bitPattern: due &- stored)
      }
    }
    return wide
  }
}
