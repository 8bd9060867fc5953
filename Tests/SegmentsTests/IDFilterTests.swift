import Bytes
import Clicks
import Files
import Segments
import Simulation
import Testing

/// The filters of a segment let through every id that is in it, and of the others as good as none.
@Suite struct IDFilterTests {
  /// Ids in the order in which they are looked for.
  private static func keys(_ ids: some Sequence<ImpressionID>) -> [SegmentKey] {
    ids.enumerated().map { SegmentKey(impression: $1, code: 0, tag: $0) }.sorted(by: SegmentKey.precedes)
  }

  private static func sift(_ segment: Segment, _ keys: [SegmentKey]) throws -> [ImpressionID] {
    var left: [SegmentKey] = []
    try segment.sift(keys, into: &left)
    return left.map(\.impression)
  }

  /// Against a plain set: ids of the segment all pass, in one batch and alone, with absent ones between them.
  private static func expect(
    _ segment: Segment, holds ids: Set<ImpressionID>, using chance: inout SeededGenerator, _ remark: String
  ) throws {
    #expect(try Set(sift(segment, keys(ids))) == ids, "\(remark)")
    var asked: [ImpressionID] = []
    for id in ids.shuffled(using: &chance).prefix(200) {
      asked.append(id)
      asked.append(ImpressionID(high: id.high, low: id.low &+ 1))
      asked.append(ImpressionID(high: id.high &+ 1, low: id.low))
      asked.append(ImpressionID(high: chance.next() & ~0xF000 | 0x4000, low: chance.next() >> 2 | 2 << 62))
    }
    let passed = Set(try sift(segment, keys(asked)))
    var lost: [ImpressionID] = []
    for id in asked {
      if ids.contains(id), !passed.contains(id) { lost.append(id) }
      // Alone it is told the same as among others.
      if try sift(segment, keys([id])).isEmpty == passed.contains(id) { lost.append(id) }
    }
    #expect(lost == [], "\(remark)")
  }

  /// A row that the filters leave out is found by its time, each other one through them: so an id that looks timed and is
  /// not, or had its time still to come, is found like all others.
  @Test(arguments: Kind.allCases) func noIDOfTheRowsIsHeldBack(_ kind: Kind) throws {
    try Seeds.run(12) { seed in
      var chance = seed.generator
      let reference = Reference(kind, count: 1 + chance.small(in: 0...4_000), using: &chance)
      let place = try Place.simulated()
      let (sealed, _) = try reference.seal(to: place.target(1, blockBytes: chance.pick([512, 16_384])))
      for access in SealedFile.Access.allCases {
        let segment = try place.open(1, sealed, access)
        try Self.expect(
          segment, holds: reference.mintings.filtered, using: &chance, "\(seed) \(kind) \(access)")
      }
    }
  }

  /// Ids by number, sorted, some over and over, sealed as one segment.
  private static func sealed(
    _ ids: [ImpressionID], _ place: Place, received: Int64 = 1_750_000_000_000
  ) throws -> Segment {
    var builder = SegmentBuilder(first: 7, capacity: ids.count)
    builder.step(receiveTime: received, runningTime: 1)
    for id in ids { builder.add(id, code: 3, eventTime: 1_750_000_000_000, source: .batch) }
    let (reference, _) = try builder.seal(to: place.target(1))
    return try place.open(1, reference, .mapped)
  }

