import Files
import Platform
import Runs
import Simulation
import Testing

/// Sums of all ads against those of the rows.
@Suite struct SumTests {
  @Test func everyAdHasTheSumOfItsRows() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let sample = Sample(&chance)
      let run = try sample.run(SimulatedDisk(), "", number: 1, access: chance.oneIn(2) ? .mapped : .read)
      let window = sample.window
      let lower = Int64.random(in: (window.lowerBound - 3)...window.upperBound, using: &chance)
      let buckets =
        chance.oneIn(3) ? window : lower..<Int64.random(in: lower...(window.upperBound + 3), using: &chance)
      var due: [UInt64: UInt64] = [:]
      for row in sample.rows where buckets.contains(row.bucket) { due[UInt64(row.code), default: 0] &+= row.value }
      due = due.filter { $0.value != 0 }
      guard var sums = RunSums(run, buckets: buckets) else {
        #expect(due.isEmpty, "\(seed)")
        return
      }
      // Parts of any widths, as long as codes are few; some are left out.
      var found: [UInt64: UInt64] = [:]
      var first: UInt64 = 0
      let last = UInt64(sample.rows.last?.code ?? 0)
      while first <= last {
        let next = sample.rows.lazy.map { UInt64($0.code) }.first { $0 >= first } ?? last
        first = max(first, next - min(next, UInt64(chance.small(in: 0...3))))
        let range = first..<(first + UInt64(chance.small(in: 1...3_000)))
        var part = [UInt64](repeating: 0, count: range.count + chance.small(in: 0...2))
        try sums.add(range, to: &part)
        for (i, sum) in part.enumerated() where sum != 0 { found[first + UInt64(i)] = sum }
        first = range.upperBound
      }
      #expect(found == due, "\(seed): \(buckets) of \(window)")
    }
  }
}
