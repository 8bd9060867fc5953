import Clicks

// Which step of a shard's maintenance is next, the most urgent first: a pure function of what the shard says of itself, of
// clocks and of options, so that a test can ask it anything.
//
//   checkpoint   closed minutes and late rows → runs; position, closed minute and floor move (K3)
//   flush        the log below the applied position → segments; slots become free
//   recount      what clicks have changed since the last one
//   retain       what is older than its retention goes; sums of raw clicks go to BASE first (R6)
//   compact      one merge: see `CompactionPlan`
//
// The first two are urgent: they are done between the pieces of a long step as well.

/// What the plan sees, and what is due by it.
package struct MaintenancePlan: Sendable {
  /// One step.
  package enum Step: Equatable, Sendable {
    case checkpoint
    case flush
    case recount
    case retain
    case compact(CompactionTask)
  }

  /// When each step was done last, monotonic ns.
  package struct Times: Equatable, Sendable {
    package var checkpoint: Int64
    package var flush: Int64
    /// When the last incremental recount was tried.
    package var recount: Int64
    /// Nil: not since the shard was opened.
    package var retention: Int64?

    /// The times of a shard that is opened now.
    package init(opened now: Int64) { (checkpoint, flush, recount) = (now, now, now) }
  }

  /// Every click below is accepted, is in the table, is in a segment.
  package var position: UInt64 = 0
  package var applied: UInt64 = 0
  package var sealed: UInt64 = 0
  /// Full log slots whose clicks are in the table and not all in segments.
  package var flushableSlots = 0
  /// Minutes before this one are closed, and may be closed now.
  package var closedThrough = Int64.min
  package var closable = Int64.min
  /// How far the last recount came.
  package var recounted = RecountMark()
  package var times: Times
  /// The monotonic clock, ns.
  package var now: Int64
  package var options: ShardOptions

  /// Retention is looked at this often, ns, or once in a receive day where that is shorter.
  private var retentionInterval: Int64 { min(600_000, options.receiveDay) * 1_000_000 }

  /// Nothing has happened since the shard was opened.
  package init(_ options: ShardOptions, _ times: Times, now: Int64) {
    self.options = options
    self.times = times
    self.now = now
  }

  /// The most urgent step that is due; nil where none is. Whether anything has expired and which merge is next is looked up
  /// where it is asked for.
  package func next(hasExpired: () -> Bool, compaction: () -> CompactionTask?) -> Step? {
    if isCheckpointDue { return .checkpoint }
    if isFlushDue { return .flush }
    if isRecountDue { return .recount }
    if isRetentionDue, hasExpired() { return .retain }
    return compaction().map { .compact($0) }
  }

  /// A minute may close, or the clicks in memory are many or old.
  package var isCheckpointDue: Bool {
    if options.closesMinutesAtOnce, closable > closedThrough { return true }
    guard position > applied else { return false }
    return position - applied >= options.checkpointClicks
      || hasPassed(options.checkpointInterval, since: times.checkpoint)
  }

  /// The log holds a segment's worth of clicks or of slots, or has held clicks for long.
  package var isFlushDue: Bool {
    guard applied > sealed else { return false }
    if applied - sealed >= UInt64(options.segmentRows) { return true }
    if flushableSlots > 0, flushableSlots * options.slotBytes >= options.sealLogBytes { return true }
    return hasPassed(options.sealAfter, since: times.flush)
  }

  /// The interval has passed, and the recount would have anything to do.
  package var isRecountDue: Bool {
    guard options.recountInterval > 0, hasPassed(options.recountInterval, since: times.recount) else { return false }
    return applied > recounted.position || closedThrough > recounted.through
  }

  package var isRetentionDue: Bool { times.retention.map { now - $0 >= retentionInterval } ?? true }

  private func hasPassed(_ milliseconds: Int64, since time: Int64) -> Bool { now - time >= milliseconds * 1_000_000 }
}

extension MaintenancePlan {
  /// What is due of a shard now.
  init(_ core: ShardCore, _ times: Times) {
    let state = core.manifest.state
    self.init(core.options, times, now: core.environment.time.monotonic())
    position = core.live.position
    (applied, sealed, recounted) = (state.applied, state.sealed, state.recounted)
    (closedThrough, closable) = (state.closedThrough, core.closable)
    flushableSlots = state.extents.count {
      $0.end.map { $0.position > state.sealed && $0.position <= state.applied } ?? false
    }
  }
}

extension ShardCore {
  /// Minutes before this one may close now: the watermark is the allowed lateness past them.
  var closable: Int64 {
    let watermark = watermark.value(at: clock.now())
    return watermark > .min ? Minute(containing: watermark - options.allowedLateness).index : .min
  }
}
