import Platform

/// What maintenance may use of the machine: bytes written and read a second, and a share of one core. Beyond it maintenance sleeps,
/// so that a merge of gigabytes does not stand in the way of a click. Checkpoints are not held back, and making segments from the log has four times
/// the bytes and no limit of its share: they are what keeps log and memory small.
package struct WorkBudget: Sendable {
  /// Bytes a second; 0: no limit.
  package var bytesPerSecond: Int
  /// Share of one core in per cent; 100 and more: no limit.
  package var cpuPercent: Int

  /// No limit: for tools that work on a store nobody uses.
  package init(bytesPerSecond: Int = 0, cpuPercent: Int = 100) {
    self.bytesPerSecond = bytesPerSecond
    self.cpuPercent = cpuPercent
  }

  /// What making segments from the log may use.
  var flushing: WorkBudget { WorkBudget(bytesPerSecond: 4 * bytesPerSecond) }

  /// What the maintenance of a server may use, all shards together.
  package static let serving = WorkBudget(bytesPerSecond: 40 << 20, cpuPercent: 30)
}
