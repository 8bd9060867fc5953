import Platform
import Testing

/// A process tells how it ended and what it took.
@Suite struct ChildProcessTests {
  private func run(_ script: String) throws -> ChildProcess {
    try ChildProcess("/bin/sh", ["-c", script], log: "/dev/null", follows: true)
  }

  @Test func itsEndAndWhatItTook() throws {
    let process = try run("i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; exit 3")
    #expect(process.wait() == 3 && process.wait() == 3 && process.exitStatus == 3)
    let usage = try #require(process.usage)
    #expect(usage.cpu > 0 && usage.peakMemory > 100_000, "\(usage)")
  }

  @Test func aPollTellsTheSame() throws {
    let process = try run("read line; kill -9 $$")
    while process.exitStatus == nil {}
    #expect(process.wait() == 137 && process.usage != nil)
  }

  @Test func nothingIsKnownOfOneThatRuns() throws {
    let process = try run("sleep 60")
    #expect(process.exitStatus == nil && process.usage == nil)
    process.signal(9)
    #expect(process.wait() == 137)
  }
}
