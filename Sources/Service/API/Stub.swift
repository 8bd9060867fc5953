import Catalog
import Clicks
import HTTP
import Store
package struct APIRequest: Sendable {
  init(_ request: borrowing Request, isAdmin: Bool, requestID: String) throws(Problem) {}
}
package struct APIResponse: Sendable { var status = 404; var headers: [(name: String, value: String)] = []; var body: [UInt8] = [] }
package struct Problem: Error, Sendable {
  var status = 400
  func response(requestID: String) -> APIResponse { APIResponse(status: status) }
  func write(into w: inout ResponseWriter) { w.begin(status) }
  static func methodNotAllowed(_ m: [String]) -> Problem { Problem(status: 405) }
  static func badParameter(_ n: String, _ d: String) -> Problem { Problem(status: 400) }
  static let badSignature = Problem(status: 403)
  static let unknownAd = Problem(status: 404)
  static let paused = Problem(status: 410)
  static let overloaded = Problem(status: 503)
}
enum CatalogChange { case ads([AdKey]), keys }
package final class API {
  init(catalog: Catalog, tables: [LiveTable], clock: @escaping @Sendable () -> Int64, changed: @escaping (CatalogChange) -> Void) {}
  static func bodyLimit(_ head: borrowing Request) -> Int { 0 }
  enum Outcome { case done(APIResponse), query(@Sendable () -> APIResponse) }
  func answer(_ r: APIRequest) -> Outcome { .done(APIResponse()) }
}
