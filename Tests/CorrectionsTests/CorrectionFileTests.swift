import Bytes
import Corrections
import Files
import Platform
import Simulation
import Testing

/// What is written is found again, in every way of asking; damage is named.
@Suite struct CorrectionFileTests {
  private static let store = StoreID(high: 1, low: 2)

  private static func entries(_ chance: inout SeededGenerator) -> ([Correction], [RecordedRepeat]) {
    let runs = (1...3).map { CorrectionRun(number: UInt64($0), position: UInt64($0) * 100, time: Int64($0)) }
    var rows: [Correction] = []
    for code in 0..<UInt32(chance.small(in: 1...40)) {
      for bucket in 0..<Int64(chance.small(in: 0...40)) where chance.oneIn(2) {
        let from = chance.next() % 1_000
        let seconds = chance.pick([60, 3_600, 86_400] as [UInt32])
        rows.append(
          Correction(
            code: code, bucketSeconds: seconds, bucket: bucket, from: from, to: from + 1,
            reason: chance.pick(CorrectionReason.allCases), isCredit: seconds == 60 && chance.oneIn(4),
            run: chance.pick(runs)))
      }
    }
    var positions: Set<UInt64> = []
    for _ in 0..<chance.small(in: 0...3_000) { positions.insert(chance.next() % 5_000) }
    let repeats = positions.sorted().map { position in
      RecordedRepeat(
        position: position, code: UInt32(truncatingIfNeeded: chance.next()), minute: Int64(chance.small(in: 0...99)),
        run: 1)
    }
    return (rows, repeats)
  }

  private static func write(_ rows: [Correction], _ repeats: [RecordedRepeat], on disk: SimulatedDisk) throws
    -> SealedReference
  {
    try CorrectionWriter.write(
      rows, repeats, files: disk, path: "f", temporary: "t",
      header: FileHeader(magic: .corrections, store: store, number: 3, created: 0, blockBytes: 512))
  }

  @Test func everyQuestionHasItsAnswer() throws {
    try Seeds.run(40) { seed in
      var chance = seed.generator
      let (rows, repeats) = Self.entries(&chance)
      let disk = SimulatedDisk()
      let reference = try Self.write(rows, repeats, on: disk)
      let file = try CorrectionFile.open(
        disk, "f", store: Self.store, reference: reference, access: chance.pick([.read, .mapped]))
      try file.verify()
      let sorted = rows.sorted(by: Correction.precedes)
      var found: [Correction] = []
      try file.forEachRow { found.append($0) }
      #expect(found == sorted, "\(seed)")
      for code in 0..<UInt32(42) {
        found = []
        try file.forEachRow(of: code) { found.append($0) }
        #expect(found == sorted.filter { $0.code == code }, "\(seed)")
      }
      for _ in 0..<20 {
        let a = chance.next() % 5_100
        let b = a + chance.next() % 1_000
        #expect(try file.repeats(below: a) == repeats.count { $0.position < a }, "\(seed)")
        var some: [RecordedRepeat] = []
        try file.forEachRepeat(in: a..<b) { some.append($0) }
        #expect(some == repeats.filter { (a..<b).contains($0.position) }, "\(seed)")
      }
    }
  }

  @Test func everyByteMatters() throws {
    var chance = Seeds.list(1)[0].generator
    let (rows, repeats) = Self.entries(&chance)
    let disk = SimulatedDisk()
    let reference = try Self.write(Array(rows.prefix(9)), Array(repeats.prefix(9)), on: disk)
    var silent: [Int] = []
    for offset in 0..<Int(reference.bytes) {
      disk.flip(bit: offset % 8, ofByte: offset, in: "f")
      do {
        try CorrectionFile.open(disk, "f", reference: reference, access: .read).verify()
        silent.append(offset)
      } catch let error as FormatError {
        #expect(error.file == "f")
      }
      disk.flip(bit: offset % 8, ofByte: offset, in: "f")
    }
    #expect(silent == [])
  }
}
