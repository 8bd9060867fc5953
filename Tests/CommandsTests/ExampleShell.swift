import Commands
import Demo
import Glibc
import HTTP
import Platform
import Store

// Runs the commands of one page as a reader would: in a directory of their own, with `tally` on the path, beside a server
// whose data directory is ./data. What differs from the page:
//
//   127.0.0.1:8080, :8081   are the addresses of the page's server, which takes free ports
//   2026-10                 is the month before the last one, which can be sealed whatever day it is
//   tally serve             goes on beside the commands that follow; it has a small log, and names verdicts
//   curl                    fails where the answer is an error

/// A directory, a shell and a server for one page.
final class ExampleShell {
  /// How a command ended, and what it said.
  struct Outcome {
    var status: Int32
    var output: String
    var talk: String
  }

  private let directory: TemporaryDirectory
  private let month: String
  private let variables: [String: String]
  private var server: ChildProcess?
  private(set) var addresses = (listen: "127.0.0.1:8080", admin: "127.0.0.1:8081")
  /// The command that started the page's server; nil before it.
  private var serving: String?

  /// The page's own directory.
  var path: String { "\(directory.path)/work" }

  /// A fresh directory. `variables` are set for all commands, `month` is YYYY-MM.
  init(month: String, variables: [String: String] = [:]) throws {
    directory = try TemporaryDirectory("tally-examples")
    self.month = month
    self.variables =
      [
        "HOME": directory.path, "SWIFT_BACKTRACE": "enable=no", "TALLY_LISTEN": "127.0.0.1:0",
        "TALLY_ADMIN_LISTEN": "127.0.0.1:0", "TALLY_LOG_SLOT_SIZE": "1MiB", "TALLY_DISK_RESERVE": "0",
        "TALLY_VERDICT_HEADER": "true",
      ].merging(variables) { $1 }
    let files = KernelFileSystem()
    for name in ["work", "bin"] { try files.createDirectory("\(directory.path)/\(name)") }
    let own = ChildProcess.ownPath
    let program = own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tally"
    guard unsafe symlink(String(program), "\(directory.path)/bin/tally") == 0 else {
      throw SystemError("symlink", "\(directory.path)/bin/tally", code: errno)
    }
    try files.open("\(directory.path)/.curlrc", .create)
      .writeAll(Array("silent\nshow-error\nfail-with-body\nnoproxy = \"*\"\n".utf8), at: 0)
  }

  /// What the shell is given for `text`.
  private func script(_ text: String) -> String {
    let settings = variables.sorted { $0.key < $1.key }.map { "export \($0.key)='\($0.value)'\n" }.joined()
    return "unset \"${!TALLY_@}\"\n" + settings
      + "export PATH='\(directory.path)/bin':\"$PATH\"\ncd '\(path)' || exit 99\n"
      + "exec 2>>'\(directory.path)/talk'\n"
      + text.replacing("127.0.0.1:8080", with: addresses.listen).replacing("127.0.0.1:8081", with: addresses.admin)
      .replacing("2026-10", with: month)
  }

  private func said(_ name: String) -> String {
    String(decoding: (try? KernelFileSystem().contents("\(directory.path)/\(name)")) ?? [], as: UTF8.self)
  }

  /// Runs `text` to its end. What does not end in two minutes is killed, with status 124.
  func run(_ text: String) throws -> Outcome {
    try forget()
    let child = try ChildProcess(
      "/usr/bin/timeout", ["-k", "5", "120", "/bin/bash", "-c", script(text)], log: "\(directory.path)/output",
      follows: true)
    let status = child.wait()
    return Outcome(status: status, output: said("output"), talk: said("talk"))
  }

  /// Runs `text` until what it has printed is enough, then presses Ctrl-C. The status is 0 where it ends by that.
  func runEndless(_ text: String, until isEnough: (String) -> Bool) throws -> Outcome {
    try forget()
    let child = try ChildProcess(
      "/bin/bash", ["-c", script("exec " + text)], log: "\(directory.path)/output", follows: true)
    var status: Int32?
    for turn in 0..<24_000 where status == nil {
      if turn > 0 { usleep(5_000) }
      status = child.exitStatus
      if isEnough(said("output")) { break }
    }
    let endedByItself = status != nil
    child.signal(isEnough(said("output")) ? SIGINT : SIGKILL)
    status = child.wait()
    if !endedByItself, status == 128 + SIGINT { status = 0 }
    return Outcome(status: status ?? -1, output: said("output"), talk: said("talk"))
  }

  private func forget() throws {
    for name in ["output", "talk"] where KernelFileSystem().exists("\(directory.path)/\(name)") {
      try KernelFileSystem().remove("\(directory.path)/\(name)")
    }
  }

  /// Starts the server by the command of the page, and waits until it is ready.
  func serve(_ command: String = "tally serve") throws {
    serving = command
    let child = try ChildProcess(
      "/bin/bash", ["-c", script("exec " + command)], log: "\(directory.path)/served", follows: true)
    server = child
    for _ in 0..<24_000 {
      if let status = child.exitStatus {
        throw Failure("\(command) ended with status \(status): \(said("talk"))")
      }
      if let lines = DirectoryLock.holder("\(path)/data/\(StoreFiles.lock)"), lines["pid"] == "\(child.id)",
        let listen = lines["listen"], let admin = lines["admin"], let client = try? HTTPClient(listen),
        let answer = try? client.request("GET", "/-/ready"), answer.status == 200
      {
        addresses = (listen, admin)
        return
      }
      usleep(5_000)
    }
    throw Failure("\(command) is not ready: \(said("talk"))")
  }

  /// Starts the server again, where the page has one that was stopped.
  func resume() throws { if server == nil, let serving { try serve(serving) } }

  /// Stops the server in good order; returns its status, nil where none runs.
  @discardableResult
  func stop() -> Int32? {
    server?.signal(SIGTERM)
    defer { server = nil }
    return server?.wait()
  }
}
