import Clicks

/// The working tokens and share links as they were at one moment, for whoever must know at once what one allows: an event loop
/// that has read the head of a request and not yet its body. Bounded by `Catalog.maximumTokens` and `maximumShares`. What
/// expires after that moment stands in it with its time.
package struct TokenView: Sendable {
  private struct Entry: Sendable {
    var hash: [UInt8]
    var grant: Grant
    var expiresAt: Int64?

    func isOpen(at time: Int64) -> Bool { expiresAt.map { time < $0 } ?? true }
  }

  private var tokens: [String: Entry] = [:]
  private var shares: [String: Entry] = [:]
  /// The ids of share links by the hashes of their secrets.
  private var shareIDs: [[UInt8]: String] = [:]

  /// A view without tokens.
  package init() {}

  /// What the bearer of `text` may do at `time`; nil where it is no token, or none that works.
  package func authenticate(_ text: String, by hasher: SHA256, at time: Int64) -> Grant? {
    guard let id = TokenText.id(in: text), let entry = tokens[id], entry.isOpen(at: time),
      equalInConstantTime(entry.hash, hasher.digest(Array(text.utf8)))
    else { return nil }
    return entry.grant
  }

  /// What whoever knows the secret of a share link may see at `time`; nil where the link does not work, or its token. The secret
  /// is found by its hash, so that no comparison of it takes a time that tells anything.
  package func open(shareSecret secret: String, by hasher: SHA256, at time: Int64) -> Grant? {
    guard secret.utf8.count <= 128, let id = shareIDs[hasher.digest(Array(secret.utf8))], let share = shares[id] else {
      return nil
    }
    return grant(of: share.grant, at: time)
  }

  /// What `grant`, which the view gave earlier, allows at `time`; nil where its token, or its share link, works no more.
  package func grant(of grant: Grant, at time: Int64) -> Grant? {
    guard let token = tokens[grant.tokenID], token.isOpen(at: time) else { return nil }
    guard let id = grant.shareID else { return token.grant }
    guard let share = shares[id], share.isOpen(at: time),
      token.grant.reaches(advertiserID: share.grant.advertiserID ?? "")
    else { return nil }
    return share.grant
  }

  /// When what `grant` stands on expires; nil for never.
  package func expiry(of grant: Grant) -> Int64? {
    [tokens[grant.tokenID]?.expiresAt, grant.shareID.flatMap { shares[$0]?.expiresAt }].compactMap(\.self).min()
  }

  /// Tokens and share links that stand in it.
  package var count: Int { tokens.count + shares.count }

  mutating func add(_ grant: Grant, hash: [UInt8], expiresAt: Int64?) {
    let entry = Entry(hash: hash, grant: grant, expiresAt: expiresAt)
    guard let share = grant.shareID else {
      tokens[grant.tokenID] = entry
      return
    }
    shares[share] = entry
    shareIDs[hash] = share
  }
}

extension Catalog {
  /// Working tokens that there may be at once; another one is refused.
  package static let maximumTokens = 65_536

  /// The working tokens and share links now.
  package func tokenView() throws(CatalogError) -> TokenView {
    var view = TokenView()
    for row in try soundRows(.token, Self.isWorking, [.integer(now())], doing: "listing tokens") {
      view.add(Grant(token: row), hash: row["hash"].blob, expiresAt: row["expires_at"].integer)
    }
    for (hash, share) in try workingShares() {
      var grant = Grant(tokenID: share.tokenID, scopes: .read, advertiserID: share.advertiserID)
      grant.campaignID = share.campaignID
      grant.shareID = share.id
      view.add(grant, hash: hash, expiresAt: share.expiresAt)
    }
    return view
  }
}
