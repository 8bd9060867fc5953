// What is to be done when: a pure rule, so that a test can let years pass. Threads and clocks are the scheduler's.
//
//     last run ── next(after: last) ── + jitter ──▶ due        not while one is running; many missed runs are one
//
// A service that was down at the time of a run makes up for it when it starts, once. One that never ran waits for its time.

/// A recurring job.
package struct Schedule: Sendable {
  package var cron: Cron
  /// The time zone by whose wall the expression is meant, as it was given.
  package var zone: String
  /// What that wall is ahead of UTC.
  package var offset: @Sendable (Int64) -> Int64
  /// A run begins up to this much later, ms, so that many services do not begin at once.
  package var jitter: Int64
  /// Chooses how much; another number for each service.
  package var seed: UInt64

  package init(
    _ cron: Cron, zone: String, offset: @escaping @Sendable (Int64) -> Int64, jitter: Int64 = 0, seed: UInt64 = 0
  ) {
    self.cron = cron
    self.zone = zone
    self.offset = offset
    self.jitter = jitter
    self.seed = seed
  }

  /// What to do now.
  package enum Decision: Equatable, Sendable {
    /// Begin the run of this time, ms since 1970.
    case run(Int64)
    /// Look again at this time at the latest.
    case wait(until: Int64)
  }

  /// When the run that follows one of `time` begins: its own time, and with the jitter.
  package func following(_ time: Int64) -> (scheduled: Int64, begins: Int64) {
    let scheduled = CronTimes.next(cron, after: time, offset: offset)
    guard jitter > 0 else { return (scheduled, scheduled) }
    // A finaliser of SplitMix64: the same run always has the same delay.
    var hash = UInt64(bitPattern: scheduled) &+ seed &+ 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
    hash ^= hash >> 31
    return (scheduled, scheduled + Int64(hash % UInt64(jitter)))
  }

  /// What to do at `now`. `last`: when the last run began that came to its end, or when the schedule was first seen.
  package func decide(now: Int64, last: Int64, isRunning: Bool) -> Decision {
    let next = following(last)
    if next.begins > now { return .wait(until: next.begins) }
    if isRunning { return .wait(until: now + 1_000) }
    // Of several times that have passed the latest is meant; it is looked for in a short time first.
    var latest = next.scheduled
    for hours in [1, 24, 24 * 40, 24 * 400] as [Int64] {
      let start = now - hours * 3_600_000 - jitter
      guard start > latest else { break }
      let recent = following(start)
      if recent.begins <= now {
        latest = recent.scheduled
        break
      }
    }
    while true {
      let after = following(latest)
      guard after.begins <= now else { return .run(latest) }
      latest = after.scheduled
    }
  }
}
