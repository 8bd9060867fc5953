import HTTP
import JSON

// Errors as RFC 9457 has them:
//
//     HTTP/1.1 400 Bad Request
//     Content-Type: application/problem+json
//
//     {"type":"urn:tally:problem:invalid-parameter","title":"Parameters are missing or wrong","status":400,
//      "detail":"limit must be a number from 1 to 100000","code":"invalid-parameter","requestId":"…",
//      "errors":[{"parameter":"limit","detail":"must be a number from 1 to 100000"}]}
//
// No value of a request is quoted, except names and ids that were checked: a secret must not come back.

/// Why a request was not answered as it was meant.
package struct Problem: Error, Sendable {
  /// The HTTP status, 400 to 599.
  package var status: Int
  /// The kind of problem, a name for programs: lower case with hyphens, stable.
  package var code: String
  /// The same in words, without particulars.
  package var title: String
  /// What happened this time.
  package var detail: String
  /// The parameters, fields of a body included, that are at fault.
  package var errors: [(parameter: String, detail: String)]
  /// Fields that its answer carries besides its own.
  package var headers: [(name: StaticString, value: String)]
  /// Further members of the document, which its kind has beside the standard ones.
  package var members: [JSONValue.Member] = []

  package init(
    _ status: Int, _ code: String, _ title: String, _ detail: String,
    errors: [(parameter: String, detail: String)] = [], headers: [(name: StaticString, value: String)] = []
  ) {
    self.status = status
    self.code = code
    self.title = title
    self.detail = detail
    self.errors = errors
    self.headers = headers
  }

  /// The media type of problems.
  package static let mediaType: StaticString = "application/problem+json"

  /// The whole answer. `requestID` leads to the request in the log.
  package func response(requestID: String?) -> APIResponse {
    var fields = [
      (name: "Content-Type" as StaticString, value: "\(Self.mediaType)"), ("Cache-Control", "no-store"),
      ("X-Content-Type-Options", "nosniff"),
    ]
    if let requestID { fields.append(("X-Request-Id", requestID)) }
    return APIResponse(status: status, headers: fields + headers, body: body(requestID: requestID))
  }

  /// Writes the whole answer.
  package func write(into writer: inout ResponseWriter, requestID: String? = nil) {
    response(requestID: requestID).write(into: &writer)
  }

  private func body(requestID: String?) -> [UInt8] {
    var members: [JSONValue.Member] = [
      .init("type", .string("urn:tally:problem:\(code)")), .init("title", .string(title)),
      .init("status", .integer(status)), .init("detail", .string(detail)), .init("code", .string(code)),
    ]
    if let requestID { members.append(.init("requestId", .string(requestID))) }
    if !errors.isEmpty {
      let list = errors.map {
        JSONValue.object(["parameter": .string($0.parameter), "detail": .string($0.detail)])
      }
      members.append(.init("errors", .array(list)))
    }
    members += self.members
    var body: [UInt8] = []
    JSONValue.object(members).append(to: &body)
    body.append(0x0A)
    return body
  }
}
