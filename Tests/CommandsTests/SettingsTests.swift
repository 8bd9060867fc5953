import Commands
import Platform
import Service
import Store
import Testing

@Suite struct SettingsTests {
  private func settings(
    _ line: String, variables: [String: String] = [:]
  ) throws(UsageError) -> Settings {
    let command = Command("serve", "", options: Settings.options, examples: []) { _, _ in .done }
    let words = line.split(separator: " ").map(String.init)
    let arguments = try Arguments(words, of: command, variables: variables)
    return try Settings(arguments, variables: variables, files: KernelFileSystem())
  }

  private func message(_ line: String, variables: [String: String] = [:]) -> String {
    do throws(UsageError) {
      _ = try settings(line, variables: variables)
      return "accepted"
    } catch { return error.message }
  }

  @Test func theStrongerSourceWins() throws {
    let session = try Session()
    let file = try session.write(
      "tally.conf",
      """
      # where
      listen = 127.0.0.1:1
        commit-interval=2ms

      verdict-header = true
      max-body = 1MiB
      """)
    let variables = ["TALLY_LISTEN": "127.0.0.1:2", "TALLY_MAX_BODY": "2MiB", "HOME": "/"]
    let found = try settings("--config \(file) --max-body 3MiB", variables: variables)
    #expect(found.values.listen == "127.0.0.1:2")
    #expect(found.origins["listen"] == "environment variable TALLY_LISTEN")
    #expect(found.values.maxBody == 3 << 20)
    #expect(found.origins["max-body"] == "option --max-body")
    #expect(found.values.commitInterval == 2_000_000)
    #expect(found.origins["commit-interval"] == "\(file):3")
    #expect(found.values.verdictHeader)
    #expect(found.values.adminListen == ServeSettings().adminListen)
    #expect(found.origins["admin-listen"] == nil)
    let named = try settings("", variables: ["TALLY_CONFIG": file])
    #expect(named.values.listen == "127.0.0.1:1")
  }

  @Test func everySettingReachesItsPlace() throws {
    let found = try settings(
      """
      --data-dir /d --listen a:1 --admin-listen b:2 --commit-interval 3ms --commit-deadline 4s --dedup-horizon 5m \
      --impression-lifetime 6h --allowed-lateness 7s --on-bad-signature redirect --on-unknown-ad https://x.example/ \
      --on-log-failure exit --verdict-header --max-connections 8 --max-header 4KiB --max-body 9KiB --idle-timeout 10s \
      --drain-timeout 11s --loops 2 --catalog-cache 12MiB --shards 3 --durability sync --log-slot-size 128KiB \
      --disk-reserve 13MiB --accept-clock --raw-retention 14d --minute-retention 15d --background-rate 16MiB \
      --background-cpu 17 --read-mode read --max-lateness 50h --max-future 4m --heartbeat 3s --checkpoint-interval 40s \
      --max-batch 18MiB --max-batches 19 --max-streams 20 --batch-workers 2 --max-buffered 21MiB \
      --max-admin-connections 22 --lookup-deadline 23s --admin-host Tally.internal,b
      """.replacing("\n", with: " ")
    ).values
    #expect(found.dataDirectory == "/d" && found.listen == "a:1" && found.adminListen == "b:2")
    #expect(found.commitInterval == 3_000_000 && found.commitDeadline == 4_000_000_000)
    #expect(found.shardOptions.dedupHorizon == 300_000 && found.eventTimes.impressionLifetime == 6 * 3_600_000)
    #expect(found.shardOptions.allowedLateness == 7000)
    #expect(found.maxBatch == 18 << 20 && found.maxBatches == 19 && found.maxStreams == 20 && found.batchWorkers == 2)
    #expect(found.eventTimes.maxLateness == 50 * 3_600_000 && found.eventTimes.maxFuture == 240_000)
    #expect(found.shardOptions.maxFuture == 240_000 && found.shardOptions.idleAfter == 3_000)
    #expect(found.shardOptions.checkpointInterval == 40_000)
    #expect(found.maxBuffered == 21 << 20 && found.maxAdminConnections == 22)
    #expect(found.lookupDeadline == 23_000_000_000 && found.adminHosts == ["tally.internal", "b"])
    #expect(found.onBadSignature == .redirect && found.unknownAdURL == "https://x.example/")
    #expect(found.onLogFailure == .exit && found.verdictHeader)
    #expect(found.loopSettings.maxConnections == 8 && found.loopSettings.headLimit == 4096)
    #expect(found.loopSettings.targetLimit == 4096 && found.maxBody == 9 << 10)
    #expect(found.loopSettings.idleTimeout == 10_000_000_000 && found.drainTimeout == 11_000_000_000)
    #expect(found.loops == 2 && found.catalogCache == 12 << 20 && found.shards == 3)
    #expect(found.shardOptions.slotBytes == 131_072 && found.shardOptions.diskReserve == 13 << 20)
    #expect(found.shardOptions.acceptClock && found.shardOptions.access == .read)
    #expect(found.shardOptions.rawRetention == 14 * 86_400_000)
    #expect(found.shardOptions.minuteRetention == 15 * 86_400_000)
    #expect(found.shardOptions.budget.bytesPerSecond == 16 << 20 && found.shardOptions.budget.cpuPercent == 17)
  }

