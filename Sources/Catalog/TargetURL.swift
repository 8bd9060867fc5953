/// What may stand in a `Location` header as it was given. RFC 3986 in the parts that matter for safety: an absolute http
/// or https URL with a host, in printable ASCII.
///
///     https://shop.example:8443/landing?x=1#top
///     scheme  host         port rest: any printable ASCII but space and " < > \ `
package enum TargetURL {
  /// The longest URL, bytes.
  package static let maximumBytes = 2048

  /// What is wrong with `text`, in words to go behind the field's name; nil where it is good.
  package static func fault(in text: String) -> String? {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty else { return "is empty" }
    guard bytes.count <= maximumBytes else { return "is longer than \(maximumBytes) bytes" }
    for (offset, byte) in bytes.enumerated() {
      switch byte {
      case 0...0x1F, 0x7F: return "has a control character at byte \(offset)"
      case 0x20: return "has a space at byte \(offset); write %20"
      case 0x80...: return "has a character outside ASCII at byte \(offset); percent-encode it (a host: punycode)"
      case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "`"):
        return "has a character at byte \(offset) that no URL may hold; percent-encode it"
      default: continue
      }
    }
    let lower = bytes.prefix(8).map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
    let start: Int
    if lower.starts(with: Array("http://".utf8)) {
      start = 7
    } else if lower.starts(with: Array("https://".utf8)) {
      start = 8
    } else {
      return "must be absolute and begin with http:// or https://"
    }
    return fault(
      inAuthority: bytes[start...].prefix {
        $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
      })
  }

  private static func fault(inAuthority authority: ArraySlice<UInt8>) -> String? {
    guard !authority.contains(UInt8(ascii: "@")) else { return "must not carry a user name" }
    let host: ArraySlice<UInt8>
    let rest: ArraySlice<UInt8>
    if authority.first == UInt8(ascii: "[") {
      guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { return "has an unclosed [ in its host" }
      host = authority[authority.startIndex.advanced(by: 1)..<close]
      rest = authority[(close + 1)...]
      guard isAddress(host) else { return "has no IPv6 address between [ and ]" }
    } else {
      host = authority.prefix { $0 != UInt8(ascii: ":") }
      rest = authority[host.endIndex...]
      guard !host.isEmpty else { return "has no host" }
      guard isName(host) else { return "has a host that is not a name of letters, digits, -, _ and single dots" }
    }
    guard !rest.isEmpty else { return nil }
    guard rest.first == UInt8(ascii: ":") else { return "has text between its host and its port" }
    let digits = rest.dropFirst()
    guard 1...5 ~= digits.count, digits.allSatisfy({ 0x30...0x39 ~= $0 }),
      let port = Int(String(decoding: digits, as: UTF8.self)), 1...65_535 ~= port
    else { return "has a port that is not a number from 1 to 65535" }
    return nil
  }

  /// Labels of 1 to 63 characters between single dots, 253 in all; a dot at the end is allowed (the root).
  private static func isName(_ host: ArraySlice<UInt8>) -> Bool {
    let name = host.last == UInt8(ascii: ".") ? host.dropLast() : host
    guard 1...253 ~= name.count else { return false }
    return name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      1...63 ~= label.count
        && label.allSatisfy {
          switch $0 {
          case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
          default: false
          }
        }
    }
  }

  /// The look of an IPv6 address: hex digits, colons, and dots for an IPv4 tail. The client resolves it; here it must
  /// only be unable to end the host early.
  private static func isAddress(_ host: ArraySlice<UInt8>) -> Bool {
    guard 2...45 ~= host.count, host.count(where: { $0 == UInt8(ascii: ":") }) >= 2 else { return false }
    return host.allSatisfy {
      switch $0 {
      case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: ":"), UInt8(ascii: "."): true
      default: false
      }
    }
  }
}
