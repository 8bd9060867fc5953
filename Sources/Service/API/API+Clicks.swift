import Catalog
import HTTP

// What the catalog has to say about a batch of clicks before its first line is read. The batch itself never comes here: it
// streams past (`BatchDoor`).

extension API {
  /// What the sender of a batch may do, and asks for; throws why the batch is not taken.
  func admit(_ request: APIRequest) throws(Problem) -> (grant: Grant, terms: BatchTerms) {
    let (route, _) = try Route.find(request)
    let grant = try authorize(request, route)
    let terms = try Self.terms(request)
    if terms.admitsHistory || terms.takesSealed, !grant.allows(.history) { throw .scopeMissing("history") }
    guard let type = request.mediaType, RecordType.ndjson.contains(type) else {
      throw .unsupportedMediaType(["application/x-ndjson"])
    }
    return (grant, terms)
  }

  private static func terms(_ request: APIRequest) throws(Problem) -> BatchTerms {
    let values = try request.values(["history", "sealed"])
    var (terms, faults): (BatchTerms, [(parameter: String, detail: String)]) = (BatchTerms(), [])
    switch values["history"] {
    case nil, "false": break
    case "true": terms.admitsHistory = true
    default: faults.append(("history", "must be true or false"))
    }
    switch values["sealed"] {
    case nil, "reject": break
    case "credit": terms.takesSealed = true
    default: faults.append(("sealed", "must be reject or credit"))
    }
    if !faults.isEmpty { throw .invalid(faults) }
    return terms
  }

  /// A batch outside a running service, or one that was not recognised as such.
  func ingest(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try Self.terms(request)
    throw .notServing
  }
}

extension Problem {
  /// 415: of codings of bodies, gzip alone is read.
  static let encodedBody = Problem(
    415, "unsupported-encoding", "The body has a coding that is not accepted",
    "Content-Encoding must be gzip, identity, or absent",
    headers: [("Accept-Encoding", "gzip, identity")])

  /// 503: as many batches are under way as there may be.
  static let tooManyBatches = Problem(
    503, "overloaded", "The server is overloaded", "as many batches are under way as there may be; try again",
    headers: [("Retry-After", "1")])

  /// 503: half of the places are this token's, the others are for other senders.
  static let tooManyBatchesOfToken = Problem(
    503, "overloaded", "The server is overloaded",
    "as many batches of this token are under way as one token may have; try again", headers: [("Retry-After", "1")])

  /// 503: a stream or a batch would outlive the service.
  static let stopping = Problem(
    503, "stopping", "The server is shutting down", "nothing was done, try again", headers: [("Retry-After", "1")])
}
