import Platform
import Simulation
import Store
import Synchronization

/// Stands beside the disk and remembers which write or sync of log or manifest failed. From then on, until the process
/// starts anew, that file must not be written or synced again: a sync that succeeds after one that failed says nothing
/// (K8).
final class FailureWatch: Sendable {
  private struct State {
    var failed: Set<String> = []
    var violations: [String] = []
  }

  private let state = Mutex(State())

  /// Whether log or manifest of a shard have failed in this life of the process.
  func hasFailed(shard: Int) -> Bool {
    let directory = "/\(StoreFiles.shard(shard))/"
    return state.withLock { $0.failed.contains { $0.contains(directory) } }
  }

  /// What was done against the rule.
  var violations: [String] { state.withLock { $0.violations } }

  /// Follows what `disk` is asked to do from now on.
  func follow(_ disk: SimulatedDisk) {
    disk.onOperation = { operation in self.note(operation) }
  }

  /// A new process knows nothing of what the last one met.
  func startAnew() { state.withLock { $0.failed = [] } }

  private func note(_ operation: DiskOperation) {
    switch operation.kind {
    case .write, .synchronizeData, .synchronize: break
    default: return
    }
    // What is still in `tmp` is no part of log or manifest.
    guard !operation.path.contains("/tmp/"), operation.path.contains("/log/") || operation.path.contains("/MANIFEST-")
    else { return }
    state.withLock {
      if $0.failed.contains(operation.path) { $0.violations.append("after its failure: \(operation)") }
      if operation.code != 0, operation.code != SimulatedDisk.crashedCode { $0.failed.insert(operation.path) }
    }
  }
}
