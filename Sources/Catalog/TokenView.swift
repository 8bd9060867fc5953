import Clicks

/// The working tokens as they were at one moment, for whoever must know at once what a token allows: an event loop that has
/// read the head of a request and not yet its body. Bounded by `Catalog.maximumTokens`.
package struct TokenView: Sendable {
  private struct Entry: Sendable {
    var hash: [UInt8]
    var grant: Grant
  }

  private var entries: [String: Entry] = [:]

  /// A view without tokens.
  package init() {}

  /// What the bearer of `text` may do; nil where it is no token, or none that works.
  package func authenticate(_ text: String, by hasher: SHA256) -> Grant? {
    guard let id = TokenText.id(in: text), let entry = entries[id],
      equalInConstantTime(entry.hash, hasher.digest(Array(text.utf8)))
    else { return nil }
    return entry.grant
  }

  /// Whether the token of this id works.
  package func works(_ id: String) -> Bool { entries[id] != nil }

  mutating func add(_ grant: Grant, hash: [UInt8]) { entries[grant.tokenID] = Entry(hash: hash, grant: grant) }
}

extension Catalog {
  /// Working tokens that there may be at once; another one is refused.
  package static let maximumTokens = 65_536

  /// The working tokens now.
  package func tokenView() throws(CatalogError) -> TokenView {
    var view = TokenView()
    for (hash, grant) in try workingTokens() { view.add(grant, hash: hash) }
    return view
  }
}
