import Glibc
import Platform
import Synchronization

// Programs of others that tests use beyond the packages of the README's commands: `Tests/services/install` installs them all.
// Where one is missing, the test that uses it is left out and says so, and the last line of the run says what to type; with
// TALLY_REQUIRE_SERVICES set, as `.ci/run` sets it, the test fails.

/// A program that a test needs and that is not there although all should be.
package struct MissingProgram: Error, CustomStringConvertible {
  package var name: String
  package var description: String { "\(name) is not installed; Tests/services/install installs it" }
}

package enum OtherPrograms {
  /// The package's own directory.
  package static let root = String(#filePath.dropLast("/Tests/OtherPrograms/OtherPrograms.swift".count))

  /// Where the program `name` is: on the path, or where Debian keeps servers. nil where the test is to be left out.
  package static func path(_ name: String) throws(MissingProgram) -> String? {
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
    let directories =
      path.split(separator: ":").map(String.init) + ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/sbin"]
    return try found(directories.map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }, name)
  }

  /// The Python that has the packages of `Tests/services/requirements.txt`. nil where the test is to be left out.
  package static func python() throws(MissingProgram) -> String? {
    let isWhole = KernelFileSystem().exists("\(root)/.services/installed")
    return try found(isWhole ? "\(root)/.services/bin/python" : nil, "Python with the packages of the tests")
  }

  private static func found(_ path: String?, _ name: String) throws(MissingProgram) -> String? {
    if path == nil, unsafe getenv("TALLY_REQUIRE_SERVICES") != nil { throw MissingProgram(name: name) }
    return path
  }

  private static let leftOut = Mutex(0)

  /// Says that `what` was not tested, because of `reason`.
  package static func leaveOut(_ what: String, since reason: String) {
    print("left out, since \(reason): \(what)")
    let count = leftOut.withLock { count in
      count += 1
      return count
    }
    guard count == 1 else { return }
    atexit {
      let count = OtherPrograms.leftOut.withLock { $0 }
      print(
        "\(count) part\(count == 1 ? "" : "s") of the tests left out; Tests/services/install installs what they need")
    }
  }

  /// The same where the program `name` is not there.
  package static func leaveOut(_ what: String, without name: String) {
    leaveOut(what, since: "\(name) is not installed")
  }
}
