import CPlatform
import Glibc
import Synchronization

/// A program that this one has started and must outlive: killed and reaped at the latest when the last reference goes.
package final class ChildProcess: Sendable {
  /// Its process id; not to be used once it has ended.
  package let id: Int32
  private let ended = Mutex<(code: Int32, usage: Usage)?>(nil)

  /// What a process has taken of the machine, all its threads together.
  package struct Usage: Equatable, Sendable {
    /// User and system time, ns.
    package var cpu: Int64
    /// The most memory it had at once, bytes; never less than what the process had that started it.
    package var peakMemory: Int64
  }

  /// Starts `path` with `arguments` (without the name). Output and errors go to the end of the file `log`. With `follows`
  /// it is killed when the calling thread ends, however that ends.
  package init(_ path: String, _ arguments: [String], log: String, follows: Bool) throws(SystemError) {
    let descriptor = unsafe tally_open(log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard descriptor >= 0 else { throw SystemError("open", log, code: -descriptor) }
    defer { close(descriptor) }
    let texts = unsafe ([path] + arguments).map { unsafe strdup($0) }
    defer { for i in unsafe texts.indices { unsafe free(texts[i]) } }
    let pointers = unsafe texts.map { unsafe UnsafePointer($0) } + [nil]
    let result = unsafe tally_spawn(path, pointers, descriptor, descriptor, follows ? 1 : 0)
    guard result > 0 else { throw SystemError("spawn", path, code: -result) }
    id = result
  }

  deinit {
    if ended.withLock({ $0 == nil }) {
      kill(id, SIGKILL)
      waitpid(id, nil, 0)
    }
  }

  /// Sends a signal, unless the process has ended.
  package func signal(_ number: Int32) {
    ended.withLock { if $0 == nil { _ = kill(id, number) } }
  }

  /// Waits for the end. Returns the exit status, or 128 + the signal's number.
  @discardableResult
  package func wait() -> Int32 {
    ended.withLock { known in
      while known == nil, !reap(0, &known), errno == EINTR {}
      // Somebody else has waited for it: nobody knows its end.
      let end = known ?? (0, Usage(cpu: 0, peakMemory: 0))
      known = end
      return end.code
    }
  }

  /// The exit status if the process has ended, without waiting.
  package var exitStatus: Int32? {
    ended.withLock { known in
      if known == nil { _ = reap(WNOHANG, &known) }
      return known?.code
    }
  }

  /// What it has taken, once `wait` or `exitStatus` has told of its end.
  package var usage: Usage? { ended.withLock { $0?.usage } }

  /// Asks for the end of the process; false where it has not ended, or cannot be asked.
  private func reap(_ options: Int32, _ end: inout (code: Int32, usage: Usage)?) -> Bool {
    var status: Int32 = 0
    var usage = rusage()
    guard unsafe wait4(id, &status, options, &usage) == id else { return false }
    end = (status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f), Usage(usage))
    return true
  }

  /// The path of the program that is running now.
  package static var ownPath: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
    return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension ChildProcess.Usage {
  fileprivate init(_ usage: rusage) {
    func nanoseconds(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_usec) * 1_000 }
    cpu = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
    peakMemory = Int64(usage.ru_maxrss) << 10
  }
}
