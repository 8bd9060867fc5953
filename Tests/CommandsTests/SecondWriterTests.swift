import Commands
import Glibc
import JSON
import Platform
import Service
import Testing

/// Two real servers and one directory: whoever removes `LOCK`, as one does with the leftovers of other programs, gets no second
/// writer, and no acknowledged click is lost.
@Suite struct SecondWriterTests {
  private static let program: String = {
    let own = ChildProcess.ownPath
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tally"
  }()

  private func serve(_ session: Session, _ log: String) throws -> ChildProcess {
    try ChildProcess(
      Self.program,
      [
        "serve", "--data-dir", session.data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
        "--verdict-header", "--log-slot-size", "1MiB", "--disk-reserve", "0",
      ], log: "\(session.path)/\(log)", follows: true)
  }

  /// The address of the server that holds the directory, once `LOCK` names one.
  private func address(_ session: Session, _ server: ChildProcess) -> String? {
    for _ in 0..<800 where server.exitStatus == nil {
      if let listen = DirectoryLock.holder("\(session.data)/LOCK")?["listen"] { return listen }
      usleep(10_000)
    }
    return nil
  }

  @Test func removingTheLockLetsNobodyIn() throws {
    let session = try Session()
    #expect(session.run("keys add --kid k1 --data-dir DATA").status == .done)
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    let server = try serve(session, "log")
    let listen = try #require(address(session, server))
    for round in 0..<2 {
      let links = session.run("sign 42 --count 50 --data-dir DATA --base http://\(listen)").output
      try KernelFileSystem().remove("\(session.data)/LOCK")
      // At once, and again where a file of the same name stands there.
      if round == 1 {
        try KernelFileSystem().open("\(session.data)/LOCK", .create).writeAll(Array("pid 1\n".utf8), at: 0)
      }
      let second = try serve(session, "second-\(round)")
      #expect(second.wait() != 0)
      let words = String(decoding: try KernelFileSystem().contents("\(session.path)/second-\(round)"), as: UTF8.self)
      #expect(words.contains("the data directory is held by"), "\(words)")
      let load = session.run("load - --connections 4 --format json", input: links)
      #expect(try JSONReader.read(Array(load.output.utf8))["verdicts"]?.shown("valid") == "50", "\(load.talk)")
      #expect(address(session, server) == listen, "LOCK does not come back")
    }
    #expect(session.run("query 42 --data-dir DATA --format json").output.contains("\"total\":100"))
    server.signal(SIGTERM)
    #expect(server.wait() == 0)
    let verified = session.run("verify --deep --data-dir DATA")
    #expect(verified.status == .done && verified.talk.contains("100 clicks"), "\(verified.talk)")
  }
}