  /// A server leaves the machine to its clicks; a tool on a directory that nobody serves does not wait.
  @Test func theBackgroundOfAServerHasABudget() {
    let (serving, tool) = (ServeSettings().shardOptions, ShardOptions())
    #expect(serving.budget.bytesPerSecond == 40 << 20 && serving.budget.cpuPercent == 30)
    #expect(tool.budget.bytesPerSecond == 0 && tool.budget.cpuPercent == 100)
    #expect(serving.rawRetention == 7 * 86_400_000 && serving.minuteRetention == 400 * 86_400_000)
  }

  /// A server keeps raw clicks as long as a copy of them may come; what works on a directory may let them go sooner.
  @Test func rawClicksOutliveTheirCopies() throws {
    func check(_ line: String, variables: [String: String] = [:]) -> String {
      do throws(UsageError) {
        try settings(line, variables: variables).check()
        return "good"
      } catch { return error.message }
    }
    let reference = "--impression-lifetime 20m --max-lateness 15m --dedup-horizon 5m"
    #expect(check("") == "good")
    for line in [
      "--raw-retention 30m \(reference)", "--raw-retention 21m \(reference)",
      "--raw-retention 10m --impression-lifetime 9m --max-lateness 10m --dedup-horizon 10m",
      "--raw-retention 90d --max-lateness 90d",
    ] { #expect(check(line) == "good", "\(line)") }
    for (line, text) in [
      ("--raw-retention 1259s \(reference)", "raw-retention is 1259s, and impression-lifetime asks for 21m at least"),
      ("--raw-retention 14m --impression-lifetime 5m --max-lateness 15m", "max-lateness asks for 15m at least"),
      (
        "--raw-retention 10m --impression-lifetime 5m --max-lateness 9m --dedup-horizon 11m",
        "dedup-horizon asks for 11m at least"
      ),
      ("--max-lateness 8d", "option --max-lateness: raw-retention is 7d, and max-lateness asks for 8d at least"),
    ] { #expect(check(line).contains(text), "\(line): \(check(line))") }
    #expect(
      check("", variables: ["TALLY_RAW_RETENTION": "1d"])
        .hasPrefix("environment variable TALLY_RAW_RETENTION: raw-retention is 1d"))
    let session = try Session()
    for command in ["serve --data-dir DATA", "config check"] {
      #expect(session.run("\(command) --raw-retention 1h").status == .usage, "\(command)")
    }
  }

  /// What `config print` prints is what `--config` takes, and changes nothing.
  @Test func printedSettingsCanBeRead() throws {
    let session = try Session()
    let first = session.run("config print --dedup-horizon 90s --on-unknown-ad https://x.example/ --verdict-header")
    #expect(first.status == .done)
    try session.write("printed.conf", first.output)
    let second = session.run("config print --config DIR/printed.conf")
    func values(_ result: Session.Result) -> [String] { result.lines.filter { !$0.hasPrefix("#") } }
    #expect(values(first) == values(second))
    #expect(values(first).contains("dedup-horizon = 90s"))
    #expect(first.lines.contains("# option --dedup-horizon"))
    #expect(session.run("config check --config DIR/printed.conf").status == .done)
  }

  @Test func whatIsWrongIsNamedWithItsPlace() throws {
    #expect(message("--loops 65") == "option --loops is 65; it must be from 1 to 64")
    #expect(message("--shards 65").contains("1 to 64"))
    #expect(message("--durability os").contains("does not offer"))
    #expect(message("--log-slot-size 65537").contains("multiple of 4KiB"))
    #expect(message("--raw-retention 599s") == "option --raw-retention is 599s; it must be from 10m to 36500d")
    #expect(message("--background-cpu 0") == "option --background-cpu is 0; it must be from 1 to 100")
    #expect(message("--read-mode maped").hasSuffix("did you mean mapped?"))
    #expect(message("--dedup-horizon 25h") == "option --dedup-horizon is 25h; it must be from 1s to 1d")
    #expect(message("--on-unknown-ad ftp://x/").contains("must be absolute and begin with http"))
    #expect(
      message("", variables: ["TALLY_LISTEN": "x"])
        == "environment variable TALLY_LISTEN: listen is \"x\"; it must be HOST:PORT with a port from 0 to 65535")
    let session = try Session()
    let file = try session.write("bad.conf", "listen = a:1\n\nlisten = a:2\n")
    #expect(message("--config \(file)") == "\(file):3: listen is given already, at \(file):1")
    let unknown = try session.write("unknown.conf", "# x\nlissten = a:1\n")
    #expect(message("--config \(unknown)") == "\(unknown):2: unknown setting lissten; did you mean listen?")
    // Also where something stronger has the setting.
    let weak = try session.write("weak.conf", "loops = many\n")
    #expect(message("--config \(weak) --loops 1") == "\(weak):1: loops is \"many\", not a whole number")
    let bare = try session.write("bare.conf", "verdict-header\n")
    #expect(message("--config \(bare)").hasPrefix("\(bare):1: no = in"))
    #expect(message("--config \(session.path)/none.conf").contains("none.conf: No such file"))
  }
}
