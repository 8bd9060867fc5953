// Numbers with their units as people write them: one number, one unit, nothing between them.

/// Whole numbers in plain digits.
package enum DecimalText {
  /// Nil for anything but digits, and for more than 18 of them.
  package static func read(_ text: some StringProtocol) -> Int64? {
    guard 1...18 ~= text.utf8.count, text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
    return Int64(text)
  }
}

/// Durations, in nanoseconds.
package enum DurationText {
  /// The units, the shortest first.
  static let units: [(name: String, nanoseconds: Int64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
  ]

  /// Nil where `text` is no number with one of the units, or does not fit 64 bits.
  package static func read(_ text: String) -> Int64? { UnitText.read(text, units) }

  /// In the largest unit that leaves a whole number; parts of a millisecond are dropped.
  package static func write(_ nanoseconds: Int64) -> String {
    let unit = units.last { nanoseconds != 0 && nanoseconds % $0.nanoseconds == 0 } ?? units[0]
    return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
  }
}

/// Sizes, in bytes.
package enum SizeText {
  static let units: [(name: String, bytes: Int64)] = [
    ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
  ]

  /// Nil where `text` is no number, alone or with one of the units, or does not fit 64 bits.
  package static func read(_ text: String) -> Int64? { DecimalText.read(text) ?? UnitText.read(text, units) }

  /// In the largest unit that leaves a whole number.
  package static func write(_ bytes: Int64) -> String {
    let unit = units.last { bytes != 0 && bytes % $0.bytes == 0 } ?? units[0]
    return "\(bytes / unit.bytes)\(unit.name)"
  }
}

private enum UnitText {
  static func read(_ text: String, _ units: [(name: String, Int64)]) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = DecimalText.read(digits), let unit = units.first(where: { $0.name == text[digits.endIndex...] })
    else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit.1)
    return overflow ? nil : product
  }
}
