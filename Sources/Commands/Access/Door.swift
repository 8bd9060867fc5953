import HTTP
import JSON
import Service

// Commands ask one question in one form, whoever answers it: a running server over HTTP, or the same routes inside this
// process on a directory that no server holds. So both give the same answers and the same refusals.

/// A request to the service's routes.
package struct Ask: Sendable {
  package var method: HTTP.Method
  package var segments: [String]
  package var parameters: [(name: String, value: String)]
  package var contentType: String?
  package var body: [UInt8]

  /// Whether it goes to the admin listener.
  package var isAdmin: Bool { segments.first == "admin" || segments == ["metrics"] }

  /// `path` is decoded text between slashes, without a leading one.
  package init(
    _ method: HTTP.Method, _ segments: [String], _ parameters: [(name: String, value: String)] = [],
    contentType: String? = nil, body: [UInt8] = []
  ) {
    self.method = method
    self.segments = segments
    self.parameters = parameters
    self.contentType = contentType
    self.body = body
  }

  /// A request with a JSON object for a body.
  package init(_ method: HTTP.Method, _ segments: [String], json: JSONValue) {
    self.init(method, segments, contentType: "application/json", body: json.encoded())
  }

  /// Path and query as they stand in a request line.
  package var target: String {
    // A colon may stand in a segment as it is, and `ads:import` is written so.
    let path = segments.map { segment in
      segment.split(separator: ":", omittingEmptySubsequences: false).map { PercentCoding.encode(String($0)) }
        .joined(separator: ":")
    }
    let query = parameters.map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
    return "/" + path.joined(separator: "/") + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
  }
}

/// What came back, with a status below 400.
package struct Reply: Sendable {
  package var status: Int
  package var body: [UInt8]

  package init(status: Int, body: [UInt8]) {
    self.status = status
    self.body = body
  }

  /// The body as JSON.
  package func json() throws -> JSONValue {
    do throws(JSONError) { return try JSONReader.read(body) } catch {
      throw Failure("the answer is not JSON: \(error)")
    }
  }
}

/// Whoever answers.
package protocol Door {
  /// What is answered to `ask`. Throws `Failure` for a refusal, in the words of the answer.
  func ask(_ ask: Ask) throws -> Reply
}

/// What an answer with an error comes to.
enum Refusal {
  /// The failure that the answer tells of. 404 is an ordinary failure, 503 is not ready; other 4xx are refusals.
  static func failure(status: Int, body: [UInt8]) -> Failure {
    let exit: ExitStatus =
      switch status {
      case 404: .failed
      case 400..<500: .refused
      case 503: .unavailable
      default: .failed
      }
    guard let problem = try? JSONReader.read(body), case .string(let detail) = problem["detail"] else {
      return Failure("the server answered with status \(status)", exit)
    }
    let code = if case .string(let code) = problem["code"] { " (\(code))" } else { "" }
    return Failure(detail + code, exit)
  }
}
