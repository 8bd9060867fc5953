import CPlatform
import Glibc

/// The right to write in a data directory, held as a `flock` on a file in it: it ends with the process, however that
/// ends. The file's lines say who holds it, so that commands find the running server.
package final class DirectoryLock: Sendable {
  private let descriptor: Int32
  private let path: String

  /// Tries, 5 ms apart, before the directory counts as held.
  private static let attempts = 20

  /// Why the lock was not had.
  package enum Refusal: Error, CustomStringConvertible {
    /// Another process holds it; the lines it wrote.
    case held(path: String, lines: [String: String])
    case system(SystemError)

    package var description: String {
      switch self {
      case .held(let path, let lines):
        "\(path): the data directory is held by process \(lines["pid"] ?? "?")"
          + (lines["listen"].map { " (serving \($0))" } ?? "")
      case .system(let error): error.description
      }
    }
  }

  /// Takes the lock, or refuses after a moment: who only looks for the holder has the file for an instant too, and a
  /// holder that has just come has yet to write who it is.
  package init(_ path: String) throws(Refusal) {
    let descriptor = unsafe tally_open(path, O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0 else { throw .system(SystemError("open", path, code: -descriptor)) }
    var attempts = 0
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      attempts += 1
      if code == EINTR || code == EWOULDBLOCK && attempts <= Self.attempts {
        usleep(5_000)
        continue
      }
      close(descriptor)
      if code == EWOULDBLOCK { throw .held(path: path, lines: Self.lines(path)) }
      throw .system(SystemError("flock", path, code: code))
    }
    self.descriptor = descriptor
    self.path = path
    write(["pid": "\(getpid())"])
  }

  deinit {
    ftruncate(descriptor, 0)
    close(descriptor)
  }

  /// Replaces the lines that say who holds the lock.
  package func write(_ lines: [String: String]) {
    let text = lines.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    ftruncate(descriptor, 0)
    var bytes = Array(text.utf8)
    unsafe bytes.withUnsafeMutableBytes { _ = unsafe tally_pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// The lines of the process that holds the lock at `path`; nil where nobody does.
  package static func holder(_ path: String) -> [String: String]? {
    let descriptor = unsafe tally_open(path, O_RDONLY, 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    return lines(path)
  }

  private static func lines(_ path: String) -> [String: String] {
    guard let bytes = try? KernelFileSystem().contents(path) else { return [:] }
    var lines: [String: String] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2 { lines[String(parts[0])] = String(parts[1]) }
    }
    return lines
  }
}
