/// What an operator may ask of the background of a shard, whether it is due or not.
package enum UpkeepRequest: String, CaseIterable, Sendable {
  /// Closed minutes and late clicks leave memory for runs.
  case flush
  /// The same, and the log behind the last segment becomes segments.
  case sealLog = "seal-log"
  /// The same, then retention and every merge there is.
  case compact
  /// What is past its retention goes.
  case retain
}

extension Upkeep {
  /// Does what is asked for, step by step. Before each step `goesOn` is asked, and false ends the work there: each step leaves
  /// the store as sound as it was. Returns whether everything was done.
  @discardableResult
  package func perform(_ request: UpkeepRequest, goesOn: () -> Bool = { true }) throws -> Bool {
    try checkRunning()
    defer { core.condition.publish(counters) }
    if request != .retain {
      try checkpoint()
      if request == .flush { return true }
      repeat { guard goesOn() else { return false } } while try seal(all: true)
      if request == .sealLog { return true }
    }
    guard goesOn() else { return false }
    try retain()
    guard request == .compact else { return true }
    while let task = nextCompaction() {
      guard goesOn() else { return false }
      try compact(task)
    }
    return true
  }
}
