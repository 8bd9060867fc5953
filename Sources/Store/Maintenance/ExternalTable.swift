import Clicks
import Files
import Minutes
import Platform
import Runs

// Tables that somebody else counts (R9): a stream processor's sink. Each row (ad, minute) carries the version that its writer
// gave it; the higher version wins, and of equal versions the larger value, whatever order they arrive in. So a writer may
// send everything again after a failure of its own. Such rows play no part in the counts of clicks or in their recounts.
//
// A batch is durable when `upsert` returns: its rows are a patch for each day, listed by one manifest record. There is no
// log beneath it, since the writer keeps its own offset and sends again what it has not seen acknowledged; small batches
// therefore cost a file each, and large ones a sort.

/// One row for an external table.
package struct ExternalRow: Equatable, Sendable {
  package var ad: AdKey
  package var minute: Minute
  package var value: UInt64
  package var version: UInt64

  package init(ad: AdKey, minute: Minute, value: UInt64, version: UInt64) {
    self.ad = ad
    self.minute = minute
    self.value = value
    self.version = version
  }
}

/// Why an upsert is refused.
package enum UpsertRefusal: Error, Equatable, CustomStringConvertible {
  /// A name is 1–64 characters of `A-Z a-z 0-9 _ . -`.
  case name(String)
  /// A minute so far from 1970 that no calendar reaches it.
  case minute(Int64)

  package var description: String {
    switch self {
    case .name(let name): "table name \(name) is not 1 to 64 characters of A-Z a-z 0-9 _ . -"
    case .minute(let minute): "minute \(minute) is out of range"
    }
  }
}

extension Maintenance {
  /// Puts `rows` into the external table `name`, which comes to be with its first rows. Durable and visible when it
  /// returns; an error leaves nothing of it behind, unless it is the manifest's.
  /// With `bucketSeconds` of 3,600 they are rows of its hours, told by their first minutes.
  package func upsert(_ name: String, _ rows: [ExternalRow], bucketSeconds: UInt32 = 60) throws {
    try exclusively { try ExternalUpsert($0).run(name, rows, bucketSeconds) }
  }
}

/// One batch of rows for an external table.
struct ExternalUpsert {
  private let context: MaintenanceContext
  private var core: ShardCore { context.core }

  /// Most external tables of a shard.
  private static let tableLimit = 1_000
  /// Minutes that an external row may have: 100,000 years to either side of 1970.
  private static let minuteRange: ClosedRange<Int64> = -52_594_920_000...52_594_920_000

  init(_ context: MaintenanceContext) { self.context = context }

  func run(_ name: String, _ rows: [ExternalRow], _ bucketSeconds: UInt32) throws {
    guard AdID(name) != nil else { throw UpsertRefusal.name(name) }
    for row in rows where !Self.minuteRange.contains(row.minute.index) { throw UpsertRefusal.minute(row.minute.index) }
    guard !rows.isEmpty else { return }
    let state = core.manifest.state
    let known = state.tables.first { $0.value == name }?.key
    let number = known ?? (state.tables.keys.max() ?? 0) + 1
    guard known != nil || state.tables.count < Self.tableLimit else {
      throw ShardError.tooManyTables(name, limit: Self.tableLimit)
    }
    let assigned = core.live.assign(rows.map(\.ad), firstCode: context.codes)
    try ShardEdit.perform(context) { edit in
      try edit.writeDictionary(assigned.keys)
      let key = RunTableKey.external(number, bucketSeconds: bucketSeconds)
      try edit.writeExternal(Self.latest(rows, assigned.codes, key), key, position: state.applied)
      try edit.install(known == nil ? [.table(number: number, name: name)] : [])
    }
  }

  /// The rows sorted by ad and minute, of each key the one that wins.
  private static func latest(_ rows: [ExternalRow], _ codes: [UInt32], _ key: RunTableKey) -> [RunRow] {
    let width = Int64(key.bucketSeconds / 60)
    var sorted = zip(rows, codes).map {
      RunRow(code: $1, bucket: $0.minute.index.dividedDown(by: width), value: $0.value, version: $0.version)
    }
    sorted.sort { ($0.code, $0.bucket, $0.version, $0.value) < ($1.code, $1.bucket, $1.version, $1.value) }
    var latest: [RunRow] = []
    latest.reserveCapacity(sorted.count)
    for row in sorted {
      if let last = latest.last, last.code == row.code, last.bucket == row.bucket { latest.removeLast() }
      latest.append(row)
    }
    return latest
  }
}

extension LiveTable {
  /// The rows of an external table's ad in `from ..< to`, oldest first; `number` is the manifest's for it.
  package func external(_ number: UInt32, of ad: AdKey, from: Minute, to: Minute) throws -> [RunRow] {
    guard let code = code(of: ad), from < to else { return [] }
    let table = version.table(RunTableKey(kind: .external, table: number, bucketSeconds: 60))
    return try table.externalRows(of: code, in: from.index..<to.index)
  }
}

extension RunTable {
  /// The rows of an external table's ad, oldest first: of each bucket the one that wins.
  func externalRows(of code: UInt32, in buckets: Range<Int64>) throws -> [RunRow] {
    var rows: [Int64: RunRow] = [:]
    for run in runs where run.window.overlaps(buckets) {
      try run.series(of: code, buckets: buckets) { bucket, value, version in
        let row = RunRow(code: code, bucket: bucket, value: value, version: version)
        if let present = rows[bucket], (present.version, present.value) >= (version, value) { return }
        rows[bucket] = row
      }
    }
    return rows.keys.sorted().map { rows[$0]! }
  }
}
