import Platform

/// Where a recount works and what it may take.
package struct RecountSettings: Sendable {
  /// Where spilled counts go. May be a paced file system.
  package var files: any FileSystem
  /// A directory for them, which exists. Their names begin with `recount-`; they are gone when the recount is.
  package var temporary: String
  /// Bytes of memory for buffers and counts; beyond that, counts go to `temporary`.
  package var memory: Int
  /// 1, or 2: one that reads, merges and marks, and the calling one, which counts and writes. Only the calling one uses
  /// `files` and calls back. Inputs of a few batches get one.
  package var threads: Int
  /// Whether reading, merging, marking and encoding are left to a thread of the idle scheduling class, whatever `threads`: the
  /// calling one counts and writes, and asks `shouldStop` as well while it waits. For those who work beside clicks.
  package var mergesWhenIdle = false
  /// Asked every few ten thousand rows, on the calling thread; after true the recount throws `RecountStopped`.
  package var shouldStop: @Sendable () -> Bool
  /// Told how many of the rows have been read, every few ten thousand rows.
  package var progress: @Sendable (_ done: UInt64, _ total: UInt64) -> Void

  /// Inputs of up to so many rows get one thread.
  package var rowsOfOneThread: UInt64 = 1 << 18

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
