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
    do throws(QueryRefusal) { query = try seriesQuery(ad.id, ad.key, request) } catch { throw Problem(error) }
    let series = try read("query \(ad.id)") { try Series(query, over: tables) }
    return Self.answer(series, request, by: SHA256())
  }

  /// The same where it is light work on what is in memory: for a thread that must not wait. Nil where it is not, or anything is
  /// wrong, which `aggregates` then says. `key` is the ad's, `hasher` the thread's.
  func lightAggregates(
    _ request: APIRequest, _ grant: Grant, _ ad: CachedAd, _ key: AdKey, by hasher: SHA256
  ) -> APIResponse? {
    guard grant.reaches(advertiserID: ad.advertiserID, campaignID: ad.campaignID),
      let query = try? seriesQuery(ad.id, key, request), query.isPlain
    else { return nil }
    let points = (query.to.index - query.from.index) / query.grid.minutes
    guard points <= (APIResponse.takesGzip(request.acceptEncoding) ? Self.lightPackedPoints : Self.lightPoints),
      let series = try? Series(query, over: tables, rowLimit: Self.lightRows)
    else { return nil }
    return Self.answer(series, request, by: hasher)
  }

  /// Points of a light answer, and of one that is packed; rows that may be looked at for it.
  private static let lightPoints: Int64 = 1_500
  private static let lightPackedPoints: Int64 = 50
  private static let lightRows = 40_000

  private func seriesQuery(_ id: AdID, _ key: AdKey, _ request: APIRequest) throws(QueryRefusal) -> SeriesQuery {
    try SeriesQuery(
      adID: id, ad: key, parameters: request.parameters, now: clock(), zones: zones,
      format: .accepted(request.accept))
  }

  private static func answer(_ series: Series, _ request: APIRequest, by hasher: SHA256) -> APIResponse {
    // Weak: an answer that differs only in the positions of the shards says the same about the ad.
    let tag = EntityTag(text: series.fingerprint(by: hasher), isWeak: true)
    return API.validated(
      tag, request,
      headers: fields(
        asOf: series.asOfText, total: series.total, complete: series.completeThroughText, next: series.next),
      type: series.query.format.mediaType
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
