import Bytes
import Clicks
import Files
import Platform
import Runs

// Runs as steps write them: whole ones, patches over what is there, and rows of external tables.

extension ShardEdit {
  /// Writes one run whose rows `fill` adds.
  @discardableResult
  func writeRun(
    _ key: RunTableKey, _ kind: RunKind, window: Range<Int64>, position: UInt64,
    totals: () throws -> [Int64]? = { nil }, sequence: UInt64? = nil, files: (any FileSystem)? = nil,
    fill: (inout RunWriter) throws -> Void
  ) throws -> Run {
    let file = try newFile(key.kind)
    let descriptor = RunDescriptor(
      table: key.table, bucketSeconds: key.bucketSeconds, firstBucket: window.lowerBound,
      bucketCount: UInt32(window.count), kind: kind, sequence: sequence ?? file.number, position: position,
      hasVersions: key.kind == .external)
    var writer = try RunWriter(
      files ?? core.environment.files, path: file.path, temporary: file.temporary,
      header: header(key.kind, file.number), descriptor: descriptor)
    try fill(&writer)
    let reference = try writer.finish(totals: try totals())
    context.count { $0.runBytes += reference.bytes }
    try open(key.kind, reference)
    return added.runs.last!.1
  }

  /// Writes rows, sorted by code and bucket, as one run.
  func write(
    _ rows: [RunRow], _ key: RunTableKey, _ kind: RunKind, window: Range<Int64>, position: UInt64
  ) throws {
    try writeRun(key, kind, window: window, position: position) { writer in
      try writer.add(rows)
    }
  }

  /// Writes a patch: each row's value on disk with its change. `fill` gives the changes, sorted by code and bucket, each key
  /// once and inside `window`. Rows whose change does not say what they have are looked up in `table`.
  func writePatch(
    _ key: RunTableKey, to table: RunTable, window: Range<Int64>, position: UInt64,
    fill: ((RunChange) throws -> Void) throws -> Void
  ) throws {
    var totals = [Int64](repeating: 0, count: window.count)
    let rows = TableLookup(table)
    try writeRun(key, .patch, window: window, position: position, totals: { totals }) { writer in
      try fill { change in
        var value = Int64(try change.present ?? rows.count(of: change.code, at: change.bucket))
        if sabotaged(.lateRowsAsChanges) { value = 0 }
        value += change.change
        // Only where a row is damaged: it holds less than the clicks that are taken away from it.
        guard value >= 0 else {
          throw FormatError(
            file: core.directory, offset: 0,
            reason: "ad code \(change.code), bucket \(change.bucket) of \(key.bucketSeconds) s: a change of "
              + "\(change.change) clicks leaves \(value)")
        }
        try writer.add(code: change.code, bucket: change.bucket, value: UInt64(value))
        totals[Int(change.bucket - window.lowerBound)] += change.change
      }
    }
  }

  /// Writes sorted rows of an external table, one patch a day.
  func writeExternal(_ rows: [RunRow], _ key: RunTableKey, position: UInt64) throws {
    var days: [Int64: [RunRow]] = [:]
    for row in rows { days[row.bucket.dividedDown(by: key.bucketsPerDay), default: []].append(row) }
    for day in days.keys.sorted() {
      let rows = days[day]!
      let window = rows.map(\.bucket).min()!..<(rows.map(\.bucket).max()! + 1)
      try write(rows, key, .patch, window: window, position: position)
    }
  }
}
