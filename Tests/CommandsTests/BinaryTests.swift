import Clicks
import Commands
import Glibc
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
    #expect(try run(session, "serve --data-dir DATA --listen 127.0.0.1:0").status == 1)

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

    server.signal(SIGTERM)
    #expect(server.wait() == 0)
    #expect(session.run("verify --data-dir DATA").talk.contains("sound: 90 clicks"))
    #expect(session.run("query 42 --data-dir DATA").talk.hasPrefix("90 clicks"))
  }
}
