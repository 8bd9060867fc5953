import Bytes
import Clicks
import Files
import Platform
import Reconciliation
import Segments
import Simulation
import Testing

/// Segments with other bytes under checksums that hold, as a wrong program would leave them, in a merge: it says anything, or
/// what is wrong, but does not trap.
@Suite struct DamageTests {
  @Test func wrongBytesUnderRightChecksums() throws {
    try Seeds.run(200) { seed in
      var chance = seed.generator
      var sample = Sample(chance.pick(Sample.Kind.allCases), count: 3 + chance.small(in: 0...2_000), using: &chance)
      if chance.oneIn(2) {
        for i in sample.rows.indices where chance.oneIn(9) { sample.rows[i].isRepeat = true }
      }
      let place = try Place()
      let access = chance.pick(SealedFile.Access.allCases)
      let third = sample.rows.count / 3
      var segments = try [0..<third, third..<(2 * third), (2 * third)..<sample.rows.count].enumerated().map {
        try sample.seal($1, number: $0, at: place, .mapped, capturing: chance.oneIn(3) ? [.userAgent] : [])
      }
      do {
        let damaged = chance.small(in: 0...2)
        segments[damaged] = try Self.damage(segments[damaged], at: place, access, &chance)
        // A header may claim any positions.
        for i in 1..<3 {
          let (before, next) = (segments[i - 1].summary.positions, segments[i].summary.positions)
          guard before.upperBound == next.lowerBound else { return }
        }
        let merge = try RecountMerge.run(
          MergeRequest(
            Array(segments[1...]), older: [segments[0]], markedBefore: Minute(index: .max), into: place.target(900)),
          place.settings(memory: 100 << 10, threads: chance.oneIn(2) ? 2 : 1))
        _ = try merge.finish()
      } catch let error as FormatError { #expect(!error.reason.isEmpty) }
    }
  }

  /// `segment` once more with other bytes in some sections.
  private static func damage(
    _ segment: Segment, at place: Place, _ access: SealedFile.Access, _ chance: inout SeededGenerator
  ) throws -> Segment {
    var page = segment.file.page
    var sections: [(kind: UInt32, bytes: [UInt8])] = []
    for section in segment.file.sections {
      sections.append(
        (section.kind, try unsafe segment.file.withBytes(of: section, 0..<section.bytes) { unsafe [UInt8]($0) }))
    }
    for _ in 0...chance.small(in: 0...2) {
      let at = Int(chance.next() % UInt64(sections.count + 1))
      if at == sections.count {
        mutate(&page, from: FileHeader.typeFields, to: 168, &chance)
      } else {
        mutate(&sections[at].bytes, from: 0, to: sections[at].bytes.count, &chance)
      }
    }
    let path = "/s/damaged"
    var writer = try SealedFileWriter(place.files, path: path, temporary: "/tmp/damaged", header: segment.file.header)
    for section in sections {
      try writer.begin(section: section.kind)
      try writer.append(section.bytes)
      writer.end()
    }
    _ = unsafe try writer.finish { target in
      for offset in FileHeader.typeFields..<page.count { unsafe target.unsafeStoreLE(page[offset], offset) }
    }
    return try Segment.open(place.files, path, access: access)
  }

  /// Some bytes become others, edges above all.
  private static func mutate(_ bytes: inout [UInt8], from start: Int, to end: Int, _ chance: inout SeededGenerator) {
    guard end > start else { return }
    for _ in 0...chance.small(in: 0...8) {
      let offset = start + chance.small(in: 0...(end - start - 1))
      switch chance.next() % 3 {
      case 0: bytes[offset] ^= 1 << UInt8(chance.next() % 8)
      case 1: bytes[offset] = chance.pick([0, 1, 0x7F, 0x80, 0xFF])
      default: bytes[offset] = UInt8(truncatingIfNeeded: chance.next())
      }
    }
  }
}
