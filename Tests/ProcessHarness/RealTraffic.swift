import Catalog
import Clicks
import Demo
import FoundationEssentials
import Glibc
import HTTP
import Platform
import Store
import Synchronization
import Traffic

// Browsers in this process against a real server in another, so that the clients' ledger survives whatever becomes of the
// server.
//
//   begin ─▶ (kill or stop ─▶ start: position ≥ acknowledged?) … ─▶ finish:
//     stop the browsers ─▶ every count within the ledger's bounds (P3)
//                       ─▶ send again what is unknown ─▶ every count exact (P1, P2)

/// What the traffic is.
package struct TrafficOptions: Sendable {
  package var connections = 64
  /// Requests in flight on each connection.
  package var depth = 4
  /// Requests a second; nil sends as fast as answers come.
  package var rate: Double? = 30_000
  /// The part of the unknown impressions that is sent again while the loop runs.
  package var retries = 0.5
  package var seed: UInt64
  /// Further arguments for the server.
  package var arguments: [String] = []
  package var program = TrafficOptions.builtProgram

  package init(seed: UInt64) { self.seed = seed }

  /// The `tally` that was built with the tests: it lies beside them.
  package static var builtProgram: String {
    let own = ChildProcess.ownPath
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tally"
  }
}

/// What it came to.
package struct TrafficResult: Sendable, CustomStringConvertible {
  /// How often the server came back.
  package var starts = 0
  /// Answers `valid` and `duplicate`, and impressions that had no answer for a time.
  package var acknowledged = 0
  package var duplicates = 0
  package var unanswered = 0
  /// Clicks in the table at the end.
  package var counted = 0
  /// Clicks too few and too many, over all (ad, minute).
  package var lost = 0
  package var double = 0
  /// Longest time from the start of a process until it was ready, ms.
  package var slowestRecovery: Int64 = 0
  /// Requests a second while the server was up.
  package var rate = 0
  /// Everything that was wrong, in words.
  package var faults: [String] = []

  package var description: String {
    "\(starts) restarts, \(acknowledged) clicks acknowledged, \(duplicates) repeats, \(unanswered) without an answer, "
      + "\(counted) counted, \(lost) lost, \(double) double, slowest recovery \(slowestRecovery) ms, \(rate) requests/s"
  }
}

