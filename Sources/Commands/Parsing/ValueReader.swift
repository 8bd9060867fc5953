import Clicks
import HTTP

/// Why a text is not a value of its kind, in words that go behind its name.
package struct ValueFault: Error, Hashable, Sendable {
  package var reason: String

  package init(_ reason: String) { self.reason = reason }
}

/// How the value of an option, an operand or a setting is read from its text, and what stands for it in help texts.
package struct ValueReader<Value: Sendable>: Sendable {
  /// In upper case, as in `--data-dir DIR`.
  package let placeholder: String
  private let reading: @Sendable (String) throws(ValueFault) -> Value

  package init(_ placeholder: String, _ reading: @escaping @Sendable (String) throws(ValueFault) -> Value) {
    self.placeholder = placeholder
    self.reading = reading
  }

  /// The value that `text` spells.
  package func read(_ text: String) throws(ValueFault) -> Value { try reading(text) }
}

extension ValueReader where Value == String {
  /// Any text but an empty one.
  package static func text(_ placeholder: String) -> Self {
    Self(placeholder) { text throws(ValueFault) in
      guard !text.isEmpty else { throw ValueFault("is empty") }
      return text
    }
  }

  /// One of a few words.
  package static func choice(_ words: [String]) -> Self {
    Self(words.joined(separator: "|")) { text throws(ValueFault) in
      guard words.contains(text) else {
        let hint = Nearest.hint(text, among: words)
        throw ValueFault("is \"\(text)\", which is none of \(words.joined(separator: ", "))\(hint)")
      }
      return text
    }
  }

  /// `HOST:PORT`, with an IPv6 address in brackets. Only the form is checked; nothing is resolved.
  package static let address = Self("HOST:PORT") { text throws(ValueFault) in
    guard let colon = text.lastIndex(of: ":"), let port = DecimalText.read(text[text.index(after: colon)...]),
      port <= 65_535
    else { throw ValueFault("is \"\(text)\"; it must be HOST:PORT with a port from 0 to 65535") }
    let host = text[..<colon]
    guard !host.contains(":") || (host.hasPrefix("[") && host.hasSuffix("]")) else {
      throw ValueFault("is \"\(text)\"; an IPv6 address stands in brackets, as in [::1]:8080")
    }
    return text
  }
}

extension ValueReader where Value == AdID {
  /// An ad's id.
  package static let adID = Self("AD_ID") { text throws(ValueFault) in
    guard let id = AdID(text) else {
      throw ValueFault("is \"\(text)\"; an ad id has 1 to 64 characters of A-Z a-z 0-9 _ . -")
    }
    return id
  }
}

extension ValueReader where Value == Int64 {
  /// A whole number in `range`.
  package static func count(_ range: ClosedRange<Int64>, _ placeholder: String = "N") -> Self {
    Self(placeholder) { text throws(ValueFault) in
      guard let number = DecimalText.read(text) else { throw ValueFault("is \"\(text)\", not a whole number") }
      guard range.contains(number) else {
        throw ValueFault("is \(text); it must be from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
  }

  /// A duration, nanoseconds: `500ms`, `10s`, `2m`, `24h`, `7d`.
  package static func duration(_ range: ClosedRange<Int64>) -> Self {
    Self("DURATION") { text throws(ValueFault) in
      guard let value = DurationText.read(text) else {
        throw ValueFault("is \"\(text)\"; durations are written 500ms, 10s, 2m, 24h, 7d")
      }
      guard range.contains(value) else {
        let (low, high) = (DurationText.write(range.lowerBound), DurationText.write(range.upperBound))
        throw ValueFault("is \(text); it must be from \(low) to \(high)")
      }
      return value
    }
  }

  /// A size, bytes: `64KiB`, `1MiB`, `2GiB`, or a bare number of bytes.
  package static func size(_ range: ClosedRange<Int64>, multipleOf unit: Int64 = 1) -> Self {
    Self("SIZE") { text throws(ValueFault) in
      guard let value = SizeText.read(text) else {
        throw ValueFault("is \"\(text)\"; sizes are written 64KiB, 1MiB, 2GiB")
      }
      guard range.contains(value) else {
        let (low, high) = (SizeText.write(range.lowerBound), SizeText.write(range.upperBound))
        throw ValueFault("is \(text); it must be from \(low) to \(high)")
      }
      guard value % unit == 0 else { throw ValueFault("is \(text); it must be a multiple of \(SizeText.write(unit))") }
      return value
    }
  }
}

extension ValueReader where Value == Bool {
  /// `true` or `false`, where a switch is written as a setting.
  package static let truth = Self("true|false") { text throws(ValueFault) in
    switch text {
    case "true", "1": return true
    case "false", "0": return false
    default: throw ValueFault("is \"\(text)\"; it must be true or false")
    }
  }
}
