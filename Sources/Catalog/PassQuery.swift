// Which parameters of a click's request go on to the landing page. Names are compared decoded; those that make the click
// itself never go, not through a prefix either.

/// What an ad lists in `passQuery`: names of query parameters, and beginnings of names with `*` behind them.
package struct PassQuery: Hashable, Sendable {
  /// As they were given, `*` included.
  package let entries: [String]
  private let names: [[UInt8]]
  private let prefixes: [[UInt8]]

  /// Most entries of an ad, and bytes of one.
  package static let maximumEntries = 32
  package static let maximumEntryBytes = 64

  /// What a click's link is made of.
  package static let reserved = ["adId", "impressionId", "signature", "kid"]

  /// Entries that stand between blanks or commas, as the catalog and files of ads have them. What is no entry is kept as a
  /// name, which `fault` tells of.
  package init(_ text: String) {
    entries = text.split { $0 == " " || $0 == "," }.map(String.init)
    names = entries.filter { !$0.hasSuffix("*") }.map { Array($0.utf8) }
    prefixes = entries.filter { $0.hasSuffix("*") }.map { Array($0.utf8.dropLast()) }
  }

  /// The entries as one text.
  package var text: String { entries.joined(separator: " ") }

  /// Whether no parameter goes on.
  package var isEmpty: Bool { entries.isEmpty }

  /// What is wrong with a list, in words to go behind `passQuery`; nil where it is good.
  package static func fault(in text: String) -> String? {
    let list = PassQuery(text)
    guard list.entries.count <= maximumEntries else { return "has more than \(maximumEntries) names" }
    for entry in list.entries {
      let name = entry.hasSuffix("*") ? String(entry.dropLast()) : entry
      guard !name.isEmpty else {
        return "has *, which would pass everything; name the parameters, or a prefix as utm_*"
      }
      guard entry.utf8.count <= maximumEntryBytes else { return "has a name of more than \(maximumEntryBytes) bytes" }
      guard name.utf8.allSatisfy(isNameByte) else {
        return "must hold names of A-Z a-z 0-9 _ . ~ - : [ ] $, with * at the end alone"
      }
      if let word = reserved.first(where: { isSame($0.utf8, name.utf8) }) {
        return "has \(word), which belongs to the click's own link and never goes on; leave it out"
      }
    }
    return nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x5F, 0x2E, 0x7E, 0x2D, 0x3A, 0x5B, 0x5D, 0x24: true
    default: false
    }
  }

  /// Whether both are the same but for the case of ASCII letters.
  private static func isSame(_ a: some Collection<UInt8>, _ b: some Collection<UInt8>) -> Bool {
    func folded(_ byte: UInt8) -> UInt8 { 0x41...0x5A ~= byte ? byte | 0x20 : byte }
    return a.count == b.count && zip(a, b).allSatisfy { folded($0) == folded($1) }
  }

  /// Whether a parameter of this decoded name goes on.
  func admits(_ name: [UInt8]) -> Bool {
    guard names.contains(name) || prefixes.contains(where: { name.starts(with: $0) }) else { return false }
    return !Self.reserved.contains { Self.isSame($0.utf8, name) }
  }
}
