/// When a loop hands its waiting clicks to the committers (R1). A commit writes at least one frame of 4 KiB a shard, however few clicks
/// are in it, so that bytes on the disk and system calls a click fall with the clicks that share one; what pays is latency:
///
///     so many wait that every shard's frame is worth its write         ─▶ at once
///     so many of the connections in use wait that few can still come   ─▶ at once
///     clicks come so fast that a short wait brings two thirds of these ─▶ behind that wait
///     else                                                             ─▶ a commit interval after the last commit began
///
/// Group commit as in P. Helland et al., "Group Commit Timers and High Volume Transaction Systems" (1987).
package struct CommitPacer {
  /// Least time between the beginnings of two commits where few clicks come, ns.
  private let interval: Int64
  /// Waiting clicks that are committed at once.
  private let enough: Int
  /// Waiting clicks that are committed behind the short wait; nil where there is none.
  private let some: Int64?
  /// The part of the connections in use, as its divisor, that is waited for.
  private let share: Int
  private var last: Int64 = 0

  /// How long a loop with clicks that wait does not look at its sockets, ns: who asks for something else waits as long.
  private static let slice: Int64 = 500_000
  /// A loop looks again no sooner, ns.
  private static let leastPause: Int64 = 50_000
  /// Clicks a frame, at the default interval. A frame of 4 KiB has room for a hundred: 14 make 293 bytes a click.
  private static let frame = 14
  private static let defaultInterval: Int64 = 3_000_000
  private static let shortWait: Int64 = 1_100_000
  /// An interval beyond this asks for few syncs rather than for quick answers.
  private static let patience: Int64 = 5_000_000

  /// The pacer of a loop that hands clicks to `shards` committers; `interval` in ns, 0 for none.
  package init(interval: Int64, shards: Int) {
    self.interval = interval
    let isPatient = interval > Self.patience
    enough = max(1, Int(Int64(Self.frame * shards) * interval / Self.defaultInterval))
    some = isPatient ? nil : Int64(Self.frame * shards * 2 / 3)
    share = isPatient ? 1 : 2
  }

  /// A commit began at `now`.
  package mutating func began(at now: Int64) { last = now }

  /// How long `waiting` clicks, of which there is at least one, are still held where about `active` connections are in use; 0:
  /// they are due. Times are monotonic, ns.
  package func rest(waiting: Int, active: Int, now: Int64) -> Int64 {
    if waiting >= enough || waiting * share >= active { return 0 }
    let passed = now - last
    if passed >= interval { return 0 }
    if let some, passed >= Self.shortWait, Int64(waiting) * Self.shortWait >= some * passed { return 0 }
    return interval - passed
  }

  /// How long the loop sleeps before it reads what has come, ns: until enough wait if clicks go on to come as they did. Clicks that
  /// come while a commit runs wait for its end, which wakes the loop.
  package func pause(waiting: Int, active: Int, isCommitting: Bool, now: Int64) -> Int64 {
    if isCommitting { return Self.slice }
    let rest = rest(waiting: waiting, active: active, now: now)
    if rest == 0 { return 0 }
    let passed = max(0, now - last)
    let missing = Int64(min(enough, active / share + 1) - waiting)
    let (expected, overflow) = (passed / Int64(waiting)).multipliedReportingOverflow(by: missing)
    let short = passed < Self.shortWait ? Self.shortWait - passed : .max
    return min(Self.slice, rest, short, max(Self.leastPause, overflow ? .max : expected))
  }
}
