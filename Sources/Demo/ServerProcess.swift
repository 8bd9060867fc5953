import Glibc
import HTTP
import Platform
import Store

/// A real `tally serve` in a process of its own, to be clicked, killed and started again. It is found by its `LOCK`, like
/// any command finds it.
package final class ServerProcess {
  private let program: String
  private let arguments: [String]
  private let keepsAddresses: Bool
  private var process: ChildProcess?

  package let dataDirectory: String
  /// Where the server's own words go.
  package let logPath: String
  /// The addresses of the running server.
  package private(set) var listen = "127.0.0.1:0"
  package private(set) var admin = "127.0.0.1:0"

  /// Why a server does not come up.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  /// A server that is not started yet. With `keepsAddresses` it comes back on the addresses it had, without on free ones:
  /// while it is down, a client that keeps connecting to a free port can meet itself there and so take the port.
  package init(
    program: String, dataDirectory: String, logPath: String, arguments: [String] = [], keepsAddresses: Bool = true
  ) {
    self.program = program
    self.dataDirectory = dataDirectory
    self.logPath = logPath
    self.arguments = arguments
    self.keepsAddresses = keepsAddresses
  }

  /// The running process; nil before the start and after the end.
  package var processID: Int32? { process?.id }

  /// Starts the server, on the addresses it had before if it ran before, and waits until it is ready.
  package func start(follows: Bool = true, seconds: Int = 20) throws {
    if !keepsAddresses { (listen, admin) = ("127.0.0.1:0", "127.0.0.1:0") }
    let child = try ChildProcess(
      program,
      ["serve", "--data-dir", dataDirectory, "--listen", listen, "--admin-listen", admin] + arguments, log: logPath,
      follows: follows)
    process = child
    let deadline = KernelTime().monotonic() + Int64(seconds) * 1_000_000_000
    while KernelTime().monotonic() < deadline {
      if let status = child.exitStatus {
        process = nil
        throw Failure(description: "the server ended with status \(status): \(lastWords)")
      }
      if let lines = DirectoryLock.holder("\(dataDirectory)/\(StoreFiles.lock)"), lines["pid"] == "\(child.id)",
        let listen = lines["listen"], let admin = lines["admin"]
      {
        self.listen = listen
        self.admin = admin
        if let client = try? HTTPClient(listen), let answer = try? client.request("GET", "/-/ready"),
          answer.status == 200
        {
          return
        }
      }
      usleep(2_000)
    }
    kill()
    throw Failure(description: "the server was not ready after \(seconds) s: \(lastWords)")
  }

  /// Sends a signal to the running process.
  package func signal(_ number: Int32) { process?.signal(number) }

  /// SIGKILL: no handler runs, nothing is flushed.
  package func kill() {
    process?.signal(SIGKILL)
    process?.wait()
    process = nil
  }

  /// SIGTERM, and the exit status.
  @discardableResult
  package func stop() -> Int32? {
    process?.signal(SIGTERM)
    let status = process?.wait()
    process = nil
    return status
  }

  /// Whether the process is still there.
  package var isRunning: Bool { process.map { $0.exitStatus == nil } ?? false }

  /// The end of what the server has said.
  package var lastWords: String {
    let bytes = (try? KernelFileSystem().contents(logPath)) ?? []
    return String(decoding: bytes.suffix(2_000), as: UTF8.self)
  }
}

/// A directory that is gone when its owner is.
package final class TemporaryDirectory {
  package let path: String

  /// Makes one under `TMPDIR`, or `/tmp`.
  package init(_ name: String) throws(SystemError) {
    let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/\(name)-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw SystemError("mkdtemp", "\(base)/\(name)", code: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  /// Removes a directory with all that is in it.
  package static func remove(_ path: String) {
    let files = KernelFileSystem()
    for name in (try? files.list(path)) ?? [] {
      let child = "\(path)/\(name)"
      if unsafe unlink(child) != 0 { remove(child) }
    }
    unsafe rmdir(path)
  }
}
