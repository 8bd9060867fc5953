import Catalog
import Platform
import Testing

/// What jobs came to is kept, up to a limit, and says which scheduled run was the last.
@Suite struct JobRecordTests {
  private func record(_ n: Int64, scheduled: Int64? = nil, error: String? = nil) -> JobRecord {
    JobRecord(
      id: "j-\(n)", kind: "reconcile", scheduled: scheduled, queued: n, started: n + 1, finished: n + 2,
      result: error == nil ? #"{"a":1}"# : nil, error: error)
  }

  @Test func jobsAreKept() throws {
    let scratch = try Scratch()
    let catalog = try Catalog.open(scratch.catalog, in: .kernel)
    for n in 0..<Int64(Catalog.keptJobs + 5) { try catalog.add(record(n, error: n % 2 == 0 ? nil : "it broke")) }
    let jobs = try catalog.jobs(limit: 3)
    let last = Int64(Catalog.keptJobs + 4)
    #expect(jobs == [record(last), record(last - 1, error: "it broke"), record(last - 2)])
    #expect(try catalog.jobs(limit: 1_000_000).count == Catalog.keptJobs)
    #expect(try catalog.job("j-4") == nil && catalog.job("j-6") == record(6))
  }

  @Test func theLastScheduledRunIsKnown() throws {
    let scratch = try Scratch()
    let catalog = try Catalog.open(scratch.catalog, in: .kernel)
    #expect(try catalog.lastScheduled("reconcile", now: 50) == 50)
    #expect(try catalog.lastScheduled("reconcile", now: 90) == 50)
    try catalog.add(record(60))
    #expect(try catalog.lastScheduled("reconcile", now: 90) == 50)
    try catalog.add(record(70, scheduled: 65))
    try catalog.add(record(80, scheduled: 75, error: "it broke"))
    #expect(try catalog.lastScheduled("reconcile", now: 90) == 75)
    #expect(try catalog.lastScheduled("verify", now: 90) == 90)
  }
}
