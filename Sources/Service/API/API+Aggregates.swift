import Catalog
import Clicks
import HTTP
import Query
import Shards

extension API {
  /// The ad called `name`, if the bearer of `grant` may see its counts.
  func visibleAd(_ name: String, _ grant: Grant) throws(Problem) -> (id: AdID, key: AdKey) {
    let id = try adID(name)
    let key = AdKey(id, by: hasher)
    let row = try inCatalog { () throws(CatalogError) in try VisibleAds.row(of: key, grant, in: catalog) }
    _ = try VisibleAds.admit(id, key, row, grant, tables)
    return (id, key)
  }
}

extension QueryDesk {
  /// The series of one ad.
  func aggregates(
    _ name: String, _ request: APIRequest, _ grant: Grant, _ cached: CachedAd?
  ) throws(Problem) -> APIResponse {
    let ad = try visibleAd(name, grant, cached)
    let query: SeriesQuery
    do throws(QueryRefusal) {
      query = try SeriesQuery(
        adID: ad.id, ad: ad.key, parameters: request.parameters, now: clock(), zones: zones,
        format: .accepted(request.accept))
    } catch { throw Problem(error) }
    let series = try read("query \(ad.id)") { try Series(query, over: tables) }
    // Weak: an answer that differs only in the positions of the shards says the same about the ad.
    let tag = EntityTag(text: series.fingerprint(), isWeak: true)
    return API.validated(
      tag, request,
      headers: Self.fields(
        asOf: series.asOfText, total: series.total, complete: series.completeThroughText, next: series.next),
      type: query.format.mediaType
    ) { series.rendered() }
  }

  /// What the head of an answer says of its points.
  static func fields(
    asOf: String, total: UInt64, complete: String?, next: String?
  ) -> [(name: StaticString, value: String)] {
    var fields: [(name: StaticString, value: String)] = [
      ("Vary", "Accept, Authorization"), ("X-Tally-As-Of", asOf), ("X-Tally-Total", String(total)),
    ]
    if let complete { fields.append(("X-Tally-Complete-Through", complete)) }
    if let next { fields.append(("X-Tally-Next", next)) }
    return fields
  }
}

extension SeriesFormat {
  /// The format of the first media type in `Accept` that there is one for; JSON otherwise. Weights are left out of
  /// account: who wants to be sure says `format`.
  static func accepted(_ accept: String?) -> SeriesFormat {
    for member in (accept ?? "").lowercased().split(separator: ",") {
      switch member.prefix(while: { $0 != ";" }).filter({ $0 != " " && $0 != "\t" }) {
      case "application/json", "*/*": return .json
      case "text/csv": return .csv
      case "application/x-ndjson": return .ndjson
      default: continue
      }
    }
    return .json
  }
}
