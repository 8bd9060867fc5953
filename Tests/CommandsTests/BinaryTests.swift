import Catalog
import Clicks
import Commands
import Glibc
import HTTP
import JSON
import Platform
import Service
import Testing

/// The program itself, as a process: exit codes, and a server with commands that reach it.
@Suite struct BinaryTests {
  /// The program stands beside the test bundle.
  private static let program: String = {
    let own = ChildProcess.ownPath
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tally"
  }()

  private func run(_ session: Session, _ line: String) throws -> (status: Int32, text: String) {
    let words = line.split(separator: " ").map { $0.replacing("DATA", with: session.data) }.map { String($0) }
    let log = "\(session.path)/out"
    if KernelFileSystem().exists(log) { try KernelFileSystem().remove(log) }
    let child = try ChildProcess(Self.program, words, log: log, follows: true)
    let status = child.wait()
    return (status, String(decoding: try KernelFileSystem().contents(log), as: UTF8.self))
  }

  @Test(
    arguments: [
      ("version", 0), ("help", 0), ("help ads put", 0), ("", 2), ("vresion", 2), ("sign", 2), ("serve --loops 0", 2),
      ("inspect /dev/null", 1), ("verify --data-dir /nowhere", 1), ("ads list --addr 127.0.0.1:1", 4),
    ] as [(String, Int32)])
  func theExitStatusSaysHowItWent(_ line: String, _ status: Int32) throws {
    let session = try Session()
    #expect(try run(session, line).status == status, "\(line)")
  }

  @Test func aServerIsFoundThroughItsDirectory() throws {
    let session = try Session()
    #expect(try run(session, "keys add --kid k1 --data-dir DATA").status == 0)
    let server = try ChildProcess(
      Self.program,
      [
        "serve", "--data-dir", session.data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
        "--verdict-header", "--log-slot-size", "1MiB", "--disk-reserve", "0",
      ], log: "\(session.path)/log", follows: true)
    var listen: String?
    for _ in 0..<500 where listen == nil && server.exitStatus == nil {
      usleep(10_000)
      listen = DirectoryLock.holder("\(session.data)/LOCK")?["listen"]
    }
    let log = String(decoding: try KernelFileSystem().contents("\(session.path)/log"), as: UTF8.self)
    #expect(listen != nil, "\(log)")

    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    #expect(session.run("ads list --data-dir DATA").lines.count == 2)
    #expect(session.run("ads get 43 --data-dir DATA").status == .failed)
    #expect(session.run("keys list --data-dir DATA").lines.count == 2)
    #expect(session.run("tokens list --data-dir DATA").lines.count == 2)
    // The owner's token is not sent to an address that somebody names.
    #expect(session.run("ads list --addr \(listen ?? "")").status == .refused)
    #expect(session.run("verify --data-dir DATA").status == .refused)
    #expect(try run(session, "serve --data-dir DATA --listen 127.0.0.1:0").status == 5)

    let links = session.run("sign 42 --count 40 --data-dir DATA")
    #expect(links.lines.allSatisfy { $0.hasPrefix("http://\(listen ?? "")/click?adId=42&") })
    let load = session.run("load - --connections 4 --ledger DIR/ledger --format json", input: links.output)
    #expect(load.status == .done, "\(load.talk)")
    #expect(try JSONReader.read(Array(load.output.utf8))["verdicts"]?.shown("valid") == "40")
    let again = session.run("load - --connections 4 --count 60 --format json", input: links.output)
    #expect(try JSONReader.read(Array(again.output.utf8))["verdicts"]?.shown("duplicate") == "60")
    let minted = session.run("load --ads all --count 50 --rate 2000 --data-dir DATA --format json")
    #expect(try JSONReader.read(Array(minted.output.utf8))["verdicts"]?.shown("valid") == "50")
    let series = session.run("query 42 --data-dir DATA --format json")
    #expect(try JSONReader.read(Array(series.output.utf8))["total"]?.text == "90", "\(series.talk)")
    // The newest key is another advertiser's.
    #expect(session.run("keys add --kid theirs --advertiser globex --data-dir DATA").status == .done)
    let rows = (0..<1_100).map { "many-\($0),https://x.example/,\($0 % 2 == 0 ? "globex" : "acme")\n" }
    _ = try session.write("many.csv", "adId,redirectUrl,advertiserId\n" + rows.joined())
    #expect(session.run("ads import DIR/many.csv --data-dir DATA").status == .done)
    let all = session.run("load --ads all --count 1101 --connections 8 --data-dir DATA --format json")
    #expect(try JSONReader.read(Array(all.output.utf8))["verdicts"]?.shown("valid") == "1101", "\(all.output)")
    #expect(session.run("query many-1099 --data-dir DATA").talk.hasPrefix("1 click"))
    #expect(session.run("query many-999 --data-dir DATA").talk.hasPrefix("1 click"))

    server.signal(SIGTERM)
    #expect(server.wait() == 0)
    #expect(session.run("verify --data-dir DATA").talk.contains("sound: 1,191 clicks"))
    #expect(session.run("query 42 --data-dir DATA").talk.hasPrefix("91 clicks"))
  }

