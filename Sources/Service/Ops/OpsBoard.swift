import Clicks
import Platform
import Store
import Synchronization

// What the operations page shows of rates. Counters are looked at once a second, and a minute of them is kept: a rate is what two
// looks differ by. Alarms are looked for in the same round, files every ten seconds, the disk every minute. Nothing here is on
// anybody's way.

/// The last minute of a running service, by the second. Any thread may use it.
final class OpsBoard: Sendable {
  /// The counters at one moment.
  struct Look: Sendable {
    /// Monotonic nanoseconds.
    var time: Int64
    /// Requests to /click by verdict, in the order of `Verdict`.
    var verdicts: [UInt64]
    /// Durable clicks of each shard.
    var positions: [UInt64]
    /// Commits of each shard by their duration; see `DurationBuckets`.
    var commits: [[UInt64]]
  }

  private static let kept = 61
  private static let interval: Int64 = 1_000_000_000
  /// A rate is over so many seconds.
  private static let smoothing = 10

  private let context: ServiceContext
  private let looks = Mutex<[Look]>([])

  /// What is looked at more seldom.
  struct Surroundings: Sendable {
    var alarms = OpsAlarms()
    var files = FileAges()
    var disk = DiskForecast()
  }

  private let around = Mutex(Surroundings())
  private let thread = BackgroundThread()
  let streams: OpsStreams

  init(_ context: ServiceContext) {
    self.context = context
    streams = OpsStreams(context)
  }

  func start() throws(SystemError) {
    try thread.start("operations") { [self] in
      var rounds = 0
      while !thread.isStopping {
        look()
        lookAround(&rounds)
        streams.serve()
        thread.sleep(nanoseconds: Self.interval) { [isStopping = context.isStopping] in context.isStopping != isStopping
        }
      }
      streams.serve()
    }
  }

  /// Lets the thread see that the service stops, which ends every stream.
  func wake() { thread.bell.ring() }

  func stop() { thread.stop() }

  private func look() {
    let loops = context.loopMetrics
    let look = Look(
      time: context.environment.time.monotonic(),
      verdicts: Verdict.allCases.map { verdict in loops.reduce(0) { $0 + $1.verdicts[Int(verdict.rawValue)] } },
      positions: context.tables.map(\.summary.position),
      commits: context.conditions.map { condition in
        let counts = condition.counters.commitNanoseconds.counts
        return counts.indices.map { counts[$0] }
      })
    looks.withLock { looks in
      looks.append(look)
      if looks.count > Self.kept { looks.removeFirst(looks.count - Self.kept) }
    }
  }

  /// Rounds between two looks at the files.
  private static let filesInterval = 10

  private func lookAround(_ rounds: inout Int) {
    var now = around.withLock { $0 }
    let seconds = context.environment.time.monotonic() / 1_000_000_000
    if now.disk.isDue(at: seconds),
      let free = try? context.environment.files.availableSpace(at: context.settings.dataDirectory)
    {
      now.disk.note(free, at: seconds)
    }
    if rounds % Self.filesInterval == 0 { now.files = FileAges(context.cores, now: context.clock.now()) }
    now.alarms.take(
      context.alarms(now.disk, unrecorded: rates.sum(of: .unrecorded)), at: context.environment.time.wall())
    rounds += 1
    around.withLock { [now] in $0 = now }
  }

  /// Alarms, files and the disk as they were found last.
  var surroundings: Surroundings { around.withLock { $0 } }

  /// What the looks of the last minute come to.
  var rates: OpsRates { OpsRates(looks.withLock { $0 }, smoothing: Self.smoothing) }
}

/// Rates of the last minute.
struct OpsRates {
  private let looks: [OpsBoard.Look]
  private let recent: [OpsBoard.Look]

  /// Of looks in their order; a rate of now is over the last `smoothing` of them.
  init(_ looks: [OpsBoard.Look], smoothing: Int) {
    self.looks = looks
    recent = Array(looks.suffix(smoothing + 1))
  }

  private static func rate(_ a: OpsBoard.Look, _ b: OpsBoard.Look, _ value: (OpsBoard.Look) -> UInt64) -> Int64 {
    let seconds = Double(b.time - a.time) / 1e9
    let change = Double(value(b)) - Double(value(a))
    return seconds > 0 ? max(0, Int64((change / seconds).rounded())) : 0
  }

  private func now(_ value: (OpsBoard.Look) -> UInt64) -> Int64 {
    guard let first = recent.first, let last = recent.last else { return 0 }
    return Self.rate(first, last, value)
  }

  /// Clicks a second that became durable, in all and of a shard.
  var clicks: Int64 { now { $0.positions.reduce(0, +) } }
  func clicks(_ shard: Int) -> Int64 { now { $0.positions[shard] } }

  /// The same of each second of the last minute, the oldest first.
  var history: [Int64] {
    zip(looks, looks.dropFirst()).map { Self.rate($0, $1) { $0.positions.reduce(0, +) } }
  }

  /// Answers a second by verdict, those that occur.
  var answers: [(verdict: Verdict, rate: Int64)] {
    Verdict.allCases.map { verdict in (verdict, now { $0.verdicts[Int(verdict.rawValue)] }) }.filter { $0.rate > 0 }
  }

  /// Requests of the last minute with this verdict.
  func sum(of verdict: Verdict) -> UInt64 {
    guard let first = looks.first, let last = looks.last, let place = Verdict.allCases.firstIndex(of: verdict) else {
      return 0
    }
    return last.verdicts[place] - min(first.verdicts[place], last.verdicts[place])
  }

  /// Nanoseconds within which 99 of 100 commits of the last minute were done, of one shard or all; nil where there was none. The
  /// upper end of a power of two.
  func commitP99(_ shard: Int? = nil) -> Int64? {
    guard let first = looks.first, let last = looks.last else { return nil }
    return Self.commitP99(first, last, shard)
  }

  /// The same of all shards for each second of the last minute, the oldest first; 0 where there was none.
  var commitHistory: [Int64] { zip(looks, looks.dropFirst()).map { Self.commitP99($0, $1, nil) ?? 0 } }

  private static func commitP99(_ first: OpsBoard.Look, _ last: OpsBoard.Look, _ shard: Int?) -> Int64? {
    var counts = [UInt64](repeating: 0, count: DurationBuckets.bounds.count + 1)
    for index in last.commits.indices where shard == nil || shard == index {
      for bucket in counts.indices { counts[bucket] += last.commits[index][bucket] - first.commits[index][bucket] }
    }
    let sum = counts.reduce(0, +)
    guard sum > 0 else { return nil }
    var passed: UInt64 = 0
    for bucket in counts.indices {
      passed += counts[bucket]
      if passed * 100 >= sum * 99 { return DurationBuckets.bounds[min(bucket, DurationBuckets.bounds.count - 1)] }
    }
    return nil
  }
}
