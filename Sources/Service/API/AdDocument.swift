import Catalog
import Clicks
import JSON

/// An ad as JSON.
enum AdDocument {
  /// Fields that answers have and requests may repeat, so that what was read can be put back; they change nothing.
  static let readOnly = ["createdAt", "updatedAt"]
  /// Fields that may be numbers.
  static let ids = ["adId", "advertiserId", "campaignId"]

  static func json(_ ad: Ad) -> JSONValue {
    .object([
      "adId": .string(ad.id.text), "redirectUrl": .string(ad.redirectURL), "advertiserId": .string(ad.advertiserID),
      "campaignId": .optional(ad.campaignID), "status": .string(ad.status.name),
      "fallbackUrl": .optional(ad.fallbackURL),
      "passQuery": .array(PassQuery(ad.passQuery ?? "").entries.map { .string($0) }),
      "createdAt": .string(Timestamp.format(ad.createdAt)),
      "updatedAt": .string(Timestamp.format(ad.updatedAt)),
    ])
  }

  /// The fields that the members spell, and everything that is wrong with them. `id` is the one in the path, which the
  /// body need not repeat.
  static func read(_ members: [JSONValue.Member], id: AdID? = nil) -> (fields: AdFields, faults: [FieldFault]) {
    var source = Fields(members, known: AdFields.columns.map(\.name) + readOnly)
    var fields = AdFields()
    for column in AdFields.columns where column.name != "passQuery" {
      fields[keyPath: column.path] =
        Self.ids.contains(column.name) ? source.identifier(column.name) : source.string(column.name)
    }
    if let list = source.strings("passQuery") {
      for name in list where name.isEmpty || name.contains(where: { $0 == " " || $0 == "," }) {
        source.fault("passQuery", "must hold one name in each string")
      }
      fields.passQuery = list.joined(separator: " ")
    }
    if let id {
      if let other = fields.adID, other != id.text { source.fault("adId", "differs from the one in the path") }
      fields.adID = id.text
    }
    var faults = source.found.map { FieldFault($0.parameter, $0.detail) }
    let named = Set(faults.map(\.field))
    faults += fields.faults().filter { !named.contains($0.field) }
    return (fields, faults)
  }
}

extension AdFields {
  /// What ids and names are made of, in words that go behind their name.
  static let rule = "must be 1 to 64 characters of A-Z a-z 0-9 _ . -"
}