  /// What a browser says of itself comes into the log and from there into a segment, as far as the server is told to keep it.
  @Test func aServerKeepsWhatItIsToldToCapture() throws {
    let session = try Session()
    #expect(try run(session, "keys add --kid k1 --data-dir DATA").status == 0)
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    var rows: [String: [String]] = [:]
    for (capture, name) in [("none", "first"), ("user-agent", "second"), ("referrer,user-agent", "third")] {
      let server = try ChildProcess(
        Self.program,
        [
          "serve", "--data-dir", session.data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
          "--capture", capture, "--log-slot-size", "1MiB", "--disk-reserve", "0",
        ], log: "\(session.path)/log-\(name)", follows: true)
      var listen: String?
      for _ in 0..<500 where listen == nil && server.exitStatus == nil {
        usleep(10_000)
        listen = DirectoryLock.holder("\(session.data)/LOCK")?["listen"]
      }
      let address = try #require(listen)
      let link = try #require(session.run("sign 42 --data-dir DATA").lines.first)
      let target = String(link[link.firstRange(of: "/click?")!.lowerBound...])
      let headers = [
        ("User-Agent", "Browser of the \(name)"), ("Referer", "https://\(name).example/"), ("Cookie", "secret"),
      ]
      #expect(try HTTPClient(address).request("GET", target, headers: headers).status == 302)
      // Again: it counts once, with the strings of the first time.
      let again = [("User-Agent", "Another"), ("Referer", "https://elsewhere.example/")]
      #expect(try HTTPClient(address).request("GET", target, headers: again).status == 302)
      // The batch door keeps what is captured, and reads over other members.
      let line =
        #"{"adId":"42","impressionId":"\#(impression(name))","time":\#(KernelTime().wall()),"#
        + #""userAgent":"Batch\n\#(name)"}"#
      let token = try #require(try AdminToken.read(in: session.data, KernelFileSystem())).reveal()
      let answer = try HTTPClient(address).request(
        "POST", "/api/v1/clicks",
        headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")],
        body: Array(line.utf8))
      #expect(answer.status == 200 && answer.text.contains("\"accepted\":1"), "\(answer.text)")
      #expect(session.run("compact --data-dir DATA").status == .done)
      server.signal(SIGTERM)
      #expect(server.wait() == 0)
      for shard in ["shard-00", "shard-01"] {
        for file in try KernelFileSystem().list("\(session.data)/\(shard)/seg") {
          let shown = session.run("inspect DATA/\(shard)/seg/\(file) --rows 100 --format json")
          #expect(shown.status == .done)
          #expect(!shown.output.contains("unknown"), "\(file) has parts that nobody names")
          let parts = try JSONReader.read(Array(shown.output.utf8))["parts"]?.elements ?? []
          for row in parts where row["part"] == .string("row") {
            // Where segments became one, a string that was not captured is an empty one.
            rows[row.shown("impression")] = ["userAgent", "referrer"].map { row[$0]?.text ?? "" }
          }
        }
      }
    }
    #expect(session.run("verify --data-dir DATA").status == .done)
    #expect(
      rows.values.sorted { $0.joined() < $1.joined() } == [
        ["", ""], ["", ""], ["Batch second", ""], ["Batch third", ""], ["Browser of the second", ""],
        ["Browser of the third", "https://third.example/"],
      ])
  }

  /// An id without a minting time.
  private func impression(_ name: String) -> String {
    let digits = name.utf8.map { String($0, radix: 16) }.joined()
    return digits + String(repeating: "0", count: 32 - digits.count)
  }
}
