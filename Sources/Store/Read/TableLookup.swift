import Runs

/// The rows of one ad after the other in one table, for steps that ask for many of them, in order mostly: what `RunTable.series`
/// gives, with the blocks of runs kept that are asked for again. Belongs to one thread.
final class TableLookup {
  private let table: RunTable
  private var lookups: [UInt64: RunLookup] = [:]
  private let buffer: AdRowBuffer

  /// Runs whose blocks are kept: 13 MB where both parts of all are.
  private static let most = 64

  /// `buffer` may be that of other look-ups of the thread.
  init(_ table: RunTable, _ buffer: AdRowBuffer = AdRowBuffer()) {
    self.table = table
    self.buffer = buffer
  }

  /// The rows of one ad, ascending; rows of zero are left out.
  func series(of code: UInt32, in buckets: Range<Int64>) throws -> [BucketCount] {
    try table.series(in: buckets) { run, visit in
      guard let lookup = lookup(run) else {
        return try run.rows(of: code, buckets: buckets, buffer, visit)
      }
      try lookup.rows(of: code, buckets: buckets, visit)
    }
  }

  /// The row of one ad in one bucket; 0 where there is none.
  func count(of code: UInt32, at bucket: Int64) throws -> UInt64 {
    // The newest patch that has the row, else the base (K4).
    for run in table.patches.reversed() where run.window.contains(bucket) {
      if let count = try count(in: run, code, bucket) { return count }
    }
    return try table.bases(in: bucket..<(bucket + 1)).first.flatMap { try count(in: $0, code, bucket) } ?? 0
  }

  private func count(in run: Run, _ code: UInt32, _ bucket: Int64) throws -> UInt64? {
    var count: UInt64?
    let buckets = bucket..<(bucket + 1)
    if let lookup = lookup(run) {
      try lookup.rows(of: code, buckets: buckets) { unsafe count = $0.values.last }
    } else {
      try run.rows(of: code, buckets: buckets, buffer) { unsafe count = $0.values.last }
    }
    return count
  }

  private func lookup(_ run: Run) -> RunLookup? {
    let number = run.file.reference.number
    if let known = lookups[number] { return known }
    guard lookups.count < Self.most else { return nil }
    let lookup = RunLookup(run, buffer)
    lookups[number] = lookup
    return lookup
  }
}
