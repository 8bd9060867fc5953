import Platform
import Synchronization

/// What all shards of a store may use together for their maintenance, whichever threads do it.
package final class StoreBudget: Sendable {
  /// Of merges, recounts and retention; nil: no limit.
  let merging: WorkMeter?
  /// Of segments made from the log, which keep log and memory small: four times the bytes, and no limit of the share.
  let flushing: WorkMeter?

  /// Shards that may merge raw clicks at a time: they share the memory and the threads of one.
  let shards: Int

  package init(_ budget: WorkBudget, _ time: any TimeSource, shards: Int) {
    self.shards = max(1, shards)
    merging = WorkMeter(budget, time)
    flushing = WorkMeter(budget.flushing, time)
  }
}

/// Two token buckets: bytes, of which it holds an eighth of a second's worth, and time of a core. Both may go below zero;
/// whoever took the last pays by sleeping until they are full enough again.
package final class WorkMeter: Sendable {
  private struct State {
    var bytes: Double
    /// Nanoseconds of work.
    var work: Double
    var refilled: Int64
  }

  /// A bucket holds this part of a second's bytes: what is taken at one stroke keeps clicks waiting for the device.
  private static let bursts = 8.0
  /// A stretch of work longer than this was waiting; the bucket holds what such a stretch earns.
  private static let stretch: Int64 = 50_000_000

  private let rate: Double
  private let share: Double
  private let state: Mutex<State>

  /// Nil where `budget` has no limit.
  package init?(_ budget: WorkBudget, _ time: any TimeSource) {
    guard budget.bytesPerSecond > 0 || budget.cpuPercent < 100 else { return nil }
    rate = Double(budget.bytesPerSecond)
    share = Double(max(budget.cpuPercent, 1)) / 100
    state = Mutex(State(bytes: rate / Self.bursts, work: 0, refilled: time.monotonic()))
  }

  /// Takes `bytes` and what a thread has worked, both in this moment. Returns for how long it is
  /// ahead of the budget then, ns.
  package func take(bytes: Int, worked: Int64, at now: Int64) -> Int64 {
    state.withLock { state in
      let elapsed = Double(max(0, now - state.refilled))
      state.refilled = max(state.refilled, now)
      var pause = 0.0
      if rate > 0 {
        state.bytes = min(rate / Self.bursts, state.bytes + elapsed * rate / 1e9) - Double(bytes)
        pause = max(0, -state.bytes / rate * 1e9)
      }
      if share < 1 {
        state.work =
          min(Double(Self.stretch) * share, state.work + elapsed * share) - Double(min(worked, Self.stretch))
        pause = max(pause, -state.work / share)
      }
      return Int64(min(pause, 1e15))
    }
  }
}
