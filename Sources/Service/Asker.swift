import HTTP

/// What a refusal has to know of the request: whether a person reads it, and what the request calls itself.
struct Asker {
  /// A person waits for a page: `Accept` asks for HTML, and does not like JSON better.
  var wantsPage = false
  /// The request's own name for itself, where a proxy in front has given it one that may go into answers and logs.
  var givenID: String?

  /// Nothing is known of the request.
  init() {}

  init(_ request: borrowing Request) {
    wantsPage = Self.wantsPage(request.headerText("Accept"))
    givenID = Self.givenID(request)
  }

  /// Bytes of a name that is taken over.
  private static let longestID = 128

  /// The value of `X-Request-Id`, where it is letters, digits and `-._~:=+/@` and not longer than 128 bytes.
  static func givenID(_ request: borrowing Request) -> String? {
    guard let value = unsafe request.header("X-Request-Id"), 1...longestID ~= value.count else { return nil }
    let isPlain = unsafe value.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: "-._~:=+/@".utf8.contains(byte)
      }
    }
    return isPlain ? unsafe String(decoding: value, as: UTF8.self) : nil
  }

  /// Whether a field `Accept` of this value asks for a page (RFC 9110, 12.5.1).
  static func wantsPage(_ accept: String?) -> Bool {
    guard let accept else { return false }
    var page = 0.0
    var document = 0.0
    for member in accept.lowercased().split(separator: ",") {
      let parts = member.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      guard let type = parts.first else { continue }
      var quality = 1.0
      for part in parts.dropFirst() where part.hasPrefix("q=") { quality = Double(part.dropFirst(2)) ?? 0 }
      switch type {
      case "text/html", "application/xhtml+xml": page = max(page, quality)
      case "application/json", "application/problem+json": document = max(document, quality)
      default: break
      }
    }
    return page > 0 && page >= document
  }
}
