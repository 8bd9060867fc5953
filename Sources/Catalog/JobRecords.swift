import Platform

// What jobs came to, kept over restarts: the last thousand of them. The newest scheduled one of a kind says which run was
// the last, so that a service that was down at the time of one can make up for it.

/// A job that has come to its end.
package struct JobRecord: Hashable, Sendable {
  package var id: String
  package var kind: String
  /// The time of the schedule that it was begun for; nil where somebody asked for it. ms since 1970, like all times.
  package var scheduled: Int64?
  package var queued: Int64
  package var started: Int64
  package var finished: Int64
  /// What it did, as JSON; nil where it failed.
  package var result: String?
  /// Why it failed.
  package var error: String?

  package init(
    id: String, kind: String, scheduled: Int64?, queued: Int64, started: Int64, finished: Int64, result: String?,
    error: String?
  ) {
    self.id = id
    self.kind = kind
    self.scheduled = scheduled
    self.queued = queued
    self.started = started
    self.finished = finished
    self.result = result
    self.error = error
  }
}

extension Catalog {
  /// Jobs that are kept.
  package static let keptJobs = 1_000

  /// Keeps a job that has ended, and forgets the oldest beyond `keptJobs`.
  package func add(_ job: JobRecord) throws(CatalogError) {
    let doing = "keeping job \(job.id)"
    try database.transaction(doing: doing) { () throws(CatalogError) in
      try insert(
        .job,
        [
          .integer(try nextNumber(.job, doing: doing)), .text(job.id), .text(job.kind), .optional(job.scheduled),
          .integer(job.queued), .integer(job.started), .integer(job.finished), .optional(job.result),
          .optional(job.error),
        ], doing: doing)
      try database.run(
        "DELETE FROM job WHERE sequence <= (SELECT max(sequence) FROM job) - ?", [.integer(Int64(Self.keptJobs))],
        doing: doing)
    }
  }

  /// The jobs that were kept, the newest first, at most `limit`, without damaged ones, which are told.
  package func jobs(limit: Int) throws(CatalogError) -> [JobRecord] {
    try soundRows(.job, "ORDER BY sequence DESC LIMIT ?", [.integer(Int64(limit))], doing: "listing jobs").map(
      Self.record)
  }

  /// The job of this id.
  package func job(_ id: String) throws(CatalogError) -> JobRecord? {
    try soundRows(.job, "WHERE id = ?", [.text(id)], doing: "looking for job \(id)").first.map(Self.record)
  }

  private static func record(_ row: StoredRow) -> JobRecord {
    func number(_ column: String) -> Int64 { row[column].integer ?? 0 }
    return JobRecord(
      id: row["id"].text ?? "", kind: row["kind"].text ?? "", scheduled: row["scheduled_at"].integer,
      queued: number("queued_at"), started: number("started_at"), finished: number("finished_at"),
      result: row["result"].text, error: row["error"].text)
  }

  /// The time of the last scheduled run of a kind. Without one it is the time at which this was first asked, `now`.
  package func lastScheduled(_ kind: String, now: Int64) throws(CatalogError) -> Int64 {
    let doing = "looking for the last \(kind)"
    let seen = try rows(.schedule, "WHERE kind = ?", [.text(kind)], doing: doing)
    if seen.isEmpty { try insert(.schedule, [.text(kind), .integer(now)], doing: doing) }
    for row in seen where !row.isSound { found?(row.identity) }
    // Jobs of one kind run in the order of their times.
    let last = try soundRows(
      .job, "WHERE kind = ? AND scheduled_at IS NOT NULL ORDER BY scheduled_at DESC LIMIT 10", [.text(kind)],
      doing: doing
    ).first?["scheduled_at"].integer
    return max(last ?? .min, seen.first(where: \.isSound)?["first_seen"].integer ?? now)
  }
}
