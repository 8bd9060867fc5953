import Bytes
import Files
import Platform
import Runs
import Simulation
import Testing

@Suite struct RunTests {
  @Test(arguments: SealedFile.Access.allCases)
  func whatIsWrittenIsRead(_ access: SealedFile.Access) throws {
    try Seeds.run(25) { seed in
      var chance = seed.generator
      let sample = Sample(&chance, kind: chance.oneIn(3) ? .patch : .base, versions: chance.oneIn(3))
      let blockBytes = chance.pick([512, 1024, 16_384] as [UInt32])
      let run = try sample.run(SimulatedDisk(), "", blockBytes: blockBytes, access: access)
      try expect(run, sample, "\(seed)", &chance)
    }
  }

  /// Rows one by one, as a list, and ad by ad give the same file.
  @Test func howRowsComeMakesNoDifference() throws {
    try Seeds.run(25) { seed in
      var chance = seed.generator
      let sample = Sample(&chance, versions: chance.oneIn(3))
      func reference(_ fill: (inout RunWriter) throws -> Void) throws -> SealedReference {
        try Run.make(SimulatedDisk(), "", number: 1, sample.descriptor, totals: sample.totals, fill).file.reference
      }
      let one = try reference { writer in
        for row in sample.rows {
          try writer.add(code: row.code, bucket: row.bucket, value: row.value, version: row.version)
        }
      }
      #expect(try reference { try $0.add(sample.rows) } == one, "\(seed)")
      guard !sample.descriptor.hasVersions else { return }
      let byAd = try reference { writer in
        var start = 0
        while start < sample.rows.count {
          let code = sample.rows[start].code
          let rows = sample.rows[start...].prefix { $0.code == code }
          // In two pieces, of which one may be empty.
          let cut = start + chance.small(in: 0...rows.count)
          for piece in [sample.rows[start..<cut], sample.rows[cut..<rows.endIndex]] {
            let (buckets, values) = (piece.map(\.bucket), piece.map(\.value))
            unsafe try buckets.withUnsafeBufferPointer { buckets in
              unsafe try values.withUnsafeBufferPointer { values in
                unsafe try writer.add(code: code, buckets: buckets, values: values)
              }
            }
          }
          start = rows.endIndex
        }
      }
      #expect(byAd == one, "\(seed)")
    }
  }

  @Test(arguments: SealedFile.Access.allCases)
  func onTheRealDisk(_ access: SealedFile.Access) throws {
    let scratch = try ScratchDirectory()
    try Seeds.run(6) { seed in
      var chance = seed.generator
      let sample = Sample(&chance, versions: chance.oneIn(3))
      let run = try sample.run(
        scratch.files, scratch.path, blockBytes: SealedFileWriter.defaultBlockBytes, access: access)
      try expect(run, sample, "\(seed)", &chance)
    }
  }

