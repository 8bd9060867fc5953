import Catalog
import Clicks
import JSON
import Shards

// Which ads are hot, on the admin listener alone, scope `admin`. Busy ads that are not hot are shown too, so that an operator
// sees what the threshold does.

extension API {
  /// Ads that are not hot, and hot intervals of ads that were: the newest so many.
  private static let shown = 1_000

  func listHotAds(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let hotAds = try running().hotAds
    let (table, status) = (hotAds.board.table, hotAds.status)
    let rates = Dictionary(status.rates.map { ($0.ad, $0.rate) }, uniquingKeysWith: { $1 })
    func order(_ ad: AdKey) -> (Double, Int64) { (rates[ad] ?? 0, table.hot[ad]?.last?.start ?? .min) }
    let ads = Set(table.hot.keys).union(rates.keys).sorted { a, b in
      let (first, second) = (order(a), order(b))
      return first == second ? a.rawValue < b.rawValue : first > second
    }
    var rows: [JSONValue] = []
    for ad in ads.prefix(Self.shown) {
      let known = try inCatalog { () throws(CatalogError) -> Ad? in
        do throws(CatalogError) { return try catalog.ad(ad, includingDeleted: true) } catch {
          // A damaged row has no name that could be believed.
          guard case .damagedRow = error else { throw error }
          return nil
        }
      }
      let intervals = table.hot[ad] ?? []
      rows.append(
        .object([
          "adId": .optional(known?.id.text), "adKey": .string(ad.description),
          "hot": .bool(intervals.last?.isOpen ?? false), "clicksPerSecond": .integer(Int64((rates[ad] ?? 0).rounded())),
          "home": .integer(table.home(of: ad)),
          "intervals": .array(
            intervals.suffix(Self.shown).map {
              .object([
                "from": .string(Timestamp.format($0.start)),
                "to": .optional($0.isOpen ? nil : Timestamp.format($0.end)),
              ])
            }),
        ]))
    }
    return .json(
      200,
      .object([
        "threshold": .integer(Int64(hotAds.policy.threshold)), "shards": .integer(table.shards),
        "version": .integer(table.version), "hotAds": .array(rows),
      ]))
  }
}
