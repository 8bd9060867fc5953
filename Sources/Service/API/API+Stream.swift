import Catalog
import Clicks
import Query

extension API {
  /// The live points of one ad: who may see them is as for its series.
  func stream(_ name: String, _ request: APIRequest, _ grant: Grant) throws(Problem) -> LiveQuery {
    let values = try request.values(["from", "since"])
    let now = clock()
    let last = Minute(containing: now)
    var seen = request.lastEventID.flatMap { LiveMark($0) }
    if let since = values["since"], AsOf(since) == nil { throw .invalid([("since", AsOf.rule)]) }
    var from = Minute(index: max(0, last.index + 1 - LiveQuery.defaultMinutes))
    if let text = values["from"] {
      do throws(TimeText.Failure) { from = Minute(containing: try TimeText.parse(text, now: now)) } catch {
        throw .invalid([("from", error.detail)])
      }
      if from > last { throw .invalid([("from", "lies in the future")]) }
      if last.index - from.index > LiveQuery.maximumMinutes {
        throw .invalid([("from", "lies more than 48 hours back; older points are those of the series")])
      }
    }
    let (id, key) = try visibleAd(name, grant)
    // Who has the counts of an answer has these, under statuses that nobody knows.
    if seen == nil, let since = values["since"] {
      seen = LiveMark(from: from, closed: Minute(index: 0), revision: nil, asOf: since)
    }
    // Who comes back goes on with the window it had.
    if let seen { from = max(seen.from, Minute(index: last.index - LiveQuery.maximumMinutes)) }
    return LiveQuery(adID: id, ad: key, from: min(from, last), seen: seen)
  }
}
