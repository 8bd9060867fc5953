import Platform

// How a long step makes room, in the open. Its loops call `rows` or `yield`, and there
//
//   1. it ends where the store closes or whoever asked for it wants no more
//   2. it sleeps as long as it is ahead of its budget
//   3. what cannot wait is done: a checkpoint, a segment from the log
//
// on the thread of the step, between two of its pieces and nowhere else. So a step yields only where nothing that it has read
// can be changed by those two: a roll-up, which writes three tables of one moment, calls `check` instead.

/// Lets others pass in the loops of a long step.
final class Pacer: @unchecked Sendable {
  private let core: ShardCore
  private let pace: PacedFileSystem?
  private let urgent: () -> Void
  private let goesOn: () -> Bool
  private let told: (UInt64, UInt64) -> Void
  private var rowsSince = 0

  /// `urgent` does what cannot wait, `goesOn` is asked whether to go on, and `progress` is told how far the step is; all of
  /// them on the thread of the step.
  init(
    _ context: MaintenanceContext, urgent: @escaping () -> Void, goesOn: @escaping () -> Bool = { true },
    progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }
  ) {
    core = context.core
    pace = context.pace
    self.urgent = urgent
    self.goesOn = goesOn
    told = progress
  }

  /// Throws once the step is called off.
  func check() throws(ShardError) {
    if core.interruption.isRequested { throw .cancelled(core.directory) }
  }

  /// Lets others pass. Throws where the step is to end.
  func yield() throws(ShardError) {
    var isAhead: Bool
    repeat {
      try check()
      isAhead = pace?.spend(0) ?? false
      urgent()
      // What is urgent is not held back.
      pace?.resume()
    } while isAhead
    try check()
    guard goesOn() else { throw .cancelled(core.directory) }
  }

  /// So many more rows are done; yields every few thousand.
  func rows(_ count: Int) throws(ShardError) {
    rowsSince += count
    guard rowsSince >= core.options.recountPause else { return }
    rowsSince = 0
    try yield()
  }

  /// One more row is done.
  func row() throws(ShardError) { try rows(1) }

  /// Tells how much of how much is read.
  func progress(_ done: UInt64, _ total: UInt64) { told(done, total) }
}