  private func expect(_ run: Run, _ sample: Sample, _ name: String, _ chance: inout SeededGenerator) throws {
    #expect(try run.all == sample.rows, "\(name)")
    var cursor = try MergeCursor([run])
    var passed: [RunRow] = []
    try cursor.advance()
    while let row = cursor.row {
      passed.append(row)
      try cursor.advance()
    }
    try cursor.advance()
    #expect(passed == sample.rows && cursor.row == nil, "\(name)")
    var described = run.descriptor
    #expect(described.rows == UInt64(sample.rows.count), "\(name)")
    #expect(described.total == sample.dueTotals.reduce(0, &+), "\(name)")
    described = sample.descriptor
    #expect(run.descriptor.kind == described.kind && run.descriptor.position == described.position, "\(name)")
    try run.verify()

    let rows = Dictionary(grouping: sample.rows, by: \.code)
    let window = sample.window
    for _ in 0..<12 {
      let code = sample.rows.isEmpty || chance.oneIn(8) ? UInt32(chance.next() % 50) : chance.pick(sample.rows).code
      let lower = Int64.random(in: window.lowerBound - 3...window.upperBound, using: &chance)
      let buckets =
        chance.oneIn(3) ? window : lower..<Int64.random(in: lower...window.upperBound + 3, using: &chance)
      let due = (rows[code] ?? []).filter { buckets.contains($0.bucket) }
      #expect(try run.series(code, buckets) == due, "\(name) ad \(code) \(buckets)")

      var totals = [Int64](repeating: 5, count: buckets.count)
      try run.totals(buckets: buckets, into: &totals)
      let dueTotals = buckets.map { window.contains($0) ? 5 &+ sample.dueTotals[Int($0 - window.lowerBound)] : 5 }
      #expect(totals == dueTotals, "\(name) \(buckets)")
    }
    #expect(try run.series(7, .min ..< .max) == rows[7] ?? [], "\(name)")

    var sums: [(code: UInt32, sum: UInt64)] = rows.map { ($0, $1.reduce(0) { $0 &+ $1.value }) }.filter { $0.1 > 0 }
    sums.sort { $0.sum != $1.sum ? $0.sum > $1.sum : $0.code < $1.code }
    #expect(try run.heaviest().elementsEqual(sums.prefix(1000)) { $0 == $1 }, "\(name)")
  }

  @Test func anEmptyRun() throws {
    let run = try Sample([], window: 10..<11).run(SimulatedDisk(), "")
    #expect(try run.all == [] && run.descriptor.rows == 0 && run.descriptor.total == 0)
    #expect(try run.series(0, .min ..< .max) == [])
    try run.verify()
  }

  /// One ad of several blocks, sparse ads of several blocks around it, the ends of all numbers.
  @Test func blocksOfBothParts() throws {
    var rows: [RunRow] = []
    for code in 0..<UInt32(9_000) {
      if code == 4_000 {
        for bucket in 0..<10_000 as Range<Int64> { rows.append(RunRow(code: code, bucket: bucket, value: 3)) }
      } else {
        rows.append(RunRow(code: code, bucket: Int64(code), value: .max))
      }
    }
    rows.append(RunRow(code: .max, bucket: 9_999, value: .max))
    let sample = Sample(rows, window: 0..<10_000)
    let run = try sample.run(SimulatedDisk(), "", access: .read)
    #expect(try run.all == rows)
    #expect(try run.series(4_000, 4_090..<4_100).map(\.bucket) == Array(4_090..<4_100))
    #expect(try run.series(.max, 0..<10_000) == [rows.last!])
    // 10,000 equal rows without gaps, and 9,000 of single rows.
    #expect(run.file.reference.bytes - 4096 < 80_000 + 16_000 + 70_000)
    try run.verify()
  }

  @Test func ranks() {
    func descriptor(_ kind: RunKind, _ sequence: UInt64) -> RunDescriptor {
      RunDescriptor(
        table: 0, bucketSeconds: 60, firstBucket: 0, bucketCount: 1, kind: kind, sequence: sequence, position: 0)
    }
    #expect(descriptor(.patch, 1).rank > descriptor(.base, 9).rank)
    #expect(descriptor(.patch, 2).rank > descriptor(.patch, 1).rank)
    #expect(descriptor(.base, 2).rank > descriptor(.base, 1).rank)
    #expect(descriptor(.base, 9).rank < descriptor(.patch, 1).rank)
  }

  /// A write that fails leaves nothing behind that has a name.
  @Test func aFullDiskLeavesNothing() throws {
    let disk = SimulatedDisk()
    disk.place([], at: "/other")
    var chance = SeededGenerator(seed: 4)
    let rows = (0..<9_000 as Range<UInt32>).map { RunRow(code: $0 / 3, bucket: Int64($0 % 3), value: chance.next()) }
    let sample = Sample(rows, window: 0..<3)
    disk.capacity = 20_000
    #expect(throws: SystemError.self) { _ = try sample.run(disk, "") }
    #expect(!disk.exists("/1.run") && !disk.exists("/tmp"))
  }
}
