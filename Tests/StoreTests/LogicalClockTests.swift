import Platform
import Simulation
import Store
import Testing

/// R10: the logical clock follows the wall clock at 0.9 to 1.1 of true time and never goes back.
@Suite struct LogicalClockTests {
  private static let day: Int64 = 86_400_000

  /// Ten thousand jumps of every size, frozen stretches, restarts with the wall clock behind.
  @Test func jumpsNeitherTurnItBackNorHurryIt() throws {
    try Seeds.run(40) { seed in
      var generator = seed.generator
      let time = SimulatedTime()
      var clock = try LogicalClock(time, last: 0, accept: false)
      var last = clock.now()
      for step in 0..<250 {
        switch generator.next() % 8 {
        case 0, 1:
          let size = generator.pick([1_000, 60_000, 3_600_000, Self.day, 365 * Self.day, 3_650 * Self.day] as [Int64])
          time.jumpWall(milliseconds: generator.edge(in: -size...size))
        case 2: time.setWall(time.wall() - generator.edge(in: 0...10_000))
        case 3 where abs(time.wall() - last) <= LogicalClock.tolerance:
          time.setMonotonic(generator.edge(in: 0...1_000_000_000_000))
          clock = try LogicalClock(time, last: last, accept: false)
          let now = clock.now()
          #expect(now == max(last, time.wall()), "\(seed) step \(step): the restart")
          last = now
        default: break
        }
        let elapsed = generator.edge(in: 0...100_000 as ClosedRange<Int64>)
        time.advance(milliseconds: elapsed)
        let now = clock.now()
        let rate = (elapsed * 9 / 10 - 1)...(elapsed * 11 / 10 + 1)
        #expect(now >= last && rate.contains(now - last), "\(seed) step \(step): \(now - last) ms in \(elapsed)")
        last = now
      }
    }
  }

  @Test func itArrivesAtTheWallClock() throws {
    for jump in [-600_000, 600_000] as [Int64] {
      let time = SimulatedTime()
      let clock = try LogicalClock(time, last: 0, accept: false)
      time.jumpWall(milliseconds: jump)
      for _ in 0..<6_100 {
        time.advance(milliseconds: 1_000)
        _ = clock.now()
      }
      #expect(abs(clock.now() - time.wall()) <= 1)
    }
  }

  @Test func aClockMoreThanSevenDaysAwayIsRefusedUnlessAccepted() throws {
    let time = SimulatedTime()
    for (distance, refused) in [(7 * Self.day, false), (7 * Self.day + 1, true)] {
      for last in [time.wall() - distance, time.wall() + distance] {
        if refused {
          #expect(throws: ClockRefusal.self) {
            try LogicalClock(time, last: last, accept: false)
          }
          #expect(try LogicalClock(time, last: last, accept: true).now() == time.wall())
        } else {
          #expect(try LogicalClock(time, last: last, accept: false).now() == max(last, time.wall()))
        }
      }
    }
    #expect(throws: Never.self) { try LogicalClock(time, last: 0, accept: false) }
  }
}
