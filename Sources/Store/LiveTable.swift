import ClickLog
import Clicks
import Minutes
import Synchronization

/// What readers see of a shard: the fold at a batch boundary, the position it reflects, and how far time is closed. The
/// committer applies whole durable batches under one lock, so a reader never sees half a batch, and neither `asOf` nor
/// `closedThrough` ever goes back (K5).
package final class LiveTable: Sendable {
  private struct State {
    var minutes: LiveMinutes
    var closedThrough: Int64
  }

  private let state: Mutex<State>

  init(_ minutes: LiveMinutes, closedThrough: Int64) {
    state = Mutex(State(minutes: minutes, closedThrough: closedThrough))
  }

  /// One consistent answer about one ad.
  package struct Series: Sendable {
    package var points: [(minute: Minute, clicks: UInt64)]
    /// Position after the last click it reflects.
    package var asOf: UInt64
    /// Minutes before this one are closed.
    package var closedThrough: Minute
  }

  /// The ad's points in `from ..< to`.
  package func series(of ad: AdKey, from: Minute, to: Minute) -> Series {
    state.withLock { state in
      Series(
        points: state.minutes.series(of: ad, from: from, to: to), asOf: state.minutes.position,
        closedThrough: Minute(index: state.closedThrough))
    }
  }

  /// Whether the ad was ever clicked.
  package func hasClicks(_ ad: AdKey) -> Bool { state.withLock { $0.minutes.hasClicks(ad) } }

  /// Totals, for metrics and checks.
  package var summary: (position: UInt64, clicks: UInt64, ads: Int, minutes: Int, closedThrough: Minute) {
    state.withLock {
      (
        $0.minutes.position, $0.minutes.total, $0.minutes.ads.count, $0.minutes.minuteCount,
        Minute(index: $0.closedThrough)
      )
    }
  }

  /// Every row of the fold, for checks.
  package func rows() -> [(ad: AdKey, minute: Minute, clicks: UInt64)] {
    state.withLock { state in
      var rows: [(AdKey, Minute, UInt64)] = []
      state.minutes.forEachRow { rows.append(($0, $1, $2)) }
      return rows
    }
  }

  func apply(_ clicks: [(ad: AdKey, minute: Minute)]) {
    state.withLock { state in
      for click in clicks { state.minutes.apply(ad: click.ad, minute: click.minute) }
    }
  }

  func close(through minute: Int64) { state.withLock { $0.closedThrough = max($0.closedThrough, minute) } }
}
