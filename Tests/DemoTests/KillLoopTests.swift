import Glibc
import ProcessHarness
import Testing

/// T7 at the size of every test run. `TALLY_KILLS=10000 swift test --filter KillLoopTests` makes a campaign of it.
@Suite(.serialized) struct KillLoopTests {
  /// Slots of several sizes: with the smallest one, a slot is full every few milliseconds, so that kills fall on slot
  /// switches and manifest records too.
  @Test(arguments: [("64MiB", 25), ("1MiB", 25), ("64KiB", 50)])
  func nothingIsLostOrCountedTwice(slot: String, part: Int) throws {
    let kills = unsafe getenv("TALLY_KILLS").flatMap { Int(unsafe String(cString: $0)) } ?? 100
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    var left = kills * part / 100
    // Recovery reads the whole log, so a campaign takes a new directory now and then.
    while left > 0 {
      var options = KillOptions(seed: seed &+ UInt64(left))
      options.kills = min(left, 50)
      options.life = 20...(kills > 100 ? 800 : 600)
      options.traffic.arguments = ["--log-slot-size", slot]
      let result = try KillLoop(options).run()
      print("slots of \(slot), seed \(options.traffic.seed): \(result)")
      #expect(result.faults == [], "seed \(options.traffic.seed)")
      #expect(result.lost == 0 && result.double == 0)
      #expect(result.starts == options.kills)
      #expect(result.acknowledged > 100 * result.starts)
      left -= options.kills
    }
  }
}
