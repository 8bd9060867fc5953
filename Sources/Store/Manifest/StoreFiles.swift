import Bytes
import ClickLog
import Files
import Platform

/// Every name in a data directory, in one place.
package enum StoreFiles {
  package static let store = "STORE"
  package static let lock = "LOCK"
  /// The hot intervals of a store of several shards.
  package static let routes = "ROUTES"
  /// The imports that were finished.
  package static let imports = "IMPORTS"
  package static let catalog = "catalog.sqlite"
  package static let log = "log"
  package static let temporary = "tmp"

  /// A shard's directory: `shard-00`.
  package static func shard(_ number: Int) -> String { "shard-" + pad(number, 2) }

  /// Whether a name is that of a shard's directory.
  package static func isShard(_ name: String) -> Bool {
    name.hasPrefix("shard-") && Int(name.dropFirst(6)).map { shard($0) == name } ?? false
  }

  /// The directory of the shards of a store that was rewritten: `layout-0001`.
  package static func layout(_ number: UInt32) -> String { layoutPrefix + pad(Int(number), 4) }

  /// Begins the name of every such directory.
  package static let layoutPrefix = "layout-"

  /// A manifest's copy: `MANIFEST-7.a`.
  package static func manifest(_ number: UInt64, copy: ManifestCopy) -> String { "MANIFEST-\(number).\(copy.rawValue)" }

  /// Number and copy of a manifest's name; nil for other names.
  package static func manifest(of name: String) -> (number: UInt64, copy: ManifestCopy)? {
    let prefix = "MANIFEST-"
    guard name.hasPrefix(prefix), let copy = ManifestCopy.allCases.first(where: { name.hasSuffix("." + $0.rawValue) }),
      let number = UInt64(name.dropFirst(prefix.count).dropLast(2)), manifest(number, copy: copy) == name
    else { return nil }
    return (number, copy)
  }

  /// The directories of a shard's immutable files.
  package static let directories = StoreFile.Kind.allCases.map(\.directory)

  /// An immutable file's path inside its shard: `run/0000000042.run`.
  package static func path(_ kind: StoreFile.Kind, _ number: UInt64) -> String {
    "\(kind.directory)/\(pad(Int(number), 10)).\(kind.ending)"
  }

  /// The number in an immutable file's name; nil for other names.
  package static func number(of name: String, _ kind: StoreFile.Kind) -> UInt64? {
    guard name.hasSuffix(".\(kind.ending)"), let number = UInt64(name.dropLast(kind.ending.count + 1)),
      number < UInt64(Int.max), path(kind, number) == "\(kind.directory)/\(name)"
    else { return nil }
    return number
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// An immutable file as the manifest keeps it.
package struct StoreFile: Hashable, Sendable {
  package var kind: Kind
  package var reference: SealedReference

  package init(kind: Kind, reference: SealedReference) {
    self.kind = kind
    self.reference = reference
  }

  /// What it holds, and with that where it stands and whether it can be made again (K9).
  package enum Kind: UInt32, CaseIterable, Sendable {
    /// Raw clicks. Primary.
    case segment = 1
    /// Minute, hour or day rows of clicks; derived as far as raw clicks or BASE rows are kept.
    case run = 2
    /// Rows of retired raw clicks. Primary.
    case base = 3
    /// Ad keys by code. Primary.
    case dictionary = 4
    /// Rows of an external table. Primary.
    case external = 5
    /// What recounts changed, and which clicks count no longer. Primary.
    case corrections = 6

    package var directory: String {
      switch self {
      case .segment: "seg"
      case .run: "run"
      case .base: "base"
      case .dictionary: "dict"
      case .external: "ext"
      case .corrections: "corr"
      }
    }

    package var ending: String {
      switch self {
      case .segment: "seg"
      case .run, .base, .external: "run"
      case .dictionary: "dic"
      case .corrections: "cor"
      }
    }

    package var magic: FileMagic {
      switch self {
      case .segment: .segment
      case .run, .base, .external: .run
      case .dictionary: .dictionary
      case .corrections: .corrections
      }
    }
  }
}

/// The two identical copies of a manifest.
package enum ManifestCopy: String, CaseIterable, Sendable {
  case a
  case b
}
