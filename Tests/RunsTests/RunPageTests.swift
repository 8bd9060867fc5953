import Bytes
import Files
import Platform
import Runs
import Simulation
import Testing

/// What `Formats/run.md` says is what the code writes and reads.
@Suite struct RunPageTests {
  static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
  static let first: Int64 = 29_166_667

  /// Ad 2 in all 66 minutes, ad 5 in three of them.
  static let rows: [RunRow] =
    (0..<66).map { RunRow(code: 2, bucket: first + $0, value: UInt64(1 + $0 % 3)) }
    + [(0, 1), (1, 0), (64, 7)].map { RunRow(code: 5, bucket: first + $0.0, value: $0.1) }

  static func write(_ disk: SimulatedDisk) throws -> SealedReference {
    let header = FileHeader(
      magic: .run, store: store, number: 7, created: 1_750_000_000_000, blockBytes: SealedFileWriter.defaultBlockBytes)
    let descriptor = RunDescriptor(
      table: 0, bucketSeconds: 60, firstBucket: first, bucketCount: 66, kind: .base, sequence: 7, position: 1_234)
    var writer = try RunWriter(disk, path: "f", temporary: "t", header: header, descriptor: descriptor)
    try writer.add(rows)
    return try writer.finish()
  }

  /// The examples: the header page, and the body section by section.
  static func parts(_ disk: SimulatedDisk, _ reference: SealedReference) throws -> [String: [UInt8]] {
    let run = try Run.open(disk, "f", access: .read)
    let bytes = disk.bytes(of: "f")!
    var parts = ["header page": Array(bytes[..<4096])]
    for (name, section) in zip(["rows", "sparse", "dense", "totals", "heaviest"], run.file.sections) {
      parts[name] = Array(bytes[Int(section.offset)..<Int(section.offset) + section.bytes])
    }
    return parts
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let disk = SimulatedDisk()
    let parts = try Self.parts(disk, try Self.write(disk))
    let examples = try FormatPage("run", from: #filePath).examples
    #expect(Set(examples.keys) == Set(parts.keys))
    for (name, bytes) in parts { #expect(examples[name].map(HexDump.text) == HexDump.text(bytes), "\(name)") }
  }

  /// The golden run was written by version 0.1 and is never written again: later versions must read it.
  @Test(arguments: SealedFile.Access.allCases) func theGoldenRunIsRead(_ access: SealedFile.Access) throws {
    let disk = SimulatedDisk()
    disk.place(try HexDump.golden("run-7", beside: #filePath), at: "f")
    let run = try Run.open(disk, "f", store: Self.store, access: access)
    #expect(try run.all == Self.rows)
    #expect(try run.series(5, Self.first..<(Self.first + 66)) == Array(Self.rows[66...]))
    #expect(run.descriptor.rows == 69 && run.descriptor.total == 140 && run.descriptor.position == 1_234)
    #expect(try run.heaviest().map(\.code) == [2, 5])
    try run.verify()
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    #expect(
      try FormatPage("run", from: #filePath).constants
        == [
          "mostbuckets": Int(RunDescriptor.bucketLimit), "base": Int(RunKind.base.rawValue),
          "patch": Int(RunKind.patch.rawValue), "rows": 1, "sparse": 2, "dense": 3, "totals": 4, "heaviest": 5,
          "fenceentrybytes": 40, "rowsofadensead": 64, "mostheaviest": 1_000, "bucketsinacolumnoftotals": 4_096,
        ])
  }
}
