import Commands
import Platform
import Store
import Testing

/// What an operator meets who puts a directory back in part, or takes away what looks like a leftover.
@Suite struct RestoredDirectoryTests {
  private let session: Session
  private let files = KernelFileSystem()
  private let settings = "--log-slot-size 64KiB --disk-reserve 0 --data-dir DATA"

  /// Two shards with clicks, stopped in good order.
  init() throws {
    session = try Session()
    try session.write(
      "ads.csv", "adId,redirectUrl,advertiserId\n42,https://x.example/,acme\n43,https://y.example/,acme\n")
    #expect(session.run("ads import DIR/ads.csv --data-dir DATA").status == .done)
    try add(40, "first")
  }

  private func add(_ count: Int, _ name: String) throws {
    let lines = (0..<count).map {
      let id =
        String(0x1000_0000_0000_4000 + $0, radix: 16) + String(0x1000_0000_0000_0000 + name.utf8.count, radix: 16)
      return "{\"adId\":\"\(42 + $0 % 2)\",\"impressionId\":\"\(id)\",\"time\":\"2026-05-03T10:00:00Z\"}\n"
    }
    try session.write("\(name).ndjson", lines.joined())
    let result = session.run("import DIR/\(name).ndjson --history \(settings)")
    #expect(result.output.hasPrefix("\(count) accepted"), "\(result.output)\(result.talk)")
  }

  private func shard(_ number: Int) -> String { "\(session.data)/\(StoreFiles.shard(number))" }

  private func copy(_ from: String, _ to: String) throws {
    try files.removeTree(to)
    try files.createDirectory(to)
    for name in try files.list(from) {
      if (try? files.list("\(from)/\(name)")) != nil {
        try copy("\(from)/\(name)", "\(to)/\(name)")
      } else {
        try files.open("\(to)/\(name)", .create).writeAll(files.contents("\(from)/\(name)"), at: 0)
      }
    }
  }

  /// Every command that opens the store refuses it with the shard's name and a remedy; verify tells of damage.
  private func expectRefused(_ words: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let verified = session.run("verify --data-dir DATA")
    #expect(
      verified.status == .differs && verified.talk.contains(words), "\(verified.talk)", sourceLocation: sourceLocation)
    for command in ["compact", "retain", "reconcile", "import DIR/first.ndjson --history"] {
      let result = session.run("\(command) \(settings)")
      #expect(
        result.status == .refused && result.talk.contains(words) && result.talk.contains("--accept-shard 1"),
        "\(command): \(result.status) \(result.talk)", sourceLocation: sourceLocation)
    }
    #expect(session.run("stat --count 1 --data-dir DATA").status != .done, sourceLocation: sourceLocation)
  }

  @Test func aShardThatIsNotMountedIsRefused() throws {
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    try copy(shard(1), "\(session.path)/aside")
    for isThere in [false, true] {
      try files.removeTree(shard(1))
      if isThere { try files.createDirectory(shard(1)) }
      try expectRefused("shard 1 is missing")
    }
    try copy("\(session.path)/aside", shard(1))
    #expect(session.run("verify --deep --data-dir DATA").talk.contains("40 clicks"))
  }

  @Test func exchangedShardsAreRefused() throws {
    try copy(shard(0), "\(session.path)/aside")
    try copy(shard(1), shard(0))
    try copy("\(session.path)/aside", shard(1))
    try expectRefused("this is shard 0 of the store, not shard 1")
    let accepted = session.run("compact --accept-shard 0,1 \(settings)")
    #expect(accepted.status == .refused, "\(accepted.talk)")
  }

  @Test func anOlderShardIsRefusedUntilItIsAccepted() throws {
    try copy(shard(1), "\(session.path)/aside")
    try add(40, "second")
    try copy("\(session.path)/aside", shard(1))
    try expectRefused("shard 1 is an older copy")
    #expect(session.run("config check --accept-shard 1").status == .done)
    #expect(session.run("config check", variables: ["TALLY_ACCEPT_SHARD": "1"]).status == .usage)
    let accepted = session.run("compact --accept-shard 1 \(settings)")
    #expect(
      accepted.status == .done && accepted.talk.contains("accepted: \(shard(1)): shard 1 was taken"), "\(accepted.talk)"
    )
    let verified = session.run("verify --deep --data-dir DATA")
    #expect(verified.status == .done && verified.talk.contains("shard 1 was taken as it was found"), "\(verified.talk)")
    // It is the shard from now on, and what it lost can be counted again.
    let again = session.run("import DIR/second.ndjson --history \(settings)")
    #expect(again.status == .done && !again.output.hasPrefix("0 accepted"), "\(again.output)\(again.talk)")
    #expect(again.talk.contains("a shard has lost clicks since"), "\(again.talk)")
    #expect(session.run("verify --deep --data-dir DATA").talk.contains("80 clicks"))
  }

  @Test func lostAndOlderRoutesAreTold() throws {
    let routes = "\(session.data)/ROUTES"
    try files.rename(routes, to: "\(session.path)/ROUTES")
    let verified = session.run("verify --data-dir DATA")
    #expect(verified.status == .differs && verified.talk.contains("DAMAGE: \(routes)"), "\(verified.talk)")
    #expect(session.run("import DIR/first.ndjson --history --source x \(settings)").talk.contains("ROUTES"))
    try files.rename("\(session.path)/ROUTES", to: routes)
    for offset in [60, 8_192 + 60] as [UInt64] {
      try Session.flip(routes, at: offset)
      let flipped = session.run("verify --data-dir DATA")
      #expect(flipped.status == .differs && flipped.talk.contains("the other copy holds"), "\(flipped.talk)")
      try Session.flip(routes, at: offset)
    }
    #expect(session.run("verify --data-dir DATA").status == .done)
  }
}
