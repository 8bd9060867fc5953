// What a file or a request holds may be meant for the terminal that shows it: an escape sequence can set a title, hide a
// line, or write over one. So control characters are shown, and not sent.

/// Text for a terminal.
package enum ControlText {
  /// `text` with every control character but line ends and tabs written out: C0 and C1 as `\x1B`, the characters that turn
  /// the direction of a line as `\u{202E}`.
  package static func escaped(_ text: String) -> String {
    guard text.utf8.contains(where: { mayBegin($0) }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09, 0x0A: result.unicodeScalars.append(scalar)
      case 0..<0x20, 0x7F..<0xA0:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result += "\\x" + (digits.count < 2 ? "0" : "") + digits
      case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Whether one of these characters may begin with this byte of UTF-8.
  private static func mayBegin(_ byte: UInt8) -> Bool {
    byte < 0x20 && byte != 0x0A && byte != 0x09 || byte == 0x7F || byte == 0xC2 || byte == 0xE2
  }
}
