import Catalog
import Clicks
import Query
import Store

// Many ads in one question:
//
//   GET /api/v1/aggregates   their series, all together, by ad or by campaign
//   GET /api/v1/top          the heaviest of them
//
// A token that is bound to an advertiser means that advertiser's ads, and a share link of a campaign that campaign's, whatever else
// is named.

extension QueryDesk {
  /// The series of several ads.
  func manyAggregates(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    var query: GroupedQuery
    do throws(QueryRefusal) {
      query = try GroupedQuery(
        parameters: request.parameters, now: clock(), zones: zones, format: .accepted(request.accept))
    } catch { throw Problem(error) }
    let ads = try selected(&query.selection, grant)
    let page = try read("query over \(ads.count) ads") { try GroupedSeries(query, of: ads, over: tables) }
    return API.validated(
      EntityTag(text: page.fingerprint(), isWeak: true), request,
      headers: Self.fields(
        asOf: page.asOfText, total: page.total, complete: page.completeThroughText, next: page.next),
      type: query.series.format.mediaType
    ) { page.rendered() }
  }

  /// The heaviest ads or campaigns.
  func top(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    var query: TopQuery
    do throws(QueryRefusal) {
      query = try TopQuery(parameters: request.parameters, now: clock(), zones: zones)
    } catch { throw Problem(error) }
    let page = try topPage(&query, grant)
    return API.validated(
      EntityTag(text: page.fingerprint(), isWeak: true), request,
      headers: Self.fields(asOf: page.asOfText, total: page.total, complete: page.completeThroughText, next: nil),
      type: "application/json"
    ) { page.rendered() }
  }

  private func topPage(_ query: inout TopQuery, _ grant: Grant) throws(Problem) -> TopPage {
    let isAll = grant.advertiserID == nil && grant.campaignID == nil && query.isScan
    guard isAll, tables.tables.reduce(0, { $0 + $1.summary.ads }) > AdSelection.maximumAds else {
      let (ads, query) = (try selected(&query.selection, grant, mayBeAll: true), query)
      return try read("top of \(ads.count) ads") { try TopPage(query, of: ads, over: tables) }
    }
    let (from, to, limit) = (query.series.from, query.series.to, query.limit)
    let found = try read("top of all ads") { try tables.heaviest(from: from, to: to, limit: limit) }
    let ads = try catalogued(found.ads.map(\.ad))
    do throws(QueryRefusal) { return try TopPage(query, found, ads: ads) } catch { throw Problem(error) }
  }

  /// The ads of these keys, as far as the catalog knows them.
  private func catalogued(_ keys: [AdKey]) throws(Problem) -> [SelectedAd] {
    try inCatalog { catalog throws(CatalogError) in
      var ads: [SelectedAd] = []
      for key in keys {
        let row = try VisibleAds.row(of: key, Grant(tokenID: "", scopes: [], advertiserID: nil), in: catalog)
        ads.append(row.map { SelectedAd($0) } ?? SelectedAd(id: nil, key: key, advertiserID: nil, campaignID: nil))
      }
      return ads
    }
  }

  /// The ads of a selection that the bearer of `grant` may see, which becomes that of its advertiser. Without any selection all
  /// ads are meant where `mayBeAll` says so.
  func selected(
    _ selection: inout AdSelection, _ grant: Grant, mayBeAll: Bool = false
  ) throws(Problem) -> [SelectedAd] {
    if let own = grant.advertiserID {
      guard selection.advertiserID == nil || selection.advertiserID == own else { throw .otherAdvertiser }
      selection.advertiserID = own
    }
    if let own = grant.campaignID {
      guard selection.campaignID == nil || selection.campaignID == own else { throw .otherAdvertiser }
      selection.campaignID = own
    }
    let wanted = selection
    if !wanted.adIDs.isEmpty { return try named(wanted, grant) }
    guard wanted.isNamed else {
      guard mayBeAll else {
        throw .invalid(AdSelection.parameters.map { ($0, "is missing: one of \(Self.names) says which ads are meant") })
      }
      return try allClicked()
    }
    return try catalogued(wanted)
  }

  /// The ads of a selection that somebody was allowed to make, as the catalog has them now.
  func ads(of selection: AdSelection) throws(Problem) -> [SelectedAd] {
    guard !selection.adIDs.isEmpty else { return try catalogued(selection) }
    let hasher = SHA256()
    return try inCatalog { catalog throws(CatalogError) in
      var ads: [SelectedAd] = []
      for id in selection.adIDs {
        let key = AdKey(id, by: hasher)
        let row = try VisibleAds.row(of: key, Grant(tokenID: "", scopes: [], advertiserID: nil), in: catalog)
        guard selection.admits(advertiserID: row?.advertiserID, campaignID: row?.campaignID) else { continue }
        ads.append(SelectedAd(id: id, key: key, advertiserID: row?.advertiserID, campaignID: row?.campaignID))
      }
      return ads
    }
  }

  /// The ads of an advertiser or a campaign.
  private func catalogued(_ wanted: AdSelection) throws(Problem) -> [SelectedAd] {
    let ads = try fromCatalog { () throws(CatalogError) in
      try catalog.ads(
        advertiserID: wanted.advertiserID, campaignID: wanted.campaignID, limit: AdSelection.maximumAds)
    }
    guard let ads else { throw Self.tooMany }
    return ads
  }

  private static let names = AdSelection.parameters.joined(separator: ", ")

  /// The ads that are named one by one; each must be visible.
  private func named(_ selection: AdSelection, _ grant: Grant) throws(Problem) -> [SelectedAd] {
    guard selection.adIDs.count <= AdSelection.maximumAds else { throw Self.tooMany }
    let hasher = SHA256()
    let keys = selection.adIDs.map { AdKey($0, by: hasher) }
    let rows = try inCatalog { catalog throws(CatalogError) in
      var rows: [Ad?] = []
      for key in keys { rows.append(try VisibleAds.row(of: key, grant, in: catalog)) }
      return rows
    }
    var ads: [SelectedAd] = []
    var missing: [AdID] = []
    for (i, id) in selection.adIDs.enumerated() {
      do throws(Problem) {
        let row = try VisibleAds.admit(id, keys[i], rows[i], grant, tables)
        guard selection.admits(advertiserID: row?.advertiserID, campaignID: row?.campaignID) else { continue }
        ads.append(
          SelectedAd(id: id, key: keys[i], advertiserID: row?.advertiserID, campaignID: row?.campaignID))
      } catch { missing.append(id) }
    }
    guard missing.isEmpty else {
      var problem = Problem.unknownAd
      problem.errors = missing.prefix(Problem.maximumFaults).map { ("adId", "\($0) is no ad that this token can see") }
      throw problem
    }
    return ads
  }

  /// Every ad that was ever clicked.
  private func allClicked() throws(Problem) -> [SelectedAd] {
    var keys: Set<UInt64> = []
    for table in tables.tables {
      keys.formUnion(table.adKeys)
      guard keys.count <= AdSelection.maximumAds else { throw Self.tooMany }
    }
    keys.remove(VerdictCounts.other.rawValue)
    return try catalogued(keys.map { AdKey(rawValue: $0) })
  }

  private static let tooMany = Problem(
    400, "too-many-ads", "The question is about too many ads",
    "at most \(AdSelection.maximumAds) ads can be asked for at once; name an advertiser, a campaign or ads")
}

extension SelectedAd {
  init(_ ad: Ad) { self.init(id: ad.id, key: ad.key, advertiserID: ad.advertiserID, campaignID: ad.campaignID) }
}
