import Files
import JSON
import Minutes
import Platform
import Runs
import Segments
import Store

/// An immutable file of a shard, for people.
package struct StoredFile: Sendable {
  package var kind: StoreFile.Kind
  package var number: UInt64
  package var bytes: UInt64
  /// Inside the data directory.
  package var path: String
  /// Of a run that is open.
  package var run: RunDescriptor?
  /// Of a segment that is open.
  package var segment: SegmentSummary?

  /// The files that a shard's manifest lists, by number. What they hold is said of those that readers see at the same time.
  package static func list(_ core: ShardCore) -> [StoredFile] {
    let version = core.live.version
    var runs: [UInt64: RunDescriptor] = [:]
    for table in version.tables.values { for run in table.runs { runs[run.file.reference.number] = run.descriptor } }
    var segments: [UInt64: SegmentSummary] = [:]
    for segment in version.segments { segments[segment.file.reference.number] = segment.summary }
    let folders = core.directory.split(separator: "/").suffix(2)
    let directory =
      folders.first!.hasPrefix(StoreFiles.layoutPrefix) ? folders.joined(separator: "/") : String(folders.last!)
    return core.manifest.state.files.map { file in
      let number = file.reference.number
      return StoredFile(
        kind: file.kind, number: number, bytes: file.reference.bytes,
        path: "\(directory)/\(StoreFiles.path(file.kind, number))", run: runs[number], segment: segments[number])
    }
  }
}

extension StoreFile.Kind {
  /// The kind's name in answers and tables.
  package var name: String {
    switch self {
    case .segment: "segment"
    case .run: "run"
    case .base: "base"
    case .dictionary: "dictionary"
    case .external: "external"
    case .corrections: "corrections"
    }
  }
}

/// How many files of each kind there are, and how large they are together.
package struct FileSums: Equatable, Sendable {
  /// By the kind's raw value less one.
  private var counts = [UInt64](repeating: 0, count: StoreFile.Kind.allCases.count)
  private var sizes = [UInt64](repeating: 0, count: StoreFile.Kind.allCases.count)

  package init() {}

  /// The files that the manifests of `cores` list.
  package init(_ cores: [ShardCore]) {
    for core in cores { for file in core.manifest.state.files { add(file.kind, file.reference.bytes) } }
  }

  package mutating func add(_ kind: StoreFile.Kind, _ bytes: UInt64) {
    counts[Int(kind.rawValue) - 1] += 1
    sizes[Int(kind.rawValue) - 1] += bytes
  }

  package func files(_ kind: StoreFile.Kind) -> UInt64 { counts[Int(kind.rawValue) - 1] }
  package func bytes(_ kind: StoreFile.Kind) -> UInt64 { sizes[Int(kind.rawValue) - 1] }

  /// `{"segment":{"files":2,"bytes":8192},…}`, every kind.
  package var json: JSONValue {
    .object(
      StoreFile.Kind.allCases.map { kind in
        .init(kind.name, .object(["files": .integer(files(kind)), "bytes": .integer(bytes(kind))]))
      })
  }
}

/// What maintenance did for a request: its counters and the files before and behind.
package struct MaintenanceReport: Sendable {
  private var before: FileSums
  private var after: FileSums
  private var did = MaintenanceCounters()
  /// Whether all of it was done; false where it was told to stop.
  private var isComplete = true

  /// Does `request` on every shard, one after the other, each when it has done what is under way. `step` is asked before
  /// each step, with the number of merges so far; false ends the work.
  package static func perform(
    _ request: MaintenanceRequest, _ shards: [Maintenance], _ cores: [ShardCore], step: (UInt64) -> Bool = { _ in true }
  ) throws -> MaintenanceReport {
    let sums = FileSums(cores)
    var report = MaintenanceReport(before: sums, after: sums)
    for maintenance in shards {
      let old = maintenance.counters
      let earlier = report.did.merges
      let isComplete = try maintenance.perform(request) { step(earlier + maintenance.counters.merges - old.merges) }
      report.add(maintenance.counters, since: old)
      report.isComplete = report.isComplete && isComplete
    }
    report.after = FileSums(cores)
    return report
  }

  private mutating func add(_ new: MaintenanceCounters, since old: MaintenanceCounters) {
    did.checkpoints += new.checkpoints - old.checkpoints
    did.seals += new.seals - old.seals
    did.merges += new.merges - old.merges
    did.runBytes += new.runBytes - old.runBytes
    did.segmentBytes += new.segmentBytes - old.segmentBytes
    did.lateRows += new.lateRows - old.lateRows
  }

  /// For programs.
  package var json: JSONValue {
    .object([
      "complete": .bool(isComplete), "checkpoints": .integer(did.checkpoints), "seals": .integer(did.seals),
      "merges": .integer(did.merges), "lateRows": .integer(did.lateRows), "runBytesWritten": .integer(did.runBytes),
      "segmentBytesWritten": .integer(did.segmentBytes), "before": before.json, "after": after.json,
    ])
  }
}
