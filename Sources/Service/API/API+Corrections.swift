import Catalog
import Clicks
import Corrections
import Query
import Store

// What recounts changed:
//
//   GET  /api/v1/ads/{adId}/corrections   every change of the ad's rows, oldest first
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

  private static func bound(_ name: String, _ text: String, _ now: Int64) throws(Problem) -> Minute {
    do throws(TimeText.Failure) { return try TimeText.bound(text, now: now) } catch {
      throw .invalid([(name, error.detail)])
    }
  }
}

extension API {
  /// One correction as answers have it.
  static func json(_ row: Correction) -> JSONValue {
    let width = Int64(row.bucketSeconds)
    let names: [UInt32: String] = [60: "minute", 3_600: "hour", 86_400: "day"]
    return .object([
      "minute": .string("\(Minute(index: row.bucket * width / 60))"),
      "granularity": .string(names[row.bucketSeconds] ?? "\(width)"), "from": .integer(row.from),
      "to": .integer(row.to), "change": .integer(row.change), "reason": .string(row.reason.name),
      "credit": .bool(row.isCredit), "run": .integer(row.run.number), "position": .integer(row.run.position),
      "time": .string(Timestamp.format(row.run.time)),
    ])
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
