import Platform
import Store

/// The thread that looks once a second whether `LOCK` is still this server's. One that was removed is put back, so that commands
/// find the server again. Where another process has it, two may write: nothing is acknowledged any more.
final class LockKeeper: Sendable {
  private let lock: DirectoryLock
  private let cores: [ShardCore]
  private let report: @Sendable (String) -> Void
  private let thread = BackgroundThread()

  /// Between two looks, ns.
  private static let interval: Int64 = 1_000_000_000

  init(_ lock: DirectoryLock, _ cores: [ShardCore], report: @escaping @Sendable (String) -> Void) {
    self.lock = lock
    self.cores = cores
    self.report = report
  }

  /// Starts the thread.
  func start() throws(SystemError) {
    try thread.start("lock") { [self] in run() }
  }

  /// Ends the thread.
  func stop() { thread.stop() }

  private func run() {
    var last = DirectoryLock.Look.held
    while !thread.isStopping {
      let look = lock.look()
      if look != last { tell(look) }
      last = look == .putBack ? .held : look
      thread.sleep(nanoseconds: Self.interval)
    }
  }

  private func tell(_ look: DirectoryLock.Look) {
    switch look {
    case .held: break
    case .putBack: report("LOCK was removed while this server holds the directory; it is back")
    case .failed(let error): report("LOCK was removed and cannot be put back: \(error)")
    case .taken(let lines):
      report("LOCK is another process's now (\(lines["pid"] ?? "?")): nothing is recorded any more until a restart")
      for core in cores { core.fail("the data directory was taken by process \(lines["pid"] ?? "?")") }
    }
  }
}
