import Bytes
import Clicks
import Files
import Platform
import Segments
import Simulation
import Testing

/// What `Formats/segment.md` says is what the code writes and reads.
@Suite struct SegmentPageTests {
  /// The segment of the page: five clicks of two log frames, three of them with one impression.
  private static let example: Reference = {
    let a = ImpressionID("01976d9c-0080-7abc-8def-0123456789ab")!
    let b = ImpressionID("01976d9c-0100-7fff-bfff-ffffffffffff")!
    let c = ImpressionID("01976d9c-0080-7000-8000-000000000001")!
    let early: (Int64, UInt64) = (1_750_000_000_500, 1_000)
    let late: (Int64, UInt64) = (1_750_000_000_507, 1_007)
    let clicks: [(ImpressionID, UInt32, Int64, Click.Source, (Int64, UInt64))] = [
      (a, 0, early.0, .browser, early), (b, 1, early.0, .browser, early), (a, 5, early.0, .browser, early),
      (a, 0, late.0, .browser, late), (c, 0, 1_749_999_990_000, .batch, late),
    ]
    var reference = Reference()
    for (i, click) in clicks.enumerated() {
      let row = SegmentRow(
        impression: click.0, code: click.1, eventTime: click.2, position: 1_000 + UInt64(i), source: click.3)
      reference.entries.append(
        Reference.Entry(row: row, strings: [], receiveTime: click.4.0, runningTime: click.4.1))
    }
    return reference
  }()

  /// The clicks of the golden segment: a page and a bit, ids of all kinds, strings, times of their own.
  private static let golden: Reference = {
    var reference = Reference(captured: [.userAgent])
    for i in 0..<UInt64(300) {
      let mixed = (i &* 0x9E37_79B9_7F4A_7C15, i &* 0xC2B2_AE3D_27D4_EB4F)
      let time = 1_750_000_000_000 + Int64(i / 7) * 13
      var id = ImpressionID(high: mixed.0, low: mixed.1)
      if i % 3 == 1 { id = .version7(at: time - Int64(i % 50) * 1_000, random: mixed) }
      if i % 10 == 9 { id = reference.entries[Int(i) - 9].row.impression }
      let row = SegmentRow(
        impression: id, code: UInt32(i % 5 == 0 ? i : i % 4), eventTime: i % 20 == 3 ? time - Int64(i) * 10_000 : time,
        position: 1 << 40 + i, source: Click.Source(rawValue: UInt16(i % 3))!)
      reference.entries.append(
        Reference.Entry(
          row: row, strings: [Array("browser \(i % 11)".utf8)], receiveTime: time, runningTime: 5_000 + i / 7 * 13))
    }
    return reference
  }()

  private static let sections: [(name: String, kind: UInt32)] = [
    ("columns", 1), ("positions", 2), ("rows", 3), ("fences", 4), ("steps", 5), ("step fences", 6), ("sums", 7),
    ("sum fences", 8), ("filters", 9), ("early", 10),
  ]

  private func contents(_ file: SealedFile, _ kind: UInt32) throws -> [UInt8] {
    let section = try file.section(kind)
    return try unsafe file.withBytes(of: section, 0..<section.bytes) { unsafe [UInt8]($0) }
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let place = try Place.simulated()
    let (sealed, _) = try Self.example.seal(to: place.target(3))
    let file = try place.open(3, sealed, .mapped).file
    let page = try FormatPage("segment", from: #filePath)
    #expect(
      Set(page.examples.keys)
        == Set(
          Self.sections.map(\.name) + ["header page", "filters of two ids", "an early id"]
            + Self.sectionsWithMark.map(\.name)))
    #expect(page.examples["header page"].map(HexDump.text) == HexDump.text(file.page))
    for (name, kind) in Self.sections {
      #expect(page.examples[name].map(HexDump.text) == HexDump.text(try contents(file, kind)), "\(name)")
    }
  }

  /// The sections of the page's segment in which a mark shows.
  private static let sectionsWithMark: [(name: String, kind: UInt32)] = [
    ("columns with a mark", 1), ("rows with a mark", 3), ("sums with a mark", 7),
  ]

