import Clicks
import Commands
import Glibc
import JSON
import Platform
import Service
import Store
import Testing

/// `compact`, `retain`, `verify --repair` and `stat`, on directories and against a running server.
@Suite struct MaintenanceCommandTests {
  private static let ad = AdID("42")!
  private static let day: Int64 = 86_400_000

  /// A directory with clicks of three days ago, compacted: segments, runs by minute, hour and day.
  private func compacted(_ count: Int = 900) throws -> Session {
    let session = try Session()
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    try session.fill(count, ad: Self.ad, ago: 3 * Self.day)
    let result = session.run("compact --data-dir DATA --log-slot-size 64KiB --format json")
    #expect(result.status == .done, "\(result.talk)")
    return session
  }

  private func files(_ session: Session, _ kind: StoreFile.Kind) throws -> [String] {
    let folder = "\(session.data)/shard-00/\(kind.directory)"
    return try KernelFileSystem().list(folder).sorted().map { "\(folder)/\($0)" }
  }

  private func total(_ session: Session, _ granularity: String) throws -> String? {
    let line = "query 42 --from -4d --granularity \(granularity) --data-dir DATA --format json"
    return try JSONReader.read(Array(session.run(line).output.utf8))["total"]?.text
  }

  @Test func compactWritesSealsAndMerges() throws {
    let session = try Session()
    #expect(session.run("compact --data-dir DATA").status == .failed)
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    try session.fill(900, ad: Self.ad, ago: 3 * Self.day)
    let result = session.run("compact --data-dir DATA --log-slot-size 64KiB --format json")
    #expect(result.status == .done, "\(result.talk)")
    let report = try JSONReader.read(Array(result.output.utf8))
    #expect(report["complete"] == .bool(true) && report.shown("checkpoints") == "1" && report.shown("seals") != "0")
    #expect(report["before"]?["segment"]?.shown("files") == "0" && report["after"]?["segment"]?.shown("files") == "1")
    for granularity in ["minute", "hour", "day"] { #expect(try total(session, granularity) == "900", "\(granularity)") }
    let verified = session.run("verify --data-dir DATA")
    #expect(verified.status == .done && verified.talk.contains("sound: 900 clicks"), "\(verified.talk)")
    // Nothing is left to do, and the table says so.
    let again = session.run("compact --data-dir DATA --log-slot-size 64KiB")
    #expect(again.status == .done && again.talk.contains("0 merges"), "\(again.talk)")
    #expect(again.lines.first?.hasPrefix("KIND") == true && again.lines.contains { $0.hasPrefix("segment") })
    #expect(session.run("retain --data-dir DATA --raw-retention 1d").status == .done)
    #expect(session.run("retain --data-dir DATA --raw-retention 9m").status == .usage)
    let stat = session.run("stat --data-dir DATA --format json")
    #expect(try JSONReader.read(Array(stat.output.utf8)).shown("segments") == "1", "\(stat.talk)")
  }

  @Test func everyImmutableFileIsInspected() throws {
    let session = try compacted()
    for kind in [StoreFile.Kind.segment, .run, .dictionary] {
      let paths = try files(session, kind)
      #expect(!paths.isEmpty, "\(kind)")
      for path in paths {
        let text = session.run(["inspect", path, "--rows", "3"])
        #expect(text.status == .done, "\(path): \(text.output)")
        let value = try JSONReader.read(
          Array(session.run(["inspect", path, "--rows", "3", "--format", "json"]).output.utf8))
        #expect(value["damage"] == .null && (value["parts"]?.elements.count ?? 0) > 2, "\(path)")
      }
    }
    let run = session.run(["inspect", try files(session, .run)[0], "--rows", "1"]).output
    #expect(run.contains("its rows: rows ") && run.contains("  row: ad code 0, bucket "), "\(run)")
    let segment = session.run(["inspect", try files(session, .segment)[0]]).output
    #expect(segment.contains("column 3, ad code: encoding ") && segment.contains("rows of sums: "), "\(segment)")
    let dictionary = session.run(["inspect", try files(session, .dictionary)[0], "--rows", "1"]).output
    #expect(dictionary.contains("ad: code 0, key \(AdKey(Self.ad))"), "\(dictionary)")
  }

  @Test func damagedRunsAreMadeAnew() throws {
    let session = try compacted()
    // Each repair makes new files of all of them.
    for turn in 0..<3 {
      let path = try files(session, .run)[turn]
      try Session.flip(path, at: 4_100)
      let found = session.run("verify --data-dir DATA")
      #expect(found.status == .differs && found.talk.contains("DAMAGE: \(path): at byte 4096: "), "\(found.talk)")
      #expect(found.talk.contains("--repair makes it anew"))
      let repaired = session.run("verify --repair --data-dir DATA")
      #expect(repaired.status == .done && repaired.talk.contains("made anew: the rows of \(path)"), "\(repaired.talk)")
      for granularity in ["minute", "hour", "day"] {
        #expect(try total(session, granularity) == "900", "\(granularity)")
      }
    }
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func whatIsPrimaryIsNotRepaired() throws {
    let session = try compacted()
    for path in try files(session, .segment) + files(session, .dictionary) {
      try Session.flip(path, at: 4_100)
      let result = session.run("verify --repair --data-dir DATA")
      #expect(result.status == .differs, "\(path)")
      #expect(result.talk.contains("cannot be repaired: \(path) holds the only copy"), "\(result.talk)")
      try Session.flip(path, at: 4_100)
    }
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func aMissingFileIsDamageAndAnUnlistedOneIsNoted() throws {
    let session = try compacted()
    let system = KernelFileSystem()
    for path in try files(session, .run) + files(session, .segment) {
      try system.rename(path, to: "\(session.path)/away")
      let result = session.run("verify --data-dir DATA")
      #expect(result.status == .differs && result.talk.contains("\(path): at byte 0: the file is missing"))
      try system.rename("\(session.path)/away", to: path)
    }
    let extra = "\(session.data)/shard-00/run/0000009999.run"
    try system.open(extra, .create).writeAll([1, 2, 3], at: 0)
    let result = session.run("verify --data-dir DATA")
    #expect(result.status == .done && result.talk.contains("note: \(extra): no manifest lists it"), "\(result.talk)")
  }

  @Test func aRunningServerDoesTheSame() throws {
    let session = try Session()
    var settings = ServeSettings()
    settings.dataDirectory = session.data
    (settings.listen, settings.adminListen) = ("127.0.0.1:0", "127.0.0.1:0")
    settings.shardOptions.slotBytes = 1 << 20
    settings.shardOptions.diskReserve = 0
    try session.fill(900, ad: Self.ad, ago: 3 * Self.day)
    let server = Server(settings) { _ in }
    try server.start()
    defer { server.stop() }
    let result = session.run("compact --data-dir DATA --format json")
    #expect(result.status == .done, "\(result.talk)")
    let report = try JSONReader.read(Array(result.output.utf8))
    #expect(report["after"]?["segment"]?.shown("files") == "1" && report["complete"] == .bool(true))
    #expect(session.run("retain --data-dir DATA").status == .done)
    for granularity in ["minute", "hour", "day"] { #expect(try total(session, granularity) == "900", "\(granularity)") }
    let stat = session.run("stat --data-dir DATA --count 1")
    #expect(stat.status == .done && stat.lines.count == 2 && stat.lines[0].contains("CLICKS/S"), "\(stat.talk)")
    // Another address has another token, and a job needs the admin listener.
    #expect(session.run("compact --addr \(server.publicAddress)").status == .usage)
    #expect(session.run("compact --admin-addr \(server.adminAddress)").status == .refused)
  }
}
