import Clicks
import Platform

/// Where a recount works and what it may take.
package struct RecountSettings: Sendable {
  /// Where spilled counts go. May be a paced file system.
  package var files: any FileSystem
  /// A directory for them, which exists. Their names begin with `recount-`; they are gone when the recount is.
  package var temporary: String
  /// Bytes of memory for buffers and counts; beyond that, counts go to `temporary`.
  package var memory: Int
  /// 1, or 2: one that reads and merges, one that counts and writes.
  package var threads: Int
  /// Asked every few ten thousand rows, on any of the threads; after true the recount throws `RecountStopped`.
  package var shouldStop: @Sendable () -> Bool
  /// Told how many of the rows have been read, every few ten thousand rows.
  package var progress: @Sendable (_ done: UInt64, _ total: UInt64) -> Void

  package static let defaultMemory = 144 << 20

  package init(
    files: any FileSystem, temporary: String, memory: Int = Self.defaultMemory, threads: Int = 1,
    shouldStop: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) {
    self.files = files
    self.temporary = temporary
    self.memory = memory
    self.threads = threads
    self.shouldStop = shouldStop
    self.progress = progress
  }
}

/// Somebody asked the recount to stop; nothing of it is left.
package struct RecountStopped: Error, Equatable {
  package init() {}
}

/// A click that was left out because an earlier one has its identity.
package struct RemovedRepeat: Hashable, Sendable {
  package var code: UInt32
  package var minute: Minute
  /// Its position in the shard's log.
  package var position: UInt64

  package init(code: UInt32, minute: Minute, position: UInt64) {
    self.code = code
    self.minute = minute
    self.position = position
  }
}

/// What a recount came to.
package struct RecountSummary: Hashable, Sendable {
  /// Clicks read.
  package var rows: UInt64 = 0
  /// Different identities that are in no segment looked back to: the clicks of the exact counts.
  package var distinct: UInt64 = 0
  /// The others. `rows` = `distinct` + `repeats`.
  package var repeats: UInt64 = 0

  package init() {}
}
