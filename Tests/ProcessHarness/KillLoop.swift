import Glibc
import Traffic

// T7: a real server under real traffic, killed with SIGKILL again and again, after 20 to 800 ms of life.

/// What a kill loop is to do.
package struct KillOptions: Sendable {
  /// How often the server is killed.
  package var kills = 100
  /// How long it lives each time, ms.
  package var life: ClosedRange<Int64> = 20...800
  package var traffic: TrafficOptions

  package init(seed: UInt64) { traffic = TrafficOptions(seed: seed) }
}

/// One kill loop on a directory of its own.
package struct KillLoop {
  private let options: KillOptions

  package init(_ options: KillOptions) { self.options = options }

  /// Kills until it has been enough, or `isOver` says so, then compares.
  package func run(until isOver: () -> Bool = { false }) throws -> TrafficResult {
    let traffic = try RealTraffic(options.traffic)
    var generator = SplitMix64(seed: options.traffic.seed)
    while traffic.result.starts < options.kills, !isOver() {
      usleep(UInt32(1_000 * (options.life.lowerBound + Int64(generator.below(options.life.count)))))
      try traffic.restart { $0.kill() }
    }
    usleep(200_000)
    var result = try traffic.finish()
    if let status = traffic.server.stop(), status != 0 {
      result.faults.append("the last server ended with status \(status): \(traffic.server.lastWords)")
    }
    return result
  }
}
