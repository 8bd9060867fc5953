import Bytes
import Files
import Minutes
import Platform
import Shards
import Store

/// What operators may do to a running service and see of it; the admin routes are its door. Any thread may use it.
package final class Operations: Sendable {
  /// What was asked for.
  package let jobs: Jobs
  /// Which ads are hot.
  package let hotAds: HotAds
  private let cores: [ShardCore]
  private let files: any FileSystem
  private let upkeeper: Upkeeper
  /// Reads whole files, which no other thread has the time for.
  private let checks: Worker<Void>

  init(_ context: ServiceContext, _ upkeeper: Upkeeper, checks: Worker<Void>) {
    jobs = Jobs(prefix: context.requestPrefix, clock: { [clock = context.clock] in clock.now() })
    hotAds = context.hotAds
    cores = context.cores
    files = context.environment.files
    self.upkeeper = upkeeper
    self.checks = checks
  }

  /// Starts a job; nil where too many are waiting.
  package func begin(_ kind: JobKind) -> Job? {
    guard let job = jobs.add(kind) else { return nil }
    if let request = UpkeepRequest(rawValue: kind.rawValue) {
      upkeeper.ask { [self] upkeeps, goesOn in
        run(job) {
          try UpkeepReport.perform(request, upkeeps, cores) { steps in
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
    for core in cores {
      let version = core.live.version
      for segment in version.segments { try check(segment.file.reference.bytes) { try segment.verify() } }
      for key in version.tables.keys.sorted() {
        for run in version.table(key).runs { try check(run.file.reference.bytes) { try run.verify() } }
      }
      for file in core.manifest.state.files(.dictionary) { try check(file.reference.bytes) { try verify(file, core) } }
    }
    return .object([
      "sound": .bool(damage.isEmpty), "files": .integer(count), "bytes": .integer(bytes), "damage": .array(damage),
    ])
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

  // MARK: - Views

  /// The immutable files of each shard.
  package var storedFiles: [[StoredFile]] { cores.map { StoredFile.list($0) } }

  /// The figures of each shard.
  package var figures: [ShardFigures] { cores.map { ShardFigures($0) } }
}
