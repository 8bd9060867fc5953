import Catalog
import Clicks
import Query
import Shards

// Requests that only read counts. They need neither the catalog's thread nor anything of it but a look at an ad, so they go from
// their loop to a query worker at once:
//
//   loop: host ─▶ route ─▶ token, scope ─▶ query worker: ad, parameters ─▶ shards ─▶ answer ─▶ loop
//                                       ╰▶ light: ad, parameters ─▶ shards ─▶ answer
//
// Two threads that wake each other take longer than the series of one ad over a day, so the loop answers this itself, where the ad is
// in its cache, the rows are few and in memory, and it has not spent its time on such answers already.

/// Answers queries, on any thread.
package final class QueryDesk: Sendable {
  let catalog: CatalogReader
  let tables: ShardTables
  let clock: @Sendable () -> Int64
  let zones: ZoneBook
  /// Told why a query could not be answered.
  let failed: @Sendable (String) -> Void

  package init(
    _ catalog: CatalogReader, _ tables: ShardTables, clock: @escaping @Sendable () -> Int64, zones: ZoneBook,
    failed: @escaping @Sendable (String) -> Void
  ) {
    self.catalog = catalog
    self.tables = tables
    self.clock = clock
    self.zones = zones
    self.failed = failed
  }

  /// Answers a request of a route that is one of `Route.isQuery`, for the bearer of `grant`. `ad` is what a cache has of the ad
  /// called `name`. What goes wrong is a problem document.
  package func answer(
    _ route: Route, _ name: String, _ request: APIRequest, _ grant: Grant, ad: CachedAd? = nil
  ) -> APIResponse {
    do throws(Problem) {
      switch route {
      case .aggregates: return try aggregates(name, request, grant, ad)
      case .manyAggregates: return try manyAggregates(request, grant)
      case .top: return try top(request, grant)
      case .corrections: return try corrections(name, request, grant, ad)
      case .manyCorrections: return try manyCorrections(request, grant)
      default: throw .notFound()
      }
    } catch { return error.response(requestID: request.requestID) }
  }

  /// The ad called `name`, if the bearer of `grant` may see its counts.
  func visibleAd(_ name: String, _ grant: Grant, _ cached: CachedAd?) throws(Problem) -> (id: AdID, key: AdKey) {
    guard let id = AdID(name) else { throw .invalid([("adId", AdFields.rule)]) }
    let key = AdKey(id)
    if let cached, cached.id == id {
      guard grant.reaches(advertiserID: cached.advertiserID, campaignID: cached.campaignID) else {
        throw .unknownAd
      }
      return (id, key)
    }
    let row = try inCatalog { catalog throws(CatalogError) in try VisibleAds.row(of: key, grant, in: catalog) }
    _ = try VisibleAds.admit(id, key, row, grant, tables)
    return (id, key)
  }

  /// What `body` gets from the catalog; its refusals become problems, its failures are reported.
  func inCatalog<T: Sendable>(_ body: (Catalog) throws(CatalogError) -> T) throws(Problem) -> T {
    try fromCatalog { () throws(CatalogError) in try catalog.read(body) }
  }

  /// What `body` gets from `catalog`; its refusals become problems, its failures are reported.
  func fromCatalog<T: Sendable>(_ body: () throws(CatalogError) -> T) throws(Problem) -> T {
    do throws(CatalogError) { return try body() } catch {
      let problem = Problem(error)
      if problem.status >= 500 { failed("catalog: \(error)") }
      throw problem
    }
  }

  /// What `body` reads of the shards; `doing` names it where that fails.
  func read<T>(_ doing: @autoclosure () -> String, _ body: () throws -> T) throws(Problem) -> T {
    do { return try body() } catch let refusal as QueryRefusal { throw Problem(refusal) } catch {
      failed("\(doing()): \(error)")
      throw .unreadable
    }
  }
}

extension Route {
  /// Whether a `QueryDesk` answers it.
  var isQuery: Bool {
    switch self {
    case .aggregates, .manyAggregates, .top, .corrections, .manyCorrections: true
    default: false
    }
  }
}
