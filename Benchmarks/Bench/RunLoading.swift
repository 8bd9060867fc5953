import Platform
import Synchronization

/// Runs that are being written on a thread of their own.
final class RunLoading: @unchecked Sendable {
  /// What was written.
  struct Written {
    var rows: UInt64 = 0
    var bytes: UInt64 = 0
  }

  private let work: () throws(SystemError) -> Written
  private let result = Mutex<Result<Written, SystemError>?>(nil)
  private var thread: Thread?

  /// Starts; nothing else is at what `work` needs until `wait` returns.
  init(_ name: String, _ work: @escaping () throws(SystemError) -> Written) throws(SystemError) {
    self.work = work
    thread = try Thread(name) { [self] in
      let written: Result<Written, SystemError>
      do throws(SystemError) { written = .success(try self.work()) } catch { written = .failure(error) }
      result.withLock { $0 = written }
    }
  }

  /// Waits for the end.
  func wait() throws(SystemError) -> Written {
    thread?.join()
    thread = nil
    return try result.withLock { $0! }.get()
  }
}
