import Catalog
import Clicks
import JSON
import Runs
import Store

// What operators ask of a running service, on the admin listener alone, scope `admin`:
//
//   POST /admin/v1/compact   ─▶ 202, Location: /admin/v1/jobs/{id}, the job as it stands
//   GET  /admin/v1/jobs/{id} ─▶ queued ─▶ running ─▶ done, with its result, or failed, with the reason
//
// The last hundred of this start are in memory, those before in the catalog.

extension API {
  /// Whom operators ask; a directory that nobody serves has no such thing.
  func running() throws(Problem) -> Operations {
    guard let operations else { throw .notServing }
    return operations
  }

  func begin(_ kind: JobKind, _ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let members = try request.document(mayBeEmpty: true)
    if let first = members.first {
      throw .invalid([(APIRequest.shown(first.name), "is unknown; none are known here")])
    }
    guard let job = try running().begin(kind) else { throw .overloaded }
    return .json(202, job.json, headers: [("Location", "/admin/v1/jobs/\(job.id)")])
  }

  func beginVerify(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(try request.document(mayBeEmpty: true), known: ["deep"])
    let isDeep = fields.truth("deep") ?? false
    try fields.check()
    guard let job = try running().beginVerify(isDeep: isDeep) else { throw .overloaded }
    return .json(202, job.json, headers: [("Location", "/admin/v1/jobs/\(job.id)")])
  }

  /// The jobs of this start, the newest first, then those that earlier ones left.
  func listJobs(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let jobs = try running().jobs.all
    let ids = Set(jobs.map(\.id))
    let kept = try inCatalog { () throws(CatalogError) in try catalog.jobs(limit: Jobs.limit) }
    return .json(
      200, .object(["jobs": .array(jobs.map(\.json) + kept.filter { !ids.contains($0.id) }.map(\.json))]))
  }

  /// What is done by itself, and when.
  func listSchedules(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    let standings = try running().standings
    return .json(
      200,
      .object([
        "schedules": .array(
          standings.map {
            .object([
              "kind": .string($0.kind.rawValue), "cron": .string($0.cron), "timeZone": .string($0.zone),
              "next": .string(Timestamp.format($0.next)), "last": .optional($0.last.map { Timestamp.format($0) }),
            ])
          })
      ]))
  }

  func getJob(_ id: String, _ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    if let job = try running().jobs.job(id) { return .json(200, job.json) }
    guard let kept = try inCatalog({ () throws(CatalogError) in try catalog.job(id) }) else {
      throw .notFound("there is no job of this id; the last \(Catalog.keptJobs) are kept")
    }
    return .json(200, kept.json)
  }

  // MARK: - Shards and files

  /// The manifest may be in the middle of a sync, which the catalog's thread must not wait for.
  func listShards(_ request: APIRequest) throws(Problem) -> @Sendable () -> APIResponse {
    _ = try request.values()
    return { [tables, operations] in
      let figures = operations?.figures ?? tables.tables.map { ShardFigures($0) }
      return .json(200, .object(["shards": .array(figures.enumerated().map { $1.json($0) })]))
    }
  }

  func listFiles(_ request: APIRequest) throws(Problem) -> @Sendable () -> APIResponse {
    _ = try request.values()
    let operations = try running()
    return {
      let rows = operations.storedFiles.enumerated().flatMap { shard, files in files.map { Self.json($0, shard) } }
      return .json(200, .object(["files": .array(rows)]))
    }
  }

  private static func json(_ file: StoredFile, _ shard: Int) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("shard", .integer(shard)), .init("kind", .string(file.kind.name)), .init("number", .integer(file.number)),
      .init("path", .string(file.path)), .init("bytes", .integer(file.bytes)),
    ]
    if let run = file.run {
      let width = Int64(run.bucketSeconds)
      let end = run.firstBucket + Int64(run.bucketCount)
      members.append(
        .init(
          "run",
          .object([
            "table": .integer(run.table), "bucketSeconds": .integer(run.bucketSeconds),
            "from": time(run.firstBucket, width), "to": time(end, width),
            "kind": .string(run.kind == .base ? "base" : "patch"), "sequence": .integer(run.sequence),
            "position": .integer(run.position), "rows": .integer(run.rows), "total": .integer(run.total),
          ])))
    }
    if let segment = file.segment {
      members.append(
        .init(
          "segment",
          .object([
            "firstPosition": .integer(segment.positions.lowerBound),
            "endPosition": .integer(segment.positions.upperBound), "rows": .integer(segment.rows),
            "eventTimes": times(segment.eventTimes), "receiveTimes": times(segment.receiveTimes),
          ])))
    }
    return .object(members)
  }

  /// The beginning of a bucket; null outside the years that have four digits.
  private static func time(_ bucket: Int64, _ seconds: Int64) -> JSONValue {
    let (time, overflow) = bucket.multipliedReportingOverflow(by: seconds * 1000)
    return overflow ? .null : moment(time)
  }

  private static func times(_ range: ClosedRange<Int64>) -> JSONValue {
    .array([moment(range.lowerBound), moment(range.upperBound)])
  }

  private static func moment(_ time: Int64) -> JSONValue {
    0..<253_402_300_800_000 ~= time ? .string(Timestamp.format(time)) : .null
  }
}
