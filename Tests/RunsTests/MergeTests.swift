import Bytes
import Files
import Platform
import Runs
import Simulation
import Testing

/// Merging against the plain fold: a dictionary that each run's rows are put into, lowest rank first.
@Suite struct MergeTests {
  /// Bases side by side, patches over them.
  private func table(_ chance: inout SeededGenerator, versions: Bool) -> [Sample] {
    let first = chance.pick([0, -500, 29_000_000] as [Int64])
    var samples: [Sample] = []
    var start = first
    for i in 0..<chance.small(in: 1...5) {
      let end = start + Int64(chance.pick([1, 10, 60, 300]))
      samples.append(Sample(&chance, window: start..<end, sequence: UInt64(100 - i), versions: versions))
      start = end + Int64(chance.pick([0, 0, 7]))
    }
    for i in 0..<chance.small(in: 0...5) {
      let lower = Int64.random(in: first..<start, using: &chance)
      let window = lower..<(lower + Int64(chance.pick([1, 30, 400])))
      samples.append(Sample(&chance, window: window, kind: .patch, sequence: UInt64(i + 1), versions: versions))
    }
    // Some rows at the same places, so that ranks decide.
    for i in samples.indices.dropFirst() where !samples[i].rows.isEmpty && chance.oneIn(2) {
      let other = chance.pick(samples[..<i])
      let (own, window) = (samples[i].rows, samples[i].window)
      let shared = other.rows.filter { window.contains($0.bucket) && chance.oneIn(3) }.map { row in
        RunRow(code: row.code, bucket: row.bucket, value: chance.next() >> 40, version: row.version)
      }
      var rows: [Key: RunRow] = [:]
      for row in own + shared { rows[Key(code: row.code, bucket: row.bucket)] = row }
      samples[i].rows = rows.values.sorted { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
    }
    return samples
  }

  private func fold(_ samples: [Sample], versions: Bool) -> [RunRow] {
    var rows: [Key: RunRow] = [:]
    for sample in samples.sorted(by: { $0.descriptor.rank < $1.descriptor.rank }) {
      for row in sample.rows {
        let key = Key(code: row.code, bucket: row.bucket)
        if versions, let older = rows[key], (older.version, older.value) > (row.version, row.value) { continue }
        rows[key] = row
      }
    }
    return rows.values.sorted { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
  }

  @Test(arguments: [false, true]) func theNewestRowHolds(_ versions: Bool) throws {
    try Seeds.run(25) { seed in
      var chance = seed.generator
      let samples = table(&chance, versions: versions)
      let disk = SimulatedDisk()
      var runs = try samples.enumerated().map {
        try $1.run(disk, "", number: UInt64($0 + 1), access: chance.oneIn(2) ? .mapped : .read)
      }
      runs.shuffle(using: &chance)
      let due = fold(samples, versions: versions)

      var cursor = try MergeCursor(runs)
      var found: [RunRow] = []
      try cursor.advance()
      while let row = cursor.row {
        found.append(row)
        try cursor.advance()
      }
      #expect(found == due, "\(seed)")

      let lower = samples.map(\.window.lowerBound).min()!
      let upper = samples.map(\.window.upperBound).max()!
      let merged = try Run.make(
        disk, "", number: 99, Sample([], window: lower..<upper, versions: versions).descriptor
      ) { try RunMerge.merge(runs, into: &$0) }
      #expect(try merged.all == due, "\(seed)")
      try merged.verify()

      // Merged in two steps, as the background does, it is the same: the patches first.
      let patches = runs.filter { $0.descriptor.kind == .patch }
      guard !patches.isEmpty else { return }
      let between = try Run.make(
        disk, "", number: 98,
        Sample([], window: lower..<upper, kind: .patch, sequence: 50, versions: versions).descriptor
      ) { try RunMerge.merge(patches, into: &$0) }
      let rest = runs.filter { $0.descriptor.kind == .base } + [between]
      let twice = try Run.make(
        disk, "", number: 97, Sample([], window: lower..<upper, versions: versions).descriptor
      ) { try RunMerge.merge(rest, into: &$0) }
      #expect(try twice.all == due, "\(seed)")
    }
  }

  @Test func widerBucketsHoldTheSums() throws {
    try Seeds.run(15) { seed in
      var chance = seed.generator
      var samples = table(&chance, versions: false)
      for i in samples.indices { for j in samples[i].rows.indices { samples[i].rows[j].value >>= 20 } }
      let disk = SimulatedDisk()
      let runs = try samples.enumerated().map { try $1.run(disk, "", number: UInt64($0 + 1)) }
      let factor = chance.pick([1, 7, 60] as [Int64])
      func wide(_ bucket: Int64) -> Int64 { (bucket - (bucket % factor + factor) % factor) / factor }
      var sums: [Key: UInt64] = [:]
      for row in fold(samples, versions: false) {
        sums[Key(code: row.code, bucket: wide(row.bucket)), default: 0] += row.value
      }
      let due = sums.filter { $0.value > 0 }.sorted { $0.key < $1.key }
      let lower = wide(samples.map(\.window.lowerBound).min()!)
      let upper = wide(samples.map(\.window.upperBound).max()!) + 1
      var descriptor = Sample([], window: lower..<upper).descriptor
      descriptor.bucketSeconds = 60 * UInt32(factor)
      let widened = try Run.make(disk, "", number: 99, descriptor) { try RunMerge.widen(runs, into: &$0) }
      #expect(
        try widened.all == due.map { RunRow(code: $0.key.code, bucket: $0.key.bucket, value: $0.value) }, "\(seed)")
      if runs.count == 1 {
        let alone = try Run.make(disk, "", number: 98, descriptor) { try RunMerge.widen(runs[0], into: &$0) }
        #expect(try alone.all == widened.all, "\(seed)")
      }
    }
  }

  @Test func aSumBeyond64BitsIsAnError() throws {
    let disk = SimulatedDisk()
    let rows = [RunRow(code: 1, bucket: 0, value: .max), RunRow(code: 1, bucket: 1, value: 1)]
    let run = try Sample(rows, window: 0..<2).run(disk, "")
    var descriptor = Sample([], window: 0..<1).descriptor
    descriptor.bucketSeconds = 120
    #expect(throws: FormatError.self) {
      _ = try Run.make(disk, "", number: 2, descriptor) { try RunMerge.widen(run, into: &$0) }
    }
  }
}
