import Bytes
import Clicks
import Platform

// Which catalog this is, and whose. Two rows say the same, each under a checksum of its own, so that one damaged row does not
// make all others unreadable. The store is written down as soon as there is one: a catalog may be older than its store (`tally
// ads import` into a fresh directory), but a store with clicks never had none.

/// The store that a catalog is opened for.
package struct CatalogOwner {
  /// The store's id, 32 hex digits.
  package var store: String
  /// Whether clicks were ever counted in the store; asked only where the catalog does not know the store.
  package var hasClicks: () -> Bool

  package init(store: String, hasClicks: @escaping () -> Bool) {
    self.store = store
    self.hasClicks = hasClicks
  }
}

/// What the rows of `identity` say.
struct CatalogIdentity: Equatable {
  /// The key of the checksums.
  var key: [UInt8]
  /// The store's id; nil while there is none.
  var store: String?

  static let keyBytes = 16
  private static let copies: [Int64] = [1, 2]
  private static let doing = "reading its identity"

  private func checksum(_ hasher: SHA256) -> Int64 {
    let text = Array("identity".utf8) + [0] + key + Array((store ?? "").utf8)
    return hasher.digest(text).prefix(8).reduce(0) { $0 << 8 | Int64($1) }
  }

  /// What the first sound copy says, and the numbers of those that are not sound. Throws `.damaged` where none is.
  static func read(
    _ database: Database, _ hasher: SHA256
  ) throws(CatalogError) -> (identity: CatalogIdentity, damaged: [Int64]) {
    let rows = try database.query("SELECT copy, catalog, store, checksum FROM identity ORDER BY copy", doing: doing) {
      (copy: $0.integer(0), identity: CatalogIdentity(key: $0.blob(1), store: $0.optionalText(2)), sum: $0.integer(3))
    }
    let sound = rows.filter {
      copies.contains($0.copy) && $0.identity.key.count == keyBytes && $0.sum == $0.identity.checksum(hasher)
    }
    guard let first = sound.first, sound.allSatisfy({ $0.identity == first.identity }) else {
      throw .damaged(
        file: database.path, doing: doing, text: "no copy of it is sound; put the catalog back from a backup")
    }
    return (first.identity, copies.filter { copy in !sound.contains { $0.copy == copy } })
  }

  /// Writes both copies.
  func write(_ database: Database, _ hasher: SHA256) throws(CatalogError) {
    for copy in Self.copies {
      try database.run(
        "INSERT OR REPLACE INTO identity (copy, catalog, store, checksum) VALUES (?, ?, ?, ?)",
        [.integer(copy), .blob(key), .optional(store), .integer(checksum(hasher))], doing: "writing its identity")
    }
  }
}

extension Catalog {
  /// The store that the catalog belongs to, 32 hex digits; nil while it belongs to none.
  package var store: String? { identity.store }

  /// Makes the catalog that of the store `store`, whatever it was before: for an operator who knows why.
  package func adopt(store: String) throws(CatalogError) {
    var identity = identity
    identity.store = store
    try database.transaction(doing: "giving it to store \(store)") { () throws(CatalogError) in
      try identity.write(database, hasher)
    }
    self.identity = identity
  }

  /// Belongs to `owner` from now on, or always did. Throws `.otherStore` where it is another's, or nobody's though the owner
  /// has clicks: `isOld` says that the file is older than such notes.
  package func belong(to owner: CatalogOwner, isOld: Bool = false) throws(CatalogError) {
    if identity.store == owner.store { return }
    guard identity.store == nil, isOld || !owner.hasClicks() else {
      throw .otherStore(file: database.path, found: identity.store, store: owner.store)
    }
    try adopt(store: owner.store)
  }
}
