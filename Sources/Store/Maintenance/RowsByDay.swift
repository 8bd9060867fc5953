import Bytes
import Clicks
import Files

// Rows come ad by ad, and runs are written day by day. They are put apart in one pass, whatever the number of days:
//
//     rows by (ad code, minute) ─▶ day 1 ▪▪▪ │ day 2 ▪ │ day 9 ▪▪     in memory, up to a limit; then all of it goes aside, a block a day
//
//     a day  =  its blocks in the order in which they went aside, then what is in memory:  (ad code, minute) ascends all the way
//
// A row that was put aside:  u32 ad code   u32 minute of the day   u64 clicks

/// Rows of a stream, by day.
package struct RowsByDay {
  /// Rows in memory, at most: some 24 MiB.
  package static let limit = 1 << 20

  private var memory: [Int64: [RowCount]] = [:]
  private var aside: [Int64: [SpillFile.Block]] = [:]
  private var spill: SpillFile?

  /// Reads `rows` once; `makeSpill` is asked once there are more than `limit`.
  package init(_ rows: RowStream, limit: Int = limit, makeSpill: () throws -> SpillFile) throws {
    var count = 0
    while let row = try rows.next() {
      if count == limit {
        if spill == nil { spill = try makeSpill() }
        try putAside(spill!)
        count = 0
      }
      memory[Day(ofMinute: row.bucket).index, default: []].append(row)
      count += 1
    }
  }

  /// The days that have rows, ascending.
  package var days: [Int64] { Set(memory.keys).union(aside.keys).sorted() }

  private mutating func putAside(_ spill: SpillFile) throws {
    for day in memory.keys.sorted() {
      var block = ByteWriter()
      let first = Day(index: day).minutes.lowerBound
      for row in memory[day]! {
        block.append(row.code)
        block.append(UInt32(row.bucket - first))
        block.append(row.count)
      }
      aside[day, default: []].append(try spill.append(block.bytes))
    }
    memory.removeAll(keepingCapacity: true)
  }

  /// The rows of one day, by ad code and minute.
  package func forEach(of day: Int64, _ visit: (RowCount) throws -> Void) throws {
    let first = Day(index: day).minutes.lowerBound
    for block in aside[day] ?? [] {
      var bytes = [UInt8](repeating: 0, count: Int(block.count))
      try unsafe bytes.withUnsafeMutableBytes { try unsafe spill!.read(block, into: $0) }
      var fields = ByteReader(bytes)
      while let code = fields.next(UInt32.self), let minute = fields.next(UInt32.self),
        let clicks = fields.next(UInt64.self)
      {
        try visit(RowCount(code: code, bucket: first + Int64(minute), count: clicks))
      }
    }
    for row in memory[day] ?? [] { try visit(row) }
  }
}
