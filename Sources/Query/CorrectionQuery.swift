import Bytes
import Clicks

/// A checked query for what recounts changed in several ads.
package struct CorrectionQuery: Hashable, Sendable {
  package var selection: AdSelection
  /// Rows whose buckets begin in `from ..< to`.
  package var from: Minute
  package var to: Minute
  package var format: SeriesFormat
  /// As they were given.
  package var limit: String?
  package var cursor: String?
  /// What cursors of the query are bound to: the texts that say which corrections there are.
  package var binding: UInt32

  /// The parameters of the interface, in its order.
  package static let parameters = AdSelection.parameters + ["from", "to", "format", "limit", "cursor"]

  /// Reads the decoded pairs of a query at the logical time `now`, ms since 1970. Without `from` all rows are meant. Throws everything
  /// that is wrong.
  package init(
    parameters pairs: [(name: String, value: String)], now: Int64, format: SeriesFormat = .json
  ) throws(QueryRefusal) {
    var faults = Faults()
    let values = SeriesQuery.collect(pairs, Self.parameters, &faults)
    selection = AdSelection(values, &faults)
    func bound(_ name: String, _ absent: String) -> Minute {
      do throws(TimeText.Failure) { return try TimeText.bound(values[name] ?? absent, now: now) } catch {
        faults.add(name, error.detail)
        return Minute(index: 0)
      }
    }
    (from, to) = (bound("from", "0"), bound("to", "now"))
    if from > to { faults.add("from", "must not be later than to") }
    self.format = SeriesQuery.choice("format", values, format, &faults)
    (limit, cursor) = (values["limit"], values["cursor"])
    // No name has a newline, and none is a slash.
    let texts = (AdSelection.parameters + ["from", "to"]).map { values[$0] ?? "/" }
    binding = CRC32C.checksum(Array(texts.joined(separator: "\n").utf8))
    try faults.check()
  }
}
