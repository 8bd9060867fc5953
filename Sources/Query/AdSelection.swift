import Bytes
import Clicks

// Several ads in one question: which ones, and how they are put together.
//
//   advertiserId, campaignId, adId=a,b     the ads that are all of it
//   groupBy                                none: one series of all; ad: one of each; campaign: one of each campaign of each
//                                          advertiser, ads without a campaign being one more

/// Which ads are meant.
package struct AdSelection: Hashable, Sendable {
  package var advertiserID: String?
  package var campaignID: String?
  /// In the order of the request; empty: all.
  package var adIDs: [AdID] = []

  /// The parameters of the interface.
  package static let parameters = ["advertiserId", "campaignId", "adId"]

  /// The most ads that one question may be about.
  package static let maximumAds = 50_000

  /// Whether it names anything at all.
  package var isNamed: Bool { advertiserID != nil || campaignID != nil || !adIDs.isEmpty }

  init(_ values: [String: String], _ faults: inout Faults) {
    func name(_ parameter: String) -> String? {
      guard let text = values[parameter] else { return nil }
      if AdID(text) == nil { faults.add(parameter, Self.rule) }
      return text
    }
    advertiserID = name("advertiserId")
    campaignID = name("campaignId")
    guard let list = values["adId"] else { return }
    var seen: Set<AdID> = []
    for text in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard let id = AdID(String(text)) else {
        faults.add("adId", "must be ids between commas, each of \(Self.characters)")
        return
      }
      if seen.insert(id).inserted { adIDs.append(id) }
    }
  }

  private static let characters = "1 to 64 characters of A-Z a-z 0-9 _ . -"
  private static let rule = "must be \(characters)"
}

/// One ad that was selected, and to whom it belongs.
package struct SelectedAd: Hashable, Sendable {
  /// Nil for a key that the catalog does not know, and of which nobody has said the id.
  package var id: AdID?
  package var key: AdKey
  /// Nil for an ad that the catalog does not know.
  package var advertiserID: String?
  package var campaignID: String?

  package init(id: AdID?, key: AdKey, advertiserID: String?, campaignID: String?) {
    self.id = id
    self.key = key
    self.advertiserID = advertiserID
    self.campaignID = campaignID
  }
}

/// What has a series of its own.
package enum Grouping: String, Sendable, CaseIterable {
  case none, ad, campaign

  /// The name of an ad's group; groups come in the order of their names. No id has a slash or a tilde.
  package func name(of ad: SelectedAd) -> String {
    switch self {
    case .none: ""
    case .ad: ad.id?.text ?? "~\(ad.key)"
    case .campaign: "\(ad.advertiserID ?? "")/\(ad.campaignID ?? "")"
    }
  }
}

/// Ads in the order of their groups, and the groups in the order of their names.
struct GroupedAds {
  private(set) var ads: [SelectedAd] = []
  private(set) var names: [String] = []
  /// Where each group begins, and where the last one ends.
  private var starts: [Int] = [0]

  init(_ ads: [SelectedAd], by grouping: Grouping) {
    switch grouping {
    case .none:
      self.ads = ads
      if !ads.isEmpty { close("") }
    case .ad:
      // A catalog lists them so.
      let names = ads.map { grouping.name(of: $0) }
      let isInOrder = zip(names, names.dropFirst()).allSatisfy { $0 < $1 }
      let order = isInOrder ? Array(ads.indices) : ads.indices.sorted { names[$0] < names[$1] }
      for i in order {
        self.ads.append(ads[i])
        close(names[i])
      }
    case .campaign:
      var members: [String: [Int]] = [:]
      for i in ads.indices { members[grouping.name(of: ads[i]), default: []].append(i) }
      for name in members.keys.sorted() {
        self.ads += members[name]!.map { ads[$0] }
        close(name)
      }
    }
  }

  private mutating func close(_ name: String) {
    names.append(name)
    starts.append(ads.count)
  }

  /// The place of a group's first ad; of what follows the last group, the number of ads.
  func start(of group: Int) -> Int { starts[group] }

  /// The places of a group's ads.
  func range(of group: Int) -> Range<Int> { starts[group]..<starts[group + 1] }
}

/// A checked query for the series of several ads.
package struct GroupedQuery: Hashable, Sendable {
  package var selection: AdSelection
  package var grouping: Grouping
  package var series: SeriesQuery

  /// The parameters of the interface, in its order.
  package static let parameters = AdSelection.parameters + ["groupBy"] + SeriesQuery.parameters

  init(_ selection: AdSelection, _ grouping: Grouping, _ series: SeriesQuery) {
    (self.selection, self.grouping, self.series) = (selection, grouping, series)
  }

  /// Reads the decoded pairs of a query, as `SeriesQuery` does.
  package init(
    parameters pairs: [(name: String, value: String)], now: Int64, zones: ZoneBook, format: SeriesFormat = .json
  ) throws(QueryRefusal) {
    var faults = Faults()
    let values = SeriesQuery.collect(pairs, Self.parameters, &faults)
    selection = AdSelection(values, &faults)
    grouping = SeriesQuery.choice("groupBy", values, .none, &faults)
    // No name has a newline, and none is a slash.
    let texts = (AdSelection.parameters + ["groupBy"]).map { values[$0] ?? "/" }.joined(separator: "\n")
    let number = UInt64(CRC32C.checksum(Array(texts.utf8)))
    series = SeriesQuery(.several(number), values, now: now, zones: zones, format: format, &faults)
    try faults.check()
  }
}
