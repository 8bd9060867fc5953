import Catalog
import Clicks
import Commands
import Demo
import HTTP
import JSON
import Platform
import Service
import Store
import Synchronization
import Testing
import Traffic

/// The machine's clocks, moved ahead by as much as a test says. Nothing may be under way while it moves them: whoever waits
/// for the disk would believe that it has waited as long.
final class MovedTime: TimeSource {
  private let real = KernelTime()
  private let ahead = Atomic<Int64>(0)

  func monotonic() -> Int64 { real.monotonic() + ahead.load(ordering: .relaxed) * 1_000_000 }
  func wall() -> Int64 { real.wall() + ahead.load(ordering: .relaxed) }
  func move(milliseconds: Int64) { ahead.add(milliseconds, ordering: .relaxed) }
}

/// A whole server in this process on real sockets and files, whose clock a test moves, and commands under the same clock.
final class MovedServer {
  let session: Session
  let time = MovedTime()
  private let settings: ServeSettings
  private let key: SigningKey
  private var server: Server?
  private var client: HTTPClient?
  private var token = ""

  static let secret = "a secret of a test server"

  /// Starts one whose catalog has the ad `ad`.
  init(ad: String, _ change: (inout ServeSettings) -> Void) throws {
    session = try Session()
    session.environment = Environment(files: KernelFileSystem(), time: time, chance: KernelChance())
    var settings = ServeSettings()
    settings.dataDirectory = session.data
    settings.listen = "127.0.0.1:0"
    settings.adminListen = "127.0.0.1:0"
    settings.verdictHeader = true
    settings.shardOptions.slotBytes = 1 << 20
    settings.shardOptions.diskReserve = 0
    // Minutes close by the clock, whether clicks come or not.
    settings.shardOptions.idleAfter = 0
    settings.shardOptions.expectedImpressions = 50_000
    change(&settings)
    self.settings = settings
    key = SigningKey(id: "k", secret: Array(Self.secret.utf8))
    try session.write("secret", Self.secret)
    try run("ads put \(ad) https://x.example/ --advertiser acme --data-dir DATA")
    try run("keys add --kid k --secret-file DIR/secret --data-dir DATA")
    try start()
  }

  deinit { stop() }

  /// Runs a command that must succeed.
  @discardableResult
  func run(_ line: String) throws -> Session.Result {
    let result = session.run(line)
    try #require(result.status == .done, "\(line): \(result.talk)")
    return result
  }

  func start() throws {
    let server = Server(settings, environment: session.environment) { _ in }
    try server.start()
    self.server = server
    client = try HTTPClient(server.publicAddress)
    token = try #require(try AdminToken.read(in: session.data, KernelFileSystem())).reveal()
  }

  func stop() {
    client = nil
    server?.stop()
    server = nil
  }

  /// Moves the clock while nothing is under way.
  func move(milliseconds: Int64) throws {
    // No connection is kept over it, which would be idle too long at once.
    client?.disconnect()
    time.move(milliseconds: milliseconds)
  }

  // MARK: - Doors

  /// The verdict of a click: `spelled` is the impression as the link's signature has it, `shown` as it stands in the link.
  func click(_ ad: String, spelled: String, shown: String) throws -> String {
    let link = "/click?adId=\(ad)&impressionId=\(shown)&signature=\(key.sign(ad: ad, impression: spelled))"
    let answer = try #require(client).request("GET", link)
    return answer.header("X-Tally-Verdict") ?? "\(answer.status): \(answer.text)"
  }

  /// What the batch door says of these lines.
  func batch(_ lines: [String]) throws -> JSONValue {
    let address = try ServerAddress(try #require(server).publicAddress)
    let answer = try BatchClient(address).post(Array(lines.joined().utf8), token: token)
    try #require(answer.status == 200, "\(answer.text)")
    return try JSONReader.read(answer.body)
  }

  /// What `tally import` says of a file of these lines: by way of the running server, or on the directory while no server
  /// holds it.
  func importFile(_ name: String, _ lines: [String], byServer: Bool) throws -> JSONValue {
    try session.write(name, lines.joined())
    let line = "import DIR/\(name) --data-dir DATA --format json"
    let settings =
      " --log-slot-size 1MiB --disk-reserve 0 --dedup-horizon \(settings.shardOptions.dedupHorizon)ms"
    if !byServer { stop() }
    let result = session.run(byServer ? line : line + settings)
    try #require(!result.output.isEmpty, "\(result.talk)")
    if !byServer { try start() }
    return try JSONReader.read(Array(result.output.utf8))
  }

  /// An answer of the admin listener.
  func admin(_ path: String) throws -> JSONValue {
    let answer = try HTTPClient(try #require(server).adminAddress).request(
      "GET", path, headers: [("Authorization", "Bearer \(token)")])
    try #require(answer.status == 200, "\(answer.text)")
    return try JSONReader.read(answer.body)
  }

  func total(_ ad: String) throws -> Int {
    let result = try run("query \(ad) --from -9d --to now --granularity day --format json --data-dir DATA")
    return try JSONReader.read(Array(result.output.utf8))["total"]?.text.flatMap { Int($0) } ?? -1
  }
}
