import Clicks
import Query
import Simulation
import Store
import StoreHarness
import Testing

@Suite struct LiveSeriesTests {
  /// Two shards hold clicks of one ad; the answer is their sum, as of both.
  @Test func theAnswerSumsTheShardsAndCarriesTheirPositions() throws {
    let machine = SimulatedMachine(seed: 1)
    let store = try Store.open(machine.environment, "/data", shards: 2, options: Scenario.options)
    let now = machine.time.wall()
    var next: UInt64 = 0
    func click(_ shard: Int, _ ad: AdKey, _ count: Int) {
      let batch = (0..<count).map { _ in
        next += 1
        return ClickRequest(identity: ClickIdentity(ad: ad, impression: ImpressionID(high: next, low: next)))
      }
      store.shards[shard].commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
    }
    click(0, adKey, 3)
    click(1, adKey, 4)
    click(1, AdKey(rawValue: 9), 2)
    machine.time.advance(milliseconds: 60_000)
    click(0, adKey, 5)

    func ask(_ pairs: String...) throws -> Series {
      try Series(query(["from=\(now)"] + pairs, now: store.clock.now()), over: store.shards.map(\.live))
    }
    let first = Minute(containing: now)
    let both = try ask()
    #expect(
      both.points == [
        Point(minute: first, clicks: 7, status: .provisional),
        Point(minute: Minute(index: first.index + 1), clicks: 5, status: .provisional),
      ])
    #expect(both.total == 12 && both.asOfText == "0:8,1:6" && both.next == nil)

    // One shard closes the minute, the other does not know yet: it is provisional until both have.
    machine.time.advance(milliseconds: 120_000)
    while store.shards[0].maintenance.turn() {}
    #expect(try ask().points.map(\.status) == [.provisional, .provisional])
    #expect(try ask("status=final").points.isEmpty)
    while store.shards[1].maintenance.turn() {}
    let closed = try ask()
    #expect(closed.points.map(\.status) == [.closed, .provisional])
    #expect(closed.completeThrough == Minute(index: first.index + 1))
    #expect(try ask("status=final").total == 7)
    for shard in store.shards { shard.close() }
  }
}
