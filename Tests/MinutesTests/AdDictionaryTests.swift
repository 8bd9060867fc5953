import Bytes
import Clicks
import Files
import Minutes
import Platform
import Simulation
import Testing

/// Dictionary files: what is written is read, and everything else is refused.
@Suite struct AdDictionaryTests {
  private static let store = StoreID(high: 1, low: 2)

  private func write(
    _ keys: [UInt64], firstCode: UInt32 = 0, on disk: SimulatedDisk, at path: String = "f"
  ) throws -> SealedReference {
    try AdDictionary.write(
      keys, firstCode: firstCode, files: disk, path: path, temporary: "t", store: Self.store, number: 3, created: 0)
  }

  private func damage(_ disk: SimulatedDisk, firstCode: UInt32? = nil, reference: SealedReference? = nil)
    -> FormatError?
  {
    do {
      _ = try AdDictionary.read(disk, "f", store: Self.store, reference: reference, firstCode: firstCode)
      return nil
    } catch { return error as? FormatError }
  }

  @Test func roundTrips() throws {
    try Seeds.run(30) { seed in
      var chance = seed.generator
      let count =
        chance.oneIn(2) ? chance.pick([0, 1, 2047, 2048, 2049, 32_768, 32_769]) : chance.small(in: 0...150_000)
      let keys = (0..<count).map { _ in chance.next() }
      let first = chance.edge(in: 0...(UInt32.max - UInt32(count)))
      let disk = SimulatedDisk()
      let reference = try write(keys, firstCode: first, on: disk)
      let found = try AdDictionary.read(disk, "f", store: Self.store, reference: reference, firstCode: first)
      #expect(found.firstCode == first && found.keys == keys, "\(seed)")
      #expect(try AdDictionary.read(disk, "f").keys == keys, "\(seed)")
      #expect(reference.number == 3 && !disk.exists("t"))
    }
  }

  /// A shard's files one behind the other give its codes back.
  @Test func aShardsFilesGiveItsCodes() throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      let disk = SimulatedDisk()
      var codes = AdCodes()
      var written: UInt32 = 0
      var files: [(String, SealedReference)] = []
      for number in 0..<5 {
        for _ in 0..<chance.small(in: 0...5_000) { _ = codes.assign(AdKey(rawValue: chance.next() % 20_000)) }
        let path = "\(number)"
        let reference = try write(codes.keys(from: written), firstCode: written, on: disk, at: path)
        files.append((path, reference))
        written = UInt32(codes.count)
      }
      var keys: [UInt64] = []
      for (path, reference) in files {
        let next = UInt32(keys.count)
        keys += try AdDictionary.read(disk, path, store: Self.store, reference: reference, firstCode: next).keys
      }
      let again = AdCodes(keys: keys)
      #expect(again.count == codes.count && keys == codes.keys(from: 0))
      for code in 0..<UInt32(codes.count) {
        guard again.key(code) == codes.key(code), again.code(of: codes.key(code)) == code else {
          Issue.record("\(seed): code \(code)")
          return
        }
      }
    }
  }

  @Test func damageIsRefused() throws {
    let disk = SimulatedDisk()
    var chance = SeededGenerator(seed: 1)
    let reference = try write((0..<3_000).map { _ in chance.next() }, on: disk)
    for _ in 0..<2_000 {
      let (byte, bit) = (chance.edge(in: 0...Int(reference.bytes) - 1), Int(chance.next() % 8))
      disk.flip(bit: bit, ofByte: byte, in: "f")
      #expect(damage(disk) != nil, "bit \(bit) of byte \(byte)")
      disk.flip(bit: bit, ofByte: byte, in: "f")
    }
    #expect(damage(disk, firstCode: 0, reference: reference) == nil)
    for length in stride(from: 0, to: Int(reference.bytes), by: 97) {
      let cut = SimulatedDisk()
      cut.place(Array(try #require(disk.bytes(of: "f"))[..<length]), at: "f")
      #expect(damage(cut) != nil, "cut to \(length)")
    }
    #expect(damage(SimulatedDisk()) != nil)
    #expect(throws: FormatError.self) { try AdDictionary.read(disk, "f", store: StoreID(high: 2, low: 1)) }
  }

  @Test func anotherPlaceInTheOrderIsRefused() throws {
    let disk = SimulatedDisk()
    let reference = try write([10, 20, 30], firstCode: 7, on: disk)
    #expect(damage(disk, firstCode: 7, reference: reference) == nil)
    #expect(damage(disk, firstCode: 8)?.offset == 56)
    #expect(damage(disk, firstCode: 0)?.reason == "it starts at code 7, not 0")
  }

  @Test func aKeyThatAppearsTwiceIsRefused() throws {
    try Seeds.run(30) { seed in
      var chance = seed.generator
      let count = 2 + chance.small(in: 0...70_000)
      var keys = (0..<count).map { UInt64($0) &* 0x1234_5678_9ABC_DEF1 }
      let first = chance.edge(in: 0...count - 2)
      let again = chance.edge(in: (first + 1)...(count - 1))
      keys[again] = keys[first]
      let disk = SimulatedDisk()
      _ = try write(keys, firstCode: 5, on: disk)
      let error = try #require(damage(disk))
      #expect(error.offset == UInt64(4096 + 8 * again), "\(seed)")
      #expect(error.reason == "code \(again + 5) has the key of code \(first + 5)", "\(seed)")
    }
  }

  /// Header fields and sections that no writer makes, under checksums that hold.
  @Test func forgedFilesAreRefused() throws {
    let cases: [(first: UInt32, count: UInt32, keys: Int, sections: [UInt32], isValid: Bool)] = [
      (0, 3, 3, [0], true), (UInt32.max - 3, 3, 3, [0], true), (UInt32.max - 2, 3, 3, [0], false),
      (UInt32.max, 0, 0, [0], true), (UInt32.max, 1, 1, [0], false), (0, 2, 3, [0], false), (0, 4, 3, [0], false),
      (0, UInt32.max, 3, [0], false), (0, 3, 3, [1], false), (0, 0, 0, [], false), (0, 3, 3, [1, 0], true),
    ]
    for forged in cases {
      let disk = SimulatedDisk()
      let header = FileHeader(magic: .dictionary, store: Self.store, number: 3, created: 0, blockBytes: 512)
      var writer = try SealedFileWriter(disk, path: "f", temporary: "t", header: header)
      for kind in forged.sections {
        try writer.begin(section: kind)
        for key in 0..<UInt8(forged.keys) { try writer.append([key, 0, 0, 0, 0, 0, 0, 0]) }
        writer.end()
      }
      _ = unsafe try writer.finish { page in
        unsafe page.unsafeStoreLE(forged.first, 56)
        unsafe page.unsafeStoreLE(forged.count, 60)
      }
      #expect((damage(disk) == nil) == forged.isValid, "\(forged)")
    }
    let disk = SimulatedDisk()
    _ = try write([1, 2], on: disk)
    let header = FileHeader(magic: .run, store: Self.store, number: 3, created: 0)
    unsafe disk.overwrite("f", at: 0, with: header.page())
    #expect(damage(disk)?.reason.hasPrefix("no TALLYDIC file") == true)
  }
}
