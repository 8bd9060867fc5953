/// A validator of an answer (RFC 9110, 8.8.3) and the condition that names it.
package struct EntityTag: Hashable, Sendable {
  /// What stands between the quotes: letters and digits.
  package var text: String
  /// A weak one names answers that mean the same, a strong one equal bytes.
  package var isWeak: Bool

  /// As it goes into `ETag`.
  package var field: String { (isWeak ? "W/" : "") + "\"\(text)\"" }

  /// Whether a value of `If-None-Match` names it or is `*`; compared weakly, as that field is.
  package func matches(_ condition: String?) -> Bool {
    guard let condition else { return false }
    return condition.split(separator: ",").contains { member in
      var member = member.drop { $0 == " " || $0 == "\t" }
      while let last = member.last, last == " " || last == "\t" { member.removeLast() }
      if member == "*" { return true }
      if member.hasPrefix("W/") { member = member.dropFirst(2) }
      return member == "\"\(text)\""
    }
  }
}
