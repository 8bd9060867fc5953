import Records

// Bodies of records, click by click or ad by ad: what they may be called, and their text.

/// The media types under which records are taken.
enum RecordType {
  /// One JSON object a line: the usual names, and what shippers say who do not ask.
  static let ndjson: Set<String> = [
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines",
    "application/x-jsonlines", "application/json-lines", "application/x-json-lines", "application/json",
    "text/x-ndjson",
  ]
  static let csv: Set<String> = ["text/csv", "application/csv", "text/x-csv"]

  /// How a body of records may be coded; nil: in another way.
  static func isGzip(_ coding: String?) -> Bool? {
    switch coding?.lowercased() {
    case nil, "", "identity": false
    case "gzip", "x-gzip": true
    default: nil
    }
  }
}

extension API {
  /// The text of a body: unpacked where it is gzip, in UTF-8, without a mark; at most `limit` bytes.
  static func text(of request: APIRequest, limit: Int) throws(Problem) -> [UInt8] {
    guard let isGzip = RecordType.isGzip(request.contentEncoding) else { throw .encodedBody }
    let front = TextFront(limit: UInt64(limit), mustBeGzip: isGzip)
    var text: [UInt8] = []
    do {
      try unsafe request.body.withUnsafeBytes { unsafe try front.feed($0) { unsafe text.append(contentsOf: $0) } }
      unsafe try front.finish { unsafe text.append(contentsOf: $0) }
    } catch { throw .malformedBody("the body \(error)") }
    return text
  }
}
