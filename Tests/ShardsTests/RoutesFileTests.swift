import Bytes
import Clicks
import Files
import Platform
import Shards
import Simulation
import Store
import Testing

/// What `Formats/routes.md` says is what the code writes and reads, and rot is noticed or mended.
@Suite struct RoutesFileTests {
  private static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
  private static let made: Int64 = 1_750_000_000_000

  /// The table of the page.
  private static let table = RouteTable(
    shards: 4, version: 9,
    hot: [
      AdKey(rawValue: 7): [
        HotInterval(start: made - 3_600_000, end: made - 600_000), HotInterval(start: made + 71_000),
      ],
      AdKey(rawValue: 0x1122_3344_5566_7788): [HotInterval(start: made - 7_200_000, end: made - 7_000_000)],
    ])

  private static var bytes: [UInt8] { RoutesFile.bytes(table, store: store, created: made) }

  private func read(_ bytes: [UInt8], shards: Int? = 4) throws -> RoutesFile.Reading {
    try RoutesFile.read(bytes, "ROUTES", store: Self.store, shards: shards)
  }

  private func expectTable(_ reading: RoutesFile.Reading, repaired: Int = 0) {
    #expect(reading.table.hot == Self.table.hot && reading.table.version == 9 && reading.table.shards == 4)
    #expect(reading.repaired.count == repaired)
  }

  @Test func theExampleIsWhatIsWrittenAndRead() throws {
    let examples = try FormatPage("routes", from: #filePath).examples
    let copy = Array(Self.bytes.prefix(8_192))
    #expect(examples["header page"].map(HexDump.text) == HexDump.text(Array(copy[..<4_096])))
    #expect(examples["intervals"].map(HexDump.text) == HexDump.text(Array(copy[4_096...])))
    #expect(examples.count == 2 && Self.bytes == copy + copy)
    let spelled = ["header page", "intervals"].flatMap { examples[$0] ?? [] }
    expectTable(try read(spelled + spelled))
  }

  /// The golden file is never written again: later versions must read it.
  @Test func theGoldenFileIsRead() throws { expectTable(try read(try HexDump.golden("routes-9", beside: #filePath))) }

  @Test func theConstantsAreThoseOfTheSource() throws {
    // The rows of the examples of the function have no names.
    let constants = try FormatPage("routes", from: #filePath).constants
    #expect(
      constants == [
        "intervalbytes": RoutesFile.entryBytes, "mostintervals": RoutesFile.limit,
        "minttolerance": Int(RouteTable.mintTolerance), "decidedahead": Int(HotAds.lead),
      ])
  }

  /// Rot in one copy is mended from the other; the same byte rotten in both is damage that names the file.
  @Test func everyRottenBitIsMendedOrNoticed() throws {
    let whole = Self.bytes
    var generator = SeededGenerator(seed: 3)
    for at in 0..<whole.count where whole[at] != 0 || at % 4_096 < 160 || generator.oneIn(16) {
      var rotten = whole
      rotten[at] ^= 1 << UInt8(generator.next() % 8)
      expectTable(try read(rotten), repaired: 1)
      let twin = (at + whole.count / 2) % whole.count
      rotten[twin] ^= 1 << UInt8(generator.next() % 8)
      let found = #expect(throws: FormatError.self) { try read(rotten) }
      #expect(found?.file == "ROUTES")
    }
  }

  @Test func whatIsNoSuchFileIsRefused() throws {
    for length in [0, 1, 4_095, 4_096, 8_192, 16_383] {
      #expect(throws: FormatError.self, "\(length)") { try read(Array(Self.bytes.prefix(length))) }
    }
    #expect(throws: FormatError.self) { try read(Self.bytes, shards: 2) }
    let foreign = RoutesFile.bytes(Self.table, store: StoreID(high: 1, low: 2), created: Self.made)
    #expect(throws: FormatError.self) { try read(foreign) }
    #expect(try read(Self.bytes, shards: nil).table.shards == 4)
  }

  @Test(arguments: Seeds.list(20))
  func tablesOfEverySizeComeBack(_ seed: Seed) throws {
    var generator = seed.generator
    var hot: [AdKey: [HotInterval]] = [:]
    for _ in 0..<generator.small(in: 0...700) {
      var at = Int64(generator.small(in: 0...1_000_000))
      var intervals: [HotInterval] = []
      for _ in 0...generator.small(in: 0...3) {
        let end = at + 1 + Int64(generator.small(in: 0...1_000_000))
        intervals.append(HotInterval(start: at, end: end))
        at = end + 1 + Int64(generator.small(in: 0...1_000))
      }
      if generator.oneIn(2) { intervals[intervals.count - 1].end = .max }
      hot[AdKey(rawValue: generator.next())] = intervals
    }
    let table = RouteTable(shards: 4, version: generator.next() >> 1, hot: hot)
    let reading = try read(RoutesFile.bytes(table, store: Self.store, created: 1))
    #expect(reading.table.hot == hot && reading.table.version == table.version && reading.repaired == [], "\(seed)")
  }
}
