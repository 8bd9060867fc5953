import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Simulation
import Testing

/// What `Formats/conventions.md` and `Formats/click-log.md` say is what the code writes and reads.
@Suite struct LogPageTests {
  static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
  static let clicks = [
    Click(
      impression: ImpressionID("01976d9c-0080-7abc-8def-0123456789ab")!, ad: AdKey(rawValue: 0x1122_3344_5566_7788),
      eventTime: 1_750_000_000_500, receiveTime: 1_750_000_000_500, source: .browser),
    Click(
      impression: ImpressionID("000102030405060708090a0b0c0d0e0f")!, ad: AdKey(rawValue: 7),
      eventTime: 1_749_999_990_000, receiveTime: 1_750_000_000_507, source: .batch),
  ]

  /// A slot as the pages show it: a header, one frame of two clicks, a mark, a close.
  static func slot(on disk: SimulatedDisk) throws -> SlotHeader {
    let header = SlotHeader(
      store: store, slot: 1, generation: 2, firstPosition: 3, epoch: 4, previousChecksum: 0xAABB_CCDD,
      previousGeneration: 1, slotBytes: 65_536, created: 1_750_000_000_000)
    disk.place(header.page + [UInt8](repeating: 0, count: 65_536 - 4096), at: "/slot-001")
    let file = try disk.open("/slot-001", .readWrite)
    var writer = LogWriter(
      file: file, header: header, offset: SlotHeader.framesStart, nextPosition: 3, checksum: header.previousChecksum,
      frameIndex: 0)
    for click in clicks { _ = writer.append(click) }
    _ = try writer.commit(FrameStamp(logicalTime: 0, runningTime: 1_000, manifestSequence: 5))
    try writer.mark(FrameStamp(logicalTime: 1_750_000_000_600, runningTime: 1_100, manifestSequence: 5))
    try writer.close(FrameStamp(logicalTime: 1_750_000_001_000, runningTime: 1_500, manifestSequence: 6))
    return header
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let disk = SimulatedDisk()
    _ = try Self.slot(on: disk)
    let bytes = disk.bytes(of: "/slot-001")!
    let page = try FormatPage("click-log", from: #filePath)
    let written = ["slot header": 0, "data frame": 4096, "mark frame": 8192, "close frame": 12288]
    #expect(Set(page.examples.keys) == Set(written.keys).union(["frame with an annex", "frame with strings"]))
    for (name, offset) in written {
      let due = HexDump.text(Array(bytes[offset..<(offset + 4096)]))
      #expect(page.examples[name].map(HexDump.text) == due, "\(name)")
    }
  }

  private static let progress = SourceProgress(
    high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff, lines: 32_768, bytes: 4 << 20)

  @Test func theAnnexIsWrittenAndReadAsThePageSays() throws {
    let disk = SimulatedDisk()
    let header = SlotHeader(
      store: Self.store, slot: 1, generation: 2, firstPosition: 3, epoch: 4, previousChecksum: 0xAABB_CCDD,
      previousGeneration: 1, slotBytes: 65_536, created: 1_750_000_000_000)
    disk.place(header.page + [UInt8](repeating: 0, count: 65_536 - 4096), at: "/slot-001")
    let file = try disk.open("/slot-001", .readWrite)
    var writer = LogWriter(
      file: file, header: header, offset: SlotHeader.framesStart, nextPosition: 3, checksum: header.previousChecksum,
      frameIndex: 0)
    _ = writer.append(Self.clicks[0])
    writer.attach(FrameAnnex(progress: [Self.progress]))
    let stamp = FrameStamp(logicalTime: 0, runningTime: 1_000, manifestSequence: 5)
    _ = try writer.commit(stamp)
    let page = try FormatPage("click-log", from: #filePath)
    let due = HexDump.text(Array(disk.bytes(of: "/slot-001")![4096..<8192]))
    #expect(page.examples["frame with an annex"].map(HexDump.text) == due)

    // An annex may stand alone, and the next frame has none.
    writer.attach(FrameAnnex(progress: [Self.progress, Self.progress]))
    _ = try writer.commit(stamp)
    _ = writer.append(Self.clicks[1])
    _ = try writer.commit(stamp)
    var found: [(records: UInt32, annex: FrameAnnex)] = []
    let tail = try LogReader(file).walk { frame in
      found.append((frame.header.records, try frame.annex()))
    }
    // What proves it stands behind.
    var proven = Self.progress
    proven.proof = SourceProof(digestHigh: 1, digestLow: 2, since: 3, rejected: 4)
    for annex in [FrameAnnex(progress: [proven]), FrameAnnex(progress: [Self.progress, proven])] {
      let again = try unsafe annex.bytes.withUnsafeBytes { bytes throws -> FrameAnnex in
        try unsafe FrameAnnex(bytes, records: 0)
      }
      #expect(again == annex)
    }
    #expect(FrameAnnex(progress: [proven]).bytes.count == FrameAnnex.progressBytes)
    #expect(found.map(\.records) == [1, 0, 1] && tail.nextPosition == 5)
    #expect(found.map(\.annex.progress) == [[Self.progress], [Self.progress, Self.progress], []])
  }

  private static let strings: CapturedStrings = {
    var strings = CapturedStrings(.all)
    strings.append(ClickStrings(["Mozilla/5.0", "https://a.example/"].map { Array($0.utf8) }))
    strings.append(ClickStrings(["curl", ""].map { Array($0.utf8) }))
    return strings
  }()

  /// Two clicks with their captured strings, which stand behind what is said of sources.
  private func frameWithStrings(_ progress: [SourceProgress] = []) throws -> (SimulatedDisk, any File) {
    let disk = SimulatedDisk()
    let header = SlotHeader(
      store: Self.store, slot: 1, generation: 2, firstPosition: 3, epoch: 4, previousChecksum: 0xAABB_CCDD,
      previousGeneration: 1, slotBytes: 65_536, created: 1_750_000_000_000)
    disk.place(header.page + [UInt8](repeating: 0, count: 65_536 - 4096), at: "/slot-001")
    let file = try disk.open("/slot-001", .readWrite)
    var writer = LogWriter(
      file: file, header: header, offset: SlotHeader.framesStart, nextPosition: 3, checksum: header.previousChecksum,
      frameIndex: 0)
    for (i, click) in Self.clicks.enumerated() { _ = writer.append(click, captured: Self.strings, at: i) }
    if !progress.isEmpty { writer.attach(FrameAnnex(progress: progress)) }
    #expect(writer.pendingStrings == Self.strings.bytes.count)
    _ = try writer.commit(FrameStamp(logicalTime: 0, runningTime: 1_000, manifestSequence: 5))
    // The next frame has none.
    _ = writer.append(Self.clicks[0])
    _ = try writer.commit(FrameStamp(logicalTime: 0, runningTime: 1_001, manifestSequence: 5))
    return (disk, file)
  }

  private func annexes(_ file: any File) throws -> [FrameAnnex] {
    var found: [FrameAnnex] = []
    _ = try LogReader(file).walk { frame in
      found.append(try frame.annex())
    }
    return found
  }

  @Test func stringsAreWrittenAndReadAsThePageSays() throws {
    let (disk, file) = try frameWithStrings()
    #expect(try annexes(file) == [FrameAnnex(strings: Self.strings), FrameAnnex()])
    let page = try FormatPage("click-log", from: #filePath)
    let due = HexDump.text(Array(disk.bytes(of: "/slot-001")![4096..<8192]))
    #expect(page.examples["frame with strings"].map(HexDump.text) == due)
    let both = try frameWithStrings([Self.progress])
    #expect(try annexes(both.1)[0] == FrameAnnex(progress: [Self.progress], strings: Self.strings))
  }

  /// The golden slot with strings is never written again: later versions must read it.
  @Test func theGoldenSlotWithStringsIsRead() throws {
    let disk = SimulatedDisk()
    disk.place(try HexDump.golden("slot-001-strings", beside: #filePath), at: "/slot-001")
    let found = try annexes(try disk.open("/slot-001", .read))
    #expect(found == [FrameAnnex(progress: [Self.progress], strings: Self.strings), FrameAnnex()])
  }

  @Test func whatAreNoStringsIsRefused() {
    let good = FrameAnnex(strings: Self.strings).bytes
    func read(_ bytes: [UInt8], records: UInt32 = 2) -> FrameAnnex? {
      let payload = [UInt8](repeating: 0, count: Int(records) * RecordFormat.size) + bytes
      return unsafe payload.withUnsafeBytes { raw in
        do throws(AnnexFault) { return try unsafe FrameAnnex(raw, records: records) } catch { return nil }
      }
    }
    #expect(read(good) == FrameAnnex(strings: Self.strings))
    for records in [0, 1, 3] as [UInt32] { #expect(read(good, records: records) == nil, "\(records) records") }
    for count in 1..<good.count { #expect(read(Array(good[..<count])) == nil, "\(count) bytes") }
    // Twice, before what is said of sources, of unknown columns, with something in the padding.
    #expect(read(good + good) == nil)
    #expect(read(good + FrameAnnex(progress: [Self.progress]).bytes) == nil)
    for (at, value) in [(8, 0), (8, 7), (9, 1), (10, 1), (good.count - 1, 1)] as [(Int, UInt8)] {
      var wrong = good
      wrong[at] = value
      #expect(read(wrong) == nil, "byte \(at)")
    }
  }

  @Test func whatIsNoAnnexIsRefused() {
    let bytes = FrameAnnex(progress: [Self.progress]).bytes
    func read(_ bytes: [UInt8]) -> Result<FrameAnnex, AnnexFault> {
      unsafe bytes.withUnsafeBytes { raw in
        do throws(AnnexFault) { return .success(try unsafe FrameAnnex(raw, records: 0)) } catch {
          return .failure(error)
        }
      }
    }
    #expect(read(bytes) == .success(FrameAnnex(progress: [Self.progress])))
    #expect(read([]) == .success(FrameAnnex()))
    for count in 1..<bytes.count { #expect((try? read(Array(bytes[..<count])).get()) == nil, "\(count) bytes") }
    for (at, value) in [(0, 2), (0, 3), (1, 1), (2, 1), (3, 9), (4, 24), (4, 33), (4, 40), (7, 255)] as [(Int, UInt8)] {
      var wrong = bytes
      wrong[at] = value
      #expect((try? read(wrong).get()) == nil, "byte \(at)")
    }
  }

  @Test func theExamplesAreRead() throws {
    let page = try FormatPage("click-log", from: #filePath)
    let disk = SimulatedDisk()
    let frames = ["slot header", "data frame", "mark frame", "close frame"].flatMap { page.examples[$0] ?? [] }
    disk.place(frames + [UInt8](repeating: 0, count: 65_536 - frames.count), at: "/slot-001")
    try expectExample(on: disk)
  }

  /// The golden slot was written by version 0.1 and is never written again: later versions must read it.
  @Test func theGoldenSlotIsRead() throws {
    let disk = SimulatedDisk()
    disk.place(try HexDump.golden("slot-001", beside: #filePath), at: "/slot-001")
    try expectExample(on: disk)
  }

  private func expectExample(on disk: SimulatedDisk) throws {
    let extent = LogExtent(generation: 2, slot: 1, firstPosition: 3, previousGeneration: 1, durable: 4096)
    let reader = try LogReader(disk, "/slot-001", extent: extent, store: Self.store)
    var found: [Click] = []
    var kinds: [FrameKind] = []
    let tail = try reader.walk { frame in
      kinds.append(frame.header.kind)
      try frame.forEachClick { _, click in found.append(click) }
    }
    #expect(found == Self.clicks)
    #expect(kinds == [.data, .mark, .close])
    #expect(tail.closed && tail.offset == 16_384 && tail.nextPosition == 5 && tail.manifestSequence == 6)
    #expect(reader.header.epoch == 4 && reader.header.created == 1_750_000_000_000)
    #expect(try reader.judge(tail, of: extent) == LogExtent.End(offset: 16_384, position: 5))
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    let conventions = try FormatPage("conventions", from: #filePath).constants
    #expect(
      conventions
        == [
          "header page bytes": FileHeader.size, "format version": Int(FileMagic.logSlot.versions.upperBound),
          "type fields at": FileHeader.typeFields, "frame alignment": FrameHeader.alignment,
          "frame head bytes": FrameHeader.size, "frame magic": Int(FrameHeader.magic),
          "data": Int(FrameKind.data.rawValue), "mark": Int(FrameKind.mark.rawValue),
          "close": Int(FrameKind.close.rawValue), "snapshot": Int(FrameKind.snapshot.rawValue),
          "edit": Int(FrameKind.edit.rawValue),
          "checksum of \"123456789\"": Int(CRC32C.checksum(Array("123456789".utf8))),
          "seed of generation 2": Int(CRC32C.seed(2)),
        ].withoutSpaces)
    let log = try FormatPage("click-log", from: #filePath).constants
    #expect(
      log
        == [
          "frames start at": SlotHeader.framesStart, "record bytes": RecordFormat.size,
          "record schema": Int(RecordFormat.schema), "most records in a frame": LogWriter.maximumRecords,
          "least slot bytes": SlotPool.sizes.lowerBound, "most slot bytes": SlotPool.sizes.upperBound,
          "browser": Int(Click.Source.browser.rawValue), "batch": Int(Click.Source.batch.rawValue),
          "imported": Int(Click.Source.imported.rawValue), "progress": Int(FrameAnnex.progressType),
          "strings": Int(FrameAnnex.stringsType), "user agent": Int(CaptureSet.userAgent.rawValue),
          "referrer": Int(CaptureSet.referrer.rawValue), "most bytes of a string": CapturedColumn.limit,
          "most bytes of strings in a frame": FrameAnnex.maximumStrings,
          "item head bytes": FrameAnnex.itemHead, "progress item bytes": FrameAnnex.progressBytes,
        ].withoutSpaces)
  }
}

extension [String: Int] {
  /// The names as `FormatPage` gives them.
  fileprivate var withoutSpaces: [String: Int] {
    Dictionary(uniqueKeysWithValues: map { ($0.filter { $0 != " " }, $1) })
  }
}