  /// Filters that wait in a file are the same as those that wait in memory, and the file is gone afterwards.
  @Test func filtersMayWaitInAFile() throws {
    var chance = Seeds.list(1)[0].generator
    let reference = Reference(.version4, count: 150_000, using: &chance)
    let place = try Place.simulated()
    func sealed(filterMemory: Int) throws -> [UInt8] {
      try reference.seal(to: place.target(1, filterMemory: filterMemory))
      #expect(try place.files.list("/s").sorted() == ["1.seg"])
      let file = try place.files.open(place.path(1), .read)
      let bytes = try file.bytes(at: 0, count: Int(try file.size()))
      try place.files.remove(place.path(1))
      return bytes
    }
    let inMemory = try sealed(filterMemory: 8 << 20)
    // Each group by itself; two of the three together.
    for memory in [1, 100_000] { #expect(try sealed(filterMemory: memory) == inMemory, "\(memory)") }
  }

  @Test func severalGroupsHaveOneEach() throws {
    var chance = Seeds.list(1)[0].generator
    // One id fills the end of the first group and all of the second; browsers' ids fill the third.
    var ids = (0..<60_000).map { _ in ImpressionID(high: chance.next() >> 4, low: chance.next() >> 2) }
    let crowd = ImpressionID(high: .max >> 4, low: 9)
    ids += repeatElement(crowd, count: 80_000)
    ids += (0..<70_000).map { _ in
      let minted = 0x7FFF_0000_0000 + Int64(chance.next() % 1_000_000)
      return ImpressionID.version7(at: minted, random: (chance.next(), chance.next()))
    }
    let segment = try Self.sealed(
      ids.shuffled(using: &chance), try Place.simulated(), received: 0x7FFF_0010_0000)
    #expect(segment.filters.map(\.firstPage) == [0, 64, 128, 192])
    #expect(segment.filters.map(\.ids) == [60_001, 1, 1, 0])
    #expect(segment.filters[0].bytes * 10 <= 60_001 * 12 && segment.filters[3].bytes == 0)
    try segment.verify()
    // A browser's id is found by its time, without the filters.
    try Self.expect(segment, holds: Set(ids.filter { $0.timeInBits == nil }), using: &chance, "groups")
    let absent = Self.keys(
      (0..<100_000).map { _ in ImpressionID(high: chance.next() >> 4, low: chance.next() >> 2) })
    let passed = try Self.sift(segment, absent)
    // One in 256.
    #expect(passed.count < 550 && passed.count > 250)
    // Where browsers' ids are, no other one is.
    let between = (0..<1_000).map { _ in
      ImpressionID(high: 0x7FFF_000E_0000_4000 | chance.next() & 0xFFFF_0FFF, low: chance.next() >> 2)
    }
    #expect(try Self.sift(segment, Self.keys(between)) == [])
  }

  /// The finaliser of SplitMix64, and which number it makes another one of.
  private static func mix(_ x: UInt64) -> UInt64 {
    var x = x
    x = (x ^ x >> 30) &* 0xBF58_476D_1CE4_E5B9
    x = (x ^ x >> 27) &* 0x94D0_49BB_1331_11EB
    return x ^ x >> 31
  }
  private static func unmix(_ x: UInt64) -> UInt64 {
    var x = (x ^ x >> 31 ^ x >> 62) &* 0x3196_42B2_D24D_8EC3
    x = (x ^ x >> 27 ^ x >> 54) &* 0x96DE_1B17_3F11_9089
    return x ^ x >> 30 ^ x >> 60
  }

  /// An id whose number this is, without a minting time.
  private static func id(ofNumber number: UInt64, using chance: inout SeededGenerator) -> ImpressionID {
    let low = chance.next() >> 2
    return ImpressionID(high: unmix(number) ^ mix(low &+ 0x9E37_79B9_7F4A_7C15), low: low)
  }

  /// More ids in one cell than a count of it can say, as somebody may send them who has read how the numbers are made.
  @Test func crowdedCellsDoNoHarm() throws {
    var chance = Seeds.list(1)[0].generator
    for crowd in [63, 64, 65, 128, 300] {
      let alike = (0..<crowd).map { _ in
        Self.id(ofNumber: 7 << 60 | chance.next() >> 20, using: &chance)
      }
      let others = (0..<2_000).map { _ in ImpressionID(high: chance.next(), low: chance.next() >> 2) }
      let place = try Place.simulated()
      let segment = try Self.sealed((alike + others).shuffled(using: &chance), place)
      // Another attempt spreads them.
      let filter = segment.filters[0]
      #expect(filter.ids == crowd + 2_000 && filter.attempt < 20 && (crowd < 64 || filter.attempt > 0), "\(crowd)")
      try segment.verify()
      try Self.expect(segment, holds: Set(alike + others), using: &chance, "\(crowd) in one cell")
    }
  }

  /// Different ids that filters cannot tell apart.
  @Test func chosenIDsDoNoHarm() throws {
    var chance = Seeds.list(1)[0].generator
    let alike = (0..<3_000).map { _ in Self.id(ofNumber: Self.mix(12_345), using: &chance) }
    let others = (0..<500).map { _ in ImpressionID(high: chance.next(), low: chance.next() >> 2) }
    let segment = try Self.sealed((alike + others).shuffled(using: &chance), try Place.simulated())
    #expect(segment.filters.map(\.ids) == [501])
    try segment.verify()
    try Self.expect(segment, holds: Set(alike + others), using: &chance, "chosen ids")
  }

  @Test func filtersOfEverySizeCanBeMade() throws {
    let place = try Place.simulated()
    var attempts = 0
    for count in Array(1...130) + [255, 256, 257, 511, 1_025, 5_000, 33_000] {
      var chance = SeededGenerator(seed: UInt64(count))
      let ids = (0..<count).map { _ in ImpressionID(high: chance.next(), low: chance.next() >> 2) }
      let segment = try Self.sealed(ids, place)
      let filter = segment.filters[0]
      #expect(filter.ids == count && filter.bytes > 0 && filter.attempt < 12, "\(count)")
      attempts += Int(filter.attempt)
      #expect(try Set(Self.sift(segment, Self.keys(ids))).count == count, "\(count)")
      try place.files.remove(place.path(1))
    }
    // Nine in ten are made at once.
    #expect(attempts < 30)
  }

  /// Each bit of the filters: an error, never a click that is taken for new.
  @Test func everyBitOfTheFiltersMatters() throws {
    var chance = Seeds.list(1)[0].generator
    let reference = Reference(.version4, count: 150, using: &chance)
    let place = try Place.simulated()
    let disk = place.files as! SimulatedDisk
    let (sealed, _) = try reference.seal(to: place.target(1, blockBytes: 512))
    let keys = Self.keys(reference.entries.map(\.row.impression))
    let section = try place.open(1, sealed, .mapped).file.section(9)
    #expect(section.bytes > 150)
    var silent: [Int] = []
    for bit in 0..<(8 * section.bytes) {
      let byte = Int(section.offset) + bit / 8
      disk.flip(bit: bit % 8, ofByte: byte, in: place.path(1))
      for access in SealedFile.Access.allCases {
        do {
          _ = try Self.sift(try place.open(1, sealed, access), keys)
          silent.append(bit)
        } catch let error as FormatError { #expect(error.file == place.path(1)) }
      }
      disk.flip(bit: bit % 8, ofByte: byte, in: place.path(1))
    }
    #expect(silent == [])
    #expect(try Self.sift(try place.open(1, sealed, .read), keys).count == keys.count)
  }

  /// Segments from before there were filters let everything through.
  @Test func withoutFiltersAnyIDMayBeThere() throws {
    let disk = SimulatedDisk()
    disk.place(try HexDump.golden("segment-300", beside: #filePath), at: "/segment-300")
    let segment = try Segment.open(disk, "/segment-300", store: Place.store, reference: nil, access: .mapped)
    #expect(segment.filters.isEmpty)
    let absent = Self.keys((0..<50).map { ImpressionID(high: $0 << 50, low: 77) })
    #expect(try Self.sift(segment, absent).count == 50)
  }
}

/// Many identities looked for at once are those that are found one by one.
@Suite struct SegmentLookupTests {
  @Test(arguments: Kind.allCases) func manyKeysFindWhatOneByOneFinds(_ kind: Kind) throws {
    try Seeds.run(8) { seed in
      var chance = seed.generator
      let reference = Reference(kind, count: 1 + chance.small(in: 0...4_000), using: &chance)
      let place = try Place.simulated()
      let (sealed, _) = try reference.seal(to: place.target(1, blockBytes: chance.pick([512, 16_384])))
      let segment = try place.open(1, sealed, chance.pick(SealedFile.Access.allCases))
      var first: [Identity: SegmentRow] = [:]
      for entry in reference.sorted {
        let identity = Identity(entry.row)
        if first[identity] == nil { first[identity] = entry.row }
      }
      var keys: [SegmentKey] = []
      for entry in reference.entries where keys.count < 600 {
        keys.append(SegmentKey(impression: entry.row.impression, code: entry.row.code, tag: keys.count))
        var other = entry.row.impression
        other.low ^= 1 << (chance.next() % 64)
        keys.append(SegmentKey(impression: other, code: entry.row.code, tag: keys.count))
        keys.append(SegmentKey(impression: entry.row.impression, code: entry.row.code &+ 1, tag: keys.count))
      }
      var found: [Int: SegmentRow] = [:]
      try segment.find(keys.sorted(by: SegmentKey.precedes)) { found[$0] = $1 }
      let wrong = keys.filter { found[$0.tag] != first[Identity($0)] }
      #expect(wrong == [], "\(seed) \(kind)")
    }
  }

  private struct Identity: Hashable {
    var impression: ImpressionID
    var code: UInt32

    init(_ row: SegmentRow) { (impression, code) = (row.impression, row.code) }
    init(_ key: SegmentKey) { (impression, code) = (key.impression, key.code) }
  }
}
