import Demo
import OtherPrograms
import Platform
import ProcessHarness
import Testing

// The built program beside programs of others. Each script starts a server, and what it is seen through; prints a line a group and
// what failed; and ends with the sums. It is left out where what it needs is not installed.

@Suite(.serialized) struct OutsideTests {
  struct Script: Sendable, CustomTestStringConvertible {
    var path: String
    var programs: [String]
    var testDescription: String { path }
  }

  private static let scripts = [
    Script(path: "Tests/browser/run", programs: ["chromium"]), Script(path: "Tests/gateway/run", programs: ["nginx"]),
  ]

  @Test(arguments: scripts) func everyGroupPasses(_ script: Script) async throws {
    for program in script.programs where try OtherPrograms.path(program) == nil {
      return OtherPrograms.leaveOut(script.path, without: program)
    }
    guard let python = try OtherPrograms.python() else {
      return OtherPrograms.leaveOut(script.path, since: "the Python packages of the tests are not installed")
    }
    let directory = try TemporaryDirectory("tally-outside")
    let log = "\(directory.path)/log"
    let status = try await end(
      of: python, ["\(OtherPrograms.root)/\(script.path)", "--binary", TrafficOptions.builtProgram], log: log)
    let said = String(decoding: try KernelFileSystem().contents(log), as: UTF8.self)
    print(said)
    #expect(status == 0, "\(script.path) ended with \(status):\n\(said)")
    // Nothing that is installed was left out, and something was looked at.
    #expect(!said.contains("not tested"), "\(said)")
    #expect(said.contains(#/\n[1-9]\d* passed, 0 failed, \d+ s\n$/#), "\(said)")
  }

  /// Runs a program to its end, on a thread of its own: the test's is needed by others for minutes.
  private func end(of program: String, _ arguments: [String], log: String) async throws -> Int32 {
    try await withCheckedThrowingContinuation { continuation in
      do {
        _ = try Thread("outside") {
          continuation.resume(
            with: Result { try ChildProcess(program, arguments, log: log, follows: true).wait() })
        }
      } catch { continuation.resume(throwing: error) }
    }
  }
}
