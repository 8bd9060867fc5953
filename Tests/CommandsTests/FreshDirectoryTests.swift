import Commands
import Platform
import Service
import Store
import Testing

/// Any two commands on a directory that did not exist, in any order: each does its work, or says rightly that there is nothing to
/// work on; and a server starts behind them.
@Suite struct FreshDirectoryTests {
  /// Each command, and whether it can do its work on a directory on which nothing was done.
  private static let commands: [(name: String, line: String, works: Bool)] = [
    ("serve", "", true),
    ("ads put", "ads put 42 https://x.example/ --advertiser acme", true),
    ("ads import", "ads import DIR/ads.csv", true),
    ("ads list", "ads list", false),
    ("keys add", "keys add", true),
    ("tokens create", "tokens create --scopes read", true),
    ("sign", "sign 42", false),
    ("import", "import DIR/clicks.ndjson --history --log-slot-size 64KiB --disk-reserve 0", true),
    ("query", "query 42", false),
    ("top", "top", false),
    ("compact", "compact --log-slot-size 64KiB --disk-reserve 0", false),
    ("retain", "retain --log-slot-size 64KiB --disk-reserve 0", false),
    ("reconcile", "reconcile --log-slot-size 64KiB --disk-reserve 0", false),
    ("seal", "seal 2026-05 --log-slot-size 64KiB --disk-reserve 0", false),
    ("reshard", "reshard --shards 3 --log-slot-size 64KiB --disk-reserve 0", false),
    ("verify", "verify --deep", false),
    ("stat", "stat --count 1", false),
  ]

  private func session() throws -> Session {
    let session = try Session()
    try session.write(
      "ads.csv", "adId,redirectUrl,advertiserId\n42,https://x.example/,acme\n43,https://y.example/,acme\n")
    // Of several ads, so that several shards have clicks.
    let lines = (0..<40).map {
      let id = String(0x1000_0000_0000_4000 + $0, radix: 16) + "0000000000000000"
      return "{\"adId\":\"\(42 + $0 % 2)\",\"impressionId\":\"\(id)\",\"time\":\"2026-05-03T10:00:00Z\"}\n"
    }
    try session.write("clicks.ndjson", lines.joined())
    return session
  }

  private func serve(_ session: Session) throws {
    var settings = ServeSettings()
    settings.dataDirectory = session.data
    (settings.listen, settings.adminListen) = ("127.0.0.1:0", "127.0.0.1:0")
    settings.shardOptions.slotBytes = 65_536
    settings.shardOptions.diskReserve = 0
    let server = Server(settings) { _ in }
    try server.start()
    server.stop()
  }

  /// What a command on a directory may end with: its work is done, or the directory is not what it needs.
  private func perform(_ command: (name: String, line: String, works: Bool), _ session: Session, _ place: String) throws
  {
    if command.name == "serve" { return try serve(session) }
    let result = session.run(command.line + " --data-dir DATA")
    let isRefused = [ExitStatus.failed, .refused, .usage].contains(result.status)
    #expect(result.status == .done || isRefused && !command.works, "\(place): \(command.name): \(result.talk)")
    for word in ["ROUTES", "shard-", "STORE: at", "damage", "DAMAGE"] {
      #expect(result.status == .done || !result.talk.contains(word), "\(place): \(command.name): \(result.talk)")
    }
  }

  @Test(arguments: commands.indices)
  func everyPairLeavesADirectoryThatServes(_ first: Int) throws {
    for second in Self.commands.indices {
      let (one, two) = (Self.commands[first], Self.commands[second])
      let place = "\(one.name), then \(two.name)"
      let session = try session()
      // What takes clicks of ads wants the ads.
      if one.name == "import" || two.name == "import" {
        #expect(session.run("ads import DIR/ads.csv --data-dir DATA").status == .done)
      }
      try perform(one, session, place)
      try perform(two, session, place)
      do { try serve(session) } catch { Issue.record("\(place), then serve: \(error)") }
      // Opening and reading are what can fail; the rows are looked at where there are any.
      guard one.name == "import" || two.name == "import" else { continue }
      let verified = session.run("verify --deep --data-dir DATA")
      #expect(
        verified.status == .done && verified.talk.contains("40 clicks"), "\(place), then verify: \(verified.talk)")
    }
  }
}
