import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// Tables of somebody else's against a dictionary: whatever order rows arrive in, the higher version wins, and of equal ones
/// the larger value (R9).
@Suite struct ExternalTableTests {
  private struct Key: Hashable {
    var ad: AdKey
    var minute: Minute
  }

  @Test func theHigherVersionWins() throws {
    try Seeds.run(20) { seed in
      var generator = seed.generator
      var machine = SimulatedMachine(seed: generator.next())
      var reference: [Key: (version: UInt64, value: UInt64)] = [:]
      var store = try Store.open(machine.environment, Run.path, options: Scenario.options)
      let start = Minute(containing: machine.time.wall()).index
      for _ in 0..<25 {
        var rows: [ExternalRow] = []
        for _ in 0..<(1 + generator.small(in: 0...80)) {
          let row = ExternalRow(
            ad: AdKey(rawValue: UInt64(generator.small(in: 0...9))),
            minute: Minute(index: start + Int64(generator.small(in: 0...4_000)) - 2_000),
            value: UInt64(generator.small(in: 0...50)), version: UInt64(generator.small(in: 0...5)))
          rows.append(row)
          let key = Key(ad: row.ad, minute: row.minute)
          let before = reference[key] ?? (0, 0)
          let next = (version: row.version, value: row.value)
          if reference[key] == nil || (next.version, next.value) > (before.version, before.value) {
            reference[key] = next
          }
        }
        try store.shards[0].maintenance.upsert("sink", rows)
        if generator.oneIn(3) { try store.shards[0].maintenance.settle() }
        if generator.oneIn(4) {
          machine = machine.crashed(.nothing)
          store = try Store.open(machine.environment, Run.path, options: Scenario.options)
        }
        try compare(store, reference, "\(seed)")
      }
    }
  }

  private func compare(
    _ store: Store, _ reference: [Key: (version: UInt64, value: UInt64)], _ place: String
  ) throws {
    let shard = store.shards[0]
    let number = try #require(shard.state.tables.first { $0.value == "sink" }?.key)
    let from = reference.keys.map(\.minute).min()!
    let to = Minute(index: reference.keys.map(\.minute).max()!.index + 1)
    for ad in Set(reference.keys.map(\.ad)) {
      let rows = try shard.live.external(number, of: ad, from: from, to: to)
      let due = reference.filter { $0.key.ad == ad }.sorted { $0.key.minute < $1.key.minute }
      let isRight = rows.elementsEqual(due) { row, entry in
        row.bucket == entry.key.minute.index && row.value == entry.value.value && row.version == entry.value.version
      }
      #expect(isRight, "\(place): \(ad)")
    }
    // Nothing of it is a click.
    #expect(shard.live.summary.position == 0)
    #expect(try shard.live.rows().isEmpty)
  }

  @Test func whatCannotBeIsRefused() throws {
    let machine = SimulatedMachine(seed: 1)
    let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
    let row = ExternalRow(ad: AdKey(rawValue: 1), minute: Minute(index: 0), value: 1, version: 1)
    #expect(throws: UpsertRefusal.name("no spaces")) { try store.shards[0].maintenance.upsert("no spaces", [row]) }
    let far = ExternalRow(ad: AdKey(rawValue: 1), minute: Minute(index: .max), value: 1, version: 1)
    #expect(throws: UpsertRefusal.minute(.max)) { try store.shards[0].maintenance.upsert("sink", [far]) }
    #expect(store.shards[0].state.tables.isEmpty)
  }
}
