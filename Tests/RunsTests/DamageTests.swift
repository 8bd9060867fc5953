import Bytes
import Columns
import Files
import Platform
import Runs
import Simulation
import Testing

/// A damaged run gives the right rows or a typed error, never other rows and never a trap.
@Suite struct DamageTests {
  private static func sample(versions: Bool) -> Sample {
    var rows: [RunRow] = []
    for code in [2, 3, 9] as [UInt32] {
      for bucket in 0..<(code == 3 ? 70 : 4) as Range<Int64> {
        let version = versions ? UInt64(bucket) * 5 % 7 : 0
        rows.append(RunRow(code: code, bucket: 1_000 + bucket, value: UInt64(bucket * 7 % 5), version: version))
      }
    }
    return Sample(rows, window: 1_000..<1_080, versions: versions)
  }

  /// Everything that can be read.
  private struct Reading: Equatable {
    var rows: [RunRow]
    var series: [[RunRow]]
    var totals: [Int64]
    var heaviest: [UInt64]

    init(_ run: Run) throws {
      rows = try run.all
      series = try [2, 3, 4, 9].map { try run.series($0, 1_000..<1_080) }
      totals = .init(repeating: 0, count: 80)
      try run.totals(buckets: 1_000..<1_080, into: &totals)
      heaviest = try run.heaviest().map(\.sum)
    }
  }

  @Test(arguments: SealedFile.Access.allCases, [false, true])
  func everyByteIsGuarded(_ access: SealedFile.Access, _ versions: Bool) throws {
    let disk = SimulatedDisk()
    let run = try Self.sample(versions: versions).run(disk, "")
    let due = try Reading(run)
    var chance = SeededGenerator(seed: 2)
    for byte in 0..<Int(run.file.reference.bytes) {
      let bit = Int(chance.next() % 8)
      for reference in [nil, run.file.reference] {
        disk.flip(bit: bit, ofByte: byte, in: "/1.run")
        do {
          let found = try Reading(
            try Run.open(disk, "/1.run", store: Sample.store, reference: reference, access: access))
          #expect(found == due, "byte \(byte)")
        } catch {
          #expect(error is FormatError, "byte \(byte): \(error)")
        }
        disk.flip(bit: bit, ofByte: byte, in: "/1.run")
      }
    }
    #expect(try Reading(run) == due)
  }

  /// Bytes that nobody writes, under checksums that hold: whatever decodes stays inside window and fence, and the rest are
  /// errors that name the file.
  @Test(arguments: [false, true]) func forgedSections(_ versions: Bool) throws {
    let disk = SimulatedDisk()
    let run = try Self.sample(versions: versions).run(disk, "")
    let sections = try run.file.sections.map { section in
      unsafe try run.file.withBytes(of: section, 0..<section.bytes) { unsafe Array($0) }
    }
    try Seeds.run(500) { seed in
      var chance = seed.generator
      var forged = sections
      let which = Int(chance.next() % 5)
      for _ in 0..<chance.small(in: 1...3) where !forged[which].isEmpty {
        let at = Int.random(in: forged[which].indices, using: &chance)
        switch chance.next() % 4 {
        case 0: forged[which][at] ^= 1 << UInt8(chance.next() % 8)
        case 1: forged[which][at] = chance.pick([0, 1, 127, 128, 255])
        case 2: forged[which].removeLast(chance.small(in: 1...min(40, forged[which].count)))
        default: forged[which].insert(UInt8(truncatingIfNeeded: chance.next()), at: at)
        }
      }
      let header = FileHeader(magic: .run, store: Sample.store, number: 1, created: 0, blockBytes: 512)
      var writer = try SealedFileWriter(disk, path: "/forged", temporary: "/tmp", header: header)
      for (section, bytes) in zip(run.file.sections, forged) {
        try writer.begin(section: section.kind)
        try writer.append(bytes)
        writer.end()
      }
      _ = unsafe try writer.finish { page in
        for i in 56..<200 { unsafe page.storeBytes(of: run.file.page[i], toByteOffset: i, as: UInt8.self) }
      }
      do {
        let found = try Run.open(disk, "/forged", access: .mapped)
        for row in try found.all { #expect(1_000..<1_080 ~= row.bucket, "\(seed)") }
        _ = try Reading(found)
        try found.verify()
      } catch let error as FormatError {
        #expect(error.file == "/forged" && error.offset < 10_000, "\(seed) \(error)")
      }
    }
  }
}
