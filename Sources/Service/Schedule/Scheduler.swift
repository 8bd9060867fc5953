import Catalog
import Clicks
import Platform
import Store
import Synchronization

// The built-in cron: a thread that asks each schedule what to do, by the logical clock, and begins the job. When a run was
// the last is in the catalog, so that one that was missed is made up for at the start, once; nothing overlaps itself.

/// Begins jobs by their schedules.
final class Scheduler: Sendable {
  /// A schedule and its job.
  struct Entry: Sendable {
    var kind: JobKind
    var schedule: Schedule
  }

  /// How an entry stands.
  struct Standing: Sendable {
    var kind: JobKind
    var cron: String
    var zone: String
    /// The next run, its jitter included; ms since 1970.
    var next: Int64
    /// The time of the last run; nil where there was none.
    var last: Int64?
  }

  private struct State {
    /// By entry: the time of the last run that was begun, or where counting begins.
    var last: [Int64] = []
    var hasRun: [Bool] = []
  }

  private let entries: [Entry]
  private let operations: Operations
  private let clock: @Sendable () -> Int64
  private let state = Mutex(State())
  private let thread = BackgroundThread()

  /// Longest sleep, ns: the wall may be set, and a laptop may sleep.
  private static let interval: Int64 = 1_000_000_000

  /// - Parameter last: when each entry's last run was, or when it was first seen.
  init(_ entries: [Entry], last: [Int64], operations: Operations, clock: @escaping @Sendable () -> Int64) {
    precondition(entries.count == last.count)
    self.entries = entries
    self.operations = operations
    self.clock = clock
    state.withLock {
      $0.last = last
      $0.hasRun = entries.map { _ in false }
    }
  }

  func start() throws(SystemError) {
    try thread.start("scheduler") { [self] in run() }
  }

  func stop() {
    thread.stop()
    // They hold each other.
    operations.use(nil)
  }

  private func run() {
    while !thread.isStopping {
      turn()
      thread.sleep(nanoseconds: Self.interval)
    }
  }

  /// Begins what is due.
  func turn() {
    let now = clock()
    for (i, entry) in entries.enumerated() {
      let last = state.withLock { $0.last[i] }
      let isRunning = operations.jobs.isBusy(entry.kind)
      guard case .run(let time) = entry.schedule.decide(now: now, last: last, isRunning: isRunning) else { continue }
      // Where too many jobs wait it is tried again.
      guard operations.begin(entry.kind, scheduled: time) != nil else { continue }
      state.withLock {
        $0.last[i] = time
        $0.hasRun[i] = true
      }
    }
  }

  /// How every entry stands.
  var standings: [Standing] {
    let (last, hasRun) = state.withLock { ($0.last, $0.hasRun) }
    return entries.enumerated().map { i, entry in
      Standing(
        kind: entry.kind, cron: entry.schedule.cron.description, zone: entry.schedule.zone,
        next: entry.schedule.following(last[i]).begins, last: hasRun[i] ? last[i] : nil)
    }
  }
}