/// Traffic on a server with a directory of its own.
package final class RealTraffic {
  package let options: TrafficOptions
  package let server: ServerProcess
  /// How it went so far.
  package private(set) var result = TrafficResult()

  private let directory: TemporaryDirectory
  private let time = KernelTime()
  private let began: Int64
  private let mix: BrowserMix
  private var token = ""
  private var running: (browsers: Browsers, control: ClientControl)?
  private var readySince: Int64 = 0
  private var lived: Int64 = 0

  /// Prepares the directory and the catalog, starts the server and the browsers.
  package init(_ options: TrafficOptions) throws {
    // A crash report of the runtime would linger and hold the log.
    unsafe setenv("SWIFT_BACKTRACE", "enable=no", 1)
    self.options = options
    began = time.wall()
    directory = try TemporaryDirectory("tally-traffic")
    let data = "\(directory.path)/data"
    server = ServerProcess(
      program: options.program, dataDirectory: data, logPath: "\(directory.path)/server.log",
      arguments: ["--verdict-header"] + options.arguments, keepsAddresses: false)
    var mixed = MixOptions()
    mixed.total = .max
    mixed.retries = options.retries
    mixed.attempts = 1_000
    try KernelFileSystem().createDirectory(data)
    let catalog = try Catalog.open("\(data)/\(StoreFiles.catalog)", in: .kernel)
    let key = try catalog.addKey(kid: "traffic")
    mix = BrowserMix(mixed, kid: key.kid, secret: key.secret.bytes, time: time, seed: options.seed)
    let rows = mix.catalog.enumerated().map { index, ad in
      AdRow(
        line: index + 1,
        fields: AdFields(
          adID: ad.id.text, redirectURL: ad.redirectURL, advertiserID: "demo", status: ad.isPaused ? "paused" : "active"
        ))
    }
    _ = try catalog.importAds(rows) { _ in false }
    try startServer()
    token = try AdminToken.read(in: server.dataDirectory, KernelFileSystem())?.reveal() ?? ""
    let control = ClientControl(try ServerAddress("http://\(server.listen)"))
    running = (try Browsers(options, mix, control), control)
  }

  private func startServer() throws {
    let start = time.monotonic()
    try server.start()
    readySince = time.monotonic()
    result.slowestRecovery = max(result.slowestRecovery, (readySince - start) / 1_000_000)
  }

  /// Ends the server by `end` and starts it again; what was acknowledged before must be there afterwards.
  package func restart(_ end: (ServerProcess) -> Void) throws {
    lived += time.monotonic() - readySince
    let acknowledged = mix.report().count(.valid)
    end(server)
    try startServer()
    let position = try position()
    if position < acknowledged {
      result.lost = max(result.lost, acknowledged - position)
      result.faults.append("start \(result.starts): position \(position) after \(acknowledged) acknowledged clicks")
    }
    result.starts += 1
    running?.control.address = try ServerAddress("http://\(server.listen)")
  }

  private struct Shards: Decodable {
    struct Shard: Decodable { var position: Int }
    var shards: [Shard]
  }

  /// The clicks that all shards have now.
  private func position() throws -> Int {
    let answer = try HTTPClient(server.admin).request(
      "GET", "/admin/v1/shards", headers: [("Authorization", "Bearer \(token)")])
    return try JSONDecoder().decode(Shards.self, from: Data(answer.body)).shards.reduce(0) { $0 + $1.position }
  }

  /// Ends the browsers and compares everything. The server is left running.
  package func finish() throws -> TrafficResult {
    guard let (browsers, control) = running else { return result }
    running = nil
    lived += time.monotonic() - readySince
    mix.stopNew()
    try browsers.join()
    try compare("with unsettled clicks", exactly: false)
    // Whatever is still open is sent again, and now everything is known.
    mix.retryUnknown()
    try Browsers(options, mix, control).join()
    try compare("settled", exactly: true)
    let report = mix.report()
    result.acknowledged = report.count(.valid)
    result.duplicates = report.count(.duplicate)
    result.unanswered = report.unanswered
    result.rate = report.answered * 1_000 / max(1, Int(lived / 1_000_000))
    return result
  }

  private func compare(_ name: String, exactly: Bool) throws {
    let actual = try TableReader(server.listen, token: token).counts(
      of: mix.ledger.ads, from: began - 120_000, to: time.wall() + 120_000)
    result.counted = actual.values.reduce(0, +)
    let differences = mix.ledger.compare(actual)
    for difference in differences {
      result.lost += max(0, difference.expected.lowerBound - difference.actual)
      result.double += max(0, difference.actual - difference.expected.upperBound)
    }
    result.faults += differences.prefix(5).map { "\(name): \($0)" }
    guard exactly else { return }
    if !mix.ledger.expectation().isExact { result.faults.append("some clicks were never settled by a retry") }
    let violations = mix.ledger.violations()
    result.faults += violations.first.prefix(5).map(\.description)
    if violations.count > 5 { result.faults.append("and \(violations.count - 5) more violations") }
  }
}

/// The browsers, on a thread of their own.
final class Browsers {
  private let thread: Thread
  private let outcome = Outcome()

  private final class Outcome: Sendable {
    let value = Mutex<Result<ClientStatistics, SystemError>?>(nil)
  }

  init(_ options: TrafficOptions, _ mix: BrowserMix, _ control: ClientControl) throws(SystemError) {
    var client = ClientOptions()
    client.connections = options.connections
    client.depth = options.depth
    client.rate = options.rate
    client.backoff = 2_000_000...20_000_000
    client.giveUpAfter = 60_000_000_000
    let (settings, outcome) = (client, outcome)
    thread = try Thread("browsers") {
      let result: Result<ClientStatistics, SystemError>
      do throws(SystemError) {
        var client = try ClickClient.make(settings, control)
        result = .success(try client.run(source: mix, observer: mix))
      } catch { result = .failure(error) }
      outcome.value.withLock { $0 = result }
    }
  }

  /// Waits until they are done.
  @discardableResult
  func join() throws(SystemError) -> ClientStatistics {
    thread.join()
    return try outcome.value.withLock { $0! }.get()
  }
}