  /// The same clicks, of which the one at position 1003 repeats the first and is marked.
  @Test func theExamplesWithAMarkAreWhatIsWritten() throws {
    let place = try Place.simulated()
    var reference = Self.example
    reference.entries[3].row.isRepeat = true
    let (sealed, _) = try reference.seal(to: place.target(3))
    let segment = try place.open(3, sealed, .mapped)
    let page = try FormatPage("segment", from: #filePath)
    for (name, kind) in Self.sectionsWithMark {
      #expect(page.examples[name].map(HexDump.text) == HexDump.text(try contents(segment.file, kind)), "\(name)")
    }
    #expect(segment.summary.marked == 1 && segment.file.page[160] == 1)
  }

  @Test func theFiltersOfTwoIDsAreWhatIsWritten() throws {
    let place = try Place.simulated()
    var builder = SegmentBuilder(first: 0)
    builder.step(receiveTime: 1_750_000_000_000, runningTime: 0)
    // One is clicked twice.
    for low in [2, 1, 2] as [UInt64] {
      builder.add(ImpressionID(high: 0, low: low), code: 0, eventTime: 1_750_000_000_000, source: .batch)
    }
    let (sealed, _) = try builder.seal(to: place.target(3))
    let written = try contents(try place.open(3, sealed, .mapped).file, 9)
    let page = try FormatPage("segment", from: #filePath)
    #expect(page.examples["filters of two ids"].map(HexDump.text) == HexDump.text(written))
  }

  /// One id whose time is eleven days ahead, and one of the year 3000.
  @Test func anEarlyIDIsWhatIsWritten() throws {
    let place = try Place.simulated()
    var builder = SegmentBuilder(first: 0)
    builder.step(receiveTime: 1_750_000_000_000, runningTime: 0)
    for id in [Self.nextWeek, Self.nextAge, Self.nextWeek] {
      builder.add(id, code: 7, eventTime: 1_750_000_000_000, source: .batch)
    }
    let (sealed, _) = try builder.seal(to: place.target(3))
    let segment = try place.open(3, sealed, .mapped)
    let page = try FormatPage("segment", from: #filePath)
    #expect(page.examples["an early id"].map(HexDump.text) == HexDump.text(try contents(segment.file, 10)))
    #expect(segment.early.entries.map(\.impression) == [Self.nextWeek])
    #expect(segment.early.mayHold(Self.nextWeek, Self.nextWeek.timeInBits!))
    #expect(segment.early.mayHold(Self.nextAge, Self.nextAge.timeInBits!) && segment.summary.mintingTimes == nil)
  }

  private static let nextWeek = ImpressionID.version7(at: 1_751_000_000_000, random: (0xABC, 5 << 2))
  private static let nextAge = ImpressionID.version7(at: 32_503_680_000_000, random: (0, 9 << 2))

  @Test func theExamplesAreRead() throws {
    let place = try Place.simulated()
    let page = try FormatPage("segment", from: #filePath)
    let header = try FileHeader.read(page.examples["header page"]!, as: .segment, path: "the page")
    var writer = try SealedFileWriter(place.files, path: place.path(3), temporary: "/s/tmp", header: header)
    for (name, kind) in Self.sections {
      try writer.begin(section: kind)
      try writer.append(page.examples[name]!)
      writer.end()
    }
    let sealed = unsafe try writer.finish { target in
      for offset in FileHeader.typeFields..<FileHeader.size {
        unsafe target.unsafeStoreLE(page.examples["header page"]![offset], offset)
      }
    }
    var chance = Seeds.list(1)[0].generator
    try SegmentTests.expect(try place.open(3, sealed, .mapped), is: Self.example, using: &chance, "the page")
  }

  /// The clicks of the golden segment of the second version: those before, and ids whose time was still to come.
  private static let early: Reference = {
    var reference = golden
    for i in stride(from: 5, to: 300, by: 23) {
      let time = reference.entries[i].receiveTime + Int64(i) * 40_000_000 * (i % 2 == 0 ? 1 : 10_000)
      reference.entries[i].row.impression = .version7(at: time, random: (UInt64(i), UInt64(i) << 2))
    }
    return reference
  }()

  /// The same clicks, of which every one with the id of an earlier click is marked, and two that have no such click.
  private static let marked: Reference = {
    var reference = early
    for i in reference.entries.indices where i % 10 == 9 || i == 40 || i == 41 {
      reference.entries[i].row.isRepeat = true
    }
    return reference
  }()

  /// The golden segments of the first version were written by 0.1, the fourth by the version that began to list early ids, the
  /// last by the one that began to mark repeats; none is ever written again: later versions must read them. The first two are
  /// from before there were filters.
  @Test func theGoldenSegmentsAreRead() throws {
    for (name, reference) in [
      ("segment-003", Self.example), ("segment-300", Self.golden), ("segment-300-filters", Self.golden),
      ("segment-300-early", Self.early), ("segment-300-marks", Self.marked),
    ] {
      let disk = SimulatedDisk()
      disk.place(try HexDump.golden(name, beside: #filePath), at: "/\(name)")
      for access in SealedFile.Access.allCases {
        let segment = try Segment.open(disk, "/\(name)", store: Place.store, reference: nil, access: access)
        var chance = Seeds.list(1)[0].generator
        try SegmentTests.expect(segment, is: reference, using: &chance, name)
      }
    }
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    let constants = try FormatPage("segment", from: #filePath).constants
    let due = [
      "rows of a page": RowVector.capacity, "most rows": SegmentSummary.maximumRows,
      "pages of a group": IDFilter.pages, "most ids of a filter": FuseShape.most, "no filter": Int(IDFilter.none),
      "blocks of positions": ReceiveFloors.most, "mint tolerance": Int(EventTimeLimits.mintTolerance),
      "earliest minting": Int(ImpressionID.earliestMinting), "most early ids": EarlyRows.most,
      "days of early ids": Int(EarlyRows.reach / 86_400_000),
      "user agent": Int(CapturedColumn.userAgent.rawValue), "referrer": Int(CapturedColumn.referrer.rawValue),
    ]
    #expect(constants == Dictionary(uniqueKeysWithValues: due.map { ($0.filter { $0 != " " }, $1) }))
  }
}
