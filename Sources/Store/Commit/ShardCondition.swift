import Synchronization

/// Whether a shard takes clicks, and what it has done: written by its committer and its maintenance, read by
/// everybody.
package final class ShardCondition: Sendable {
  /// What the shard can do now.
  package enum State: Equatable, Sendable {
    /// Clicks are written and counted.
    case recording
    /// Clicks cannot be written now; it goes on by itself when the reason is gone.
    case waiting(String)
    /// A write or sync of log or manifest failed: nothing is acknowledged until a restart (K8).
    case failed(String)
  }

  private let shared = Mutex<(state: State, counters: ShardCounters)>((.recording, ShardCounters()))
  private let done = Mutex(MaintenanceCounters())
  private let unread = Mutex<String?>(nil)

  /// The state now.
  package var state: State { shared.withLock { $0.state } }

  /// The counters after the last batch.
  package var counters: ShardCounters { shared.withLock { $0.counters } }

  /// What maintenance has done.
  package var maintenance: MaintenanceCounters { done.withLock { $0 } }

  /// Why a click could not be told from the one in its place last, so that it was not recorded; nil: each could.
  package var readError: String? { unread.withLock { $0 } }

  func note(readError error: any Error) { unread.withLock { $0 = "\(error)" } }

  /// Adds to what maintenance has done.
  func count(_ body: (inout MaintenanceCounters) -> Void) { done.withLock { body(&$0) } }

  /// Once failed, for ever failed.
  func set(_ state: State) {
    shared.withLock {
      if case .failed = $0.state { return }
      $0.state = state
    }
  }

  func publish(_ counters: ShardCounters) { shared.withLock { $0.counters = counters } }
}

/// What a shard has done since it was opened.
package struct ShardCounters: Sendable {
  package var accepted: UInt64 = 0
  package var duplicates: UInt64 = 0
  package var unrecorded: UInt64 = 0
  package var unknown: UInt64 = 0
  package var commits: UInt64 = 0
  package var bytesWritten: UInt64 = 0
  package var readErrors: UInt64 = 0
  /// Clicks whose minute was closed when they came.
  package var late: UInt64 = 0
  /// Clicks looked up in segments, those that were there, and segments that could not be read.
  package var lookups: UInt64 = 0
  package var lookupHits: UInt64 = 0
  package var lookupErrors: UInt64 = 0
  /// When the oldest click was received that a restart reads again, logical ms since 1970; nil where there is none.
  package var floorTime: Int64?
  /// Byte in the current slot where the next frame goes.
  package var logOffset: UInt64 = 0
  /// Impressions in the dedup index, and its memory.
  package var dedupKeys = 0
  package var dedupBytes = 0
  /// Time of each write and sync.
  package var commitNanoseconds = DurationBuckets()
}
