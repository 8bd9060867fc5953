import Catalog
import Clicks
import Testing

/// When tokens and share links end, and when tokens were used.
@Suite struct TokenTimeTests {
  let scratch: Scratch
  let time = TestTime()
  let catalog: Catalog

  init() throws {
    scratch = try Scratch()
    catalog = try scratch.open(time: time)
  }

  @Test func aTokenEndsAtTheMomentItExpires() throws {
    let token = try catalog.createToken(scopes: [.read], expiresAt: 5_000)
    let forever = try catalog.createToken(scopes: [.read])
    let view = try catalog.tokenView()
    for (now, works) in [(Int64(1_000), true), (4_999, true), (5_000, false), (9_000, false)] {
      time.advance(now - time.wall())
      #expect(try (catalog.authenticate(token.text.reveal()) != nil) == works, "\(now)")
      #expect((view.authenticate(token.text.reveal(), by: SHA256(), at: now) != nil) == works, "\(now)")
      #expect(try catalog.authenticate(forever.text.reveal()) != nil)
      #expect(try catalog.tokenView().count == (works ? 2 : 1))
    }
    #expect(try scratch.open(time: time).tokens().map(\.expiresAt) == [5_000, nil])
    for past in [Int64(9_000), 0, -1] {
      #expect(
        failure { _ = try catalog.createToken(scopes: [.read], expiresAt: past) }
          == .invalid([FieldFault("expires", "is past")]))
    }
  }

  @Test func usesAreWrittenAndNeverGoBack() throws {
    let a = try catalog.createToken(scopes: [.read]).info.id
    let b = try catalog.createToken(scopes: [.read]).info.id
    #expect(try catalog.tokens().map(\.lastUsed) == [nil, nil])
    try catalog.note(uses: [a: 3_000, "nobody": 1])
    try catalog.note(uses: [a: 2_000, b: 4_000])
    let again = try scratch.open(time: time)
    #expect(try again.tokens().map(\.lastUsed) == [3_000, 4_000] && again.damagedRows() == [])
  }

  @Test func aDamagedTokenIsNotSignedByItsUse() throws {
    let id = try catalog.createToken(scopes: [.read]).info.id
    try Database.open(scratch.catalog, .readWrite, files: scratch.files).execute(
      "UPDATE token SET scopes = 127", doing: "testing")
    try catalog.note(uses: [id: 3_000])
    #expect(try catalog.damagedRows().map(\.name) == [id] && catalog.tokens() == [])
  }

  // MARK: - Share links

  private func share(_ token: NewToken, campaign: String? = nil, until: Int64 = 90_000) throws -> NewShare {
    try catalog.createShare(
      tokenID: token.info.id, advertiserID: "acme", campaignID: campaign, expiresAt: until)
  }

  /// What the link's secret opens now.
  private func opened(_ share: NewShare, at now: Int64 = 1_000) throws -> Grant? {
    try catalog.tokenView().open(shareSecret: share.secret.reveal(), by: SHA256(), at: now)
  }

  @Test func aShareShowsWhatItWasMadeFor() throws {
    let token = try catalog.createToken(scopes: [.read, .ads], advertiserID: "acme")
    let one = try share(token, campaign: "winter")
    let all = try share(token)
    let grant = try #require(try opened(one))
    #expect(grant.scopes == .read && grant.advertiserID == "acme" && grant.campaignID == "winter")
    #expect(grant.tokenID == token.info.id && grant.shareID == one.info.id)
    #expect(try opened(all)?.campaignID == nil)
    #expect(try catalog.shares() == [one.info, all.info] && catalog.shares(advertiserID: "other") == [])
    for wrong in ["", "x", one.info.id, String(one.secret.reveal().dropLast()), token.text.reveal()] {
      #expect(try catalog.tokenView().open(shareSecret: wrong, by: SHA256(), at: 1_000) == nil)
    }
  }

  @Test func aShareEndsByItselfAndWithItsToken() throws {
    let short = try catalog.createToken(scopes: [.read], advertiserID: "acme", expiresAt: 50_000)
    let token = try catalog.createToken(scopes: [.read], advertiserID: "acme")
    let (a, b, c) = (try share(short), try share(token, until: 30_000), try share(token))
    #expect(try opened(a, at: 49_999) != nil && opened(a, at: 50_000) == nil)
    #expect(try opened(b, at: 29_999) != nil && opened(b, at: 30_000) == nil)
    let view = try catalog.tokenView()
    let grant = try #require(try opened(c))
    #expect(view.grant(of: grant, at: 1_000) == grant && view.expiry(of: grant) == 90_000)
    #expect(try catalog.revokeShare(c.info.id) && !catalog.revokeShare(c.info.id))
    #expect(try catalog.tokenView().grant(of: grant, at: 1_000) == nil && opened(c) == nil)
    #expect(try opened(b) != nil && catalog.revokeToken(token.info.id) && opened(b) == nil)
  }

  @Test func senselessSharesAreRefused() throws {
    let token = try catalog.createToken(scopes: [.read])
    for (advertiser, campaign, until, field) in [
      ("a b", nil, Int64(9_000), "advertiserId"), ("acme", "c d", 9_000, "campaignId"), ("acme", nil, 1_000, "expires"),
    ] {
      let error = failure {
        _ = try catalog.createShare(
          tokenID: token.info.id, advertiserID: advertiser, campaignID: campaign, expiresAt: until)
      }
      guard case .invalid(let faults) = error else {
        Issue.record("\(field): \(String(describing: error))")
        continue
      }
      #expect(faults.map(\.field) == [field])
    }
  }
}
