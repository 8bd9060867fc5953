import CPlatform
import Glibc
import Synchronization

/// A program that this one has started and must outlive: killed and reaped at the latest when the last reference goes.
package final class ChildProcess: Sendable {
  /// Its process id; not to be used once it has ended.
  package let id: Int32
  private let ended = Mutex<Int32?>(nil)

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
      if let known { return known }
      var status: Int32 = 0
      while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
      let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
      known = code
      return code
    }
  }

  /// The exit status if the process has ended, without waiting.
  package var exitStatus: Int32? {
    ended.withLock { known in
      if let known { return known }
      var status: Int32 = 0
      guard unsafe waitpid(id, &status, WNOHANG) == id else { return nil }
      let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
      known = code
      return code
    }
  }

  /// The path of the program that is running now.
  package static var ownPath: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
    return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
