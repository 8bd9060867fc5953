import Glibc
import HTTP
import JSON

/// An answer to an `APIRequest`.
package struct APIResponse: Sendable {
  /// The HTTP status.
  package var status: Int
  /// Its fields; the writer adds Date, Content-Length and Connection.
  package var headers: [(name: StaticString, value: String)]
  package var body: [UInt8]

  package init(status: Int, headers: [(name: StaticString, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// An answer that no cache keeps, of a JSON value.
  package static func json(
    _ status: Int, _ value: JSONValue, headers: [(name: StaticString, value: String)] = []
  ) -> APIResponse {
    var body: [UInt8] = []
    value.append(to: &body)
    body.append(0x0A)
    let fields = [(name: "Content-Type" as StaticString, value: "application/json"), ("Cache-Control", "no-store")]
    return APIResponse(status: status, headers: fields + headers, body: body)
  }

  /// 204: done, and nothing to say.
  package static let noContent = APIResponse(status: 204, headers: [("Cache-Control", "no-store")])

  /// The value of the first field called `name`, in the case in which it is written here.
  package func header(_ name: StaticString) -> String? { headers.first { $0.name.isSame(as: name) }?.value }

  /// Writes the whole answer.
  package func write(into writer: inout ResponseWriter) {
    writer.begin(status)
    for field in headers { writer.header(field.name, field.value) }
    writer.body(body)
  }
}

extension StaticString {
  /// Whether the two have the same bytes: comparing makes no text of either.
  func isSame(as other: StaticString) -> Bool {
    guard utf8CodeUnitCount == other.utf8CodeUnitCount else { return false }
    return unsafe utf8Start == other.utf8Start || memcmp(utf8Start, other.utf8Start, utf8CodeUnitCount) == 0
  }
}
