import Catalog
import Demo
import Glibc
import HTTP
import Platform
import Store
import Traffic

/// The server under test: a Tally of our own in a process of its own, or another one that runs already.
final class MeasuredServer {
  let address: ServerAddress
  let minter: LinkMinter
  let ads: [[UInt8]]
  /// Nil for another server.
  private let process: ServerProcess?
  private let others: [Int32]
  // Last, so that the server has ended before its directory goes.
  private let directory: TemporaryDirectory?

  private static let adCount = 1_000

  /// Starts a Tally with 1,000 ads and one signing key on a temporary directory. `prepare` may put a store into the data directory
  /// before; it returns the store's id.
  init(
    program: String, arguments: [String], time: any TimeSource,
    prepare: (_ data: String) throws -> String? = { _ in nil }
  ) throws {
    let directory = try TemporaryDirectory("tally-bench")
    let data = "\(directory.path)/data"
    try KernelFileSystem().createDirectory(data)
    let store = try prepare(data)
    let names = Self.names
    let secret: [UInt8]
    do {
      let catalog = try Catalog.open("\(data)/\(StoreFiles.catalog)", in: .kernel)
      if let store { try catalog.adopt(store: store) }
      secret = try catalog.addKey(kid: "bench").secret.bytes
      let rows = names.enumerated().map { index, name in
        AdRow(
          line: index + 1,
          fields: AdFields(
            adID: name, redirectURL: "https://www.example.com/landing/\(name)", advertiserID: "bench", status: "active")
        )
      }
      _ = try catalog.importAds(rows) { _ in false }
    }
    let process = ServerProcess(
      program: program, dataDirectory: data, logPath: "\(directory.path)/server.log", arguments: arguments)
    try process.start()
    self.directory = directory
    self.process = process
    address = try ServerAddress("http://\(process.listen)")
    minter = LinkMinter(secret: secret, time: time, seed: 1)
    ads = names.map { Array($0.utf8) }
    others = []
  }

  /// Drives what listens at `address`; its CPU time is that of `processes`.
  init(at address: String, processes: [Int32], time: any TimeSource) throws {
    self.address = try ServerAddress(address)
    others = processes
    process = nil
    directory = nil
    minter = LinkMinter(secret: Array("nobody checks it".utf8), time: time, seed: 1)
    ads = Self.names.map { Array($0.utf8) }
  }

  deinit { process?.kill() }

  static var names: [String] { (0..<adCount).map { "ad-\(1_000_000 + $0)" } }

  /// Whether it is a Tally that tells what it has done.
  var isTally: Bool { process != nil }

  /// CPU time of the server so far, ns; a clock tick (10 ms) fine.
  func cpu() throws -> Int64 {
    let processes = process.flatMap { $0.processID.map { [$0] } } ?? others
    return try processes.reduce(0) { $0 + (try Self.cpu(of: $1)) }
  }

  /// User and system time of a process with all its threads (proc(5), fields 14 and 15 of `stat`), ns.
  static func cpu(of process: Int32) throws -> Int64 {
    let text = String(
      decoding: try KernelFileSystem().open("/proc/\(process)/stat", .read).bytes(at: 0, count: 4096), as: UTF8.self)
    // The second field is the program's name in parentheses, and may hold anything.
    guard let end = text.lastIndex(of: ")") else { throw BenchFailure("/proc/\(process)/stat: no name") }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Int64(fields[11]), let system = Int64(fields[12]) else {
      throw BenchFailure("/proc/\(process)/stat: no times")
    }
    return (user + system) * (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
  }

  /// A token that may do anything. Of a Tally of our own.
  func token() throws -> String {
    guard let directory, let token = try AdminToken.read(in: "\(directory.path)/data", KernelFileSystem()) else {
      throw BenchFailure("the server has no token")
    }
    return token.reveal()
  }

  /// A field of the server's `/proc/PID/status`, bytes.
  func memory(_ field: String) throws -> Int {
    guard let id = process?.processID else { return 0 }
    let text = String(
      decoding: try KernelFileSystem().open("/proc/\(id)/status", .read).bytes(at: 0, count: 8192), as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix(field + ":") {
      if let kilobytes = Int(line.dropFirst(field.count + 1).filter(\.isNumber)) { return kilobytes << 10 }
    }
    throw BenchFailure("/proc/\(id)/status has no \(field)")
  }

  /// Begins to look for the greatest memory anew, and returns what there is now, bytes (proc(5), `clear_refs`).
  func resetPeak() throws -> Int {
    if let id = process?.processID {
      let descriptor = unsafe Glibc.open("/proc/\(id)/clear_refs", O_WRONLY)
      guard descriptor >= 0, unsafe Glibc.write(descriptor, "5", 1) == 1 else {
        throw BenchFailure("/proc/\(id)/clear_refs cannot be written")
      }
      close(descriptor)
    }
    return try memory("VmRSS")
  }

  /// Clicks made durable, commits that made them so, and the bytes of their frames.
  func committed() throws -> (clicks: Int, commits: Int, bytes: Int) {
    guard let process else { return (0, 0, 0) }
    let page = try HTTPClient(process.admin).request("GET", "/metrics").text
    func value(_ family: String) -> Int {
      page.split(separator: "\n").filter { $0.hasPrefix(family + "{") }.reduce(0) {
        $0 + (Int($1.split(separator: " ").last ?? "") ?? 0)
      }
    }
    return (value("tally_log_clicks_total"), value("tally_log_commits_total"), value("tally_log_written_bytes_total"))
  }
}
