import Catalog
import Clicks
import Glibc
import HTTP
import JSON
import Platform
import Service
import Simulation
import Shards
import Store
import StoreHarness
import Testing

/// A real catalog in a directory of its own, a store of two shards on a simulated machine, and the API over both.
final class APIHarness {
  let path: String
  let machine = SimulatedMachine(seed: 1)
  let catalog: Catalog
  let store: Store
  private(set) var changes: [CatalogChange] = []
  private(set) var failures: [CatalogError] = []
  private var made: API?
  /// What the service knows of its tokens.
  let board: TokenBoard
  private var clicks: UInt64 = 0

  /// Tokens by what they are for.
  let admin: String
  let ads: String
  let read: String
  /// Bound to the advertiser `acme`, scopes `ads` and `read`.
  let bound: String

  init() throws {
    path = "/tmp/tally-api-\(getpid())-\(KernelChance().next())"
    let files = KernelFileSystem()
    try files.createDirectory(path)
    let catalog = try Catalog.open(
      path + "/catalog.sqlite", in: Environment(files: files, time: machine.time, chance: machine.chance))
    store = try Store.open(machine.environment, "/data", shards: 2, options: Scenario.options)
    self.catalog = catalog
    func token(_ scopes: Scopes, _ advertiser: String? = nil) throws -> String {
      try catalog.createToken(scopes: scopes, advertiserID: advertiser).text.reveal()
    }
    admin = try token([.admin])
    ads = try token([.ads])
    read = try token([.read])
    bound = try token([.ads, .read], "acme")
    let board = TokenBoard(
      try catalog.tokenView(), in: Environment(files: files, time: machine.time, chance: machine.chance))
    self.board = board
    made = API(
      catalog: catalog, tables: ShardTables(store.shards.map(\.live), routes: nil),
      clock: { [clock = store.clock] in clock.now() }, zones: ZoneBook(files),
      failed: { [unowned self] in failures.append($0) }, tokens: board,
      changed: { [unowned self] change in
        changes.append(change)
        if case .tokens = change, let view = try? catalog.tokenView() { board.show(view) }
      })
  }

  deinit {
    let files = KernelFileSystem()
    for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
    unsafe rmdir(path)
  }

  var api: API { made! }

  /// The time on the store's clock, as an answer writes it.
  var now: Int64 { store.clock.now() }

  /// Commits `count` clicks of an ad on a shard, which happened at `time`.
  func click(_ ad: String, _ count: Int, shard: Int = 0, at time: Int64 = ClickRequest.onReceipt) throws {
    let key = AdKey(try #require(AdID(ad)))
    let batch = (0..<count).map { _ in
      clicks += 1
      return ClickRequest(
        identity: ClickIdentity(ad: key, impression: ImpressionID(high: clicks, low: clicks)),
        eventTime: time)
    }
    store.shards[shard].commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
  }

  /// Commits one click each of `count` ads that the catalog does not know, half of them on each shard.
  func clickEach(_ count: Int) throws {
    for shard in 0..<2 {
      for start in stride(from: shard, to: count, by: 200) {
        while store.shards[shard].slots.needsPreparation { try store.shards[shard].slots.prepare() }
        let batch = stride(from: start, to: min(start + 200, count), by: 2).map { ad in
          clicks += 1
          return ClickRequest(
            identity: ClickIdentity(
              ad: AdKey(AdID("x\(ad)")!), impression: ImpressionID(high: clicks, low: clicks)),
            eventTime: ClickRequest.onReceipt)
        }
        store.shards[shard].commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
      }
    }
  }

  /// Sends a request; `target` is path and query, not encoded.
  func send(
    _ method: Method, _ target: String, token: String?, body: [UInt8] = [], type: String? = nil, accept: String? = nil,
    ifNoneMatch: String? = nil, admin: Bool = false, as change: (inout APIRequest) -> Void = { _ in }
  ) -> APIResponse {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let pairs = parts.count == 2 ? parts[1].split(separator: "&") : []
    var request = APIRequest(
      method: method,
      segments: parts[0].split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init),
      parameters: pairs.map { pair in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(sides[0]), sides.count == 2 ? String(sides[1]) : "")
      },
      authorization: token.map { "Bearer \($0)" }, contentType: type, accept: accept, ifNoneMatch: ifNoneMatch,
      body: body, isAdmin: admin, requestID: "r-1")
    change(&request)
    switch api.answer(request) {
    case .done(let response): return response
    case .query(let compute): return compute()
    // As a server does it.
    case .steps(let work): while true { if let answer = work.step() { return answer } }
    case .stream, .watch, .summaries: return APIResponse(status: 200)
    }
  }

  func get(_ target: String, _ token: String?, admin: Bool = false) -> APIResponse {
    send(.get, target, token: token, admin: admin)
  }

  /// Sends JSON.
  func send(_ method: Method, _ target: String, _ token: String?, json: String, admin: Bool = false) -> APIResponse {
    send(method, target, token: token, body: Array(json.utf8), type: "application/json", admin: admin)
  }

  /// Puts an ad of an advertiser.
  @discardableResult
  func put(
    _ ad: String, _ token: String? = nil, advertiser: String = "acme", json: String? = nil
  ) -> APIResponse {
    send(
      .put, "/api/v1/ads/\(ad)", token ?? ads,
      json:
        #"{"redirectUrl":"https://shop.example/\#(ad)","advertiserId":"\#(advertiser)"\#(json.map { "," + $0 } ?? "")}"#
    )
  }
}

extension APIResponse {
  var text: String { String(decoding: body, as: UTF8.self) }

  /// The body as JSON; null where it is none.
  var json: JSONValue { (try? JSONReader.read(body)) ?? .null }

  /// The problem's code, where it has the whole shape of a problem of its status.
  var problem: String? {
    guard header("Content-Type") == "application/problem+json", case .string(let code)? = json["code"],
      json["type"] == .string("urn:tally:problem:\(code)"), json["status"] == .integer(status),
      case .string(let title)? = json["title"], !title.isEmpty, case .string(let detail)? = json["detail"],
      !detail.isEmpty, json["requestId"] == "r-1", header("Cache-Control") == "no-store"
    else { return nil }
    return code
  }

  /// The parameters that a problem names.
  var faults: [String] {
    guard case .array(let errors)? = json["errors"] else { return [] }
    return errors.map { error in
      if case .string(let name)? = error["parameter"], case .string? = error["detail"] { name } else { "?" }
    }
  }
}
