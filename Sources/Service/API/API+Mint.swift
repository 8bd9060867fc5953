import Catalog
import Clicks
import HTTP
import JSON
import Platform

// Links as an ad server would make them, for whoever has no place for the key: POST /api/v1/ads/{adId}/impressions.

extension API {
  /// Impressions of one request.
  private static let maximumMinted = 10_000

  /// Links with fresh impressions. The newest key signs that may sign for the ad's advertiser.
  func mint(
    _ name: String, _ request: APIRequest, _ grant: Grant
  ) throws(Problem) -> @Sendable () -> APIResponse {
    let values = try request.values(["count"])
    let count = try APIRequest.number("count", values["count"], in: 1...Self.maximumMinted, absent: 1)
    let id = try adID(name)
    let (ad, keys) = try inCatalog { () throws(CatalogError) in (try catalog.ad(id), try catalog.activeKeys()) }
    guard let ad, grant.reaches(ad) else { throw .unknownAd }
    guard let key = keys.first(where: { $0.advertiserID == nil || $0.advertiserID == ad.advertiserID }) else {
      throw .noSigningKey
    }
    let mint = Mint(
      adID: id, key: key, base: base(of: request), now: clock(), lifetime: eventTimes.impressionLifetime,
      chance: catalog.environment.chance)
    let isBatch = values["count"] != nil
    return {
      let made = mint.links(count)
      return .json(201, isBatch ? .object(["impressions": .array(made)]) : made[0])
    }
  }
}

/// Makes links of one ad.
private struct Mint: Sendable {
  var adID: AdID
  var key: ActiveKey
  var base: String
  /// Milliseconds since 1970.
  var now: Int64
  var lifetime: Int64
  var chance: any ChanceSource

  func links(_ count: Int) -> [JSONValue] {
    let signer = SigningKey(id: key.kid, secret: key.secret.bytes)
    let expires = Timestamp.format(now + lifetime)
    return (0..<count).map { _ in
      let impression = ImpressionID.version7(at: now, random: (chance.next(), chance.next()))
      let signature = signer.sign(ad: adID.text, impression: impression.description)
      let query = "adId=\(adID)&impressionId=\(impression)&signature=\(signature)&kid=\(key.kid)"
      return .object([
        "impressionId": .string(impression.description), "signature": .string("\(signature)"),
        "clickUrl": .string("\(base)/click?\(query)"), "expires": .string(expires),
      ])
    }
  }
}

extension Problem {
  /// 409: nothing can be signed.
  static let noSigningKey = Problem(
    409, "no-signing-key", "There is no key that may sign this",
    "no active signing key is for this ad's advertiser; an operator adds one with `tally keys add`")
}
