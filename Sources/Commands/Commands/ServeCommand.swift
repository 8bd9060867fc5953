import CPlatform
import Glibc
import Platform
import Service

/// `tally serve`: the service, until it is told to stop.
package enum ServeCommand {
  package static let command = Command(
    "serve", "runs the service",
    discussion: """
      Prints its addresses once it serves, and stops in good order at SIGTERM or SIGINT.
      A setting is taken from its flag, else from the environment variable TALLY_ and its name in upper case with _ for -, \
      else from the file named by --config, else it has its default.
      """,
    options: Settings.options,
    examples: ["tally serve --data-dir /var/lib/tally --listen 0.0.0.0:8080", "TALLY_LISTEN=127.0.0.1:0 tally serve"]
  ) { arguments, console in
    let settings = try Settings(arguments, variables: console.variables, files: console.environment.files)
    return try run(settings.values, console)
  }

  private static func run(_ settings: ServeSettings, _ console: Console) throws -> ExitStatus {
    tally_ignore_signal(SIGPIPE)
    let signals = tally_signal_fd(1 << UInt64(SIGTERM) | 1 << UInt64(SIGINT))
    guard signals >= 0 else { throw SystemError("signalfd", "SIGTERM, SIGINT", code: -signals) }
    let server = Server(settings, environment: console.environment) { line in StandardError.write(line) }
    try server.start()
    for note in server.notes { console.note(note) }
    if let path = server.adminTokenPath { console.note("the admin token is in \(path)") }
    if server.recovery.clicks > 0 {
      console.note("\(server.recovery.clicks) clicks read back in \(server.recovery.milliseconds) ms")
    }
    if server.activeKeys == 0 {
      console.note("no signing key is active: every click will be refused until `tally keys add`")
    }
    console.print("listening on http://\(server.publicAddress), admin on http://\(server.adminAddress)")
    console.flush()
    let status = wait(for: signals, server, settings, console)
    server.stop()
    return status
  }

  /// Waits for a signal, or for a failure that is to end the process.
  private static func wait(
    for signals: Int32, _ server: Server, _ settings: ServeSettings, _ console: Console
  ) -> ExitStatus {
    var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
    while true {
      if unsafe poll(&entry, 1, 200) > 0 { return .done }
      if settings.onLogFailure == .exit, let reason = server.failure {
        console.note("tally: \(reason)")
        return .failed
      }
    }
  }
}

/// Lines for the operator, from any thread; each in one write.
enum StandardError {
  static func write(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
