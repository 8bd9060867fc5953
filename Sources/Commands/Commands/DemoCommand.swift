import CPlatform
import Catalog
import Demo
import Glibc
import Platform
import Traffic

/// `tally demo`: the whole system against itself.
package enum DemoCommand {
  package static let commands = [command]

  private static let clicks = Option<Int64>(
    "clicks", .count(100...10_000_000), "scripted requests; retries come on top", standard: "20000")
  private static let rate = Option<Int64>(
    "rate", .count(10...1_000_000), "requests a second over all browsers", standard: "4000")
  private static let connections = Option<Int64>(
    "connections", .count(1...1_000), "keep-alive connections", standard: "32")
  private static let kills = Option<Int64>(
    "kills", .count(0...100), "how often the server is killed with SIGKILL", standard: "1")
  private static let seed = Option<Int64>("seed", .count(0...Int64.max), "repeats the script of an earlier run")
  private static let hot = Option<Bool>(
    toggle: "hot", "goes on until the viral ad has turned hot and cold: about four minutes")
  private static let exit = Option<Bool>(toggle: "exit", "ends after the check, also on a terminal")

  package static let command = Command(
    "demo", "the whole system on generated traffic, killed in the middle, every count checked",
    discussion: """
      Starts a real server on a temporary directory and clicks signed links over real sockets: repeats, forgeries, paused \
      and unknown ads, HEAD and prefetch, one viral ad; beside them batches of clicks that are up to a day late, some sent \
      twice. The server is killed with SIGKILL and started again. Then every \
      count per ad and minute is compared with the browsers' own ledger; the exit status is 3 where one differs. \
      A link that it prints shows the counts in a browser meanwhile. On a terminal the server then stays up until Ctrl-C, \
      elsewhere the demo ends. Nothing is left behind.
      """,
    options: [
      clicks.declaration, rate.declaration, connections.declaration, kills.declaration, seed.declaration,
      hot.declaration, exit.declaration,
    ], examples: ["tally demo", "tally demo --clicks 200000 --rate 20000 --kills 5 --exit", "tally demo --hot"]
  ) { arguments, console in
    tally_ignore_signal(SIGPIPE)
    let signals = tally_signal_fd(1 << UInt64(SIGTERM) | 1 << UInt64(SIGINT))
    guard signals >= 0 else { throw SystemError("signalfd", "SIGTERM, SIGINT", code: -signals) }
    defer { close(signals) }
    var options = DemoOptions(seed: UInt64(arguments[seed] ?? Int64(console.environment.chance.next() >> 34)))
    options.clicks = Int(arguments[clicks] ?? 20_000)
    options.rate = Double(arguments[rate] ?? 4_000)
    options.connections = Int(arguments[connections] ?? 32)
    options.kills = Int(arguments[kills] ?? 1)
    options.hot = arguments[hot] ?? false
    let demo = try Demo(options, isInterrupted: { isSignalled(signals, 0) }) { console.note($0) }
    let result: DemoResult
    do { result = try demo.run() } catch is Demo.Interrupted {
      console.note("interrupted")
      return .failed
    }
    let status = show(result, console)
    console.flush()
    if !(arguments[exit] ?? false), isatty(0) == 1, console.talksToTerminal {
      linger(demo, console)
      _ = isSignalled(signals, -1)
      console.note("")
    }
    demo.server.stop()
    console.note("The server is stopped and its directory removed.")
    return status
  }

  private static func show(_ result: DemoResult, _ console: Console) -> ExitStatus {
    console.note("")
    for line in result.report.lines { console.print(line) }
    if result.kills > 0 { console.print("           of all requests, those while the server was down too") }
    console.print(
      "late       \(NumberText.of(result.batches, "batch", "batches")), sent again "
        + "\(NumberText.of(result.batchRepeats, "time")): \(NumberText.of(result.lateClicks, "click")) counted,")
    console.print("           \(NumberText.of(result.refusedLines, "wrong line")) refused")
    console.print("")
    guard result.isExact else {
      console.print("WRONG: the counts differ from the browsers' ledger")
      for difference in result.differences.prefix(20) { console.print("  \(difference)") }
      if result.differences.count > 20 { console.print("  and \(result.differences.count - 20) more") }
      return .differs
    }
    console.print(
      "EXACT: all \(NumberText.grouped(result.rows)) counts per ad and minute equal the browsers' ledger:")
    console.print(
      "\(NumberText.of(result.clicks, "click")), 0 lost, 0 double, through \(NumberText.of(result.kills, "kill"))"
        + (result.kills > 0 ? " (ready again in \(result.slowestRestart) ms at most)" : ""))
    return .done
  }

  private static func linger(_ demo: Demo, _ console: Console) {
    console.note("")
    console.note("The server stays up until Ctrl-C. The counts in a browser, without signing in:")
    console.note("  \(demo.dashboardLink)")
    console.note("All of it, operations too, at http://\(demo.server.listen)/ with this token:")
    console.note("  cat \(demo.server.dataDirectory)/\(AdminToken.fileName)")
    console.note("The viral ad's series, and the metrics:")
    console.note("  token=$(cat \(demo.server.dataDirectory)/\(AdminToken.fileName))")
    console.note("  curl -H \"Authorization: Bearer $token\" \\")
    console.note("    'http://\(demo.server.listen)/api/v1/ads/ad-viral/aggregates?from=-10m'")
    console.note("  curl http://\(demo.server.admin)/metrics")
  }

  /// Whether a signal has come, waiting up to so many milliseconds.
  private static func isSignalled(_ descriptor: Int32, _ milliseconds: Int64) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, Int32(clamping: milliseconds)) > 0
  }
}
