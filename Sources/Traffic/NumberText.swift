// Numbers as sentences have them: digits in groups of three, the noun that fits, a unit behind every value.

/// Writes numbers for people. What programs read has plain digits.
package enum NumberText {
  /// `25,839`.
  package static func grouped(_ number: some BinaryInteger) -> String { grouped(String(number)) }

  /// The same of digits, with or without a sign; any other text stays as it is.
  package static func grouped(_ text: String) -> String {
    let digits = text.drop { $0 == "-" || $0 == "+" }
    guard digits.count > 3, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return text }
    var grouped = String(text.prefix(text.count - digits.count))
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { grouped.append(",") }
      grouped.append(digit)
    }
    return grouped
  }

  /// `1 click`, `25,839 clicks`. Without `many` an s is added.
  package static func of(_ number: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
    of(String(number), one, many)
  }

  /// The same of digits.
  package static func of(_ digits: String, _ one: String, _ many: String? = nil) -> String {
    "\(grouped(digits)) \(digits == "1" || digits == "-1" ? one : many ?? one + "s")"
  }

  /// A duration in ns: `830 µs`, `4.2 ms`, `234 ms`, `12.5 s`.
  package static func duration(_ nanoseconds: Int64) -> String {
    let units: [(name: String, size: Double)] = [("µs", 1e3), ("ms", 1e6), ("s", 1e9)]
    let value = Double(max(0, nanoseconds))
    let unit = units.last { value >= $0.size } ?? units[0]
    return "\(short(value / unit.size)) \(unit.name)"
  }

  /// Bytes: `512 B`, `12.5 MiB`.
  package static func bytes(_ bytes: some BinaryInteger) -> String {
    let (number, unit) = scaled(Double(bytes), 1_024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    return "\(number) \(unit)"
  }

  /// A number in at most five columns: `9999`, `12.3k`, `456k`, `7.1M`.
  package static func brief(_ number: Double) -> String {
    if number < 9_999.5 { return "\(Int64(max(0, number).rounded()))" }
    let (text, unit) = scaled(number, 1_000, ["", "k", "M", "G", "T", "P", "E"])
    return text + unit
  }

  /// Bytes in at most five columns: `999B`, `12.3M`; units of 1,024.
  package static func briefBytes(_ bytes: Double) -> String {
    let (text, unit) = scaled(max(0, bytes), 1_024, ["B", "K", "M", "G", "T", "P"])
    return text + unit
  }

  private static func scaled(_ value: Double, _ base: Double, _ units: [String]) -> (String, String) {
    var (value, index) = (value, 0)
    // What rounds to four digits has the next unit.
    while value >= 999.5, index < units.count - 1 {
      value /= base
      index += 1
    }
    return (index == 0 ? "\(Int64(value.rounded()))" : short(value), units[index])
  }

  /// Three digits at least where there is a fraction: `4.2`, `12.5`, `234`.
  private static func short(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    return tenths >= 1_000 || tenths % 10 == 0 ? "\((tenths + 5) / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}
