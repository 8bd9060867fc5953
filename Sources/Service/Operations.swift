import Bytes
import Catalog
import Clicks
import Files
import JSON
import Minutes
import Platform
import Shards
import Store
import Synchronization

/// What operators may do to a running service and see of it; the admin routes are its door. Any thread may use it.
package final class Operations: Sendable {
  /// What was asked for.
  package let jobs: Jobs
  /// Which ads are hot.
  package let hotAds: HotAds
  /// What they look at.
  let context: ServiceContext
  private let cores: [ShardCore]
  private let files: any FileSystem
  private let maxLateness: Int64
  private let openCatalog: @Sendable () throws -> Catalog
  private let maintenance: MaintenanceThreads
  /// Reads whole files, which no other thread has the time for.
  private let checks: Worker<Void>

  init(_ context: ServiceContext, _ maintenance: MaintenanceThreads, checks: Worker<Void>) {
    jobs = Jobs(prefix: context.requestPrefix, clock: { [clock = context.clock] in clock.now() }) {
      [catalog = context.catalog] job in
      // A job whose end cannot be kept has ended all the same.
      _ = catalog.submit { state in try? state.catalog.add(JobRecord(job)) }
    }
    self.context = context
    hotAds = context.hotAds
    cores = context.cores
    files = context.environment.files
    maxLateness = context.settings.eventTimes.maxLateness
    let path = "\(context.settings.dataDirectory)/\(StoreFiles.catalog)"
    openCatalog = { [environment = context.environment] in try Catalog.open(path, .readOnly, in: environment) }
    self.maintenance = maintenance
    self.checks = checks
  }

  /// Starts a job; nil where too many are waiting.
  package func begin(_ kind: JobKind, scheduled: Int64? = nil) -> Job? {
    precondition(kind != .seal, "a month is sealed by its name")
    if kind == .reconcile { return beginReconcile(RecountRequest(), scheduled: scheduled) }
    guard let job = jobs.add(kind, scheduled: scheduled) else { return nil }
    if let request = MaintenanceRequest(rawValue: kind.rawValue) {
      maintenance.ask { [self] shards, goesOn in
        run(job) {
          try MaintenanceReport.perform(request, shards, cores) { steps in
            jobs.progress(job.id, steps: steps)
            return goesOn()
          }.json
        }
      }
    } else if !checks.submit({ [self] _ in run(job) { try verify(job.id) } }) {
      jobs.finish(job.id, .failure(Stopping()))
    }
    return job
  }

  /// Starts a recount; nil where too many jobs are waiting.
  package func beginReconcile(_ request: RecountRequest, scheduled: Int64? = nil) -> Job? {
    guard let job = jobs.add(.reconcile, scheduled: scheduled) else { return nil }
    maintenance.ask { [self] shards, goesOn in
      run(job) {
        let result = try request.perform(shards) { done, total in
          jobs.progress(job.id, steps: done, of: total)
          return goesOn()
        }
        if let fault = SealedMonthsDiffer(result) { throw fault }
        return result
      }
    }
    return job
  }

  /// Starts the sealing of a month; nil where too many jobs are waiting.
  package func beginSeal(_ month: Month, isDry: Bool, allowsEmpty: Bool) -> Job? {
    guard let job = jobs.add(.seal) else { return nil }
    let request = SealRequest(month: month, isDry: isDry, allowsEmpty: allowsEmpty, maxLateness: maxLateness)
    maintenance.ask { [self] shards, goesOn in
      run(job) {
        try request.perform(shards, catalog: openCatalog) { done, total in
          jobs.progress(job.id, steps: done, of: total)
          return goesOn()
        }
      }
    }
    return job
  }

  /// Starts a check of every file and, with `isDeep`, a recount that changes nothing; nil where too many jobs are waiting.
  package func beginVerify(isDeep: Bool) -> Job? {
    guard isDeep else { return begin(.verify) }
    guard let job = jobs.add(.verify) else { return nil }
    let isTaken = checks.submit { [self] _ in
      jobs.begin(job.id)
      do {
        let files = try verify(job.id)
        maintenance.ask { [self] shards, goesOn in
          jobs.finish(
            job.id,
            Result {
              let recount = try RecountRequest(isDry: true).perform(shards) { done, total in
                jobs.progress(job.id, steps: done, of: total)
                return goesOn()
              }
              return Self.joined(files, recount)
            })
        }
      } catch { jobs.finish(job.id, .failure(error)) }
    }
    if !isTaken { jobs.finish(job.id, .failure(Stopping())) }
    return job
  }

  /// The answer of a deep check: sound where every file holds and no row differs.
  private static func joined(_ files: JSONValue, _ recount: JSONValue) -> JSONValue {
    guard case .object(let members) = files else { return files }
    let isClean =
      recount["rowsCorrected"] == .integer(0) && recount["complete"] == .bool(true)
      && SealedMonthsDiffer(recount) == nil && recount[RecountRequest.unprovenRepeats] == .array([])
    return .object(
      members.map { $0.name == "sound" ? .init("sound", .bool($0.value == .bool(true) && isClean)) : $0 }
        + [.init("recount", recount)])
  }

  private struct Stopping: Error, CustomStringConvertible {
    var description: String { "the service is stopping" }
  }

  private func run(_ job: Job, _ body: () throws -> JSONValue) {
    jobs.begin(job.id)
    jobs.finish(job.id, Result(catching: body))
  }

  // MARK: - Verify

  /// Reads every immutable file and holds it against what it claims. Files that a merge takes away meanwhile stay readable
  /// through the version.
  private func verify(_ job: String) throws -> JSONValue {
    var count: UInt64 = 0
    var bytes: UInt64 = 0
    var damage: [JSONValue] = []
    func check(_ size: UInt64, _ body: () throws -> Void) throws {
      do {
        try body()
      } catch let error as FormatError {
        damage.append(
          .object([
            "file": .string(error.file), "offset": .integer(error.offset), "reason": .string(error.reason),
          ]))
      }
      count += 1
      bytes += size
      jobs.progress(job, steps: count)
      if checks.isStopping { throw Stopping() }
    }
    damage += try catalogDamage { try check($0, $1) }
    for core in cores {
      let version = core.live.version
      for segment in version.segments { try check(segment.file.reference.bytes) { try segment.verify() } }
      for key in version.tables.keys.sorted() {
        for run in version.table(key).runs { try check(run.file.reference.bytes) { try run.verify() } }
      }
      for file in version.corrections { try check(file.reference.bytes) { try file.verify() } }
      let state = core.manifest.state
      let keys = core.live.adKeys
      for fault in try version.sealFaults(
        state, key: { Int($0) < keys.count ? AdKey(rawValue: keys[Int($0)]) : nil })
      {
        damage.append(
          .object(["file": .string(core.directory), "offset": .null, "reason": .string(fault)]))
      }
      if checks.isStopping { throw Stopping() }
      for file in core.manifest.state.files(.dictionary) { try check(file.reference.bytes) { try verify(file, core) } }
    }
    return .object([
      "sound": .bool(damage.isEmpty), "files": .integer(count), "bytes": .integer(bytes), "damage": .array(damage),
    ])
  }

  /// What is wrong with the catalog: its file, and rows that are not what was signed.
  private func catalogDamage(_ check: (_ bytes: UInt64, _ body: () throws -> Void) throws -> Void) throws -> [JSONValue]
  {
    var faults: [String] = []
    try check(0) {
      do {
        let catalog = try openCatalog()
        if let fault = try catalog.structuralFault() { faults.append(fault) }
        faults += catalog.damagedCopies.map { "copy \($0) of its identity is damaged" }
        faults += try catalog.damagedRows().map { "\($0) is not what was written" }
      } catch let error as CatalogError {
        guard case .damaged = error else { throw error }
        faults.append("\(error)")
      }
    }
    return faults.map {
      .object(["file": .string(StoreFiles.catalog), "offset": .null, "reason": .string($0)])
    }
  }

  /// A dictionary is in memory, so its file goes as soon as a merge has taken it in.
  private func verify(_ file: StoreFile, _ core: ShardCore) throws {
    let path = "\(core.directory)/\(StoreFiles.path(file.kind, file.reference.number))"
    do {
      _ = try AdDictionary.read(files, path, store: core.store, reference: file.reference)
    } catch {
      if core.manifest.state.files.contains(file) { throw error }
    }
  }

  // MARK: - Schedules

  private let schedulers = Mutex<Scheduler?>(nil)

  /// What is done by schedule from now on.
  func use(_ scheduler: Scheduler?) { schedulers.withLock { $0 = scheduler } }

  /// How the schedules stand.
  var standings: [Scheduler.Standing] { schedulers.withLock { $0 }?.standings ?? [] }

  // MARK: - Views

  /// The immutable files of each shard.
  package var storedFiles: [[StoredFile]] { cores.map { StoredFile.list($0) } }

  /// The figures of each shard.
  package var figures: [ShardFigures] { cores.map { ShardFigures($0) } }
}
