import Clicks
import Platform

// Ads, signing keys and API tokens in one SQLite file. The way of a change: one transaction, on disk when the call
// returns; then the caller tells every `AdCache` (`invalidate`) or hands out a new `KeyRing`.
//
//   Catalog.swift           the file            Ads.swift      put, look up, list, delete, import
//   SigningKeys.swift       keys and secrets    Tokens.swift   who may do what

/// The catalog of one data directory. A connection of one thread at a time; event loops ask the thread that has it and
/// keep the answers in an `AdCache` (rule R15).
package final class Catalog {
  let database: Database
  let environment: Environment
  let hasher = SHA256()

  private init(_ database: Database, _ environment: Environment) {
    self.database = database
    self.environment = environment
  }

  /// Opens the catalog in the file `path`; read-write, it is created or brought to the newest version where needed.
  /// Damage, another application's file and a newer version are refused with errors that name the file.
  package static func open(
    _ path: String, _ access: Database.Access = .readWrite, in environment: Environment
  ) throws(CatalogError) -> Catalog {
    let database = try Database.open(path, access, files: environment.files)
    try Schema.establish(in: database, access)
    return Catalog(database, environment)
  }

  /// Opens the same file once more, to read: for another thread. Every opening checks the whole file.
  package func another() -> @Sendable () throws(CatalogError) -> Catalog {
    { [path = database.path, environment] () throws(CatalogError) in
      try Catalog.open(path, .readOnly, in: environment)
    }
  }

  /// Milliseconds since 1970.
  func now() -> Int64 { environment.time.wall() }

  /// A short random name, 10 characters (50 bits) that are hard to misread.
  func shortName() -> String {
    let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
    var bits = environment.chance.next()
    let name = (0..<10).map { _ in
      defer { bits >>= 5 }
      return alphabet[Int(bits & 31)]
    }
    return String(decoding: name, as: UTF8.self)
  }
}
