import Bytes
import Simulation
import Store
import Testing

/// What becomes of streams against dictionaries. Lengths lie around those of a batch, so that its edges are met.
@Suite struct RowStreamTests {
  private struct Key: Hashable, Comparable {
    var code: UInt32
    var bucket: Int64

    static func < (a: Key, b: Key) -> Bool { (a.code, a.bucket) < (b.code, b.bucket) }
  }

  private func sample(_ chance: inout SeededGenerator) -> [Key: UInt64] {
    var rows: [Key: UInt64] = [:]
    let batch = RowStream.batch
    for _ in 0..<chance.pick([0, 1, 7, batch - 1, batch, batch + 1, 3 * batch]) {
      let code = UInt32.random(in: 0..<40, using: &chance)
      let key = Key(code: code, bucket: Int64.random(in: -90..<90, using: &chance))
      rows[key] = UInt64.random(in: 1...9, using: &chance)
    }
    return rows
  }

  private func stream(_ rows: [Key: UInt64]) -> RowStream {
    RowStream(self.rows(rows))
  }

  private func contents(_ stream: RowStream) throws -> [RowCount] {
    var rows: [RowCount] = []
    while let row = try stream.next() { rows.append(row) }
    #expect(try stream.next() == nil, "the end stays the end")
    return rows
  }

  private func rows(_ fold: [Key: UInt64]) -> [RowCount] {
    fold.filter { $0.value > 0 }.sorted { $0.key < $1.key }
      .map { RowCount(code: $0.key.code, bucket: $0.key.bucket, count: $0.value) }
  }

  @Test func sumsAreFolds() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let parts = (0..<chance.pick([0, 1, 2, 3, 9])).map { _ in sample(&chance) }
      let fold = parts.reduce(into: [:]) { $0.merge($1) { $0 + $1 } }
      let found = try contents(RowStream.sum(parts.map(stream)))
      #expect(found == rows(fold), "\(seed)")
    }
  }

  @Test func whatIsTakenAwayIsGone() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let all = sample(&chance)
      let taken = all.filter { _ in chance.oneIn(3) }.mapValues { UInt64.random(in: 1...$0, using: &chance) }
      let left = all.merging(taken) { $0 - $1 }
      let found = try contents(stream(all).less(stream(taken), file: ""))
      #expect(found == rows(left), "\(seed)")
      guard let first = all.keys.min() else { return }
      let (before, behind) = (Key(code: first.code, bucket: -1_000), Key(code: 99, bucket: 0))
      for wrong in [[first: all[first]! + 1], [before: 1], [behind: 1]] {
        #expect(throws: (any Error).self, "\(seed)") {
          let less = try stream(all).less(stream(wrong), file: "")
          while try less.next() != nil {}
        }
      }
    }
  }

  @Test func wideRowsAreSums() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let all = sample(&chance)
      let width = chance.pick([1, 7, 60] as [Int64])
      var fold: [Key: UInt64] = [:]
      for (key, count) in all {
        let bucket = (key.bucket - (key.bucket % width + width) % width) / width
        fold[Key(code: key.code, bucket: bucket), default: 0] += count
      }
      let found = try contents(stream(all).widened(by: width))
      #expect(found == rows(fold), "\(seed)")
      let range = -20..<Int64.random(in: -20..<90, using: &chance)
      let inside = all.filter { range.contains($0.key.bucket) }
      var seen: [RowCount] = []
      let limited = try contents(stream(all).limited(to: range).passing { seen += $0 })
      #expect(limited == rows(inside), "\(seed)")
      #expect(seen == rows(inside), "\(seed)")
    }
  }

  @Test func bothSidesAreCompared() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let (have, due) = (sample(&chance), sample(&chance))
      var met: [Key] = []
      try RowStream.compare(stream(have), stream(due)) { row, a, b in
        let key = Key(code: row.code, bucket: row.bucket)
        met.append(key)
        #expect(a == have[key] ?? 0 && b == due[key] ?? 0, "\(seed)")
      }
      #expect(met == Set(have.keys).union(due.keys).sorted(), "\(seed)")
    }
  }

  @Test func creditsAreAdded() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let (all, more) = (sample(&chance), sample(&chance))
      var fold = all.mapValues { Int64($0) }
      var changes: [RunChange] = []
      for (key, count) in more.sorted(by: { $0.key < $1.key }) {
        let change = chance.oneIn(2) ? Int64(count) : -Int64(min(count, all[key] ?? 0))
        guard change != 0 else { continue }
        fold[key, default: 0] += change
        changes.append(RunChange(code: key.code, bucket: key.bucket, change: change))
      }
      let found = try contents(stream(all).adding(changes))
      #expect(found == rows(fold.mapValues { UInt64($0) }), "\(seed)")
    }
  }
}
