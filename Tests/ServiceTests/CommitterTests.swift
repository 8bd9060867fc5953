import Clicks
import Platform
import Service
import Shards
import Simulation
import Store
import Testing

/// A committer gives every source its turn, however much the others bring.
@Suite struct CommitterTests {
  /// The rings in the order of their clicks in the log, where ring `i` had `waiting[i]` clicks before the committer began;
  /// and the most clicks of a batch.
  private func order(_ waiting: (_ limit: Int) -> [Int], bulk: Int) throws -> (rings: [Int], limit: Int) {
    let machine = SimulatedMachine(seed: 1)
    var options = ShardOptions()
    options.slotBytes = 8 << 20
    options.diskReserve = 0
    let store = try Store.open(machine.environment, "/data", options: options)
    let limit = store.shards[0].batchLimit
    let waiting = waiting(limit)
    let bell = Doorbell()
    let rings = waiting.enumerated().map { number, clicks in
      var capacity = 1
      while capacity < clicks { capacity *= 2 }
      let ring = CommitRing(capacity: capacity, answered: bell)
      for ticket in 0..<clicks {
        let impression = ImpressionID(high: UInt64(number), low: UInt64(ticket) &* 0x9E37_79B9_7F4A_7C15)
        ring.put(ClickRequest(identity: .init(ad: AdKey(rawValue: UInt64(number)), impression: impression)), at: ticket)
      }
      ring.publish(clicks)
      return ring
    }
    let committer = Committer(rings: rings, bulk: bulk, shard: 0, routes: RouteBoard(shards: 1))
    try committer.start(Once(store.shards[0]))
    for (ring, clicks) in zip(rings, waiting) {
      #expect(bell.wait(nanoseconds: 60_000_000_000) { ring.committedEnd == clicks })
    }
    committer.stop()
    let recovery = try Store.read(machine.environment, "/data", store.identity, shard: 0, options: options)
    var order: [Int] = []
    try recovery.forEachClick(machine.environment.files, store: store.identity.id) { position, click in
      #expect(position == UInt64(order.count))
      order.append(Int(click.ad.rawValue))
    }
    #expect(order.count == waiting.reduce(0, +))
    return (order, limit)
  }

  /// One loop has many batches' worth of clicks, the others one click each.
  @Test(arguments: 0..<3) func aFullRingDoesNotStarveTheOthers(full: Int) throws {
    let (rings, limit) = try order({ limit in (0..<3).map { $0 == full ? 8 * limit : 1 } }, bulk: 0)
    for ring in 0..<3 where ring != full {
      let place = try #require(rings.firstIndex(of: ring))
      #expect(place < 3 * limit, "ring \(ring) had its turn at \(place), behind more than two batches")
    }
  }

  /// Loops and workers all have more than enough, and one of each has a single click.
  @Test(arguments: 0..<2) func browsersAndBatchesBothGoOn(full: Int) throws {
    let (rings, limit) = try order(
      { limit in full == 0 ? [8 * limit, 1, limit, 1] : [1, 8 * limit, 1, limit] }, bulk: 2)
    for ring in [1 - full, 3 - full] {
      let place = try #require(rings.firstIndex(of: ring))
      #expect(place < 2 * limit, "ring \(ring) had its turn at \(place), behind more than one batch")
    }
    // While browsers click, batches have between a sixteenth and a quarter of each commit.
    for commits in 1...8 {
      let clicks = rings[..<(commits * limit)].count { $0 >= 2 }
      #expect(clicks >= commits * (limit / 16) && clicks <= commits * (limit / 4), "\(clicks) of \(commits) commits")
    }
  }

  /// Whatever comes when: a ring with a click has its turn after as many commits as there are rings of its kind.
  @Test(arguments: Seeds.list(200)) func everyRingHasItsTurn(seed: Seed) {
    var generator = seed.generator
    let bulk = generator.small(in: 0...4)
    let interactive = generator.small(in: (bulk == 0 ? 1 : 0)...4)
    let limit = 16 + generator.small(in: 0...100)
    var turns = RingTurns(rings: interactive + bulk, bulk: bulk, limit: limit)
    var waiting = [Int](repeating: 0, count: interactive + bulk)
    var passedOver = waiting
    // What each ring brings: never anything, now and then a click, or always more than there is room for.
    let loads = waiting.map { _ in generator.pick([0, 1, 2, 3] as [Int]) }
    for _ in 0..<500 {
      for ring in waiting.indices {
        switch loads[ring] {
        case 0: break
        case 1: if generator.oneIn(8) { waiting[ring] += 1 }
        case 2: waiting[ring] += generator.small(in: 0...limit)
        default: waiting[ring] = 10 * limit
        }
      }
      turns.begin()
      var (count, seen) = (0, Set<Int>())
      for turn in waiting.indices {
        let (ring, clicks) = turns.next(turn, count: count) { waiting[$0] }
        #expect(seen.insert(ring).inserted && (ring >= interactive) == (turn >= interactive), "\(seed)")
        passedOver[ring] = clicks == 0 && waiting[ring] > 0 ? passedOver[ring] + 1 : 0
        waiting[ring] -= clicks
        count += clicks
        let kind = ring < interactive ? interactive : bulk
        #expect(passedOver[ring] < kind, "\(seed): ring \(ring) of \(interactive) + \(bulk) has waited")
      }
      #expect(count <= limit, "\(seed)")
      if count > 0 { turns.end() }
    }
  }
}
