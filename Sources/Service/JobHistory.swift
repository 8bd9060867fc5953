import Catalog
import Clicks
import JSON

// Jobs that have ended go to the catalog, and come back from there after a restart.

extension JobRecord {
  /// The record of a job that has ended.
  init(_ job: Job) {
    self.init(
      id: job.id, kind: job.kind.rawValue, scheduled: job.scheduled, queued: job.queued,
      started: job.started ?? job.queued, finished: job.finished ?? job.queued,
      result: job.result.map { String(decoding: $0.encoded(), as: UTF8.self) }, error: job.error)
  }

  /// As a job is told of.
  var json: JSONValue {
    let result = result.flatMap { try? JSONReader.read(Array($0.utf8)) }
    return .object([
      "id": .string(id), "kind": .string(kind), "state": .string(error == nil ? "done" : "failed"),
      "scheduled": .optional(scheduled.map { Timestamp.format($0) }), "queued": .string(Timestamp.format(queued)),
      "started": .string(Timestamp.format(started)), "finished": .string(Timestamp.format(finished)),
      "steps": .integer(0), "total": .null, "result": result ?? .null, "error": .optional(error),
    ])
  }
}
