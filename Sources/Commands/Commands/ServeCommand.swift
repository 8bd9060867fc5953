import CPlatform
import Glibc
import Platform
import Service
import Store
import Traffic

/// `tally serve`: the service, until it is told to stop.
package enum ServeCommand {
  package static let command = Command(
    "serve", "runs the service",
    discussion: """
      Prints its addresses once it serves, and stops in good order at SIGTERM or SIGINT. SIGHUP reads the list of robots anew.
      A setting is taken from its flag, else from the environment variable TALLY_ and its name in upper case with _ for -, \
      else from the file named by --config, else it has its default.
      """,
    options: Settings.options,
    examples: ["tally serve --data-dir /var/lib/tally --listen 0.0.0.0:8080", "TALLY_LISTEN=127.0.0.1:0 tally serve"]
  ) { arguments, console in
    let given = try Settings(arguments, variables: console.variables, files: console.environment.files)
    try given.check()
    var settings = given.values
    settings.descriptorLimit = Descriptors.raiseLimit()
    Descriptors.holdSpares(16)
    return try run(settings, console, shardsGiven: given.origins["shards"])
  }

  private static func run(
    _ settings: ServeSettings, _ console: Console, shardsGiven place: String?
  ) throws -> ExitStatus {
    if settings.shards < 2, let place, try Store.identify(console.environment.files, settings.dataDirectory) == nil {
      throw UsageError(
        "\(place): shards is \(settings.shards); a new store has from 2 to \(StoreIdentity.shardLimit), since a hot ad is "
          + "spread over them", command: "serve")
    }
    let links = EnvironmentNames.serviceLinks(console.variables)
    if let first = links.first {
      let more = links.count > 1 ? " and \(NumberText.of(links.count - 1, "other"))" : ""
      console.note("note: \(first)\(more) of the environment come from a service's link and are no settings")
    }
    for note in exposed(settings) { console.note("note: \(note)") }
    tally_ignore_signal(SIGPIPE)
    // A file that may not grow is a full disk, which the log waits for, and no reason to end.
    tally_ignore_signal(SIGXFSZ)
    let signals = tally_signal_fd(1 << UInt64(SIGTERM) | 1 << UInt64(SIGINT) | 1 << UInt64(SIGHUP))
    guard signals >= 0 else { throw SystemError("signalfd", "SIGTERM, SIGINT, SIGHUP", code: -signals) }
    let server = Server(settings, environment: console.environment) { line in StandardError.write(line) }
    try server.start()
    for note in server.notes { console.note(note) }
    if let path = server.adminTokenPath { console.note("the admin token is in \(path)") }
    if server.recovery.clicks > 0 {
      console.note(
        "\(NumberText.of(server.recovery.clicks, "click")) read back in "
          + "\(NumberText.grouped(server.recovery.milliseconds)) ms")
    }
    if server.activeKeys == 0 {
      console.note("no signing key is active: every click will be refused until `tally keys add`")
    }
    console.print("listening on http://\(server.publicAddress), admin on http://\(server.adminAddress)")
    console.flush()
    let status = wait(for: signals, server, settings, console)
    server.stop()
    console.note("stopped")
    return status
  }

  /// What an operator should know of where the service listens.
  private static func exposed(_ settings: ServeSettings) -> [String] {
    func host(_ address: String) -> Substring { address[..<(address.lastIndex(of: ":") ?? address.endIndex)] }
    func isEverywhere(_ address: String) -> Bool { ["", "0.0.0.0", "[::]", "::"].contains(host(address)) }
    func isLoopback(_ address: String) -> Bool {
      host(address).hasPrefix("127.") || ["localhost", "[::1]", "::1"].contains(host(address))
    }
    var notes: [String] = []
    if host(settings.listen).isEmpty {
      notes.append("--listen \(settings.listen) names no host: every interface of this machine is served")
    }
    if !isLoopback(settings.adminListen) {
      let place =
        isEverywhere(settings.adminListen) ? "every interface of this machine" : "an address that is not loopback"
      notes.append(
        "--admin-listen \(settings.adminListen) serves administration, and metrics without a token, on \(place); "
          + "keep strangers away from it")
    }
    return notes
  }

  /// Waits for a signal, or for a failure that is to end the process.
  private static func wait(
    for signals: Int32, _ server: Server, _ settings: ServeSettings, _ console: Console
  ) -> ExitStatus {
    var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
    while true {
      if unsafe poll(&entry, 1, 200) > 0 {
        let number = tally_signal_next(signals)
        if number == SIGHUP {
          console.note("SIGHUP: \(server.reload())")
          continue
        }
        console.note(
          "\(name(number)): stopping; requests under way have \(DurationText.write(settings.drainTimeout))")
        return .done
      }
      if settings.onLogFailure == .exit, let reason = server.failure {
        console.note("tally: \(reason)")
        return .failed
      }
    }
  }
}

/// A signal by its name.
private func name(_ signal: Int32) -> String {
  switch signal {
  case SIGTERM: "SIGTERM"
  case SIGINT: "SIGINT"
  default: "signal \(signal)"
  }
}

/// Lines for the operator, from any thread; each in one write.
enum StandardError {
  static func write(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
