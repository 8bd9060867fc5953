import Catalog
import Clicks
import Demo
import FoundationEssentials
import Glibc
import HTTP
import Platform
import Service
import Store
import Synchronization
import Testing
import Traffic

/// A whole server in this process, on a directory of its own and free ports of the loopback, with a small catalog:
///
///     ads    active, other      redirect to their landing pages
///            resting, retreat   paused; retreat has a fallback
///     keys   first, second      active; second is the newest
///            old                retired
final class TestService {
  let directory: TemporaryDirectory
  let dataDirectory: String
  let settings: ServeSettings
  let environment: Environment
  /// What the server said to its operator.
  let lines = Lines()
  private(set) var server: Server
  private(set) var token = ""
  private var isRunning = false

  final class Lines: Sendable {
    let all = Mutex<[String]>([])
  }

  static let landing = "https://shop.example/landing?x=1&y=2#top"
  static let otherLanding = "https://other.example/"
  static let fallback = "https://fallback.example/instead"
  /// The ads whose clicks count, with where they lead.
  static let ads = [("active", landing), ("other", otherLanding)]

  /// Starts a server. `parent` is where its data goes instead of a directory under `TMPDIR`.
  init(
    files: any FileSystem = KernelFileSystem(), chance: any ChanceSource = KernelChance(), parent: String? = nil,
    _ change: (inout ServeSettings) -> Void = { _ in }
  ) throws {
    directory = try TemporaryDirectory("tally-service")
    dataDirectory = (parent ?? directory.path) + "/data"
    environment = Environment(files: files, time: KernelTime(), chance: chance)
    var settings = ServeSettings()
    settings.dataDirectory = dataDirectory
    settings.listen = "127.0.0.1:0"
    settings.adminListen = "127.0.0.1:0"
    settings.verdictHeader = true
    settings.drainTimeout = 5_000_000_000
    settings.shardOptions.slotBytes = 1 << 20
    settings.shardOptions.diskReserve = 0
    // Minutes close by the clock, whether clicks come or not.
    settings.shardOptions.idleAfter = 0
    settings.shardOptions.expectedImpressions = 50_000
    change(&settings)
    self.settings = settings
    server = Server(settings, environment: environment) { _ in }
    try KernelFileSystem().createDirectory(dataDirectory)
    try Self.fill(try Catalog.open("\(dataDirectory)/\(StoreFiles.catalog)", in: .kernel))
    try start()
  }

  deinit {
    // A disk that still stands still would hold the committer, and so this.
    (environment.files as? FaultyFileSystem)?.faults = .init()
    stop()
  }

  private static func fill(_ catalog: Catalog) throws {
    for kid in ["old", "first", "second"] { _ = try catalog.addKey(kid: kid, secret: Secret(secret(of: kid))) }
    _ = try catalog.retireKey("old")
    let rows = [
      AdFields(adID: "active", redirectURL: landing, advertiserID: "acme", status: "active"),
      AdFields(adID: "other", redirectURL: otherLanding, advertiserID: "acme", status: "active"),
      AdFields(adID: "resting", redirectURL: landing, advertiserID: "acme", status: "paused"),
      AdFields(
        adID: "retreat", redirectURL: landing, advertiserID: "acme", status: "paused", fallbackURL: fallback),
    ]
    _ = try catalog.importAds(rows.enumerated().map { AdRow(line: $0 + 1, fields: $1) }) { _ in false }
  }

  static func secret(of kid: String) -> String { "the secret of \(kid)" }

  // MARK: - Life

  /// Starts again what was stopped, on the same directory.
  func start() throws {
    let lines = lines
    server = Server(settings, environment: environment) { line in lines.all.withLock { $0.append(line) } }
    try server.start()
    isRunning = true
    token = try #require(try AdminToken.read(in: dataDirectory, KernelFileSystem())).reveal()
  }

  /// Stops in good order.
  func stop() {
    if isRunning { server.stop() }
    isRunning = false
  }

