import Clicks
import Commands
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// The recount of `verify` on stores at any point of their lives: checkpoints, roll-ups, late patches, retired raw clicks.
@Suite struct RecountTests {
  private func store(_ machine: SimulatedMachine, _ generator: inout SeededGenerator) throws -> Store {
    var options = Scenario.options
    options.runTiers = [10, 60, 1_440, 5_760]
    options.rawRetention = Int64(generator.small(in: 1...10)) * 86_400_000
    options.minuteRetention = Int64(generator.small(in: 2...30)) * 86_400_000
    return try Store.open(machine.environment, "/data", options: options)
  }

  @Test(arguments: Seeds.list(40))
  func whatTheEngineWroteIsSound(_ seed: Seed) throws {
    var generator = seed.generator
    let machine = SimulatedMachine(seed: generator.next())
    let store = try store(machine, &generator)
    let shard = store.shards[0]
    var next: UInt64 = 0
    for _ in 0..<(2 + generator.small(in: 0...14)) {
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      let now = store.clock.now()
      let batch = (0..<(1 + generator.small(in: 0...60))).map { _ in
        next += 1
        let identity = ClickIdentity(
          ad: AdKey(rawValue: UInt64(generator.small(in: 1...9))), impression: ImpressionID(high: next, low: next))
        return ClickRequest(identity: identity, eventTime: now - Int64(generator.small(in: 0...200_000_000)))
      }
      shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
      machine.time.advance(milliseconds: Int64(generator.edge(in: 0...60_000_000)))
      shard.maintain()
      if generator.oneIn(2) { try shard.maintenance.settle() } else { for _ in 0..<5 { _ = shard.maintenance.turn() } }
      shard.maintain()
    }
    let retired = shard.state.retired
    shard.close()
    var verifier = Verifier(machine.environment, "/data")
    try verifier.run()
    // There is no SQLite on a simulated machine, and so no catalog.
    let damage = verifier.report.damage.filter { !$0.file.hasSuffix(StoreFiles.catalog) }
    #expect(damage.isEmpty, "\(seed): \(damage)")
    #expect(verifier.report.clicks == next - retired, "\(seed)")
  }
}
