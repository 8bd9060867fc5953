import Clicks
import Platform
import Runs
import Simulation
import Store
import StoreHarness
import Testing

/// Verdicts by minute go with the minutes, and their hours stay: what is told of whole hours is the same before and after.
@Suite struct VerdictRetentionTests {
  private static let day: Int64 = 86_400_000

  private static func options() -> ShardOptions {
    var options = Scenario.options
    options.rawRetention = 2 * day
    options.minuteRetention = 5 * day
    options.dedupHorizon = 60_000
    options.runTiers = [60, 1_440]
    return options
  }

  @Test func hoursOutliveMinutes() throws {
    try Seeds.run(8) { seed in
      var generator = seed.generator
      let machine = SimulatedMachine(seed: generator.next())
      let store = try Store.open(machine.environment, Run.path, options: Self.options())
      let shard = store.shards[0]
      var reference: [VerdictCounts.Key: UInt64] = [:]
      let first = Minute(containing: store.clock.now()).index
      for round in 0..<36 {
        let now = Minute(containing: store.clock.now()).index
        var part: [VerdictCounts.Key: UInt64] = [:]
        for _ in 0..<generator.small(in: 1...30) {
          // Some come late, and once some when the minutes around them have gone.
          let late = generator.pick(round == 20 ? [0, 9_000, 10_000] : [0, 0, 1, 61] as [Int64])
          let key = VerdictCounts.Key(
            ad: AdKey(rawValue: UInt64(1 + generator.small(in: 0...3))), minute: max(first, now - late),
            verdict: generator.pick([.duplicate, .bot]))
          part[key, default: 0] += UInt64(1 + generator.small(in: 0...5))
        }
        for (key, count) in part { reference[key, default: 0] += count }
        shard.core.verdicts.add(part)
        machine.time.advance(milliseconds: Self.day / 2 + Int64(generator.small(in: 0...10_000_000)))
        try shard.maintenance.settle()
        shard.maintain()
        try shard.maintenance.retain()
        try check(shard.live, reference, first, store.clock.now(), "\(seed)")
      }
      let number = try #require(shard.state.tables.first { $0.value == Verdict.duplicate.table }?.key)
      let minutes = shard.live.version.table(RunTableKey(kind: .external, table: number, bucketSeconds: 60))
      let oldest = try #require(minutes.runs.map(\.window.lowerBound).min())
      #expect(oldest > first + 1_440, "\(seed): nothing has gone")
      #expect(!shard.live.version.table(RunTableKey(kind: .external, table: number, bucketSeconds: 3_600)).runs.isEmpty)
      // Again from disk.
      let again = try Store.open(machine.crashed(.nothing).environment, Run.path, options: Self.options())
      try check(again.shards[0].live, reference, first, store.clock.now(), "\(seed), reopened")
    }
  }

  /// Holds the sums of whole hours against those of the reference.
  private func check(
    _ table: LiveTable, _ reference: [VerdictCounts.Key: UInt64], _ first: Int64, _ now: Int64, _ place: String
  ) throws {
    let start = first / 60 * 60
    let end = (Minute(containing: now).index / 60 + 1) * 60
    for ad in 1...4 {
      let key = AdKey(rawValue: UInt64(ad))
      for (from, to) in [(start, end), (start, start + 1_440), (start + 4_320, end - 1_440)] where from < to {
        let reading = table.reading(of: [key], from: Minute(index: from), to: Minute(index: to), details: true)
        var sums: [Verdict: UInt64] = [:]
        try reading.addDetails(of: [0], from: 0, [.duplicate, .bot], corrected: false, hours: true) {
          if case .verdict(let verdict, let count) = $2 { sums[verdict, default: 0] += count }
        }
        for verdict in [Verdict.duplicate, .bot] {
          let sum = sums[verdict] ?? 0
          let due = reference.filter { $0.key.ad == key && $0.key.verdict == verdict && from..<to ~= $0.key.minute }
          #expect(sum == due.values.reduce(0, +), "\(place): ad \(ad), \(verdict), \(from)..<\(to)")
        }
      }
    }
  }
}
