import Platform
import Synchronization

// How far event time has come: up to which time clicks have probably all arrived.
//
//   watermark = the newest of all clicks' min(event time, receive time)
//               moved up to the clock when for `idleAfter` no click has moved it        (heartbeat)
//
//   a minute is closed when   watermark − allowed lateness   is at or past its end
//
// The minimum keeps a click from the future, whose sender's clock is ahead, from closing minutes early. The heartbeat keeps
// a shard without clicks, or one whose only clicks are history, from holding back what all shards together have completed.
// Where browsers click beside a feed that lags, the browsers set the pace, and the feed's clicks are late: they are counted
// all the same, as upserts of closed minutes. A feed that is alone sets its own pace while it moves.
//
// The watermark never goes back while a store runs. It is not kept on disk: what it has closed is (K3), and after a restart
// it starts from the clicks that the log still has to replay.

/// Event time of one shard. Written by its committer, read from any thread.
package final class Watermark: Sendable {
  private struct State {
    /// ms since 1970.
    var value: Int64
    /// When it was last moved by a click, monotonic ns.
    var movedAt: Int64
  }

  private let state: Mutex<State>
  private let time: any TimeSource
  /// ns.
  private let idleAfter: Int64

  /// A watermark at `value`, ms since 1970 (`.min`: no click is known). Without a click for `idleAfter` ms it follows the
  /// clock.
  package init(_ value: Int64, idleAfter: Int64, time: any TimeSource) {
    self.time = time
    self.idleAfter = idleAfter * 1_000_000
    state = Mutex(State(value: value, movedAt: time.monotonic()))
  }

  /// Clicks are durable whose newest event time is `eventTime`, received at `now` of the logical clock; ms since 1970.
  package func note(_ eventTime: Int64, at now: Int64) {
    let capped = sabotaged(.watermarkNotCapped) ? eventTime : min(eventTime, now)
    let monotonic = time.monotonic()
    state.withLock { state in
      guard capped > state.value else { return }
      state.value = capped
      state.movedAt = monotonic
    }
  }

  /// The watermark where the logical clock says `now`.
  package func value(at now: Int64) -> Int64 {
    let monotonic = time.monotonic()
    return state.withLock { state in
      let isIdle = monotonic - state.movedAt >= idleAfter || sabotaged(.heartbeatEarly)
      if isIdle, now > state.value { state.value = now }
      return state.value
    }
  }
}
