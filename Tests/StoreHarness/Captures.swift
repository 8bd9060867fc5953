import Clicks

/// What a click of the harness brings along: its identity alone tells, so that strings which came to another click, or to
/// none, are noticed. Of a click that was sent under several settings the ledger knows which.
package enum Captures {
  /// The string of a column. Some are empty, a few are long.
  package static func text(_ column: CapturedColumn, of identity: ClickIdentity) -> [UInt8] {
    let number = identity.impression.low
    switch column {
    case .userAgent:
      return Array("agent \(number % 3) of \(number), \(identity.ad.rawValue)".utf8)
    case .referrer:
      if number % 5 == 0 { return [] }
      let path = number % 37 == 0 ? String(repeating: "\(number)/", count: 40) : "\(number)"
      return Array("https://example.org/\(path)".utf8)
    }
  }

  /// What `set` captures of the clicks; nil where it captures nothing.
  package static func strings(_ set: CaptureSet, of identities: [ClickIdentity]) -> CapturedStrings? {
    guard !set.isEmpty else { return nil }
    var strings = CapturedStrings(set)
    for identity in identities { strings.append(ClickStrings(set.columns.map { text($0, of: identity) })) }
    return strings
  }

  /// Whether a click that was sent under one of `sets` may have these strings. One that is not kept is empty.
  package static func areRight(
    _ found: [CapturedColumn: [UInt8]], of identity: ClickIdentity, sets: Set<CaptureSet>
  ) -> Bool {
    sets.contains { set in
      CapturedColumn.allCases.allSatisfy { column in
        found[column] ?? [] == (set.contains(CaptureSet(column)) ? text(column, of: identity) : [])
      }
    }
  }
}
