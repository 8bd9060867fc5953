import Bytes
import Files
import Minutes
import Platform
import Simulation
import Testing

/// What `Formats/dictionary.md` says is what the code writes and reads.
@Suite struct DictionaryPageTests {
  private static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
  private static let keys: [UInt64] = [0x1122_3344_5566_7788, 7, 0xFFFF_FFFF_FFFF_FFFF]

  private static func file() throws -> (bytes: [UInt8], reference: SealedReference) {
    let disk = SimulatedDisk()
    let reference = try AdDictionary.write(
      keys, firstCode: 2, files: disk, path: "f", temporary: "t", store: store, number: 5, created: 1_750_000_000_000)
    return (disk.bytes(of: "f")!, reference)
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let bytes = try Self.file().bytes
    let parts = ["header page": 0..<4096, "keys": 4096..<4120, "footer": 4120..<bytes.count]
    let examples = try FormatPage("dictionary", from: #filePath).examples
    #expect(Set(examples.keys) == Set(parts.keys))
    for (name, range) in parts {
      #expect(examples[name].map(HexDump.text) == HexDump.text(Array(bytes[range])), "\(name)")
    }
  }

  @Test func theExamplesAreRead() throws {
    let examples = try FormatPage("dictionary", from: #filePath).examples
    try expectExample(["header page", "keys", "footer"].flatMap { examples[$0] ?? [] })
  }

  /// The golden file was written by version 0.1 and is never written again: later versions must read it.
  @Test func theGoldenFileIsRead() throws { try expectExample(try HexDump.golden("dictionary-5", beside: #filePath)) }

  private func expectExample(_ bytes: [UInt8]) throws {
    let disk = SimulatedDisk()
    disk.place(bytes, at: "f")
    let reference = try Self.file().reference
    let found = try AdDictionary.read(disk, "f", store: Self.store, reference: reference, firstCode: 2)
    #expect(found.firstCode == 2 && found.keys == Self.keys)
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    let constants = try FormatPage("dictionary", from: #filePath).constants
    #expect(constants == ["keysection": Int(AdDictionary.keySection), "mostadsofashard": AdCodes.limit])
  }
}
