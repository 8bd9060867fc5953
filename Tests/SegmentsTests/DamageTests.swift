import Bytes
import Clicks
import Files
import Platform
import Segments
import Simulation
import Testing

/// Whatever becomes of a segment's bytes: its rows, or an error that says where; never other rows, never a trap.
@Suite struct DamageTests {
  /// Everything that a segment says, in one value.
  struct Reading: Equatable {
    var summary: SegmentSummary
    var rows: [SegmentRow] = []
    var strings: [[[UInt8]]] = []
    var logged: [Segment.LoggedClick] = []
    var sums: [SegmentSum] = []
    var found: [SegmentRow] = []
    var passed: [SegmentKey] = []

    /// Asks in every way; looks up each of `ids`.
    init(_ segment: Segment, _ ids: [ImpressionID]) throws {
      summary = segment.summary
      let cursor = segment.cursor([.all, .strings])
      while try cursor.nextPage() {
        for i in cursor.range {
          rows.append(cursor.row(i))
          strings.append(cursor.rows.strings.map { $0[i] })
        }
      }
      try segment.forEachInLogOrder { logged.append($0) }
      try segment.forEachSum { sums.append($0) }
      for id in ids {
        try segment.find(id) {
          found.append($0)
          return true
        }
      }
      let keys = ids.enumerated().map { SegmentKey(impression: $1, code: 0, tag: $0) }
      try segment.sift(keys.sorted(by: SegmentKey.precedes), into: &passed)
    }
  }

  /// A segment of a few rows, some of them repeats, and what it says.
  private func small(_ kind: Kind, count: Int, marks: Bool = false) throws -> (
    Place, SimulatedDisk, SealedReference, Reading, [ImpressionID]
  ) {
    var chance = Seeds.list(1)[0].generator
    var reference = Reference(kind, count: count, captured: [.userAgent], using: &chance)
    if marks { reference.mark(using: &chance) }
    let place = try Place.simulated()
    let (sealed, _) = try reference.seal(to: place.target(1, blockBytes: 512))
    let ids = reference.entries.map(\.row.impression)
    return (
      place, place.files as! SimulatedDisk, sealed, try Reading(try place.open(1, sealed, .mapped), ids), ids
    )
  }

  @Test(arguments: [Kind.version7, .crowded], [false, true]) func everyByteMatters(_ kind: Kind, marks: Bool) throws {
    let (place, disk, sealed, due, ids) = try small(kind, count: 40, marks: marks)
    var silent: [Int] = []
    for offset in 0..<Int(sealed.bytes) {
      disk.flip(bit: offset % 8, ofByte: offset, in: place.path(1))
      for reference in [sealed, nil] {
        let access: SealedFile.Access = offset % 2 == 0 ? .mapped : .read
        do {
          let segment = try Segment.open(disk, place.path(1), store: nil, reference: reference, access: access)
          if try Reading(segment, ids) != due { silent.append(offset) }
          // A block that no reading touches is found by `verify`.
          try segment.verify()
          silent.append(offset)
        } catch let error as FormatError {
          #expect(error.file == place.path(1) && error.offset <= sealed.bytes)
        }
      }
      disk.flip(bit: offset % 8, ofByte: offset, in: place.path(1))
    }
    #expect(silent == [])
    #expect(try Reading(try place.open(1, sealed, .read), ids) == due)
  }

  @Test func everyTruncationIsSeen() throws {
    let (place, disk, sealed, _, _) = try small(.random, count: 20)
    let bytes = disk.bytes(of: place.path(1))!
    for size in stride(from: 0, to: Int(sealed.bytes), by: 13) {
      disk.place(Array(bytes[..<size]), at: place.path(1))
      for reference in [sealed, nil] {
        #expect(throws: FormatError.self) {
          try Segment.open(disk, place.path(1), store: nil, reference: reference, access: .mapped)
        }
      }
    }
  }

  /// Other bytes under checksums that hold, as a wrong program would leave them: readers say anything but do not trap.
  @Test func wrongBytesUnderRightChecksums() throws {
    try Seeds.run(400) { seed in
      var chance = seed.generator
      let place = try Place.simulated()
      var reference = Reference(
        chance.pick(Kind.allCases), count: chance.small(in: 1...3000), captured: chance.oneIn(2) ? [.referrer] : [],
        using: &chance)
      if chance.oneIn(2) { reference.mark(using: &chance) }
      let (sealed, _) = try reference.seal(to: place.target(1))
      let source = try place.open(1, sealed, .mapped).file
      var page = source.page
      var sections: [(kind: UInt32, bytes: [UInt8])] = []
      for section in source.sections {
        sections.append(
          (section.kind, try unsafe source.withBytes(of: section, 0..<section.bytes) { unsafe [UInt8]($0) }))
      }
      for _ in 0...chance.small(in: 0...4) {
        let at = Int(chance.next() % UInt64(sections.count + 1))
        if at == sections.count {
          Self.mutate(&page, from: FileHeader.typeFields, to: 168, &chance)
        } else {
          Self.mutate(&sections[at].bytes, from: 0, to: sections[at].bytes.count, &chance)
        }
      }
      var writer = try SealedFileWriter(
        place.files, path: place.path(2), temporary: "\(place.directory)/tmp", header: source.header)
      for section in sections {
        try writer.begin(section: section.kind)
        try writer.append(section.bytes)
        writer.end()
      }
      _ = unsafe try writer.finish { target in
        for offset in FileHeader.typeFields..<page.count { unsafe target.unsafeStoreLE(page[offset], offset) }
      }
      let ids = reference.entries.prefix(50).map(\.row.impression)
      for access in SealedFile.Access.allCases {
        do {
          let segment = try Segment.open(place.files, place.path(2), store: nil, reference: nil, access: access)
          _ = try? Reading(segment, ids)
          _ = try? segment.times(at: segment.summary.positions.lowerBound)
          _ = try? segment.verify()
        } catch let error as FormatError { #expect(!error.reason.isEmpty) }
      }
    }
  }

  /// Some bytes become others, edges above all.
  private static func mutate(_ bytes: inout [UInt8], from start: Int, to end: Int, _ chance: inout SeededGenerator) {
    guard end > start else { return }
    for _ in 0...chance.small(in: 0...8) {
      let offset = start + chance.small(in: 0...(end - start - 1))
      switch chance.next() % 4 {
      case 0: bytes[offset] ^= 1 << UInt8(chance.next() % 8)
      case 1: bytes[offset] = chance.pick([0, 1, 0x7F, 0x80, 0xFF])
      case 2:
        let width = min(8, end - offset)
        let fill = chance.pick([UInt8(0), 0xFF])
        for i in offset..<(offset + width) { bytes[i] = fill }
      default: bytes[offset] = UInt8(truncatingIfNeeded: chance.next())
      }
    }
  }
}
