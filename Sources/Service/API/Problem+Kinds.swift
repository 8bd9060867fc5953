import Catalog
import Query

// The kinds of problems, each named once.

extension Problem {
  /// How many faults one answer spells out: a body of nothing but wrong fields must not come back many times larger.
  package static let maximumFaults = 20

  /// 400: parameters or fields, each with what is wrong with it; the first `maximumFaults` of them.
  package static func invalid(
    _ faults: [(parameter: String, detail: String)], code: String = "invalid-parameter"
  ) -> Problem {
    let faults = Array(faults.prefix(maximumFaults))
    let detail = faults.map { "\($0.parameter) \($0.detail)" }.joined(separator: "; ")
    return Problem(400, code, "Parameters are missing or wrong", detail, errors: faults)
  }

  /// 400: the path or the query can't be decoded.
  package static func malformedTarget(_ detail: String) -> Problem {
    Problem(400, "malformed-target", "The request target cannot be read", detail)
  }

  /// 400: the body is not what its type says.
  package static func malformedBody(_ detail: String) -> Problem {
    Problem(400, "malformed-body", "The body cannot be read", detail)
  }

  /// 401. `invalid` where a token was given.
  package static func unauthorized(invalid: Bool) -> Problem {
    let detail = invalid ? "the bearer token is unknown, revoked or expired" : "this needs a bearer token"
    let challenge = "Bearer realm=\"tally\"" + (invalid ? ", error=\"invalid_token\"" : "")
    return Problem(
      401, "unauthorized", "Not authenticated", detail, headers: [("WWW-Authenticate", challenge)])
  }

  /// 403: the token lacks a scope; `scope` may name several, one of which is enough (`read or ads`).
  package static func scopeMissing(_ scope: String) -> Problem {
    let challenge =
      "Bearer realm=\"tally\", error=\"insufficient_scope\", scope=\"\(scope.replacing(" or ", with: " "))\""
    return Problem(
      403, "scope-missing", "The token does not allow this", "this needs a token with scope \(scope)",
      headers: [("WWW-Authenticate", challenge)])
  }

  /// 403: another advertiser's rows were named.
  package static let otherAdvertiser = Problem(
    403, "other-advertiser", "The token is bound to another advertiser",
    "this token may use rows of its own advertiser only")

  /// 404: no such resource.
  package static func notFound(_ detail: String = "there is nothing at this path") -> Problem {
    Problem(404, "not-found", "Not found", detail)
  }

  /// 405, with what is allowed.
  package static func methodNotAllowed(_ allowed: String) -> Problem {
    Problem(
      405, "method-not-allowed", "The method is not allowed here", "allowed here: \(allowed)",
      headers: [("Allow", allowed)])
  }

  /// 415, with what is accepted.
  package static func unsupportedMediaType(_ accepted: [String]) -> Problem {
    Problem(
      415, "unsupported-media-type", "The body has a type that is not accepted",
      "Content-Type must be \(accepted.joined(separator: " or ")), in UTF-8", headers: [])
  }

  /// 409: the route belongs to a running service, and this is a directory.
  package static let notServing = Problem(
    409, "not-serving", "No service is running", "this asks a running service, and nobody serves the directory")

  /// 500: a file of the table is damaged or the disk does not answer. Never a wrong number instead.
  package static let unreadable = Problem(
    500, "table-unreadable", "The counts cannot be read",
    "a file of the table cannot be read; the log says which and why")

  /// A refusal of a query.
  package init(_ refusal: QueryRefusal) {
    self = .invalid(refusal.faults.map { ($0.parameter, $0.detail) }, code: refusal.code.rawValue)
  }

  /// What the catalog refused. Where it failed itself the detail says only of what kind: files and statements are for the
  /// log.
  package init(_ error: CatalogError) {
    switch error {
    case .invalid(let faults): self = .invalid(faults.map { ($0.field, $0.detail) })
    case .keyCollision: self = Problem(409, "key-collision", "The id cannot be used", error.description)
    case .advertiserFixed:
      self = Problem(409, "advertiser-fixed", "The ad's advertiser cannot change", error.description)
    case .keyExists: self = Problem(409, "key-exists", "The key id is taken", error.description)
    case .tooManyKeys: self = Problem(409, "too-many-keys", "Too many keys are active", error.description)
    case .tooManyTokens:
      self = Problem(409, "too-many-tokens", "Too many tokens work", error.description)
    case .tooManyShares:
      self = Problem(409, "too-many-shares", "Too many share links work", error.description)
    case .damagedRow(_, let row):
      self = Problem(
        409, "row-damaged", "The row in the catalog is damaged",
        "\(row.table.kind) \(row.name) is not what was written, so nothing in it is believed; an operator looks at it with "
          + "`tally catalog accept`, or an ad is put again with a token for all advertisers")
    case _ where error.isOutOfSpace:
      self = Problem(507, "disk-full", "The disk is full", "the catalog cannot be written: no space is left")
    case _ where error.isBusy:
      self = Problem(
        503, "catalog-busy", "The catalog is busy", "another process is writing the catalog; try again",
        headers: [("Retry-After", "1")])
    case .sqlite, .damaged, .gone, .otherStore, .foreign, .version, .system:
      self = Problem(500, "catalog-failed", "The catalog failed", "the catalog cannot be used; the log says why")
    }
  }
}
