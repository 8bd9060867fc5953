import Bytes
import Catalog
import Clicks
import Corrections
import JSON
import Query
import Store

// What recounts changed:
//
//   GET  /api/v1/ads/{adId}/corrections   every change of the ad's rows, oldest first
//   GET  /api/v1/corrections              the same of many ads, page by page
//   POST /admin/v1/reconcile              recounts now: {"from","to","dryRun"}, all of it left out means all that is kept

extension QueryDesk {
  /// Corrections of a page where `limit` is absent, and at most.
  private static let defaultLimit = 1_000
  private static let maximumLimit = 10_000

  /// Who may see the ad's series may see what was changed in it.
  func corrections(
    _ name: String, _ request: APIRequest, _ grant: Grant, _ cached: CachedAd?
  ) throws(Problem) -> APIResponse {
    let (id, key) = try visibleAd(name, grant, cached)
    let values = try request.values(["from", "to", "limit"])
    let now = clock()
    let first = try Self.bound("from", values["from"] ?? "0", now)
    let last = try Self.bound("to", values["to"] ?? "now", now)
    let limit = try APIRequest.number(
      "limit", values["limit"], in: 1...Self.maximumLimit, absent: Self.defaultLimit)
    guard first <= last else { throw .invalid([("from", "must not be later than to")]) }
    var found = try read("corrections \(id)") {
      try tables.shards(holding: key).flatMap { shard in
        try tables.tables[shard].corrections(of: key, from: first, to: last)
      }
    }
    found.sort {
      ($0.run.time, $0.bucket * Int64($0.bucketSeconds)) < ($1.run.time, $1.bucket * Int64($1.bucketSeconds))
    }
    let shown = found.suffix(limit)
    return .json(
      200,
      .object([
        "adId": .string(id.text), "from": .string("\(first)"), "to": .string("\(last)"),
        "total": .integer(found.count),
        "change": .integer(found.reduce(0) { $0 + ($1.bucketSeconds == 60 ? $1.change : 0) }),
        "credits": .integer(found.reduce(0) { $0 + ($1.isCredit ? $1.change : 0) }),
        "corrections": .array(shown.map(API.json)),
      ]))
  }

  /// The same of many ads. A page goes on where the one before it ended, whatever was recounted meanwhile.
  func manyCorrections(_ request: APIRequest, _ grant: Grant) throws(Problem) -> APIResponse {
    let query: CorrectionQuery
    do throws(QueryRefusal) {
      query = try CorrectionQuery(
        parameters: request.parameters, now: clock(), format: .accepted(request.accept))
    } catch { throw Problem(error) }
    let limit = try APIRequest.number(
      "limit", query.limit, in: 1...Self.maximumLimit, absent: Self.defaultLimit)
    var (from, to) = (query.from, query.to)
    var start: CorrectionPlace?
    if let text = query.cursor {
      guard let cursor = CorrectionCursor(text) else {
        throw Problem(QueryRefusal(code: .invalidCursor, faults: [ParameterFault("cursor", "is no next of an answer")]))
      }
      guard cursor.binding == query.binding else {
        let detail = "belongs to another query; repeat the query it came from with nothing else changed"
        throw Problem(QueryRefusal(code: .cursorMismatch, faults: [ParameterFault("cursor", detail)]))
      }
      (from, to, start) = (cursor.from, cursor.to, cursor.last)
    }
    var selection = query.selection
    let ads = try selected(&selection, grant)
    let page = try read("corrections of \(ads.count) ads") {
      try CorrectionPage(of: ads.map(\.key), from: from, to: to, behind: start, limit: limit, over: tables)
    }
    let next = page.last.map { CorrectionCursor(from: from, to: to, binding: query.binding, last: $0).text }
    var headers: [(name: StaticString, value: String)] = [
      ("Vary", "Accept, Authorization"), ("X-Tally-Total", String(page.total)),
    ]
    if let next { headers.append(("X-Tally-Next", next)) }
    let rows = page.rows.map { row in
      JSONValue.object([.init("adId", .optional(ads[row.ad].id?.text))] + API.members(row.correction))
    }
    var body: [UInt8] = []
    switch query.format {
    case .json:
      JSONValue.object([
        "advertiserId": .optional(selection.advertiserID), "campaignId": .optional(selection.campaignID),
        "ads": .integer(ads.count), "from": .string("\(from)"), "to": .string("\(to)"), "total": .integer(page.total),
        "change": .integer(page.change), "credits": .integer(page.credits), "next": .optional(next),
        "corrections": .array(rows),
      ]).append(to: &body)
      body.append(0x0A)
    case .ndjson:
      for row in rows {
        row.append(to: &body)
        body.append(0x0A)
      }
    case .csv:
      body += (["adId"] + API.correctionNames).joined(separator: ",").utf8
      body += "\r\n".utf8
      for row in rows {
        // No value needs a quote: ids, times, numbers and words.
        body += (["adId"] + API.correctionNames).map { row[$0]?.bare ?? "" }.joined(separator: ",").utf8
        body += "\r\n".utf8
      }
    }
    return API.validated(
      API.strongTag(body, by: SHA256()), request, headers: headers, type: query.format.mediaType
    ) { body }
  }

  private static func bound(_ name: String, _ text: String, _ now: Int64) throws(Problem) -> Minute {
    do throws(TimeText.Failure) { return try TimeText.bound(text, now: now) } catch {
      throw .invalid([(name, error.detail)])
    }
  }
}

extension API {
  /// One correction as answers have it.
  static func json(_ row: Correction) -> JSONValue { .object(members(row)) }

  /// The names of its members, in their order.
  static let correctionNames = [
    "minute", "granularity", "from", "to", "change", "reason", "credit", "run", "position", "time",
  ]

  static func members(_ row: Correction) -> [JSONValue.Member] {
    let width = Int64(row.bucketSeconds)
    let names: [UInt32: String] = [60: "minute", 3_600: "hour", 86_400: "day"]
    let values: [JSONValue] = [
      .string("\(Minute(index: row.bucket * width / 60))"), .string(names[row.bucketSeconds] ?? "\(width)"),
      .integer(row.from), .integer(row.to), .integer(row.change), .string(row.reason.name), .bool(row.isCredit),
      .integer(row.run.number), .integer(row.run.position), .string(Timestamp.format(row.run.time)),
    ]
    return zip(correctionNames, values).map { JSONValue.Member($0, $1) }
  }

  /// Starts a recount. Without times everything that raw clicks are kept of is recounted.
  func beginReconcile(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(try request.document(mayBeEmpty: true), known: ["from", "to", "dryRun", "changes"])
    let now = clock()
    func moment(_ name: String, _ fields: inout Fields) -> Int64? {
      guard let text = fields.string(name) else { return nil }
      do throws(TimeText.Failure) { return try TimeText.parse(text, now: now) } catch {
        fields.fault(name, error.detail)
        return nil
      }
    }
    let from = moment("from", &fields)
    let to = moment("to", &fields)
    let isDry = fields.truth("dryRun") ?? false
    let changes = fields.truth("changes") ?? false
    if let from, let to, from >= to { fields.fault("from", "must lie before to") }
    if changes, from != nil || to != nil { fields.fault("changes", "leaves no choice of times") }
    try fields.check()
    let job = try running().beginReconcile(
      RecountRequest(from: from, to: to, isDry: isDry, changes: changes))
    guard let job else { throw .overloaded }
    return .json(202, job.json, headers: [("Location", "/admin/v1/jobs/\(job.id)")])
  }
}