  /// Makes schedules believe that they were first seen so many ms earlier. The server must be stopped.
  func rewindSchedules(by milliseconds: Int64) throws {
    let path = "\(dataDirectory)/\(StoreFiles.catalog)"
    let database = try Database.open(path, .readWrite, files: KernelFileSystem())
    let seen = try database.query("SELECT kind, first_seen FROM schedule", [], doing: "reading schedules") {
      (kind: $0.text(0), time: $0.integer(1))
    }
    try database.run("DELETE FROM schedule", [], doing: "rewinding schedules")
    // Rows are signed: the catalog writes them anew.
    let catalog = try Catalog.open(path, in: .kernel)
    for (kind, time) in seen { _ = try catalog.lastScheduled(kind, now: time - milliseconds) }
  }

  func restart() throws {
    stop()
    try start()
  }

  var address: String { server.publicAddress }

  // MARK: - Clicks

  /// Sends one request on a connection of its own.
  func request(_ method: String, _ target: String, _ headers: [(String, String)] = []) throws -> Response {
    try HTTPClient(address).request(method, target, headers: headers)
  }

  /// A GET of a new signed link.
  func click(_ ad: String = "active", id: ImpressionID = TestService.impression()) throws -> Response {
    try request("GET", Self.link(ad, id))
  }

  /// A new impression, minted `offset` ms from now.
  static func impression(mintedIn offset: Int64 = 0) -> ImpressionID {
    .version7(at: KernelTime().wall() + offset, random: (.random(in: 0 ... .max), .random(in: 0 ... .max)))
  }

  static func signature(_ ad: String, _ impression: String, kid: String = "second") -> String {
    "\(SigningKey(id: kid, secret: Array(secret(of: kid).utf8)).sign(ad: ad, impression: impression))"
  }

  /// A signed link; `kid` signs it and is named in it only if `names`.
  static func link(_ ad: String, _ id: ImpressionID, kid: String = "second", names: Bool = false) -> String {
    "/click?adId=\(ad)&impressionId=\(id)&signature=\(signature(ad, "\(id)", kid: kid))" + (names ? "&kid=\(kid)" : "")
  }

  // MARK: - What it says of itself

  /// A request with the admin token, on the public listener or the admin one.
  func api(
    _ method: String, _ path: String, _ body: String = "", admin: Bool = false
  ) throws -> Response {
    let headers = [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")]
    return try HTTPClient(admin ? server.adminAddress : address).request(
      method, path, headers: headers, body: Array(body.utf8))
  }

  /// The text of a new token with these scopes.
  func newToken(_ scopes: [String]) throws -> String {
    struct Made: Decodable { var token: String }
    let list = scopes.map { "\"\($0)\"" }.joined(separator: ",")
    let answer = try api("POST", "/admin/v1/tokens", #"{"scopes":[\#(list)]}"#, admin: true)
    return try JSONDecoder().decode(Made.self, from: Data(answer.body)).token
  }

  struct Series: Decodable, Equatable {
    struct Point: Decodable, Equatable {
      var minute: String
      var clicks: Int
    }
    var total: Int
    var asOf: String
    var completeThrough: String?
    var series: [Point]

    /// The position of the first shard that can hold the ad.
    var position: Int { Int(asOf.split(separator: ",")[0].split(separator: ":")[1]) ?? -1 }
  }

  func series(_ ad: String = "active") throws -> Series {
    let answer = try api("GET", "/api/v1/ads/\(ad)/aggregates?from=-2h&to=\(KernelTime().wall() + 120_000)")
    try #require(answer.status == 200, "\(answer.text)")
    return try JSONDecoder().decode(Series.self, from: Data(answer.body))
  }

  func total(_ ad: String = "active") throws -> Int { try series(ad).total }

  func metrics() throws -> MetricsPage {
    let answer = try HTTPClient(server.adminAddress).request("GET", "/metrics")
    try #require(answer.status == 200)
    return try MetricsPage(answer.text)
  }

  func ready() throws -> (status: Int, text: String) {
    let answer = try request("GET", "/-/ready")
    return (answer.status, answer.text)
  }
}

/// Waits until `condition` holds, at most `seconds`.
func eventually(_ seconds: Double = 5, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = KernelTime().monotonic() + Int64(seconds * 1e9)
  while KernelTime().monotonic() < deadline {
    if try condition() { return true }
    usleep(2_000)
  }
  return false
}

extension Response {
  var verdict: String? { header("X-Tally-Verdict") }
  var location: String? { header("Location") }
}
