import Bytes
import Columns
import Files

/// One decoded block, reused from block to block.
struct RowArrays {
  var codes = [UInt32](repeating: 0, count: RowBlock.maximumRows)
  var buckets = [UInt32](repeating: 0, count: RowBlock.maximumRows)
  var values = [UInt64](repeating: 0, count: RowBlock.maximumRows)
  var versions = [UInt64](repeating: 0, count: RowBlock.maximumRows)

  /// Decodes a block; returns its rows.
  mutating func load(
    _ bytes: UnsafeRawBufferPointer, _ versionBytes: UnsafeRawBufferPointer?
  ) throws(ColumnFault) -> Int {
    var rows = 0
    var fault: ColumnFault?
    unsafe codes.withUnsafeMutableBufferPointer { codes in
      unsafe buckets.withUnsafeMutableBufferPointer { buckets in
        unsafe values.withUnsafeMutableBufferPointer { values in
          do throws(ColumnFault) {
            rows = unsafe try RowBlock.decode(
              bytes, codes: codes.baseAddress!, buckets: buckets.baseAddress!, values: values.baseAddress!)
          } catch { fault = error }
        }
      }
    }
    if let fault { throw fault }
    guard let versionBytes = unsafe versionBytes else { return rows }
    unsafe versions.withUnsafeMutableBufferPointer { versions in
      do throws(ColumnFault) {
        let used = unsafe try IntegerColumn.decode(versionBytes, count: rows, into: versions.baseAddress!)
        if used != versionBytes.count { fault = ColumnFault("bytes behind the versions") }
      } catch { fault = error }
    }
    if let fault { throw fault }
    return rows
  }
}

/// Goes through a run's rows in order. Memory: one decoded block of each part.
package struct RunCursor {
  private let run: Run
  private var sparse: Part
  private var dense: Part
  private var isDense = false

  /// The row it stands on; nil before the first `advance` and behind the last row.
  package private(set) var row: RunRow?

  private struct Part {
    var next = 0
    var rows = RowArrays()
    var count = 0
    var at = 0
    var last: (UInt32, UInt32)?
  }

  package init(_ run: Run) {
    self.run = run
    sparse = Part()
    dense = Part()
  }

  /// Goes to the next row.
  package mutating func advance() throws {
    if row != nil { if isDense { dense.at += 1 } else { sparse.at += 1 } }
    if sparse.at == sparse.count { try fill(&sparse, run.sparse) }
    if dense.at == dense.count { try fill(&dense, run.dense) }
    let hasSparse = sparse.at < sparse.count
    let hasDense = dense.at < dense.count
    guard hasSparse || hasDense else {
      row = nil
      return
    }
    isDense = hasDense && (!hasSparse || dense.rows.codes[dense.at] < sparse.rows.codes[sparse.at])
    if hasDense, hasSparse, dense.rows.codes[dense.at] == sparse.rows.codes[sparse.at] {
      throw FormatError(
        file: run.file.path, offset: UInt64(FileHeader.size), reason: "an ad has rows in both parts")
    }
    row = isDense ? read(dense) : read(sparse)
  }

  private func read(_ part: Part) -> RunRow {
    RunRow(
      code: part.rows.codes[part.at], bucket: run.descriptor.firstBucket + Int64(part.rows.buckets[part.at]),
      value: part.rows.values[part.at], version: run.descriptor.hasVersions ? part.rows.versions[part.at] : 0)
  }

  private func fill(_ part: inout Part, _ fence: [FenceEntry]) throws {
    guard part.next < fence.count else {
      (part.at, part.count) = (0, 0)
      return
    }
    let entry = fence[part.next]
    part.next += 1
    let descriptor = run.descriptor
    unsafe try run.withBlock(entry) { bytes, versions in
      let count = unsafe try part.rows.load(bytes, versions)
      guard count == Int(entry.rows), part.rows.codes[0] == entry.firstCode, part.rows.buckets[0] == entry.firstBucket,
        part.rows.codes[count - 1] == entry.lastCode, part.rows.buckets[count - 1] == entry.lastBucket
      else { throw ColumnFault("the rows are not those that the fence says") }
      for i in 0..<count where part.rows.buckets[i] >= descriptor.bucketCount {
        throw ColumnFault("bucket \(part.rows.buckets[i]) is outside the window")
      }
      part.count = count
      part.at = 0
    }
  }
}
