import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// Ids of every make, each twice and through every door, the second copy when the dedup index has forgotten the first: what
/// their bits look like plays no part.
@Suite struct ImpressionIdentityTests {
  private static let day: Int64 = 86_400_000

  /// A store whose index forgets after two seconds.
  private final class Life {
    let machine: SimulatedMachine
    private(set) var store: Store
    private static var options: ShardOptions {
      var options = Scenario.options
      options.dedupHorizon = 2_000
      options.rawRetention = 400 * day
      options.segmentRows = 5_000
      options.segmentLimit = 100_000
      options.slotBytes = 1 << 20
      options.dedupLimit = 1 << 26
      return options
    }

    init(seed: UInt64) throws {
      machine = SimulatedMachine(seed: seed)
      store = try Store.open(machine.environment, "/data", options: Self.options)
    }

    var shard: Shard { store.shards[0] }
    var now: Int64 { store.clock.now() }

    func restart() throws {
      shard.close()
      store = try Store.open(machine.environment, "/data", options: Self.options)
    }

    func send(_ ids: [ImpressionID], _ source: Click.Source) -> [Verdict] {
      var verdicts: [Verdict] = []
      for start in stride(from: 0, to: ids.count, by: 500) {
        machine.time.advance(milliseconds: 1)
        let requests = ids[start..<min(start + 500, ids.count)].map {
          ClickRequest(
            identity: ClickIdentity(ad: AdKey(rawValue: 9), impression: $0),
            eventTime: source == .browser ? ClickRequest.onReceipt : now, source: source.rawValue)
        }
        if shard.slots.needsPreparation { try? shard.slots.prepare() }
        shard.commit(requests.span) { _, answer in verdicts.append(answer.verdict) }
      }
      return verdicts
    }

    func settle(after milliseconds: Int64) throws {
      machine.time.advance(milliseconds: milliseconds)
      try shard.maintenance.settle()
      shard.maintain()
      // What was received before is in segments alone.
      if milliseconds >= 30_000 { #expect(shard.condition.counters.dedupKeys == 0) }
    }

    /// Clicks that count.
    func total() throws -> UInt64 {
      let range = (Minute(index: 0), Minute(index: 1 << 40))
      return try shard.live.series(of: AdKey(rawValue: 9), from: range.0, to: range.1).points.reduce(0) {
        $0 + $1.clicks
      }
    }
  }

  /// Different ids of every make, the time in their bits at any distance from `now`.
  private static func ids(_ count: Int, _ now: Int64, using chance: inout SeededGenerator) -> [ImpressionID] {
    var ids: Set<ImpressionID> = []
    while ids.count < count {
      let random = (chance.next(), chance.next())
      let near: Int64 = chance.edge(in: -2 * day...2 * day)
      let time: Int64 = chance.pick([
        now - Int64(chance.small(in: 0...100_000)), now + near, now + near, Int64(chance.next() >> 16), 0, 1 << 48 - 1,
        now * 1_000 & (1 << 48 - 1), now / 1_000, ImpressionID.earliestMinting - 1,
      ])
      ids.insert(
        chance.oneIn(4) ? ImpressionID(high: random.0, low: random.1) : .version7(at: time, random: random))
    }
    return ids.shuffled(using: &chance)
  }

  @Test(arguments: [Click.Source.browser, .batch, .imported])
  func everyIDTwiceIsOne(_ first: Click.Source) throws {
    try Seeds.run(2) { seed in
      var chance = seed.generator
      let life = try Life(seed: seed.value)
      let ids = Self.ids(2_000, life.now, using: &chance)
      let before = life.send(ids, first)
      #expect(before.allSatisfy { $0 == .valid }, "\(seed): \(before.count { $0 != .valid }) are lost")
      try life.settle(after: 30_000)
      if chance.oneIn(2) { try life.restart() }
      for source in [Click.Source.batch, .imported] {
        let again = zip(ids, life.send(ids, source)).filter { $0.1 != .duplicate }
        #expect(again.isEmpty, "\(seed), \(source): \(again.count) count again, \(again.first!)")
      }
      // A browser's copy is one too where the id can have been minted by now; of others it is until the next recount.
      let now = life.now
      let counted = zip(ids, life.send(ids, .browser)).filter { $0.1 == .valid }.map(\.0)
      #expect(counted.allSatisfy { $0.minting(by: now + 60_000) == nil } && !counted.isEmpty, "\(seed)")
      try life.settle(after: 400_000)
      _ = try life.shard.maintenance.recount(.changes)
      #expect(try life.total() == 2_000, "\(seed)")
    }
  }

  /// The first copy comes before the time in its bits, the second one after it, with segments merged and the process ended
  /// between.
  @Test func anIDThatCameTooEarlyIsKnownWhenItsTimeComes() throws {
    try Seeds.run(3) { seed in
      var chance = seed.generator
      let life = try Life(seed: seed.value)
      var early: [(id: ImpressionID, time: Int64)] = []
      for _ in 0..<40 {
        // Clicks around it, so that several segments are searched.
        let time = life.now + chance.edge(in: 60_001...Self.day)
        let id = ImpressionID.version7(at: time, random: (chance.next(), chance.next()))
        early.append((id, time))
        let others = (0..<20).map { _ in
          ImpressionID.version7(at: life.now - 100, random: (chance.next(), chance.next()))
        }
        #expect(life.send([id] + others, chance.pick(Click.Source.allCases)).allSatisfy { $0 == .valid }, "\(seed)")
        if chance.oneIn(3) { try life.settle(after: Int64(chance.small(in: 2_000...1_000_000))) }
      }
      try life.settle(after: 5_000)
      if chance.oneIn(2) { try life.restart() }
      for (id, time) in early.sorted(by: { $0.time < $1.time }) {
        if time > life.now { try life.settle(after: max(3_000, time - life.now)) }
        #expect(life.send([id], chance.pick(Click.Source.allCases)) == [.duplicate], "\(seed): \(id)")
        // One that comes for the first time is new.
        let fresh = ImpressionID.version7(at: life.now, random: (chance.next(), chance.next()))
        #expect(life.send([fresh], .browser) == [.valid])
      }
    }
  }

  /// Ids of the future cost the clicks of browsers nothing: fresh ones are looked for only where an early copy may be.
  @Test func freshIDsAreLookedForOnlyWhereOneCameEarly() throws {
    let life = try Life(seed: 5)
    var chance = Seeds.list(1)[0].generator
    let soon = ImpressionID.version7(at: life.now + 600_000, random: (1, 2))
    let random = (0..<2_000).map { _ in
      ImpressionID.version7(at: Int64(chance.next() >> 16), random: (chance.next(), 9))
    }
    #expect(life.send([soon] + random, .browser).allSatisfy { $0 == .valid })
    try life.settle(after: 590_000)
    let looked = life.shard.condition.counters.lookups
    let fresh = (0..<1_000).map { ImpressionID.version7(at: life.now + Int64($0) * 20, random: (chance.next(), 3)) }
    #expect(life.send(fresh, .browser).allSatisfy { $0 == .valid })
    #expect(life.shard.condition.counters.lookups == looked)
    #expect(life.send([soon], .browser) == [.duplicate])
    #expect(life.shard.condition.counters.lookups == looked + 1)
  }
}
