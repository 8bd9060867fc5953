import Bytes
import Files
import Platform
import Simulation
import Store
import Testing

/// What `Formats/imports.md` says of `IMPORTS` is what the code writes and reads, and rot is noticed or mended.
@Suite struct ImportsPageTests {
  private static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
  private static let made: Int64 = 1_750_000_000_000

  /// The import of the page.
  private static let one = FinishedImport(
    way: SourceKey(high: 1, low: 2), name: "clicks.csv", bytes: 9_000, lines: 301, digest: SourceKey(high: 3, low: 4),
    rejected: 2, began: made - 60_000, ended: made - 1_000, layout: 0, since: [1_000, 990], sample: [5, 7])

  private static var list: FinishedImports {
    var list = FinishedImports()
    list.add(one, oldest: 0)
    return list
  }

  private static var bytes: [UInt8] { ImportsFile.bytes(list, store: store, created: made) }

  @Test func theExampleIsWhatIsWrittenAndRead() throws {
    let page = try FormatPage("imports", from: #filePath)
    let copy = Array(Self.bytes.prefix(8_192))
    #expect(page.examples["imports"].map(HexDump.text) == HexDump.text(copy) && Self.bytes == copy + copy)
    #expect(try ImportsFile.read(Self.bytes, "IMPORTS", store: Self.store).imports == Self.list)
    #expect(
      page.constants == [
        "bytesbeforethename": ImportsFile.fixedBytes, "mostimports": FinishedImports.limit,
        "longestname": FinishedImport.longestName, "mosthashes": FinishedImport.sampleLimit,
      ])
  }

  /// The golden file is never written again: later versions must read it.
  @Test func theGoldenFileIsRead() throws {
    let copy = try HexDump.golden("imports-1", beside: #filePath)
    #expect(try ImportsFile.read(copy + copy, "IMPORTS", store: nil).imports == Self.list)
  }

  @Test func everyRottenBitIsMendedOrNoticed() throws {
    for at in stride(from: 0, to: 8_192, by: 7) {
      var bytes = Self.bytes
      bytes[at] ^= 0x10
      let reading = try ImportsFile.read(bytes, "IMPORTS", store: Self.store)
      #expect(reading.imports == Self.list && reading.repaired.count == 1, "byte \(at)")
      bytes[at + 8_192] ^= 0x10
      #expect(throws: FormatError.self, "byte \(at)") { try ImportsFile.read(bytes, "IMPORTS", store: Self.store) }
    }
    #expect(throws: FormatError.self) {
      try ImportsFile.read(Self.bytes, "IMPORTS", store: StoreID(high: 1, low: 1))
    }
    for count in [0, 5, 4_096, 8_192] {
      #expect(throws: FormatError.self) {
        try ImportsFile.read(Array(Self.bytes.prefix(count)), "IMPORTS", store: Self.store)
      }
    }
  }

  @Test(arguments: Seeds.list(20)) func randomListsComeBack(seed: Seed) throws {
    var chance = seed.generator
    var list = FinishedImports()
    for i in 0..<chance.small(in: 0...60) {
      let name = String(repeating: chance.pick(["a", "ü", "🙂"]), count: chance.edge(in: 0...300))
      list.add(
        FinishedImport(
          way: SourceKey(high: chance.next(), low: 1), name: name, bytes: chance.next(), lines: chance.next(),
          digest: SourceKey(high: chance.next(), low: chance.next()), rejected: chance.next(), began: Int64(i),
          ended: Int64(i), layout: 3, since: (0..<chance.small(in: 0...64)).map { _ in chance.next() },
          sample: (0..<chance.small(in: 0...16)).map { _ in chance.next() }), oldest: 0)
    }
    let bytes = ImportsFile.bytes(list, store: Self.store, created: Self.made)
    #expect(try ImportsFile.read(bytes, "IMPORTS", store: Self.store).imports == list, "\(seed)")
  }

  @Test func oldOnesGo() {
    var list = Self.list
    var other = Self.one
    (other.name, other.ended) = ("b", Self.made)
    list.add(other, oldest: Self.made - 1_000)
    #expect(list.all.map(\.name) == ["clicks.csv", "b"] && list.version == 2)
    other.ended += 1
    list.add(other, oldest: Self.made - 999)
    #expect(list.all == [other])
  }

  /// A crash or an error at every call of a change leaves the list before it or the one behind it, whatever survives; what it
  /// leaves besides is in nobody's way.
  @Test func aCrashAnywhereLeavesOneOfTheTwo() throws {
    var after = Self.list
    var other = Self.one
    other.name = "b"
    after.add(other, oldest: 0)
    func change(_ disk: SimulatedDisk) throws {
      try ImportsFile.write(after, disk, "/data", store: Self.store, created: 0)
    }
    func found(_ disk: SimulatedDisk) throws -> FinishedImports {
      let reading = try ImportsFile.read(disk, "/data", store: Self.store)
      #expect(reading.repaired == [])
      return reading.imports
    }
    func disk() throws -> SimulatedDisk {
      let disk = SimulatedDisk()
      try disk.createDirectory("/data")
      try disk.synchronizeDirectory("/")
      try ImportsFile.write(Self.list, disk, "/data", store: Self.store, created: 0)
      disk.faults = FaultPlan()
      return disk
    }
    let whole = try disk()
    try change(whole)
    for call in 0..<whole.operationCount {
      for plan in [
        FaultPlan(crashAt: call), FaultPlan(crashAt: call, inFlight: false), FaultPlan(Fault(.error(28), at: call)),
      ] {
        let disk = try disk()
        disk.faults = plan
        #expect(throws: SystemError.self, "call \(call)") { try change(disk) }
        disk.faults = FaultPlan()
        let survivals = Survival.eight(seed: UInt64(call), unsynced: disk.unsyncedCount)
        for left in [disk] + survivals.map({ disk.crash($0) }) {
          let list = try found(left)
          #expect(list == after || list == Self.list, "call \(call)")
          try change(left)
          #expect(try found(left.crash(.nothing)) == after, "call \(call)")
        }
      }
    }
  }
}
