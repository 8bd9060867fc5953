import Bytes
import Files
import Platform

/// Runs into one.
package enum RunMerge {
  /// Adds the merged rows of `inputs`, runs of one table, to `writer`, whose window holds all of theirs. Rows of zero are
  /// kept: what they override may lie in runs that are not among the inputs. `progress` is told of rows as they are done; what
  /// it throws ends the merge.
  package static func merge(
    _ inputs: [Run], into writer: inout RunWriter, progress: (_ rows: Int) throws -> Void = { _ in }
  ) throws {
    var cursor = try MergeCursor(inputs)
    let first = cursor.firstBucket
    while let next = try cursor.next() {
      try writer.add(next.rows, next.range, from: first + Int64(next.shift))
      try progress(next.range.count)
    }
  }

  /// Adds the rows of `run`, summed into the wider buckets of `writer`.
  package static func widen(_ run: Run, into writer: inout RunWriter) throws { try widen([run], into: &writer) }

  /// Adds the merged rows of `inputs`, summed into the wider buckets of `writer`, whose width is a multiple of theirs. Sums
  /// of zero are left out. `progress` is told of rows as they are read; what it throws ends the merge. Throws `FormatError` where
  /// a sum does not fit into 64 bits.
  package static func widen(
    _ inputs: [Run], into writer: inout RunWriter, progress: (_ rows: Int) throws -> Void = { _ in }
  ) throws {
    guard let run = inputs.first else { return }
    let factor = Int64(writer.bucketSeconds) / Int64(run.descriptor.bucketSeconds)
    precondition(
      factor >= 1
        && inputs.allSatisfy { factor * Int64($0.descriptor.bucketSeconds) == Int64(writer.bucketSeconds) },
      "buckets that do not fit into each other")
    var cursor = try MergeCursor(inputs)
    let first = cursor.firstBucket
    var open: (code: UInt32, bucket: Int64, sum: UInt64) = (0, 0, 0)
    while let next = try cursor.next() {
      for i in next.range {
        let (code, value) = unsafe (next.rows.codes[i], next.rows.values[i])
        let narrow = first + Int64(next.shift) + Int64(unsafe next.rows.buckets[i])
        let bucket = (narrow >= 0 ? narrow : narrow - factor + 1) / factor
        if code != open.code || bucket != open.bucket {
          if open.sum > 0 { try writer.add(code: open.code, bucket: open.bucket, value: open.sum) }
          open = (code, bucket, 0)
        }
        let (sum, overflow) = open.sum.addingReportingOverflow(value)
        guard !overflow else {
          throw FormatError(
            file: run.file.path, offset: UInt64(FileHeader.size), reason: "ad \(code) has more than 2⁶⁴ in a bucket")
        }
        open.sum = sum
      }
      try progress(next.range.count)
    }
    if open.sum > 0 { try writer.add(code: open.code, bucket: open.bucket, value: open.sum) }
  }
}
