import Glibc
import Platform

/// A directory on the real disk for one test, removed with everything in it.
final class Scratch: Sendable {
  let path: String
  let files = KernelFileSystem()

  init() throws {
    path = "/tmp/tally-runs-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
  }

  deinit {
    for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
    unsafe rmdir(path)
  }
}
