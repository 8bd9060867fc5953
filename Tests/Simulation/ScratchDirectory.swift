import Glibc
import Platform

/// A directory on the real disk for one test, removed with everything in it.
package final class ScratchDirectory: Sendable {
  package let path: String
  package let files = KernelFileSystem()

  package init() throws {
    path = "/tmp/tally-test-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
  }

  deinit { try? files.removeTree(path) }
}
