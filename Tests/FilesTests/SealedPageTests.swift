import Bytes
import Files
import Platform
import Simulation
import Testing

/// What `Formats/sealed-file.md` says is what the code writes and reads.
@Suite struct SealedPageTests {
  /// File 7 as the page shows it: five bytes and 516, in blocks of 512.
  static let sample: Sample = {
    var sample = Sample(Array("click".utf8), [UInt8](repeating: 0, count: 515) + [0xFF])
    sample.magic = .run
    sample.field = 0
    return sample
  }()

  static func file() throws -> (bytes: [UInt8], reference: SealedReference) {
    let disk = SimulatedDisk()
    let reference = try sample.write(disk, at: "f", temporary: "t")
    return (disk.bytes(of: "f")!, reference)
  }

  /// Where the examples stand in the file.
  private static let parts = ["header page": 0..<4096, "body": 4096..<4620, "footer": 4620..<4732]

  @Test func theExamplesAreWhatIsWritten() throws {
    let (bytes, reference) = try Self.file()
    #expect(bytes.count == 4732)
    let examples = try FormatPage("sealed-file", from: #filePath).examples
    #expect(Set(examples.keys) == Set(Self.parts.keys).union(["digest"]))
    for (name, range) in Self.parts {
      #expect(examples[name].map(HexDump.text) == HexDump.text(Array(bytes[range])), "\(name)")
    }
    var digest = ByteWriter()
    digest.append(reference.digest)
    #expect(examples["digest"] == digest.bytes)
  }

  @Test func theExamplesAreRead() throws {
    let examples = try FormatPage("sealed-file", from: #filePath).examples
    try expectExample(["header page", "body", "footer"].flatMap { examples[$0] ?? [] })
  }

  /// The golden file was written by version 0.1 and is never written again: later versions must read it.
  @Test func theGoldenFileIsRead() throws { try expectExample(try HexDump.golden("run-7", beside: #filePath)) }

  private func expectExample(_ bytes: [UInt8]) throws {
    let disk = SimulatedDisk()
    disk.place(bytes, at: "f")
    let examples = try FormatPage("sealed-file", from: #filePath).examples
    var digest = ByteReader(examples["digest"] ?? [])
    let reference = SealedReference(number: 7, bytes: 4732, digest: digest.next() ?? 0)
    for access in SealedFile.Access.allCases {
      #expect(try Reading(Self.sample, disk, "f", reference: reference, magic: .run, access: access) == .whole)
    }
  }

  /// The rules of the page, computed step by step as it says.
  @Test func theRulesAreThoseOfThePage() throws {
    let (bytes, reference) = try Self.file()
    func number(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    func word(at offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) } }
    for (index, block) in [bytes[4096..<4608], bytes[4608..<4620]].enumerated() {
      #expect(word(at: 4620 + 40 + 2 * 24 + 4 * index) == CRC32C.checksum(number(7) + number(index) + block))
    }
    #expect(word(at: 4728) == CRC32C.checksum(number(7) + bytes[4620..<4728]))
    #expect(word(at: 4620 + 36) == word(at: 12))

    let footer = Array(bytes[4620...])
    let hash = SipHash(key: (0x7461_6C6C_792D_6669, 0x6C65_2D64_6967_6573))
    var digest = UInt64(footer.count)
    for offset in stride(from: 0, to: footer.count, by: 8) {
      let word = (0..<8).reduce(UInt64(0)) { $0 | UInt64(footer[offset + $1]) << UInt64(8 * $1) }
      digest = hash.hash(digest, word, UInt64(offset))
    }
    #expect(digest == reference.digest)
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    let constants = try FormatPage("sealed-file", from: #filePath).constants
    #expect(
      constants
        == [
          "leastblockbytes": Int(SealedFooter.blockSizes.lowerBound),
          "mostblockbytes": Int(SealedFooter.blockSizes.upperBound),
          "usualblockbytes": Int(SealedFileWriter.defaultBlockBytes), "footerheadbytes": SealedFooter.headBytes,
          "sectionentrybytes": SealedFooter.sectionBytes, "trailerbytes": SealedFooter.trailerBytes,
          "sectionalignment": Int(SealedFooter.alignment),
        ])
  }
}
