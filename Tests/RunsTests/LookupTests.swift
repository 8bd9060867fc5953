import Bytes
import Files
import Platform
import Runs
import Simulation
import Testing

/// Look-ups that keep blocks give what a single look-up gives, in whatever order keys are asked for.
@Suite struct LookupTests {
  @Test(arguments: [false, true]) func keptBlocksHaveTheSameRows(_ versions: Bool) throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      let window = -700..<Int64(chance.pick([-690, 0, 900]))
      let sample = Sample(&chance, window: window, sequence: 1, versions: versions)
      let run = try sample.run(SimulatedDisk(), "", number: 1, access: chance.oneIn(2) ? .mapped : .read)
      let lookup = RunLookup(run, AdRowBuffer())
      let codes = Set(sample.rows.map(\.code)).union([0, 5, .max])
      var keys = codes.sorted().flatMap { [UInt32](repeating: $0, count: chance.small(in: 1...4)) }
      if chance.oneIn(2) { keys.shuffle(using: &chance) }
      for code in keys {
        let first = Int64.random(in: (window.lowerBound - 5)..<window.upperBound, using: &chance)
        let buckets = first..<(first + Int64(chance.pick([1, 2, 60, 2_000])))
        func rows(_ series: (UInt32, Range<Int64>, (Int64, UInt64, UInt64) -> Void) throws -> Void) rethrows -> [RunRow]
        {
          var rows: [RunRow] = []
          try series(code, buckets) { rows.append(RunRow(code: code, bucket: $0, value: $1, version: $2)) }
          return rows
        }
        let due = sample.rows.filter { $0.code == code && buckets.contains($0.bucket) }
        let found = try rows { code, buckets, visit in
          try lookup.rows(of: code, buckets: buckets) { $0.forEach(visit) }
        }
        #expect(found == due, "\(seed): code \(code) in \(buckets)")
      }
    }
  }
}
