import Service
import Simulation
import Testing

@Suite struct CommitPacerTests {
  private static let millisecond: Int64 = 1_000_000

  /// What a pacer of two shards says 1 ms after a commit began.
  @Test(
    arguments: [
      // interval, waiting, active, rest
      (3, 1, 1, 0), (3, 1, 2, 0), (3, 1, 3, 2), (3, 27, 64, 2), (3, 28, 64, 0), (3, 27, 1_000, 2), (3, 28, 1_000, 0),
      (1, 1, 1_000, 0), (0, 1, 1_000, 0),
      // Who asks for few syncs waits for all that are in use, and for as many clicks more.
      (10, 1, 1, 0), (10, 1, 2, 9), (10, 32, 64, 9), (10, 64, 64, 0), (10, 92, 1_000, 9), (10, 93, 1_000, 0),
    ] as [(Int64, Int, Int, Int64)])
  func waitsForEnoughOrForTheInterval(_ interval: Int64, _ waiting: Int, _ active: Int, _ rest: Int64) {
    var pacer = CommitPacer(interval: interval * Self.millisecond, shards: 2)
    pacer.began(at: 100 * Self.millisecond)
    let found = pacer.rest(waiting: waiting, active: active, now: 101 * Self.millisecond)
    #expect(found == rest * Self.millisecond)
  }

  /// Where many come, they wait for a short time alone.
  @Test func aShortWaitIsEnoughForMany() {
    let pacer = CommitPacer(interval: 3 * Self.millisecond, shards: 2)
    for (waiting, passed, rest) in [
      (18, 1_099_999, 1_900_001), (18, 1_100_000, 0), (17, 1_100_000, 1_900_000), (17, 2_999_999, 1), (1, 3_000_000, 0),
      // It is the rate that counts.
      (19, 1_200_000, 1_800_000), (20, 1_200_000, 0),
    ] as [(Int, Int64, Int64)] {
      #expect(pacer.rest(waiting: waiting, active: 1_000, now: passed) == rest, "\(waiting) behind \(passed)")
    }
  }

  /// Bytes of frames a click that a loop writes under even load, and how long its clicks wait: a model of the loop, whose commits
  /// take 0.3 ms, during which it reads on, and whose turns 10 µs and 5 µs a click.
  @Test(
    arguments: [
      // rate, interval in ms, connections; bytes at most, median wait in µs at most
      (10_000, 3, 64, 300, 2_200), (10_000, 3, 1_000, 300, 2_200), (20_000, 3, 64, 400, 1_000),
      (10_000, 10, 256, 150, 6_500), (100_000, 3, 1_000, 140, 1_000), (100, 3, 64, 8_192, 700),
    ] as [(Int, Int64, Int, Int, Int64)])
  func bytesAndWaits(_ rate: Int, _ interval: Int64, _ connections: Int, _ bytes: Int, _ median: Int64) {
    let seed = Seeds.list(1)[0]
    var chance = seed.generator
    var pacer = CommitPacer(interval: interval * Self.millisecond, shards: 2)
    let gap = 1_000_000_000 / Int64(rate)
    var next: Int64 = 0
    func arrivals(until time: Int64, _ into: inout [Int64]) {
      while next <= time {
        into.append(next)
        next += 1 + Int64(chance.below(2 * Int(gap)))
      }
    }
    var now: Int64 = 0
    var ready: [Int64] = []
    var held: [Int64] = []
    var waits: [Int64] = []
    var written = 0
    // What is being committed, and until when.
    var committing: [Int64] = []
    var end: Int64 = .max
    var isDue = false
    // Who has not been answered sends nothing more, so that no more wait than there are connections.
    func open() -> Int { min(ready.count, connections - held.count - committing.count) }
    while waits.count < 20_000 {
      arrivals(until: now, &ready)
      if now >= end {
        waits += committing.map { now - $0 }
        (committing, end) = ([], .max)
      }
      if open() == 0, !isDue || !committing.isEmpty {
        // Asleep until a click comes, until a commit ends, or until what is held is due.
        let rest =
          held.isEmpty || !committing.isEmpty
          ? .max : now + pacer.rest(waiting: held.count, active: connections, now: now)
        if rest > now { now = min(max(next, now), end, rest) }
        arrivals(until: now, &ready)
      }
      if open() > 0, now < end {
        let pause = pacer.pause(
          waiting: open() + held.count, active: connections, isCommitting: !committing.isEmpty, now: now)
        now = min(now + pause, end)
        arrivals(until: now, &ready)
      }
      if now >= end { continue }
      let taken = open()
      held += ready.prefix(taken)
      ready.removeFirst(taken)
      let began = now
      now += 10_000 + 5_000 * Int64(taken)
      guard !held.isEmpty else { continue }
      isDue = isDue || pacer.rest(waiting: held.count, active: connections, now: now) == 0
      guard isDue, committing.isEmpty else { continue }
      isDue = false
      pacer.began(at: began)
      end = now + 300_000
      // Clicks go to both shards at random, forty bytes each behind a header.
      let first = held.count { _ in chance.below(2) == 0 }
      for count in [first, held.count - first] where count > 0 { written += (64 + 40 * count + 4095) / 4096 * 4096 }
      (committing, held) = (held, [])
    }
    let found = waits.sorted()[waits.count / 2] / 1_000
    #expect(written / waits.count <= bytes, "\(seed): \(written / waits.count) bytes a click")
    #expect(found <= median, "\(seed): \(found) µs")
  }
}
