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
      try database.run(
        """
        INSERT INTO job (id, kind, scheduled_at, queued_at, started_at, finished_at, result, error)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
          .text(job.id), .text(job.kind), job.scheduled.map { .integer($0) } ?? .null, .integer(job.queued),
          .integer(job.started), .integer(job.finished), job.result.map { .text($0) } ?? .null,
          job.error.map { .text($0) } ?? .null,
        ], doing: doing)
      try database.run(
        "DELETE FROM job WHERE sequence <= (SELECT max(sequence) FROM job) - ?", [.integer(Int64(Self.keptJobs))],
        doing: doing)
    }
  }

  /// The jobs that were kept, the newest first, at most `limit`.
  package func jobs(limit: Int) throws(CatalogError) -> [JobRecord] {
    try database.query(
      """
      SELECT id, kind, scheduled_at, queued_at, started_at, finished_at, result, error FROM job
      ORDER BY sequence DESC LIMIT ?
      """, [.integer(Int64(limit))], doing: "listing jobs", row: Self.record)
  }

  /// The job of this id.
  package func job(_ id: String) throws(CatalogError) -> JobRecord? {
    try database.query(
      """
      SELECT id, kind, scheduled_at, queued_at, started_at, finished_at, result, error FROM job WHERE id = ?
      """, [.text(id)], doing: "looking for job \(id)", row: Self.record
    ).first
  }

  private static func record(_ row: Row) -> JobRecord {
    JobRecord(
      id: row.text(0), kind: row.text(1), scheduled: row.optionalInteger(2), queued: row.integer(3),
      started: row.integer(4), finished: row.integer(5), result: row.optionalText(6), error: row.optionalText(7))
  }

  /// The time of the last scheduled run of a kind. Without one it is the time at which this was first asked, `now`.
  package func lastScheduled(_ kind: String, now: Int64) throws(CatalogError) -> Int64 {
    let doing = "looking for the last \(kind)"
    try database.run(
      "INSERT OR IGNORE INTO schedule (kind, first_seen) VALUES (?, ?)", [.text(kind), .integer(now)], doing: doing)
    let last = try database.query(
      "SELECT max(scheduled_at) FROM job WHERE kind = ? AND scheduled_at IS NOT NULL", [.text(kind)], doing: doing
    ) { $0.optionalInteger(0) }
    let seen = try database.query(
      "SELECT first_seen FROM schedule WHERE kind = ?", [.text(kind)], doing: doing
    ) { $0.integer(0) }
    return max(last.first.flatMap { $0 } ?? .min, seen.first ?? now)
  }
}
