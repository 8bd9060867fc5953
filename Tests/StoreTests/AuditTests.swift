import Bytes
import Simulation
import Store
import StoreHarness
import Testing

/// Double entry is looked at after each change of files; where it cannot be read, the step that looked says so.
@Suite struct AuditTests {
  @Test func booksThatCannotBeReadFailTheStep() throws {
    let sample = try JuneStore {
      $0.access = .read
      $0.dedupHorizon = 1_000
      $0.rawRetention = 30 * 86_400_000
      // The last chunk lists no repeats: it marks them.
      $0.recountChunk = 1
    }
    try sample.click(1, hoursAgo: 3)
    sample.machine.time.advance(milliseconds: 10_000)
    try sample.clickAgain(hoursAgo: 3)
    sample.machine.time.advance(milliseconds: 300_000)
    #expect(try sample.shard.maintenance.recount(.changes).repeats == 1)
    let file = try #require(sample.shard.live.version.corrections.first { $0.repeatCount > 0 }?.file)
    let maintenance = sample.shard.maintenance
    #expect(maintenance.counters.failures == 0)
    try sample.click(1)
    sample.machine.time.advance(milliseconds: 300_000)
    let closed = sample.shard.state.closedThrough
    // Behind the page of the header stands the block of all entries.
    sample.machine.disk.flip(bit: 1, ofByte: 4_100, in: file.path)
    #expect(throws: FormatError.self) { try maintenance.checkpoint() }
    // The step is done all the same, and its files stay: the record that lists them is durable.
    #expect(sample.shard.state.closedThrough > closed && sample.shard.live.summary.rows == 0)
    // A turn counts it as a failure, and waits before it tries the next.
    try sample.click(1)
    sample.machine.time.advance(milliseconds: 300_000)
    #expect(!maintenance.turn() && maintenance.counters.failures == 1)
    #expect(maintenance.counters.lastError?.contains(file.path) == true)
  }
}
