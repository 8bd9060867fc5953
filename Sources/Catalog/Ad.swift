import Clicks

/// An ad as the catalog keeps it.
package struct Ad: Hashable, Sendable {
  package var id: AdID
  /// The id inside the engine (rule R11).
  package var key: AdKey
  /// Where a click goes: safe to stand in a `Location` header as it is.
  package var redirectURL: String
  package var advertiserID: String
  package var campaignID: String?
  package var status: Status
  /// Where a click on a paused ad goes, safe like `redirectURL`.
  package var fallbackURL: String?
  /// The parameters of a click's request that go on to either, names between blanks (see `PassQuery`); nil for none.
  package var passQuery: String?
  /// Milliseconds since 1970, like the other times. An ad that was deleted and put again is created again.
  package var createdAt: Int64
  package var updatedAt: Int64
  /// When it was deleted; its counts stay and so does this row. Nil for a live ad.
  package var deletedAt: Int64?

  package init(
    id: AdID, key: AdKey, redirectURL: String, advertiserID: String, campaignID: String? = nil,
    status: Status = .active, fallbackURL: String? = nil, passQuery: String? = nil, createdAt: Int64, updatedAt: Int64,
    deletedAt: Int64? = nil
  ) {
    self.id = id
    self.key = key
    self.redirectURL = redirectURL
    self.advertiserID = advertiserID
    self.campaignID = campaignID
    self.status = status
    self.fallbackURL = fallbackURL
    self.passQuery = passQuery
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.deletedAt = deletedAt
  }

  /// Whether clicks count.
  package enum Status: Int64, Sendable, CaseIterable {
    case active = 0
    case paused = 1

    /// The name in the interface.
    package var name: String { self == .active ? "active" : "paused" }

    package init?(name: some StringProtocol) {
      guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
      self = found
    }
  }
}

/// An ad as somebody wrote it down, in a request or in a row of a file: nothing is checked yet, nil means absent.
package struct AdFields: Hashable, Sendable {
  package var adID: String?
  package var redirectURL: String?
  package var advertiserID: String?
  package var campaignID: String?
  package var status: String?
  package var fallbackURL: String?
  /// Names between blanks or commas.
  package var passQuery: String?

  package init(
    adID: String? = nil, redirectURL: String? = nil, advertiserID: String? = nil, campaignID: String? = nil,
    status: String? = nil, fallbackURL: String? = nil, passQuery: String? = nil
  ) {
    self.adID = adID
    self.redirectURL = redirectURL
    self.advertiserID = advertiserID
    self.campaignID = campaignID
    self.status = status
    self.fallbackURL = fallbackURL
    self.passQuery = passQuery
  }

  /// The names of the fields in the interface, and where each is kept here.
  package static let columns: [(name: String, path: any WritableKeyPath<AdFields, String?> & Sendable)] = [
    ("adId", \.adID), ("redirectUrl", \.redirectURL), ("advertiserId", \.advertiserID),
    ("campaignId", \.campaignID), ("status", \.status), ("fallbackUrl", \.fallbackURL),
    ("passQuery", \.passQuery),
  ]

  /// Those of `columns` that must not be absent.
  package static let required = ["adId", "redirectUrl", "advertiserId"]

  /// Everything that is wrong, field by field in the order of `columns`; empty where it can be put.
  package func faults() -> [FieldFault] {
    var faults: [FieldFault] = []
    func name(_ field: String, _ value: String?) {
      if let value, AdID(value) == nil { faults.append(FieldFault(field, Self.nameRule)) }
    }
    func url(_ field: String, _ value: String?) {
      if let value, let fault = TargetTemplate.fault(in: value, adID: adID, campaignID: campaignID) {
        faults.append(FieldFault(field, fault))
      }
    }
    func required(_ field: String, _ value: String?) {
      if value == nil { faults.append(FieldFault(field, "is missing")) }
    }
    required("adId", adID)
    required("redirectUrl", redirectURL)
    required("advertiserId", advertiserID)
    name("adId", adID)
    url("redirectUrl", redirectURL)
    name("advertiserId", advertiserID)
    name("campaignId", campaignID)
    if let status, Ad.Status(name: status) == nil {
      faults.append(FieldFault("status", "must be active or paused"))
    }
    url("fallbackUrl", fallbackURL)
    if let passQuery, let fault = PassQuery.fault(in: passQuery) { faults.append(FieldFault("passQuery", fault)) }
    return faults
  }

  static let nameRule = "must be 1 to 64 characters of A-Z a-z 0-9 _ . -"
}

/// What an ad will be, checked field by field: there is no other way to one than through `AdFields`.
package struct AdDraft: Hashable, Sendable {
  package let id: AdID
  package let redirectURL: String
  package let advertiserID: String
  package let campaignID: String?
  package let status: Ad.Status
  package let fallbackURL: String?
  package let passQuery: String?

  /// Throws `.invalid` with every fault of `fields`. An absent status is active.
  package init(_ fields: AdFields) throws(CatalogError) {
    guard let id = fields.adID.flatMap({ AdID($0) }), let redirectURL = fields.redirectURL,
      let advertiserID = fields.advertiserID, fields.faults().isEmpty
    else { throw .invalid(fields.faults()) }
    self.id = id
    self.redirectURL = redirectURL
    self.advertiserID = advertiserID
    campaignID = fields.campaignID
    status = fields.status.flatMap { Ad.Status(name: $0) } ?? .active
    fallbackURL = fields.fallbackURL
    let list = PassQuery(fields.passQuery ?? "")
    passQuery = list.isEmpty ? nil : list.text
  }
}
