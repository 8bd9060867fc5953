import Catalog
import HTTP

// What the catalog has to say about a batch of clicks before its first line is read. The batch itself never comes here: it
// streams past (`BatchDoor`).

extension API {
  /// What the sender of a batch may do; throws why the batch is not taken.
  func admit(_ request: APIRequest) throws(Problem) -> Grant {
    let (route, _) = try Route.find(request)
    let grant = try authorize(request, route)
    _ = try request.values()
    guard request.mediaType == "application/x-ndjson" else {
      throw .unsupportedMediaType(["application/x-ndjson"])
    }
    return grant
  }

  /// A batch outside a running service, or one that was not recognised as such.
  func ingest(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    throw .notServing
  }
}

extension Problem {
  /// 415: bodies are taken as they are.
  static let encodedBody = Problem(
    415, "unsupported-encoding", "The body has a coding that is not accepted",
    "Content-Encoding must be absent or identity",
    headers: [("Accept-Encoding", "identity")])

  /// 503: as many batches are under way as there may be.
  static let tooManyBatches = Problem(
    503, "overloaded", "The server is overloaded", "as many batches are under way as there may be; try again",
    headers: [("Retry-After", "1")])

  /// 503: a stream or a batch would outlive the service.
  static let stopping = Problem(
    503, "stopping", "The server is shutting down", "nothing was done, try again", headers: [("Retry-After", "1")])
}
