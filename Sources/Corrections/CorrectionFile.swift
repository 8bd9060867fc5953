import Bytes
import Files
import Platform

/// An open file of corrections. Any thread may read it.
package final class CorrectionFile: Sendable {
  package let file: SealedFile
  /// The runs that made its corrections, by number.
  package let runs: [CorrectionRun]
  /// Corrections and removed repeats in it.
  package let rowCount: Int
  package let repeatCount: Int
  /// What its minute rows change in all.
  package let change: Int64
  /// What its credits come to: they change no row.
  package let credits: Int64
  private let rows: SealedSection
  private let repeats: SealedSection

  /// What the manifest keeps of the file.
  package var reference: SealedReference { file.reference }

  /// Opens the file at `path`, which must be of `store` and the one that `reference` means, where they are given. Throws
  /// `FormatError` where it is not, `SystemError` where the disk does not answer.
  package static func open(
    _ files: any FileSystem, _ path: String, store: StoreID? = nil, reference: SealedReference? = nil,
    access: SealedFile.Access
  ) throws -> CorrectionFile {
    try CorrectionFile(
      SealedFile.open(files, path, as: .corrections, store: store, reference: reference, access: access))
  }

  private init(_ file: SealedFile) throws {
    self.file = file
    var fields = ByteReader(file.page[FileHeader.typeFields...])
    let (rowCount, repeatCount): (UInt64, UInt64) = (fields.next()!, fields.next()!)
    change = fields.next()!
    credits = fields.next()!
    let runSection = try file.section(CorrectionFormat.runs)
    rows = try file.section(CorrectionFormat.rows)
    repeats = try file.section(CorrectionFormat.repeats)
    guard runSection.bytes % CorrectionFormat.runBytes == 0,
      UInt64(rows.bytes) == rowCount.multipliedReportingOverflow(by: UInt64(CorrectionFormat.rowBytes)).partialValue,
      UInt64(repeats.bytes)
        == repeatCount.multipliedReportingOverflow(by: UInt64(CorrectionFormat.repeatBytes)).partialValue,
      rowCount <= UInt64(rows.bytes), repeatCount <= UInt64(repeats.bytes)
    else {
      throw FormatError(
        file: file.path, offset: UInt64(FileHeader.typeFields),
        reason: "the sections do not hold \(rowCount) rows and \(repeatCount) repeats")
    }
    (self.rowCount, self.repeatCount) = (Int(rowCount), Int(repeatCount))
    var reader = ByteReader(
      try unsafe file.withBytes(of: runSection, 0..<runSection.bytes) { unsafe [UInt8]($0) })
    runs = (0..<(runSection.bytes / CorrectionFormat.runBytes)).map { _ in CorrectionFormat.run(&reader) }
    guard zip(runs, runs.dropFirst()).allSatisfy({ $0.number < $1.number }) else {
      throw FormatError(file: file.path, offset: runSection.offset, reason: "the runs do not ascend")
    }
  }

  // MARK: - Rows

  private static let piece = 1_024

  /// Hands over the entries `range` of a section, one after the other.
  private func visit<T>(
    _ range: Range<Int>, of section: SealedSection, width: Int, _ read: (inout ByteReader) -> T?,
    _ visit: (T) throws -> Void
  ) throws {
    var next = range.lowerBound
    while next < range.upperBound {
      let count = min(Self.piece, range.upperBound - next)
      var reader = ByteReader(
        try unsafe file.withBytes(of: section, (next * width)..<((next + count) * width)) { unsafe [UInt8]($0) })
      for i in 0..<count {
        guard let entry = read(&reader) else {
          throw FormatError(
            file: file.path, offset: section.offset + UInt64((next + i) * width), reason: "no correction stands here")
        }
        try visit(entry)
      }
      next += count
    }
  }

  /// The first entry for which `isBehind` holds; the bytes are those of one entry.
  private func first(
    of section: SealedSection, width: Int, count: Int, where isBehind: (inout ByteReader) -> Bool
  ) throws -> Int {
    var (low, end) = (0, count)
    while low < end {
      let middle = (low + end) / 2
      var reader = ByteReader(
        try unsafe file.withBytes(of: section, (middle * width)..<((middle + 1) * width)) { unsafe [UInt8]($0) })
      if isBehind(&reader) { end = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Every correction, in order.
  package func forEachRow(_ body: (Correction) throws -> Void) throws {
    try visit(0..<rowCount, of: rows, width: CorrectionFormat.rowBytes, { CorrectionFormat.row(&$0, runs) }, body)
  }

  /// The corrections of one ad, in order.
  package func forEachRow(of code: UInt32, _ body: (Correction) throws -> Void) throws {
    let width = CorrectionFormat.rowBytes
    let start = try first(of: rows, width: width, count: rowCount) { $0.next(UInt32.self)! >= code }
    let end = try first(of: rows, width: width, count: rowCount) { $0.next(UInt32.self)! > code }
    guard start < end else { return }
    try visit(start..<end, of: rows, width: width, { CorrectionFormat.row(&$0, runs) }, body)
  }

  // MARK: - Repeats

  /// How many removed repeats lie below `position`.
  package func repeats(below position: UInt64) throws -> Int {
    try first(of: repeats, width: CorrectionFormat.repeatBytes, count: repeatCount) {
      $0.next(UInt64.self)! >= position
    }
  }

  /// The removed repeats with a position in `positions`, ascending.
  package func forEachRepeat(in positions: Range<UInt64> = 0..<UInt64.max, _ body: (RecordedRepeat) throws -> Void)
    throws
  {
    let (start, end) = (try repeats(below: positions.lowerBound), try repeats(below: positions.upperBound))
    let width = CorrectionFormat.repeatBytes
    for next in stride(from: start, to: end, by: Self.piece) {
      let count = min(Self.piece, end - next)
      let entries = try unsafe file.withBytes(of: repeats, (next * width)..<((next + count) * width)) { bytes in
        (0..<count).map { unsafe CorrectionFormat.removed(bytes.baseAddress! + $0 * width) }
      }
      for (i, entry) in entries.enumerated() {
        guard let entry else {
          throw FormatError(
            file: file.path, offset: repeats.offset + UInt64((next + i) * width), reason: "no repeat stands here")
        }
        try body(entry)
      }
    }
  }

  // MARK: - Checks

  /// Reads everything and holds it against the order and the sums of the format. Throws `FormatError`.
  package func verify() throws {
    try file.verify()
    var before: Correction?
    var (sum, credits): (Int64, Int64) = (0, 0)
    var index = 0
    try forEachRow { row in
      guard before.map({ Correction.precedes($0, row) }) ?? true else {
        throw FormatError(
          file: file.path, offset: rows.offset + UInt64(index * CorrectionFormat.rowBytes),
          reason: "the corrections are out of order")
      }
      if row.bucketSeconds == 60 { sum &+= row.change }
      if row.isCredit { credits &+= row.change }
      before = row
      index += 1
    }
    guard sum == change else {
      throw FormatError(
        file: file.path, offset: UInt64(FileHeader.typeFields + 16),
        reason: "the minute rows change \(sum) clicks, the header says \(change)")
    }
    guard credits == self.credits else {
      throw FormatError(
        file: file.path, offset: UInt64(FileHeader.typeFields + 24),
        reason: "the credits come to \(credits) clicks, the header says \(self.credits)")
    }
    var last: UInt64?
    index = 0
    try forEachRepeat { found in
      guard last.map({ $0 < found.position }) ?? true else {
        throw FormatError(
          file: file.path, offset: repeats.offset + UInt64(index * CorrectionFormat.repeatBytes),
          reason: "the repeats do not ascend")
      }
      last = found.position
      index += 1
    }
  }
}
