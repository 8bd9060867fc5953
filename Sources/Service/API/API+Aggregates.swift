import Catalog
import Clicks
import HTTP
import Query
import Shards
import Store

extension API {
  /// The ad called `name`, if the bearer of `grant` may see its counts.
  ///
  /// An ad is known where the catalog has it, deleted or not, or where clicks of it were counted; the latter alone is
  /// enough only for a token that is not bound to an advertiser.
  func visibleAd(_ name: String, _ grant: Grant) throws(Problem) -> (id: AdID, key: AdKey) {
    let id = try adID(name)
    let key = AdKey(id, by: hasher)
    let row = try inCatalog { () throws(CatalogError) -> Ad? in
      do throws(CatalogError) { return try catalog.ad(key, includingDeleted: true) } catch {
        // Whose a damaged ad is nobody knows; the counts are right, and who sees all of them may see these.
        guard case .damagedRow = error, grant.advertiserID == nil else { throw error }
        return nil
      }
    }
    if let row {
      // A row of another id has the same key: the counts are that one's.
      guard row.id == id, grant.reaches(advertiserID: row.advertiserID) else { throw .unknownAd }
    } else {
      guard grant.advertiserID == nil, hasCounts(key) else { throw .unknownAd }
    }
    return (id, key)
  }

  /// The series of one ad. The catalog decides here who may see it; the shards are walked by a query worker.
  func aggregates(
    _ name: String, _ request: APIRequest, _ grant: Grant
  ) throws(Problem) -> @Sendable () -> APIResponse {
    let (id, key) = try visibleAd(name, grant)
    let query: SeriesQuery
    do throws(QueryRefusal) {
      query = try SeriesQuery(
        adID: id, ad: key, parameters: request.parameters, now: clock(), zones: zones,
        format: Self.format(request.accept))
    } catch { throw Problem(error) }
    return { [tables, failedRead] in Self.answer(query, request, tables, failedRead) }
  }

  private static func answer(
    _ query: SeriesQuery, _ request: APIRequest, _ tables: ShardTables, _ failed: @Sendable (String) -> Void
  ) -> APIResponse {
    let series: Series
    do { series = try Series(query, over: tables) } catch let refusal as QueryRefusal {
      return Problem(refusal).response(requestID: request.requestID)
    } catch {
      failed("query \(query.adID): \(error)")
      return Problem.unreadable.response(requestID: request.requestID)
    }
    // Weak: an answer that differs only in the positions of the shards says the same about the ad.
    let tag = EntityTag(text: series.fingerprint(), isWeak: true)
    var fields: [(name: StaticString, value: String)] = [
      ("Vary", "Accept, Authorization"), ("X-Tally-As-Of", series.asOfText), ("X-Tally-Total", String(series.total)),
    ]
    if let complete = series.completeThroughText { fields.append(("X-Tally-Complete-Through", complete)) }
    if let next = series.next { fields.append(("X-Tally-Next", next)) }
    return validated(tag, request, headers: fields, type: query.format.mediaType) { series.rendered() }
  }

  /// The format of the first media type in `Accept` that there is one for; JSON otherwise. Weights are left out of
  /// account: who wants to be sure says `format`.
  static func format(_ accept: String?) -> SeriesFormat {
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
