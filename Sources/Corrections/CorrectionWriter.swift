import Bytes
import Files
import Platform

/// Writes corrections as one file; all of them are in memory at once.
package enum CorrectionWriter {
  private static let piece = 4_096

  /// Writes `rows` and `repeats`, in any order, as the file that `header` says, at `path` and born as `temporary`. A row that
  /// changes nothing, two rows of one key and run, and one position twice are bugs of the caller's and trap. Returns what
  /// the manifest keeps of the file.
  package static func write(
    _ rows: [Correction], _ repeats: [RecordedRepeat], files: any FileSystem, path: String, temporary: String,
    header: FileHeader
  ) throws(SystemError) -> SealedReference {
    precondition(header.magic == .corrections)
    let rows = rows.sorted(by: Correction.precedes)
    let repeats = repeats.sorted { $0.position < $1.position }
    let runs = Self.runs(rows)
    if let reason = Self.contradiction(rows, repeats, runs) { preconditionFailure(reason) }
    var places: [UInt64: UInt32] = [:]
    for (place, run) in runs.enumerated() { places[run.number] = UInt32(place) }

    var writer = try SealedFileWriter(files, path: path, temporary: temporary, header: header)
    try write(runs, CorrectionFormat.runs, to: &writer) { CorrectionFormat.append($0, to: &$1) }
    try write(rows, CorrectionFormat.rows, to: &writer) { row, bytes in
      precondition(row.from != row.to, "a correction that changes nothing")
      CorrectionFormat.append(row, run: places[row.run.number]!, to: &bytes)
    }
    try write(repeats, CorrectionFormat.repeats, to: &writer) { CorrectionFormat.append($0, to: &$1) }
    let change = rows.reduce(Int64(0)) { $1.bucketSeconds == 60 ? $0 &+ $1.change : $0 }
    let credits = rows.reduce(Int64(0)) { $1.isCredit ? $0 &+ $1.change : $0 }
    return unsafe try writer.finish { page in
      unsafe page.unsafeStoreLE(UInt64(rows.count), FileHeader.typeFields)
      unsafe page.unsafeStoreLE(UInt64(repeats.count), FileHeader.typeFields + 8)
      unsafe page.unsafeStoreLE(change, FileHeader.typeFields + 16)
      unsafe page.unsafeStoreLE(credits, FileHeader.typeFields + 24)
    }
  }

  private static func runs(_ rows: [Correction]) -> [CorrectionRun] {
    Set(rows.map(\.run)).sorted { $0.number < $1.number }
  }

  /// Why rows and repeats that were read from several files cannot be one file; nil where they can.
  package static func contradiction(_ rows: [Correction], _ repeats: [RecordedRepeat]) -> String? {
    contradiction(
      rows.sorted(by: Correction.precedes), repeats.sorted { $0.position < $1.position }, runs(rows))
  }

  /// The same of sorted ones.
  private static func contradiction(
    _ rows: [Correction], _ repeats: [RecordedRepeat], _ runs: [CorrectionRun]
  ) -> String? {
    if !zip(runs, runs.dropFirst()).allSatisfy({ $0.number < $1.number }) { return "a run has two times" }
    if !zip(rows, rows.dropFirst()).allSatisfy(Correction.precedes) { return "a row stands twice in one run" }
    if !rows.allSatisfy({ !$0.isCredit || $0.bucketSeconds == 60 }) { return "a credit is of no minute" }
    if !zip(repeats, repeats.dropFirst()).allSatisfy({ $0.position < $1.position }) { return "a repeat stands twice" }
    return nil
  }

  private static func write<T>(
    _ entries: [T], _ section: UInt32, to writer: inout SealedFileWriter, _ append: (T, inout ByteWriter) -> Void
  ) throws(SystemError) {
    try writer.begin(section: section)
    var rest = entries[...]
    while !rest.isEmpty {
      var bytes = ByteWriter()
      for entry in rest.prefix(piece) { append(entry, &bytes) }
      try writer.append(bytes.bytes)
      rest = rest.dropFirst(piece)
    }
    writer.end()
  }
}
