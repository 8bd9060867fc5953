import Demo
import HTTP
import OtherPrograms
import Platform
import ProcessHarness
import Testing

/// The figures of a real process, and the alarms that look at them.
@Suite struct AlarmsTests {
  /// Runs promtool; what it says where it finds something.
  private func check(_ kind: String, _ path: String, _ directory: TemporaryDirectory) throws -> String? {
    guard let tool = try OtherPrograms.path("promtool") else {
      OtherPrograms.leaveOut("\(kind) as Prometheus reads them", without: "promtool")
      return nil
    }
    let log = "\(directory.path)/\(kind)"
    // Metrics are read from the standard input, rules from a file.
    let status = try ChildProcess(
      "/bin/sh", ["-c", "exec '\(tool)' check \(kind) \(kind == "metrics" ? "<" : "")'\(path)'"], log: log,
      follows: true
    ).wait()
    return status == 0 ? nil : String(decoding: (try? KernelFileSystem().contents(log)) ?? [], as: UTF8.self)
  }

  @Test func alarmsLookAtWhatThereIs() throws {
    let directory = try TemporaryDirectory("tally-alarms")
    let server = ServerProcess(
      program: TrafficOptions.builtProgram, dataDirectory: "\(directory.path)/data",
      logPath: "\(directory.path)/log", arguments: ["--log-slot-size", "1MiB", "--disk-reserve", "0"])
    try server.start()
    let text = try HTTPClient(server.admin).request("GET", "/metrics").text
    #expect(server.stop() == 0, "\(server.lastWords)")
    let page = "\(directory.path)/page"
    try KernelFileSystem().open(page, .create).writeAll(Array(text.utf8), at: 0)
    #expect(try check("metrics", page, directory) == nil)

    let rules = "\(OtherPrograms.root)/Monitoring/tally.rules.yml"
    let words = String(decoding: try KernelFileSystem().contents(rules), as: UTF8.self)
    let names = Set(words.matches(of: /tally_[a-z0-9_]+/).map { String($0.output) })
    #expect(names.count > 10)
    for name in names { #expect(text.contains("\n# TYPE \(name) "), "\(name) is no figure of /metrics") }
    #expect(try check("rules", rules, directory) == nil)
  }
}
