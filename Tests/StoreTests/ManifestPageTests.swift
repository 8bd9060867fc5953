import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// What `Formats/manifest.md` says is what the code writes and reads, and the golden store is read for ever.
@Suite struct ManifestPageTests {
  private static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)

  /// The manifest of the page: a snapshot with a closed and an open generation, and an edit.
  private static func manifest(on disk: SimulatedDisk) throws -> ManifestState {
    try disk.createDirectory("/shard")
    try disk.createDirectory("/shard/tmp")
    var state = ManifestState()
    let changes: [ManifestChange] = [
      .epoch(4),
      .open(LogExtent(generation: 1, slot: 0, firstPosition: 0, previousGeneration: 0, durable: 4096)),
      .close(generation: 1, LogExtent.End(offset: 8192, position: 3)),
      .open(LogExtent(generation: 2, slot: 1, firstPosition: 3, previousGeneration: 1, durable: 4096)),
      .logicalTime(1_750_000_000_000), .closedThrough(minute: 29_166_664),
    ]
    for change in changes { try state.apply(change) }
    var manifest = try Manifest(
      files: disk, directory: "/shard", store: store, number: 9, state: state, sequence: 5, bytes: 24 << 10)
    try manifest.append([
      .closedThrough(minute: 29_166_665), .logicalTime(1_750_000_060_000), .lastGeneration(3),
    ])
    return manifest.state
  }

  private static var identity: StoreIdentity {
    var identity = StoreIdentity(id: store, shards: 1, created: 1_750_000_000_000)
    (identity.start, identity.isClosed, identity.routes) = (7, true, 3)
    identity.marks[0] = ShardMark(
      start: 7, position: 140, sequence: 21,
      acceptance: ShardMark.Acceptance(start: 5, time: 1_750_000_000_000, found: 80, known: 120))
    return identity
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let disk = SimulatedDisk()
    _ = try Self.manifest(on: disk)
    let bytes = disk.bytes(of: "/shard/MANIFEST-9.a")!
    #expect(disk.bytes(of: "/shard/MANIFEST-9.b") == bytes)
    var examples = try FormatPage("manifest", from: #filePath).examples
    examples["STORE, version 1"] = nil
    let written = [
      "STORE": Self.identity.page, "header page": Array(bytes[..<4096]), "snapshot": Array(bytes[4096..<8192]),
      "edit": Array(bytes[8192..<12288]),
    ]
    #expect(Set(examples.keys) == Set(written.keys))
    for (name, due) in written { #expect(examples[name].map(HexDump.text) == HexDump.text(due), "\(name)") }
  }

  @Test func theExamplesAreRead() throws {
    let examples = try FormatPage("manifest", from: #filePath).examples
    let disk = SimulatedDisk()
    let bytes = ["header page", "snapshot", "edit"].flatMap { examples[$0] ?? [] }
    disk.place(bytes, at: "/shard/MANIFEST-9.b")
    let reading = try #require(try Manifest.read(disk, directory: "/shard", store: Self.store))
    #expect(reading.state == (try Self.manifest(on: SimulatedDisk())))
    #expect(reading.number == 9 && reading.sequence == 6 && reading.records == 2 && reading.repaired.count == 1)
    #expect(try StoreIdentity(page: examples["STORE"] ?? [], path: "STORE") == Self.identity)
    var first = StoreIdentity(id: Self.store, shards: 1, created: 1_750_000_000_000)
    first.isNumbered = false
    #expect(try StoreIdentity(page: examples["STORE, version 1"] ?? [], path: "STORE") == first)
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    var constants = try FormatPage("manifest", from: #filePath).constants
    // The tags are private: the bytes of a change begin with its tag, its length behind it.
    let changes: [(String, ManifestChange)] = [
      ("epoch", .epoch(1)),
      ("open", .open(LogExtent(generation: 1, slot: 0, firstPosition: 0, previousGeneration: 0, durable: 0))),
      ("close", .close(generation: 1, LogExtent.End(offset: 0, position: 0))), ("remove", .remove(generation: 1)),
      ("logicalTime", .logicalTime(1)), ("closedThrough", .closedThrough(minute: 1)),
      ("lastGeneration", .lastGeneration(1)), ("checkpoint", .checkpoint(applied: 1, floor: 0)),
      (
        "addFile",
        .addFile(StoreFile(kind: .segment, reference: SealedReference(number: 1, bytes: 2, digest: 3)))
      ), ("removeFile", .removeFile(number: 1)), ("lastFile", .lastFile(1)), ("sealed", .sealed(to: 1)),
      ("retired", .retired(to: 1)), ("rolledUp", .rolledUp(before: 1)), ("minutesFrom", .minutesFrom(minute: 1)),
      ("table", .table(number: 1, name: "sink")),
      ("progress", .progress(SourceProgress(high: 1, low: 2, lines: 3, bytes: 4))),
      ("recounted", .recounted(RecountMark(), run: 1)), ("dropped", .dropped(clicks: 1)),
      ("retiredMarks", .retiredMarks(1)), ("compared", .compared(throughFile: 1)),
      ("earlierCopies", .earlierCopies(EarlierCopies.List(end: 2, parts: [EarlierCopies.Part(end: 1, count: 3)]))),
      ("copiesCounted", .copiesCounted(from: 1)),
      (
        "monthSealed",
        .monthSealed(
          MonthSeal(
            month: Month("2026-10")!, time: 1, rows: 2, clicks: 3, ads: 4, minutes: MonthSeal.noMinutes,
            days: MonthSeal.noMinutes))
      ), ("started", .started(number: 1, shard: 2)),
    ]
    for (name, kind) in [
      ("segment", StoreFile.Kind.segment), ("run", .run), ("base", .base), ("dictionary", .dictionary),
      ("external", .external), ("corrections", .corrections),
    ] {
      #expect(constants.removeValue(forKey: name) == Int(kind.rawValue), "\(name)")
    }
    for (name, change) in changes {
      #expect(constants.removeValue(forKey: name) == Int(change.bytes[0]), "\(name)")
      #expect(constants.removeValue(forKey: name + "bytes") == change.bytes.count - 4, "\(name)")
    }
    #expect(
      constants == [
        "mostshards": StoreIdentity.shardLimit, "leastmanifestbytes": Manifest.defaultBytes,
        "mostparts": EarlierCopies.limit, "markbytes": StoreIdentity.markBytes, "marksat": StoreIdentity.marksStart,
      ])
  }

  // MARK: - The golden store

  private static let golden: [String: String] = [
    "STORE": "/data/STORE", "manifest-a": "/data/shard-00/MANIFEST-2.a", "manifest-b": "/data/shard-00/MANIFEST-2.b",
    "slot-000": "/data/shard-00/log/slot-000", "slot-001": "/data/shard-00/log/slot-001",
  ]

  /// It was written by version 0.1 and is never written again: later versions must read it, go on in it, and know its
  /// clicks as duplicates.
  @Test func theGoldenStoreIsReadAndGoesOn() throws {
    let disk = SimulatedDisk()
    for (name, path) in Self.golden { disk.place(try HexDump.golden(name, beside: #filePath), at: path) }
    let machine = SimulatedMachine(seed: 1, disk: disk)
    let contents = try Contents(machine.environment, "/data")
    #expect(contents.clicks.count == 17)
    #expect(contents.rows.values.reduce(0, +) == 17)
    #expect(contents.state?.extents.count == 2)
    #expect(contents.state?.closedThrough == 29_166_668)
    for (number, click) in contents.clicks.enumerated() {
      let high = UInt64(number + 1) &* 0x9E37_79B9_7F4A_7C15
      #expect(click.impression == ImpressionID(high: high, low: UInt64(number + 1)))
      #expect(click.ad == AdKey(rawValue: UInt64(number + 1) % 3))
    }

    let store = try Store.open(machine.environment, "/data", options: Scenario.options)
    let batch = contents.clicks.map { ClickRequest(identity: $0.identity) }
    store.shards[0].commit(batch.span) { index, answer in
      #expect(answer == ClickAnswer(.duplicate, eventTime: contents.clicks[index].eventTime))
    }
  }
}

extension ManifestChange {
  /// The change as a record holds it.
  var bytes: [UInt8] {
    var writer = ByteWriter()
    write(to: &writer)
    return writer.bytes
  }
}
