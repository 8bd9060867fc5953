import Clicks
import Platform
import Synchronization

/// The store's own time (R10): follows the wall clock, but never jumps and never goes back while the store runs.
///
///     logical += clamp(wall − logical, 0.9 Δ, 1.1 Δ)      with Δ from the monotonic clock
///
/// So a clock that is set wrong for an hour can neither expire the dedup horizon early nor move clicks between days.
package final class LogicalClock: Sendable {
  private struct State {
    var logical: Int64
    var monotonic: Int64
  }

  private let time: any TimeSource
  private let started: Int64
  private let state: Mutex<State>

  /// A start that differs more from the wall clock than this is refused, in ms: 7 days.
  package static let tolerance: Int64 = 7 * 86_400_000

  /// A clock that goes on from `last`, the newest time that the store recorded (0: a new store), in ms since 1970. Throws
  /// where the wall clock is more than seven days away from it, unless `accept` says that the operator knows.
  package init(_ time: any TimeSource, last: Int64, accept: Bool) throws(ClockRefusal) {
    let wall = time.wall()
    if last > 0, !accept, abs(wall - last) > Self.tolerance { throw ClockRefusal(wall: wall, last: last) }
    let monotonic = time.monotonic()
    self.time = time
    started = monotonic
    // An accepted clock is the operator's word, backwards too; without it the store's time never goes back.
    let start = last > 0 && accept && abs(wall - last) > Self.tolerance ? wall : max(wall, last)
    state = Mutex(State(logical: start * 1_000_000, monotonic: monotonic))
  }

  /// Milliseconds since 1970.
  package func now() -> Int64 {
    let monotonic = time.monotonic()
    let wall = time.wall()
    return state.withLock { state in
      let elapsed = max(0, monotonic - state.monotonic)
      state.monotonic = max(state.monotonic, monotonic)
      // Compared in milliseconds first: a wall clock centuries away must not overflow nanoseconds.
      let behind = min(max(wall - state.logical / 1_000_000, -1_000_000_000), 1_000_000_000) * 1_000_000
      let low = elapsed - elapsed / 10
      let high = elapsed + elapsed / 10
      state.logical += min(max(behind, low), high)
      return state.logical / 1_000_000
    }
  }

  /// Milliseconds since this clock was made, of the monotonic clock alone.
  package func elapsed() -> UInt64 { UInt64(max(0, time.monotonic() - started) / 1_000_000) }
}

/// The wall clock is too far from the store's time to be believed.
package struct ClockRefusal: Error, Equatable, CustomStringConvertible {
  package var wall: Int64
  package var last: Int64

  package var description: String {
    "the clock says \(Timestamp.format(wall)), but the store has clicks up to \(Timestamp.format(last)): more than seven "
      + "days apart. Set the clock, or start once with --accept-clock"
  }
}
