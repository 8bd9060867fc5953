import Clicks
import Corrections

// Credits: what would have changed rows of a sealed month, beside them.
//
//   a click that comes late    a checkpoint takes it from memory into a credit, in the record that moves the applied position
//   a recount's difference     a credit in the chunk's file of corrections, in the record that moves its mark
//
// So a replay applies no click twice, and     row + Σ credits = BASE + raw clicks − repeats     holds for sealed minutes as
// row = … does for others. Credits stand in files of corrections, which no retention drops.

extension Version {
  /// The credits of all ads in `minutes`, by (ad code, minute), each key once; those that cancel each other are left out.
  package func credits(in minutes: Range<Int64> = .min ..< .max) throws -> [RunChange] {
    var all: [RunChange] = []
    for file in corrections where file.credits != 0 || file.rowCount > 0 {
      try file.forEachRow { row in
        guard row.isCredit, minutes.contains(row.bucket) else { return }
        all.append(RunChange(code: row.code, bucket: row.bucket, change: row.change))
      }
    }
    return RunChange.summed(all)
  }

  /// The credits of one ad, by minute.
  func credits(of code: UInt32, in minutes: Range<Int64>) throws -> [(minute: Minute, change: Int64)] {
    var all: [RunChange] = []
    for file in corrections {
      try file.forEachRow(of: code) { row in
        guard row.isCredit, minutes.contains(row.bucket) else { return }
        all.append(RunChange(code: code, bucket: row.bucket, change: row.change))
      }
    }
    return RunChange.summed(all).map { (Minute(index: $0.bucket), $0.change) }
  }
}

extension RowStream {
  /// The rows with `changes`, which are in order and of which each key stands there once, added. A sum below zero, to which
  /// damage alone leads, is none.
  package func adding(_ changes: [RunChange]) -> RowStream {
    guard !changes.isEmpty else { return self }
    var at = 0
    var ahead: RowCount?
    var isStarted = false
    return RowStream(next: { [self] in
      if !isStarted { ahead = try self.next() }
      isStarted = true
      while at < changes.count {
        let change = changes[at]
        let key = RowCount(code: change.code, bucket: change.bucket, count: 0)
        if let row = ahead, RowCount.precedes(row, key) {
          ahead = try self.next()
          return row
        }
        at += 1
        var present: Int64 = 0
        if let row = ahead, !RowCount.precedes(key, row) {
          present = Int64(clamping: row.count)
          ahead = try self.next()
        }
        let sum = present.addingReportingOverflow(change.change)
        guard !sum.overflow, sum.partialValue > 0 else { continue }
        return RowCount(code: key.code, bucket: key.bucket, count: UInt64(sum.partialValue))
      }
      let row = ahead
      if row != nil { ahead = try self.next() }
      return row
    })
  }
}
