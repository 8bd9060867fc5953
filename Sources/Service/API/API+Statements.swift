import Bytes
import Catalog
import Clicks
import HTTP
import JSON
import Query
import Store

// Sealed months:
//
//   POST /admin/v1/seal                    freezes a month: {"month","dryRun","empty"}
//   GET  /api/v1/statements/{month}        of one advertiser, as JSON or CSV; without one the list of all of them

extension API {
  private static let monthRule = "must be a month of UTC, like 2026-10"

  /// Starts the sealing of a month.
  func beginSeal(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(try request.document(), known: ["month", "dryRun", "empty"])
    let month = fields.string("month").flatMap { Month($0) }
    let isToldAlready = fields.found.contains { $0.parameter == "month" }
    if month == nil, !isToldAlready { fields.fault("month", Self.monthRule) }
    let isDry = fields.truth("dryRun") ?? false
    let allowsEmpty = fields.truth("empty") ?? false
    try fields.check()
    guard let job = try running().beginSeal(month!, isDry: isDry, allowsEmpty: allowsEmpty) else { throw .overloaded }
    return .json(202, job.json, headers: [("Location", "/admin/v1/jobs/\(job.id)")])
  }

  /// A statement. The catalog's thread finds the ads of an advertiser; a query worker reads the shards, and where all
  /// advertisers are meant the catalog as well, by a connection of its own.
  func statement(
    _ name: String, _ request: APIRequest, _ grant: Grant
  ) throws(Problem) -> @Sendable () -> APIResponse {
    let values = try request.values(["advertiserId", "format"])
    guard let month = Month(name) else { throw .invalid([("month", Self.monthRule)]) }
    let format = try Self.statementFormat(values["format"], request.accept)
    let advertiser = values["advertiserId"] ?? grant.advertiserID
    if let advertiser, let own = grant.advertiserID, advertiser != own { throw .otherAdvertiser }
    let table: MonthTable
    do throws(MonthTable.NotSealed) { table = try MonthTable(month, tables) } catch { throw .notSealed(error) }
    let id = request.requestID
    guard let advertiser, advertiser != Statement.unknownAdvertiser else {
      let open = catalog.another(check: .small)
      return { [failedRead] in
        do {
          let all = try table.statements(try open())
          if advertiser == nil { return Self.answer(Self.list(all, table), request) }
          let unknown = all.last { $0.advertiserID == nil }
          return Self.answer(
            unknown ?? Statement(month: month, advertiserID: nil, sealedAt: table.sealedAt, ads: []), format, request)
        } catch {
          failedRead("statements of \(month): \(error)")
          return Problem.unreadable.response(requestID: id)
        }
      }
    }
    let ads = try inCatalog { () throws(CatalogError) in try catalog.adKeys(advertiserID: advertiser) }
    guard !ads.isEmpty || grant.advertiserID != nil else {
      throw .notFound("the catalog has no ad of this advertiser, and never had one")
    }
    return { [failedRead] in
      do {
        return Self.answer(try table.statement(of: advertiser, ads: ads), format, request)
      } catch {
        failedRead("statement of \(advertiser), \(month): \(error)")
        return Problem.unreadable.response(requestID: id)
      }
    }
  }

  private static func statementFormat(_ text: String?, _ accept: String?) throws(Problem) -> Statement.Format {
    guard let text else { return SeriesFormat.accepted(accept) == .csv ? .csv : .json }
    guard let format = Statement.Format(rawValue: text) else {
      throw .invalid([("format", "must be one of \(Statement.Format.allCases.map(\.rawValue).joined(separator: ", "))")]
      )
    }
    return format
  }

  private static func answer(_ statement: Statement, _ format: Statement.Format, _ request: APIRequest) -> APIResponse {
    let hasher = SHA256()
    let body = statement.rendered(format, by: hasher)
    return validated(
      strongTag(body, by: hasher), request,
      headers: [
        ("Vary", "Accept, Authorization"), ("X-Tally-Digest", statement.digest(by: hasher)),
        ("X-Tally-Total", String(statement.total)),
      ], type: format.mediaType
    ) { body }
  }

  private static func list(_ all: [Statement], _ table: MonthTable) -> JSONValue {
    let hasher = SHA256()
    return .object([
      "month": .string("\(table.month)"), "sealedAt": .string(Timestamp.format(table.sealedAt)),
      "digest": .string(Hex.encode(MonthSeal.digest(of: table.seals, by: hasher))),
      "clicks": .integer(all.reduce(0) { $0 + $1.clicks }), "credits": .integer(all.reduce(0) { $0 + $1.credits }),
      "total": .integer(all.reduce(0) { $0 + $1.total }),
      "advertisers": .array(all.map { $0.summary(by: hasher) }),
    ])
  }

  private static func answer(_ list: JSONValue, _ request: APIRequest) -> APIResponse {
    var body: [UInt8] = []
    list.append(to: &body)
    body.append(0x0A)
    return validated(strongTag(body, by: SHA256()), request, headers: [], type: "application/json") { body }
  }
}

extension Problem {
  /// 409: the month is not sealed, or not in every shard.
  static func notSealed(_ error: MonthTable.NotSealed) -> Problem {
    Problem(
      409, "not-sealed", "The month is not sealed",
      "\(error.month) is not sealed"
        + (error.shards.isEmpty ? "" : " in shard \(error.shards.map(String.init).joined(separator: ", "))")
        + "; statements are of sealed months alone")
  }
}
