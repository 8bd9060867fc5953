import Glibc
import Platform
import Synchronization

/// A directory on the real disk for one test, removed with everything in it.
final class Scratch: Sendable {
  let path: String
  let files = KernelFileSystem()

  init() throws {
    path = "/tmp/tally-files-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
  }

  deinit {
    for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
    unsafe rmdir(path)
  }

  /// Cuts a file short as another program would.
  func truncate(_ name: String, to bytes: Int) throws {
    if unsafe Glibc.truncate("\(path)/\(name)", bytes) != 0 { throw SystemError("truncate", name, code: errno) }
  }
}

/// A number that several threads count up.
final class Tally: Sendable {
  private let value = Atomic(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add() { value.wrappingAdd(1, ordering: .relaxed) }
}
