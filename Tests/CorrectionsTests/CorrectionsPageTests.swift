import Bytes
import Corrections
import Files
import Platform
import Simulation
import Testing

/// What `Formats/corrections.md` says is what the code writes and reads.
@Suite struct CorrectionsPageTests {
  private static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
  private static let runs = [
    CorrectionRun(number: 3, position: 1_000, time: 1_750_000_000_000),
    CorrectionRun(number: 4, position: 1_500, time: 1_750_000_600_000),
  ]
  private static let rows: [Correction] = [
    row(2, 60, 29_166_660, 0, 5, .missing, 0), row(2, 60, 29_166_661, 7, 6, .damage, 0),
    row(2, 60, 29_166_661, 6, 4, .lateRepeat, 0), row(3, 60, 29_166_660, 2, 1, .lateRepeat, 1, isCredit: true),
    row(3, 3_600, 486_111, 9, 8, .damage, 1),
  ]
  private static let repeats = [
    RecordedRepeat(position: 900, code: 2, minute: 29_166_661, run: 3),
    RecordedRepeat(position: 950, code: 2, minute: 29_166_661, run: 3),
    RecordedRepeat(position: 1_400, code: 3, minute: 29_166_660, run: 4),
  ]

  private static func row(
    _ code: UInt32, _ seconds: UInt32, _ bucket: Int64, _ from: UInt64, _ to: UInt64, _ reason: CorrectionReason,
    _ run: Int, isCredit: Bool = false
  ) -> Correction {
    Correction(
      code: code, bucketSeconds: seconds, bucket: bucket, from: from, to: to, reason: reason, isCredit: isCredit,
      run: runs[run])
  }

  private static func file() throws -> (bytes: [UInt8], reference: SealedReference) {
    let disk = SimulatedDisk()
    let header = FileHeader(
      magic: .corrections, store: store, number: 5, created: 1_750_000_660_000,
      blockBytes: SealedFileWriter.defaultBlockBytes)
    let reference = try CorrectionWriter.write(
      rows.reversed(), repeats.reversed(), files: disk, path: "f", temporary: "t", header: header)
    return (disk.bytes(of: "f")!, reference)
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let bytes = try Self.file().bytes
    let parts = [
      "header page": 0..<4096, "runs": 4096..<4144, "rows": 4144..<4344, "repeats": 4344..<4440,
      "footer": 4440..<bytes.count,
    ]
    let examples = try FormatPage("corrections", from: #filePath).examples
    #expect(Set(examples.keys) == Set(parts.keys))
    for (name, range) in parts {
      #expect(examples[name].map(HexDump.text) == HexDump.text(Array(bytes[range])), "\(name)")
    }
  }

  /// The golden file was written by version 0.1 and is never written again: later versions must read it.
  @Test func theGoldenFileIsRead() throws {
    let disk = SimulatedDisk()
    disk.place(try HexDump.golden("corrections-5", beside: #filePath), at: "f")
    let found = try CorrectionFile.open(
      disk, "f", store: Self.store, reference: try Self.file().reference, access: .read)
    try found.verify()
    #expect(found.runs == Self.runs && found.change == 1 && found.rowCount == 5 && found.repeatCount == 3)
    var rows: [Correction] = []
    try found.forEachRow { rows.append($0) }
    #expect(rows == Self.rows)
    var repeats: [RecordedRepeat] = []
    try found.forEachRepeat { repeats.append($0) }
    #expect(repeats == Self.repeats)
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    let constants = try FormatPage("corrections", from: #filePath).constants
    var due: [String: Int] = ["runs": 1, "rows": 2, "repeats": 3]
    for reason in CorrectionReason.allCases { due["\(reason)".lowercased()] = Int(reason.rawValue) }
    // The widths are private: sections of a file of one entry each say them.
    let disk = SimulatedDisk()
    disk.place(try Self.file().bytes, at: "f")
    let sections = try CorrectionFile.open(disk, "f", access: .read).file.sections
    due["runbytes"] = sections[0].bytes / 2
    due["rowbytes"] = sections[1].bytes / 5
    due["repeatbytes"] = sections[2].bytes / 3
    #expect(Dictionary(uniqueKeysWithValues: constants.map { ($0.key.lowercased(), $0.value) }) == due)
  }
}
