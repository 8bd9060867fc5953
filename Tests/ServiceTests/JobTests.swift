import Clicks
import HTTP
import JSON
import Platform
import Service
import Store
import Testing

@Suite struct JobTests {
  /// The history is bounded; what waits or runs is never dropped for it.
  @Test func theHistoryIsBounded() throws {
    let jobs = Jobs(prefix: "p-") { 5_000 }
    var first: [String] = []
    for _ in 0..<Jobs.limit { first.append(try #require(jobs.add(.flush)).id) }
    #expect(jobs.add(.compact) == nil && jobs.all.count == Jobs.limit)
    jobs.begin(first[7])
    jobs.finish(first[7], .success(.object(["a": "b"])))
    let next = try #require(jobs.add(.compact))
    #expect(jobs.job(first[7]) == nil && jobs.job(first[6])?.state == .queued)
    #expect(jobs.all.first?.id == next.id && jobs.all.count == Jobs.limit)
    jobs.begin(next.id)
    jobs.progress(next.id, steps: 3)
    #expect(jobs.job(next.id)?.state == .running && jobs.job(next.id)?.steps == 3)
    struct Broken: Error, CustomStringConvertible { var description: String { "it broke" } }
    jobs.finish(next.id, .failure(Broken()))
    let json = try #require(jobs.job(next.id)).json
    #expect(json["state"] == "failed" && json["error"] == "it broke" && json["result"] == .null)
    #expect(json["finished"] == "1970-01-01T00:00:05.000Z" && json["kind"] == "compact")
    // A job that is gone is not missed.
    jobs.finish(first[7], .success(.null))
  }

  private func run(_ service: TestService, _ kind: String) throws -> JSONValue {
    let asked = try service.api("POST", "/admin/v1/\(kind)", admin: true)
    #expect(asked.status == 202, "\(asked.text)")
    let place = try #require(asked.header("Location"))
    var job = try JSONReader.read(asked.body)
    #expect(place == "/admin/v1/jobs/\(text(job["id"]))" && job["kind"] == .string(kind))
    let isOver = try eventually(20) {
      job = try JSONReader.read(try service.api("GET", place, admin: true).body)
      return ["done", "failed"].contains(text(job["state"]))
    }
    #expect(isOver && job["state"] == "done", "\(String(decoding: job.encoded(), as: UTF8.self))")
    return job
  }

  private func text(_ value: JSONValue?) -> String {
    switch value {
    case .string(let text)?, .number(let text)?: text
    default: ""
    }
  }

  /// Minutes close at once, so that there is something to do.
  private func service() throws -> TestService {
    try TestService {
      $0.shards = 1
      $0.shardOptions.allowedLateness = 0
    }
  }

  @Test func operatorsAskAndAreTold() throws {
    let service = try service()
    for _ in 0..<20 { #expect(try service.click().verdict == "valid") }
    let sealed = try run(service, "seal-log")
    #expect(text(sealed["result"]?["after"]?["segment"]?["files"]) == "1")
    #expect(text(sealed["result"]?["before"]?["segment"]?["files"]) == "0")
    #expect(text(sealed["result"]?["seals"]) == "1" && sealed["result"]?["complete"] == .bool(true))
    for kind in ["flush", "compact", "retain"] { _ = try run(service, kind) }
    let verified = try run(service, "verify")
    #expect(verified["result"]?["sound"] == .bool(true) && text(verified["steps"]) != "0")

    let shards = try JSONReader.read(try service.api("GET", "/admin/v1/shards", admin: true).body)
    guard case .array(let list)? = shards["shards"], let shard = list.first else { return #expect(Bool(false)) }
    #expect(text(shard["sealed"]) == "20" && text(shard["retired"]) == "0" && text(shard["applied"]) == "20")
    #expect(text(shard["files"]?["segment"]?["files"]) == "1")

    let files = try JSONReader.read(try service.api("GET", "/admin/v1/files", admin: true).body)
    guard case .array(let rows)? = files["files"] else { return #expect(Bool(false)) }
    let segment = try #require(rows.first { $0["kind"] == "segment" })
    #expect(text(segment["segment"]?["rows"]) == "20" && text(segment["segment"]?["endPosition"]) == "20")
    for row in rows {
      let path = "\(service.dataDirectory)/\(text(row["path"]))"
      #expect(try KernelFileSystem().open(path, .read).size() == UInt64(text(row["bytes"])), "\(path)")
    }

    let jobs = try JSONReader.read(try service.api("GET", "/admin/v1/jobs", admin: true).body)
    guard case .array(let all)? = jobs["jobs"] else { return #expect(Bool(false)) }
    #expect(all.map { text($0["kind"]) } == ["verify", "retain", "compact", "flush", "seal-log"])
    #expect(try service.api("GET", "/admin/v1/jobs/none", admin: true).status == 404)
    #expect(try service.api("POST", "/admin/v1/compact", #"{"x":1}"#, admin: true).status == 400)
    #expect(try service.api("POST", "/admin/v1/compact").status == 404)
    #expect(try service.total() == 20)
    service.stop()
    try service.start()
    #expect(try service.total() == 20)
  }

  @Test func verifyNamesWhatIsDamaged() throws {
    let service = try service()
    for _ in 0..<20 { _ = try service.click() }
    _ = try run(service, "seal-log")
    let folder = "\(service.dataDirectory)/shard-00/seg"
    let path = "\(folder)/\(try #require(try KernelFileSystem().list(folder).first))"
    let file = try KernelFileSystem().open(path, .readWrite)
    let byte = try file.bytes(at: 4_200, count: 1)
    try file.writeAll([byte[0] ^ 4], at: 4_200)
    let verified = try run(service, "verify")
    #expect(verified["result"]?["sound"] == .bool(false))
    guard case .array(let damage)? = verified["result"]?["damage"], damage.count == 1 else {
      return #expect(Bool(false), "\(String(decoding: verified.encoded(), as: UTF8.self))")
    }
    #expect(damage[0]["file"] == .string(path) && damage[0]["offset"] == .integer(4096))
  }

  @Test func theBackgroundIsInTheMetrics() throws {
    let service = try service()
    for _ in 0..<20 { _ = try service.click() }
    _ = try run(service, "seal-log")
    let isThere = try eventually {
      let page = try service.metrics()
      return page["tally_files{shard=\"0\",kind=\"segment\"}"] == 1
        && page["tally_log_sealed_position{shard=\"0\"}"] == 20 && page["tally_upkeep_seals_total{shard=\"0\"}"] == 1
    }
    let page = try service.metrics()
    #expect(isThere, "\(page.samples.filter { $0.key.hasPrefix("tally_files") })")
    #expect(page["tally_segment_written_bytes_total{shard=\"0\"}"] ?? 0 > 4096)
    #expect(page["tally_file_bytes{shard=\"0\",kind=\"dictionary\"}"] ?? 0 > 4096)
    #expect(page["tally_upkeep_failures_total{shard=\"0\"}"] == 0)
    #expect(page["tally_table_live_rows{shard=\"0\"}"] ?? -1 >= 0)
    #expect(page["tally_log_replay_clicks{shard=\"0\"}"] ?? -1 >= 0)
  }

  /// A directory that nobody serves has the same routes for its owner, but no background.
  @Test func aDirectoryHasNoJobs() throws {
    let harness = try APIHarness()
    for path in ["/admin/v1/jobs", "/admin/v1/jobs/x", "/admin/v1/files"] {
      #expect(harness.get(path, harness.admin, admin: true).problem == "not-serving", "\(path)")
    }
    #expect(harness.send(.post, "/admin/v1/compact", token: harness.admin, admin: true).status == 409)
  }
}
