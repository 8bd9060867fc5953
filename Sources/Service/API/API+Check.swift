import Catalog
import Clicks
import HTTP
import Store

// What /click would say to a link, without counting anything: for whoever has built links into an ad server and wants to know why
// they do not count. Steps and order are those of /click; what depends on who asks (robots, prefetch, rates) is left out. Whether
// this impression has counted already is for the committers to say, where a service runs.

extension API {
  /// The verdict of a link.
  func check(_ request: APIRequest, _ grant: Grant) throws(Problem) -> Outcome {
    let values = try request.values(["url"])
    guard let url = values["url"] else { throw .invalid([("url", "is missing")]) }
    guard let query = Self.query(ofClick: url) else {
      throw .invalid([("url", "must be a link to /click, with its query")])
    }
    let read = unsafe query.withUnsafeBytes { bytes in
      Result { () throws(ClickFault) in try unsafe LinkReader.read(bytes) }
    }
    let link: LinkReader
    do throws(ClickFault) { link = try read.get() } catch {
      return .done(
        Self.answer(.malformed, detail: error.faults.map { "\($0.parameter) \($0.detail)" }.joined(separator: "; ")))
    }
    let id = AdID(String(decoding: link.ad, as: UTF8.self))
    let (ad, keys) = try inCatalog { () throws(CatalogError) -> (Ad?, [ActiveKey]) in
      guard let id else { return (nil, try catalog.activeKeys()) }
      return (try catalog.ad(id), try catalog.activeKeys())
    }
    let signed = Self.signed(link, KeyRing(keys))
    let reached = ad.flatMap { grant.reaches($0) ? $0 : nil }
    guard reached.map({ signed.covers($0.advertiserID) }) ?? signed.isMade else {
      return .done(
        Self.answer(
          .badSignature, link,
          detail: signed.isMade
            ? "the key that made it is bound to another advertiser"
            : "no active key has made the signature of these texts"))
    }
    guard let reached else {
      return .done(Self.answer(.unknownAd, link, detail: "the catalog has no such ad in reach"))
    }
    if reached.status == .paused { return .done(Self.answer(.paused, link, reached, detail: "the ad is paused")) }
    let text = String(decoding: link.impression, as: UTF8.self)
    let now = clock()
    guard let impression = ImpressionID(text) else {
      preconditionFailure("a link was read whose impression id is none")
    }
    if let minted = impression.claimedMinting(characters: text.utf8.count),
      eventTimes.judge(eventTime: now, minted: minted, now: now) == .expired
    {
      return .done(
        Self.answer(.expired, link, reached, detail: "the impression was minted at \(Timestamp.format(minted))"))
    }
    guard let context = operations?.context else {
      return .done(
        Self.answer(.valid, link, reached, detail: "it counts, unless this impression has counted already"))
    }
    return .query {
      let (verdict, detail) = context.judge(ClickIdentity(ad: reached.key, impression: impression))
      return Self.answer(verdict, link, reached, detail: detail)
    }
  }

  /// What stands behind the `?` of a link whose path ends in `/click`.
  private static func query(ofClick url: String) -> [UInt8]? {
    guard let mark = url.firstIndex(of: "?"), url.utf8.count <= 8_192 else { return nil }
    var path = url[..<mark]
    while path.hasSuffix("/") { path.removeLast() }
    guard path.hasSuffix("/click") else { return nil }
    return Array(url[url.index(after: mark)...].prefix { $0 != "#" }.utf8)
  }

  private static func signed(_ link: LinkReader, _ keys: KeyRing) -> Signed {
    func ask(_ kid: [UInt8]?) -> Signed {
      unsafe link.ad.withUnsafeBytes { ad in
        unsafe link.impression.withUnsafeBytes { impression in
          unsafe link.signature.withUnsafeBytes { signature in
            guard let kid else { return unsafe keys.verify(ad: ad, impression: impression, signature: signature) }
            return unsafe kid.withUnsafeBytes {
              unsafe keys.verify(ad: ad, impression: impression, signature: signature, kid: $0)
            }
          }
        }
      }
    }
    guard let kid = link.kid else { return ask(nil) }
    let named = ask(kid)
    if named.isMade { return named }
    // As at /click: what stands behind a copied link is behind its last parameter.
    let bare = unsafe kid.withUnsafeBytes { unsafe LinkReader.bareKid($0) }
    return bare.count == kid.count ? .byNobody : ask(bare.isEmpty ? nil : bare)
  }

  private static func answer(_ verdict: Verdict, _ link: LinkReader? = nil, _ ad: Ad? = nil, detail: String)
    -> APIResponse
  {
    let target = ad.flatMap { ad -> [UInt8]? in
      let cached = CachedAd(ad)
      guard ad.status == .active || ad.fallbackURL != nil, let link else { return nil }
      let filled = unsafe link.impression.withUnsafeBytes { impression in
        unsafe cached.filled(impression: impression, query: UnsafeRawBufferPointer(start: nil, count: 0))
      }
      return ad.status == .active ? filled.location : filled.fallback
    }
    return .json(
      200,
      .object([
        "verdict": .string(verdict.name), "detail": .string(detail),
        "adId": .optional(link.map { String(decoding: $0.ad, as: UTF8.self) }),
        "impressionId": .optional(link.map { String(decoding: $0.impression, as: UTF8.self) }),
        "location": .optional(target.map { String(decoding: $0, as: UTF8.self) }),
      ]))
  }
}

extension ServiceContext {
  /// How long a committer may take to say what it would answer, ns.
  private static let patience: Int64 = 1_000_000_000

  /// What the shards would answer to a click, and why; nothing is counted. Blocks the calling thread.
  fileprivate func judge(_ identity: ClickIdentity) -> (Verdict, detail: String) {
    for shard in routes.table.shards(holding: identity.ad) {
      let answer = committers[shard].ask(ClickRequest(identity: identity), nanoseconds: Self.patience)
      switch answer?.verdict {
      case .valid: continue
      case .duplicate:
        let time = answer.flatMap { $0.eventTime > 0 ? Timestamp.format($0.eventTime) : nil }
        return (.duplicate, "this impression has counted already" + (time.map { ", at \($0)" } ?? ""))
      default: return (.valid, "it counts, unless this impression has counted already: that cannot be told now")
      }
    }
    return (.valid, "it counts")
  }
}
