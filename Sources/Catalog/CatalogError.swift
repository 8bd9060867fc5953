import Clicks
import Platform

/// What can go wrong with the catalog. The first eight are the environment's, the others the caller's.
package enum CatalogError: Error, Equatable, Sendable {
  /// SQLite refused: the file, what was attempted, SQLite's extended result code and its own words.
  case sqlite(file: String, doing: String, code: Int32, text: String)
  /// The file is not what it was written as, found while `doing` something.
  case damaged(file: String, doing: String, text: String)
  /// A row is not what was signed.
  case damagedRow(file: String, row: DamagedRow)
  /// The file is not there, or empty, though the store has clicks.
  case gone(file: String)
  /// The catalog belongs to the store `found`, or to none, and not to `store`, which has clicks.
  case otherStore(file: String, found: String?, store: String)
  /// A sound SQLite database, but of another application.
  case foreign(file: String)
  /// The schema has a version that this program cannot use: newer than it knows, or older and opened read-only.
  case version(file: String, found: Int64, known: Int64)
  /// The kernel refused.
  case system(SystemError)

  /// Another ad, live or deleted, has the same 64-bit key: this id can't be used (rule R11).
  case keyCollision(ad: AdID, other: AdID)
  /// The ad has counts, which belong to `advertiserID` for good.
  case advertiserFixed(ad: AdID, advertiserID: String)
  /// There is, or was, a signing key of this name.
  case keyExists(kid: String)
  /// No more signing keys can be active at once.
  case tooManyKeys(limit: Int)
  /// No more tokens can work at once.
  case tooManyTokens(limit: Int)
  /// No more share links can work at once, of one token or in all.
  case tooManyShares(limit: Int)
  /// Fields that are missing or wrong.
  case invalid([FieldFault])

  /// Whether the volume is full: the same call may succeed when space returns.
  package var isOutOfSpace: Bool {
    switch self {
    case .sqlite(_, _, let code, _): code & 0xFF == 13
    case .system(let error): error.isOutOfSpace
    default: false
    }
  }

  /// Whether another process held the file for longer than the busy timeout: the same call may succeed later.
  package var isBusy: Bool {
    if case .sqlite(_, _, let code, _) = self { code & 0xFF == 5 } else { false }
  }
}

extension CatalogError: CustomStringConvertible {
  /// One line that says what and where; it never holds a secret, since values are bound and not part of statements.
  package var description: String {
    switch self {
    case .sqlite(let file, let doing, let code, let text):
      "\(file): \(doing): \(text) (SQLite error \(code))"
    case .damaged(let file, let doing, let text):
      "\(file): damaged, found while \(doing): \(text)"
    case .damagedRow(let file, let row):
      """
      \(file): \(row) is damaged: it is not what was written; look at it with `tally catalog accept --kind \(row.table.kind) \
      \(row.name) --dry-run`\(row.table == .ad ? ", or put the ad again" : "")
      """
    case .gone(let file):
      """
      \(file): missing, but the store has clicks; put it back from a backup, or begin an empty one with `tally catalog \
      accept --store`
      """
    case .otherStore(let file, let found, let store):
      """
      \(file): belongs to \(found.map { "store \($0)" } ?? "no store yet"), and this is store \
      \(store)\(found == nil ? ", which has clicks" : ""); put this store's own catalog back from a backup, or make this one its \
      own with `tally catalog accept --store`
      """
    case .foreign(let file):
      "\(file): an SQLite database, but not a Tally catalog"
    case .version(let file, let found, let known):
      found > known
        ? "\(file): catalog version \(found), written by a newer Tally; this one knows versions up to \(known)"
        : "\(file): catalog version \(found) must be brought to version \(known) first, which `tally serve` does"
    case .system(let error):
      error.description
    case .keyCollision(let ad, let other):
      "ad id \(ad) has the same 64-bit key as ad \(other); choose another id"
    case .advertiserFixed(let ad, let advertiserID):
      "ad \(ad) has counts, which belong to advertiser \(advertiserID)"
    case .keyExists(let kid):
      "there is a signing key \(kid) already; key ids are never used twice"
    case .tooManyKeys(let limit):
      "\(limit) signing keys are active already; retire one first"
    case .tooManyTokens(let limit):
      "\(limit) tokens work already; revoke some first"
    case .tooManyShares(let limit):
      "\(limit) share links work already; revoke some first"
    case .invalid(let faults):
      faults.map(\.description).joined(separator: "; ")
    }
  }
}

/// One field that is missing or wrong, for the caller to correct.
package struct FieldFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// The field as the interface names it (`redirectUrl`).
  package var field: String
  /// What is wrong with it, in words that go behind its name.
  package var detail: String

  package init(_ field: String, _ detail: String) {
    self.field = field
    self.detail = detail
  }

  package var description: String { "\(field) \(detail)" }
}
