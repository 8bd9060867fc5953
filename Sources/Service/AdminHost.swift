// The admin door answers only to names that nobody else can point at it. A page in an operator's browser may have its own
// name resolved to this machine's address (DNS rebinding); its requests then carry that name as their host.

/// Which hosts the admin listener is addressed by.
enum AdminHost {
  /// Whether `authority`, host and port of a request, is an address, `localhost`, or one of `names` (in lower case). A request of
  /// HTTP/1.0 may have none: no browser sends such.
  static func allows(_ authority: String, names: [String]) -> Bool {
    let host = hostName(of: authority)
    return host.isEmpty || host == "localhost" || host.hasPrefix("[") || isIPv4(host) || names.contains(host)
  }

  /// The host of `HOST:PORT` in lower case; brackets stay.
  static func hostName(of authority: String) -> String {
    let text = authority.lowercased()
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") { return String(text[...end]) }
    return String(text[..<(text.lastIndex(of: ":") ?? text.endIndex)])
  }

  private static func isIPv4(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { 1...3 ~= $0.utf8.count && $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } && Int($0)! <= 255 }
  }
}

extension Problem {
  /// 421: the admin door does not know this name.
  static let misdirected = Problem(
    421, "unknown-host", "The host is not known here",
    "the admin listener answers to addresses, localhost and the names of --admin-host; use one of these")
}
