import CPlatform
import Glibc
import Synchronization

// The right to write in a data directory. Two `flock`s, which end with the process, however that ends:
//
//     on the directory itself   it cannot be removed or replaced while anybody works in it, so this one decides
//     on DATA/LOCK              names the holder, so that commands find the running server; alone on file systems that lock no
//                               directories
//
// `LOCK` is a name like any other: who removes it, as one does with the leftovers of other programs, takes it from its holder.
// The holder looks now and then (`look`) and puts it back.

/// The right to write in a data directory, held until the last reference goes.
package final class DirectoryLock: Sendable {
  private let path: String
  /// The directory's descriptor; nil where it cannot be locked.
  private let directory: Int32?
  /// `LOCK` and what stands in it.
  private let file: Mutex<(descriptor: Int32, lines: [String: String])>

  /// Tries, 5 ms apart, before the directory counts as held.
  private static let attempts = 20

  /// Why the lock was not had.
  package enum Refusal: Error, CustomStringConvertible {
    /// Another process holds it; the lines it wrote, none where its `LOCK` was removed.
    case held(path: String, lines: [String: String])
    case system(SystemError)

    package var description: String {
      switch self {
      case .held(let path, let lines):
        if let holder = lines["pid"] {
          "\(path): the data directory is held by process \(holder)"
            + (lines["listen"].map { " (serving \($0))" } ?? "")
        } else {
          "\(path): the data directory is held by another process, which this file does not name (it was removed or replaced)"
        }
      case .system(let error): error.description
      }
    }
  }

  /// Takes the lock whose file is `path`, in the directory that it is for; or refuses after a moment: who only looks for the
  /// holder has the file for an instant too, and a holder that has just come has yet to write who it is. A symbolic link in its
  /// place is refused, since what it names is not ours to write.
  package init(_ path: String) throws(Refusal) {
    self.path = path
    directory = try Self.lockDirectory(of: path)
    do throws(Refusal) {
      file = Mutex((try Self.lockFile(path), ["pid": "\(getpid())"]))
    } catch {
      if let directory { Self.release(directory) }
      throw error
    }
    file.withLock { Self.write($0.lines, to: $0.descriptor) }
  }

  deinit {
    file.withLock {
      ftruncate($0.descriptor, 0)
      Self.release($0.descriptor)
    }
    if let directory { Self.release(directory) }
  }

  /// Ends the lock for every copy of the descriptor: a child between its `fork` and its `exec` has one too, and would keep it.
  private static func release(_ descriptor: Int32) {
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Replaces the lines that say who holds the lock.
  package func write(_ lines: [String: String]) {
    file.withLock {
      $0.lines = lines
      Self.write(lines, to: $0.descriptor)
    }
  }

  private static func write(_ lines: [String: String], to descriptor: Int32) {
    let text = lines.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    ftruncate(descriptor, 0)
    var bytes = Array(text.utf8)
    unsafe bytes.withUnsafeMutableBytes { _ = unsafe tally_pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  // MARK: - Taking

  private static func lockDirectory(of path: String) throws(Refusal) -> Int32? {
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = unsafe tally_open(parent, O_RDONLY | O_DIRECTORY, 0)
    guard descriptor >= 0 else { throw .system(SystemError("open", parent, code: -descriptor)) }
    switch take(descriptor) {
    case 0: return descriptor
    case EWOULDBLOCK:
      close(descriptor)
      throw .held(path: path, lines: lines(path))
    default:
      // A file system that locks only what is open for writing, or nothing.
      close(descriptor)
      return nil
    }
  }

  private static func lockFile(_ path: String) throws(Refusal) -> Int32 {
    while true {
      let descriptor = unsafe tally_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else { throw .system(SystemError("open", path, code: -descriptor)) }
      let code = take(descriptor)
      // Who held it may have been told of another file under this name meanwhile.
      if code == 0, isNamed(path, descriptor) { return descriptor }
      release(descriptor)
      if code == EWOULDBLOCK { throw .held(path: path, lines: lines(path)) }
      if code != 0 { throw .system(SystemError("flock", path, code: code)) }
    }
  }

  /// 0, or why the lock was not had.
  private static func take(_ descriptor: Int32) -> Int32 {
    var attempts = 0
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      attempts += 1
      guard code == EINTR || code == EWOULDBLOCK && attempts <= Self.attempts else { return code }
      usleep(5_000)
    }
    return 0
  }

  /// Whether the file at `path` is that of the descriptor.
  private static func isNamed(_ path: String, _ descriptor: Int32) -> Bool {
    var (named, open) = (stat(), stat())
    guard unsafe lstat(path, &named) == 0, unsafe fstat(descriptor, &open) == 0 else { return false }
    return named.st_ino == open.st_ino && named.st_dev == open.st_dev
  }

  // MARK: - Keeping

  /// What a look at `LOCK` found.
  package enum Look: Equatable, Sendable {
    /// It is this holder's.
    case held
    /// It had been removed or replaced, and is this holder's again.
    case putBack
    /// Another process has locked the file that stands there now; the lines it wrote.
    case taken([String: String])
    /// It cannot be put back now.
    case failed(SystemError)
  }

  /// Whether `LOCK` is still this holder's. Puts it back where it was removed.
  package func look() -> Look {
    file.withLock { state in
      if Self.isNamed(path, state.descriptor) { return .held }
      let fresh: Int32
      do throws(Refusal) { fresh = try Self.lockFile(path) } catch {
        switch error {
        case .held(_, let lines): return .taken(lines)
        case .system(let error): return .failed(error)
        }
      }
      Self.release(state.descriptor)
      state.descriptor = fresh
      Self.write(state.lines, to: fresh)
      return .putBack
    }
  }

  // MARK: - Looking for the holder

  /// The lines of the process that holds the lock at `path`; nil where nobody does. A file that is held and empty is looked at
  /// again for a moment: its holder has just come, or goes.
  package static func holder(_ path: String) -> [String: String]? {
    let descriptor = unsafe tally_open(path, O_RDONLY | O_NOFOLLOW, 0)
    guard descriptor >= 0 else { return nil }
    defer { release(descriptor) }
    for attempt in 0...attempts {
      if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
      let found = lines(path)
      if !found.isEmpty { return found }
      if attempt < attempts { usleep(5_000) }
    }
    return [:]
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
