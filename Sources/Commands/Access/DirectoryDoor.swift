import Catalog
import Clicks
import Platform
import Service
import Shards
import Store
import Synchronization

/// A data directory that no server holds: the service's own routes on its files, under its lock, for its owner.
package final class DirectoryDoor: Door {
  private let api: API
  private let lock: DirectoryLock
  private let failures: Failures

  /// What went wrong with the catalog beneath a route.
  private final class Failures: Sendable {
    let last = Mutex<CatalogError?>(nil)
    /// Why the counts could not be read.
    let read = Mutex<String?>(nil)
  }

  /// What a command needs of the directory.
  package enum Need: Sendable {
    /// Ads, keys and tokens alone.
    case catalog
    /// The counts too, which means reading the log.
    case counts
  }

  /// Takes the directory's lock. A directory without a catalog gets one, with its first token, as the first start of a
  /// server would do.
  package init(_ path: String, _ need: Need, _ console: Console) throws {
    let environment = console.environment
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    let catalog = try StoreCatalog.open(path, in: environment)
    if let token = try AdminToken.writeOnFirstStart(catalog, in: path) {
      console.note("the admin token is in \(token)")
    }
    let failures = Failures()
    self.failures = failures
    api = API(
      catalog: catalog, tables: try need == .counts ? Self.tables(path, environment) : ShardTables([], routes: nil),
      clock: { environment.time.wall() }, zones: ZoneBook(environment.files),
      failed: { error in failures.last.withLock { $0 = error } },
      failedRead: { text in failures.read.withLock { $0 = text } }, changed: { _ in })
  }

  /// The counts of every shard; none where the directory has no store yet. A damaged shard keeps nobody from asking the others.
  private static func tables(_ path: String, _ environment: Environment) throws -> ShardTables {
    guard let identity = try Store.identify(environment.files, path) else { return ShardTables([], routes: nil) }
    var unreadable: [Int: any Error] = [:]
    let tables = (0..<identity.shards).map { shard in
      do { return try Store.read(environment, path, identity, shard: shard).live } catch {
        unreadable[shard] = error
        return LiveTable.empty
      }
    }
    // Without them every shard is asked, which is right as well.
    let routes = try? RoutesFile.read(
      environment.files, identity.root(in: path), store: identity.id, shards: identity.shards)
    let board = routes.map { RouteBoard(RouteBoard.Routes($0.table)) }
    return ShardTables(tables, routes: board, unreadable: unreadable)
  }

  package func ask(_ ask: Ask) throws -> Reply {
    let request = APIRequest(
      method: ask.method, segments: ask.segments, parameters: ask.parameters, contentType: ask.contentType,
      body: ask.body, isAdmin: true, requestID: "")
    let owner = Grant(tokenID: "", scopes: [.read, .ingest, .mint, .ads, .admin], advertiserID: nil)
    let answer =
      switch api.answer(request, as: owner) {
      case .done(let response): response
      case .query(let work): work()
      case .steps(let work): work.finish()
      case .stream, .watch, .summaries: Problem.notServing.response(requestID: request.requestID)
      }
    if let failure = failures.last.withLock({ $0 }) { throw failure }
    if let failure = failures.read.withLock({ $0 }) { throw Failure(failure) }
    guard answer.status < 400 else { throw Refusal.failure(status: answer.status, body: answer.body) }
    return Reply(status: answer.status, body: answer.body)
  }
}
