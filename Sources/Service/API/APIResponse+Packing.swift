import Records

// Answers as gzip, where the request takes it (RFC 9110, 12.5.3). A strong validator names bytes, so that of a packed answer is
// weak; conditions compare weakly, and hold for both.

extension APIResponse {
  /// Shorter bodies stay as they are.
  private static let shortest = 1_024

  /// This answer to `request`, packed where that is wanted and saves something.
  package func packed(for request: APIRequest) -> APIResponse {
    guard status == 200 || status == 304 else { return self }
    var answer = self
    var varies = false
    for i in answer.headers.indices where answer.headers[i].name.isSame(as: "Vary") {
      answer.headers[i].value += ", Accept-Encoding"
      varies = true
    }
    if !varies { answer.headers.append(("Vary", "Accept-Encoding")) }
    guard status == 200, body.count >= Self.shortest, Self.takesGzip(request.acceptEncoding) else { return answer }
    let packed = Deflater.gzip(body)
    guard packed.count < body.count else { return answer }
    answer.body = packed
    answer.headers.append(("Content-Encoding", "gzip"))
    for i in answer.headers.indices where answer.headers[i].name.isSame(as: "ETag") {
      if !answer.headers[i].value.hasPrefix("W/") { answer.headers[i].value = "W/" + answer.headers[i].value }
    }
    return answer
  }

  /// Whether a value of `Accept-Encoding` takes gzip (RFC 9110, 12.5.3): named, or else by `*`, and not with the weight 0.
  static func takesGzip(_ field: String?) -> Bool {
    var any = false
    for member in (field ?? "").lowercased().split(separator: ",") {
      let parts = member.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      guard let name = parts.first else { continue }
      let isRefused = parts.dropFirst().contains { part in
        part.hasPrefix("q=") && part.dropFirst(2).allSatisfy { $0 == "0" || $0 == "." }
      }
      if name == "gzip" || name == "x-gzip" { return !isRefused }
      if name == "*" { any = !isRefused }
    }
    return any
  }
}
