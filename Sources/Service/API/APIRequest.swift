import HTTP

/// A request outside the click path, copied off its connection.
package struct APIRequest: Sendable {
  package var method: Method
  /// The path's segments, decoded: `["api", "v1", "ads", "42"]`.
  package var segments: [String]
  /// The query's pairs, decoded, in their order.
  package var parameters: [(name: String, value: String)]
  /// The fields of these names; nil where absent.
  package var credentials: Credentials
  package var contentType: String?
  package var contentEncoding: String?
  package var accept: String?
  package var acceptEncoding: String?
  package var ifNoneMatch: String?
  /// Where a stream of events broke off.
  package var lastEventID: String?
  package var body: [UInt8]
  /// Host and port that the request is for.
  package var authority = ""
  /// Where a sign-in comes from: see `Request.peerNetwork`.
  package var network: UInt64 = 0
  /// Whether it came by the admin listener.
  package var isAdmin: Bool
  /// Names it in answers and in the log.
  package var requestID: String

  package init(
    method: Method, segments: [String], parameters: [(name: String, value: String)] = [],
    authorization: String? = nil, contentType: String? = nil, accept: String? = nil, ifNoneMatch: String? = nil,
    body: [UInt8] = [], isAdmin: Bool = false, requestID: String
  ) {
    self.method = method
    self.segments = segments
    self.parameters = parameters
    credentials = Credentials(authorization: authorization)
    self.contentType = contentType
    self.accept = accept
    self.ifNoneMatch = ifNoneMatch
    self.body = body
    self.isAdmin = isAdmin
    self.requestID = requestID
  }

  /// A copy of `request`. Throws the 400 of a path or a query that can't be decoded.
  package init(_ request: borrowing Request, isAdmin: Bool, requestID: String) throws(Problem) {
    segments = try Self.segments(of: request)
    do throws(PercentCoding.Failure) { parameters = try request.parameters() } catch {
      throw .malformedTarget("the query \(Self.words(error))")
    }
    method = request.method
    credentials = Credentials(request)
    authority = request.authority
    if request.method == .post, request.pathEquals("/session") { network = request.peerNetwork }
    contentType = request.headerText("Content-Type")
    contentEncoding = request.headerText("Content-Encoding")
    accept = request.headerText("Accept")
    acceptEncoding = request.headerText("Accept-Encoding")
    ifNoneMatch = request.headerText("If-None-Match")
    lastEventID = request.headerText("Last-Event-ID")
    body = unsafe Array(request.body)
    self.isAdmin = isAdmin
    self.requestID = requestID
  }

  /// The path's segments, decoded. Throws the 400 of a path that can't be.
  static func segments(of request: borrowing Request) throws(Problem) -> [String] {
    do throws(PercentCoding.Failure) { return try request.pathSegments() } catch {
      if error == .needless {
        throw .notFound("the path escapes a character that needs no escape; nothing has such a path")
      }
      throw .malformedTarget("the path \(words(error))")
    }
  }

  private static func words(_ failure: PercentCoding.Failure) -> String {
    switch failure {
    case .badEscape: "has a % without two hex digits behind it"
    case .tooLong: "is too long"
    case .notUTF8: "is not UTF-8 when decoded"
    case .forbidden: "has an escaped / or NUL"
    case .needless: "has an escape of a character that needs none"
    }
  }

  /// The token in `Authorization: Bearer …`; nil where there is none of that scheme.
  static func bearerToken(in authorization: String?) -> String? {
    guard let authorization else { return nil }
    let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return String(parts[1].drop { $0 == " " })
  }

  /// The media type of the body in lower case, without parameters; nil where none is named, or a charset that is not
  /// UTF-8 is.
  var mediaType: String? {
    guard let contentType else { return nil }
    let parts = contentType.lowercased().split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
    for parameter in parts.dropFirst() where parameter.hasPrefix("charset=") {
      guard ["utf-8", "\"utf-8\"", "us-ascii"].contains(parameter.dropFirst(8)) else { return nil }
    }
    return parts.first
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }
}
