/// Why a shard does not do what it is asked. What the disk answers is a `SystemError`, and a file that cannot be read a
/// `FormatError`.
package enum ShardError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A write or sync of log or manifest has failed: nothing is changed until a restart (K8).
  case poisoned(_ directory: String, _ reason: String)
  /// What `file` holds contradicts what was written or what else is known; `remedy` says what can be done.
  case corrupt(_ file: String, what: String, remedy: String)
  /// The work was called off, by whoever asked for it or because the store closes; it may be done again.
  case cancelled(_ directory: String)
  /// The volume could not hold what is written beside what is there.
  case insufficientSpace(_ directory: String, available: UInt64, wanted: UInt64)
  /// The dedup index may not grow as large as its horizon wants.
  case dedupTooSmall(_ reason: String)
  /// More files than a step may make in the pauses of a merge; it is done behind the merge.
  case tooManyFiles(_ directory: String)
  /// A shard has as many external tables as it may have.
  case tooManyTables(_ name: String, limit: Int)

  package var description: String {
    switch self {
    case .poisoned(let directory, let reason): "\(directory) takes no changes until a restart: \(reason)"
    case .corrupt(let file, let what, let remedy): "\(file): \(what); \(remedy)"
    case .cancelled(let directory): "\(directory): the work was called off"
    case .insufficientSpace(let directory, let available, let wanted):
      "\(directory) has \(available) bytes free, \(wanted) are wanted"
    case .tooManyFiles(let directory): "\(directory): so many files are made only when the merge is done"
    case .dedupTooSmall(let reason): "the dedup horizon does not fit its limits: \(reason)"
    case .tooManyTables(let name, let limit):
      "table \(name) would be one more than the \(limit) external tables of a shard"
    }
  }
}
