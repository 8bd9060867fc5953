import Catalog
import Commands
import Demo
import Glibc
import JSON
import Platform
import Service
import Testing

/// `tally import` through a running server: real processes, killed in the middle.
@Suite(.serialized) struct ServedImportTests {
  private static let program: String = {
    let own = ChildProcess.ownPath
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tally"
  }()

  private let session: Session
  private let server: ServerProcess
  private let now: Int64

  init() throws {
    unsafe setenv("SWIFT_BACKTRACE", "enable=no", 1)
    session = try Session()
    server = ServerProcess(
      program: Self.program, dataDirectory: session.data, logPath: "\(session.path)/log",
      arguments: ["--log-slot-size", "1MiB", "--disk-reserve", "0"])
    now = KernelTime().wall()
    try server.start()
    for ad in ["a", "b"] {
      #expect(session.run("ads put \(ad) https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    }
  }

  private func total(_ ad: String) throws -> Int {
    let query = session.run("query \(ad) --from -3d --to now --granularity day --format json --data-dir DATA")
    #expect(query.status == .done, "\(query.talk)")
    return try JSONReader.read(Array(query.output.utf8))["total"]?.text.flatMap { Int($0) } ?? -1
  }

  private func start(_ line: String, log: String) throws -> ChildProcess {
    let path = "\(session.path)/\(log)"
    if KernelFileSystem().exists(path) { try KernelFileSystem().remove(path) }
    let words = line.split(separator: " ").map {
      $0.replacing("DATA", with: session.data).replacing("DIR", with: session.path)
    }
    return try ChildProcess(Self.program, words.map { String($0) }, log: path, follows: true)
  }

  private func said(_ log: String) throws -> String {
    String(decoding: try KernelFileSystem().contents("\(session.path)/\(log)"), as: UTF8.self)
  }

  @Test func filesOfAllKindsAreTakenInOnce() throws {
    var objects = ""
    var rows = "ad;ts;country\n"
    for i in 0..<3_000 {
      let ad = i % 3 == 0 ? "a" : "b"
      let id = String("0000000\(i)".suffix(8))
      objects += "{\"adId\":\"\(ad)\",\"impressionId\":\"c56a4180-65aa-42ec-a945-5fd2\(id)\","
      objects += "\"time\":\(now - Int64(i) * 9_000)}\n"
      // Lines that are alike are two clicks.
      rows += "\(ad);\(now / 1000 - Int64(i / 2) * 20);de\n"
    }
    let wrong = "\n{\"adId\":\"a\"}\n{\"adId\":\"none\",\"impressionId\":\"c56a4180-65aa-42ec-a945-5fd210000000\","
    try session.write("clicks.ndjson", objects + wrong + "\"time\":\(now)}\n")
    let first = session.run("import DIR/clicks.ndjson --data-dir DATA")
    #expect(first.status == .failed, "\(first.talk)")
    #expect(first.output == "3000 accepted, 0 duplicate, 2 rejected (1 malformed, 1 unknown-ad)\n")
    for line in [3002, 3003] { #expect(first.talk.contains("clicks.ndjson:\(line): "), "\(first.talk)") }
    let again = session.run("import DIR/clicks.ndjson --data-dir DATA --format json")
    let report = try JSONReader.read(Array(again.output.utf8))
    #expect(report["accepted"]?.text == "0" && report["duplicate"]?.text == "3000")
    #expect(report["rejected"]?.elements.map { $0["line"]?.text } == ["3002", "3003"])

    // By address and token, from another directory.
    try session.write("old.csv", rows)
    let own = try AdminToken.read(in: session.data, KernelFileSystem())?.reveal()
    let token = try #require(own)
    let line = "import DIR/old.csv --map adId=ad,time=ts --delimiter semicolon --id-from line --addr \(server.listen)"
    #expect(session.run("\(line) --token \(token)").output == "3000 accepted, 0 duplicate, 0 rejected\n")
    #expect(session.run("\(line) --token \(token)").output == "0 accepted, 3000 duplicate, 0 rejected\n")
    let pipe = line.replacing("DIR/old.csv", with: "- --source old.csv")
    let piped = session.run("\(pipe) --token \(token)", input: rows)
    #expect(piped.output == "0 accepted, 3000 duplicate, 0 rejected\n", "\(piped.talk)")
    let (a, b) = (try total("a"), try total("b"))
    #expect(a == 2_000 && b == 4_000)

    for (wrong, status) in [
      ("\(line)", ExitStatus.refused), ("\(line) --token no", .refused),
      ("import DIR/none --data-dir DATA", .failed), ("import DIR/old.csv --data-dir DATA", .failed),
      ("import DIR/old.csv --id-from a,a --data-dir DATA", .usage),
    ] {
      let run = session.run(wrong)
      #expect(run.status == status, "\(wrong): \(run.talk)")
    }
    // What a server would not listen to is refused, and not ignored.
    for setting in [
      "--max-lateness 90d", "--max-future 1h", "--impression-lifetime 2h", "--shards 3", "--dedup-horizon 1h",
      "--capture user-agent", "--log-slot-size 1MiB", "--disk-reserve 0", "--read-mode read", "--accept-clock",
    ] {
      let name = setting.split(separator: " ")[0]
      for target in ["--token \(token) --addr \(server.listen)", "--data-dir DATA"] {
        let run = session.run("import DIR/clicks.ndjson \(target) \(setting)")
        #expect(run.status == .usage && run.talk.contains("\(name): a running server"), "\(setting): \(run.talk)")
      }
    }
    try session.write("tally.conf", "max-lateness = 90d\n")
    for command in [
      "import DIR/clicks.ndjson --config DIR/tally.conf", "reconcile --raw-retention 9d",
      "seal 2026-01 --max-lateness 9d",
    ] { #expect(session.run("\(command) --data-dir DATA").status == .usage, "\(command)") }
    #expect(server.stop() == 0)
    let unreachable = session.run("\(line) --token \(token)")
    #expect(unreachable.status == .unavailable, "\(unreachable.talk)")
    #expect(unreachable.talk.contains("0 clicks are counted"), "\(unreachable.talk)")
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
  }

  /// The client is killed, then the server, each somewhere in the file; called again, every line counts once.
  @Test func killsInTheMiddleCountNothingTwice() throws {
    let lines = 240_000
    var text = "adId,time,note\n"
    for i in 0..<lines { text += "\(i % 3 == 0 ? "a" : "b"),\(now - Int64(i % 1_000) * 60_000),\(i)\n" }
    try session.write("clicks.csv", text)
    let line = "import DIR/clicks.csv --id-from line --data-dir DATA"
    func counted() throws -> Int { try total("a") + total("b") }
    func waitFor(_ clicks: Int, _ child: ChildProcess) throws -> Bool {
      for _ in 0..<2_000 {
        if try counted() >= clicks { return true }
        if child.exitStatus != nil { return false }
        usleep(2_000)
      }
      return false
    }
    let client = try start(line, log: "client")
    #expect(try waitFor(20_000, client))
    client.signal(SIGKILL)
    _ = client.wait()
    let before = try counted()
    #expect(before < lines, "the client was killed too late")

    let second = try start(line, log: "second")
    #expect(try waitFor(before + 20_000, second))
    server.kill()
    #expect(second.wait() == ExitStatus.unavailable.rawValue)
    let words = try said("second")
    #expect(words.contains("calling it again goes on"), "\(words)")
    try server.start()
    let after = try counted()
    #expect(after < lines && after >= before + 20_000)

    let last = try start(line + " --format json", log: "last")
    let status = last.wait()
    #expect(status == 0)
    let output = try said("last").split(separator: "\n").last.map(String.init) ?? ""
    let report = try JSONReader.read(Array(output.utf8))
    let (accepted, duplicate) = (report["accepted"]?.text ?? "", report["duplicate"]?.text ?? "")
    #expect((Int(accepted) ?? 0) + (Int(duplicate) ?? 0) == lines && Int(duplicate) ?? 0 >= before + 20_000)
    let (a, b) = (try total("a"), try total("b"))
    #expect(a == lines / 3 && b == lines - lines / 3)
    #expect(server.stop() == 0)
    #expect(session.run("verify --data-dir DATA").talk.contains("sound: 240,000 clicks"))
  }
}
