import Clicks
import Store

// Minute rows retire, hour and day rows stay. From then on a range can be answered to the minute only where it cuts no hour
// that had clicks; the refusal names the bounds that can be asked for.

extension SeriesQuery {
  /// Throws `range-not-exact` where a shard needed minute rows that have retired.
  func check(_ parts: [LiveTable.Series]) throws(QueryRefusal) {
    try check(exactFrom: parts.compactMap(\.exactFrom).max())
  }

  /// The same where minute rows begin at `exactFrom`; nil: none were needed that have retired.
  func check(exactFrom: Minute?) throws(QueryRefusal) {
    guard let exactFrom else { return }
    let rest = "minute rows before \(exactFrom) have retired"
    if granularity == .minute {
      throw refusal("from", "lies before \(exactFrom), and \(rest); ask for hours, or from=\(exactFrom) on")
    }
    func cut(_ name: String, _ bound: Minute) -> ParameterFault? {
      let hour = BucketGrid.hours.start(of: bound)
      guard bound != hour, hour < exactFrom else { return nil }
      let detail =
        "cuts an hour, and \(rest); the nearest exact bounds are \(hour) and \(Minute(index: hour.index + 60))"
      return ParameterFault(name, detail)
    }
    let faults = [cut("from", from), cut("to", to)].compactMap { $0 }
    guard faults.isEmpty else { throw QueryRefusal(code: .rangeNotExact, faults: faults) }
    throw refusal(
      "tz",
      "has \(granularity.rawValue)s that begin inside an hour of UTC, and \(rest); ask for hours, or from=\(exactFrom) on"
    )
  }

  private func refusal(_ parameter: String, _ detail: String) -> QueryRefusal {
    QueryRefusal(code: .rangeNotExact, faults: [ParameterFault(parameter, detail)])
  }
}
