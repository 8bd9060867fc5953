import Bytes
import ClickLog
import Clicks
import Corrections
import Files
import Minutes
import Platform
import Runs
import Segments
import Store

// A stopped store, rewritten to another number of shards. The old files are read and never touched; the new ones come to be
// beside them, in the directory of the next layout:
//
//   1. spools      each old shard's raw clicks, told apart by the new route, in the order of their running time
//   2. shards      each new one from its spools: segments, the log of open minutes, a manifest
//   3. rows        BASE rows and external rows to the home of their ad; minutes, hours and days made anew from BASE and raw;
//                  corrections, also to the home (CarriedHistory.swift)
//   4. check       clicks in each minute are as many as before, and so are all positions together
//   5. ROUTES      the same hot intervals for the new number
//   6. switch      a new STORE takes the place of the old one: one rename
//   7. the old shards are removed
//
// A crash before 6 leaves the old store whole and litter beside it, one behind it the new store; the next opening removes the
// litter. Running times of the old shards, which stood still in different ways while the server did, are brought to one end, so
// that no identity leaves the dedup horizon early.

/// Rewrites a store that nobody has open.
package struct Resharding {
  /// What came of it.
  package struct Report: Equatable, Sendable {
    package var before: Int
    package var after: Int
    package var clicks: UInt64
    package var rawClicks: UInt64
  }

  /// Why a store is not rewritten.
  package enum Refusal: Error, Equatable, CustomStringConvertible {
    case space(needed: UInt64, available: UInt64)
    case differs(String)
    case unsupported(String)

    package var description: String {
      switch self {
      case .space(let needed, let available):
        "\(needed) bytes are needed beside the store, \(available) are free; the store is as it was"
      case .differs(let what): "the new shards would not hold what the old ones do: \(what); the store is as it was"
      case .unsupported(let what): "the store cannot be rewritten: \(what)"
      }
    }
  }

  private let environment: Environment
  private let path: String
  private let options: ShardOptions
  private let progress: (_ part: String, _ done: UInt64, _ all: UInt64) -> Void
  private var files: any FileSystem { environment.files }

  /// - Parameters:
  ///   - options: as a server of the store would have them; what maintenance may use plays no part.
  ///   - progress: told now and then how far each part is.
  package init(
    _ environment: Environment, _ path: String, options: ShardOptions,
    progress: @escaping (_ part: String, _ done: UInt64, _ all: UInt64) -> Void = { _, _, _ in }
  ) {
    self.environment = environment
    self.path = path
    var options = options
    options.budget = WorkBudget()
    self.options = options
    self.progress = progress
  }

  /// What is known of the old shards together.
  private struct Old {
    var identity: StoreIdentity
    var routes: RouteTable
    var closedThrough: Int64 = .min
    var rolledUp: Int64 = .min
    var minutesFrom: Int64 = .max
    var logicalTime: Int64 = 0
    var clicks: UInt64 = 0
    var rawClicks: UInt64 = 0
    /// The latest running time of any shard, and of each.
    var newestRunning: UInt64 = 0
    var running: [UInt64] = []
    var totals: [Minute: UInt64] = [:]
    var bytes: UInt64 = 0
    var history = CarriedHistory()
    /// How far imports are, of each shard.
    var sources: [SourceTable] = []
    /// Identities that were counted at home before the time in their bits had come, and stay there.
    var early: [ClickIdentity] = []
  }

  /// Rewrites the store to `shards` shards.
  package func run(shards: Int) throws -> Report {
    precondition(1...StoreIdentity.shardLimit ~= shards)
    guard let identity = try Store.identify(files, path) else { throw NoStore(path: path) }
    var old = try survey(identity)
    var next = identity
    (next.shards, next.layout) = (shards, identity.layout + 1)
    let root = next.root(in: path)
    try files.removeTree(root)
    try checkSpace(old)
    do {
      next = try build(&old, next, root)
    } catch {
      // Litter, which the next opening would remove as well.
      try? files.removeTree(root)
      throw error
    }
    try files.synchronizeDirectory(path)
    let store = "\(path)/\(StoreFiles.store)"
    try files.replace(store, with: next.page, by: store + ".tmp", in: path)
    try Store.removeOtherLayouts(files, path, next)
    return Report(before: identity.shards, after: shards, clicks: old.clicks, rawClicks: old.rawClicks)
  }

  // MARK: - 1. What is there

  private func survey(_ identity: StoreIdentity) throws -> Old {
    let found = try RoutesFile.read(files, identity.root(in: path), store: identity.id, shards: identity.shards)
    var old = Old(identity: identity, routes: found?.table ?? RouteTable(shards: identity.shards))
    for shard in 0..<identity.shards {
      let recovery = try Store.read(environment, path, identity, shard: shard, options: options)
      let state = recovery.manifest?.state ?? ManifestState()
      old.closedThrough = max(old.closedThrough, state.closedThrough)
      old.rolledUp = max(old.rolledUp, state.rolledUp)
      old.minutesFrom = min(old.minutesFrom, state.minutesFrom)
      old.logicalTime = max(old.logicalTime, recovery.logicalTime)
      old.clicks += recovery.nextPosition
      old.rawClicks += recovery.nextPosition - state.retired
      old.running.append(recovery.runningTime)
      old.newestRunning = max(old.newestRunning, recovery.runningTime)
      for file in state.files { old.bytes += file.reference.bytes }
      // Their rows would have to be told apart from their credits in shards that held neither.
      if let seal = state.seals.first {
        throw Refusal.unsupported(
          "\(seal.month)\(state.seals.count > 1 ? " and \(state.seals.count - 1) other months are" : " is") sealed, "
            + "and sealed rows stay in the shards that sealed them")
      }
      // Captured strings lie in the spools as they are, and compressed in segments: to about an eighth.
      for segment in recovery.version.segments where !segment.summary.captured.isEmpty {
        old.bytes += 8 * segment.file.reference.bytes
      }
      for click in recovery.early where old.routes.home(of: click.identity.ad) == shard {
        old.early.append(click.identity)
      }
      try old.history.add(recovery)
      old.sources.append(recovery.sources)
      try Self.addTotals(of: recovery.live, to: &old.totals)
    }
    if found == nil, identity.shards > 1, old.clicks > 0 {
      throw FormatError(
        file: "\(identity.root(in: path))/\(StoreFiles.routes)", offset: 0,
        reason: "missing, but \(identity.shards) shards have clicks that may have gone by it")
    }
    return old
  }

  private static let allMinutes = (Minute(index: -(1 << 40)), Minute(index: 1 << 40))

  private static func addTotals(of live: LiveTable, to totals: inout [Minute: UInt64]) throws {
    for point in try live.totals(from: allMinutes.0, to: allMinutes.1).points {
      totals[point.minute, default: 0] += point.clicks
    }
  }

  /// Spools, segments and runs stand side by side for a while.
  private func checkSpace(_ old: Old) throws {
    let needed = old.rawClicks * 112 + 2 * old.bytes + UInt64(64 << 20) + options.diskReserve
    let available = try files.availableSpace(at: path)
    guard available >= needed else { throw Refusal.space(needed: needed, available: available) }
  }

  // MARK: - 2. to 5.

  /// Returns the identity of the new store, which its shards know.
  private func build(_ old: inout Old, _ next: StoreIdentity, _ root: String) throws -> StoreIdentity {
    let spools = "\(root)/spool"
    for directory in [root, spools] { try files.createDirectory(directory) }
    let table = RouteTable(shards: next.shards, version: old.routes.version + 1, hot: old.routes.hot)
    let base = try spool(old, table, spools)
    var inner = StoreIdentity(id: next.id, shards: next.shards, created: next.created)
    // The numbers of openings go on.
    inner.start = old.identity.nextStart
    var done: UInt64 = 0
    for shard in 0..<next.shards {
      let directory = "\(root)/\(StoreFiles.shard(shard))"
      try Store.prepare(files, directory, in: root)
      var builder = ShardBuilder(
        environment, directory: directory, store: next.id, options: options, closedThrough: old.closedThrough,
        rolledUp: old.rolledUp, logicalTime: old.logicalTime, retired: base[shard].reduce(0) { $0 + $1.clicks },
        sources: CarriedHistory.progress(old.sources))
      var clicks = SpoolMerge(try (0..<old.identity.shards).map { try SpoolReader(files, "\(spools)/\($0)-\(shard)") })
      try builder.build(&clicks) {
        done += 1
        if done % 8_192 == 0 { progress("building", done, old.rawClicks) }
      }
    }
    try files.removeTree(spools)
    // For the time of the building the directory is a store of its own.
    let store = "\(root)/\(StoreFiles.store)"
    try files.replace(store, with: inner.page, by: store + ".tmp", in: root)
    try makeRows(old, base, table, root)
    guard var made = try Store.identify(files, root) else { throw NoStore(path: root) }
    (made.layout, made.routes) = (next.layout, table.version + 1)
    try files.remove(store)
    do throws(RoutesFile.Failure) {
      try RoutesFile.write(table, files, root, store: next.id, created: old.logicalTime)
    } catch {
      switch error {
      case .kept(let error), .unknown(let error): throw error
      }
    }
    return made
  }

  /// Writes each old shard's clicks into the spools of the new ones, and returns the BASE rows of each new one.
  private func spool(_ old: Old, _ table: RouteTable, _ spools: String) throws -> [[AdMinuteCount]] {
    var base = [[AdMinuteCount]](repeating: [], count: table.shards)
    var done: UInt64 = 0
    let early = EarlyIDs(old.early)
    for shard in 0..<old.identity.shards {
      let recovery = try Store.read(environment, path, old.identity, shard: shard, options: options)
      var writers = try (0..<table.shards).map { try SpoolWriter(files, "\(spools)/\(shard)-\($0)") }
      let ahead = old.newestRunning - old.running[shard]
      let routes = RouteBoard.Routes(table, early: early)
      // Clicks that recounts took away count no longer, and are kept as what their identities are known by.
      let removed = Set(try recovery.version.recordedRepeats(in: 0..<UInt64.max).map(\.position))
      let last = Set(try recovery.lastCopies(files))
      try recovery.forEachRetained(files, store: old.identity.id) { found in
        let isRepeat = found.isRepeat || removed.contains(found.position)
        try writers[routes.route(found.click.identity)].add(
          SpooledClick(
            found.click, runningTime: found.runningTime + ahead,
            strings: found.strings.map { CapturedStrings(found.set, of: $0) },
            standing: !isRepeat ? .counts : last.contains(found.position) ? .isLastCopy : .isRepeat))
        done += 1
        if done % 8_192 == 0 { progress("reading", done, old.rawClicks) }
      }
      for i in writers.indices { try writers[i].finish() }
      var cursor = try MergeCursor(recovery.version.table(.base).runs)
      try cursor.advance()
      while let row = cursor.row {
        let ad = recovery.minutes.ads.key(row.code)
        if row.value > 0 {
          base[table.home(of: ad)].append(AdMinuteCount(ad: ad, minute: row.bucket, clicks: row.value))
        }
        try cursor.advance()
      }
    }
    return base
  }

  private func makeRows(_ old: Old, _ base: [[AdMinuteCount]], _ table: RouteTable, _ root: String) throws {
    var options = options
    options.takesClicks = false
    let store = try Store.open(environment, root, options: options)
    defer { store.close() }
    let history = old.history.dealt(table)
    for (number, shard) in store.shards.enumerated() {
      progress("counting", UInt64(number), UInt64(store.shards.count))
      try shard.maintenance.adoptBase(base[number])
      try shard.maintenance.rebuildRuns()
      try shard.maintenance.adoptCorrections(history.parts[number], lastRun: history.lastRun)
      if old.minutesFrom > .min, old.minutesFrom < .max { try shard.maintenance.dropMinutes(before: old.minutesFrom) }
    }
    try copyExternal(old, table, store)
    var totals: [Minute: UInt64] = [:]
    for shard in store.shards { try Self.addTotals(of: shard.live, to: &totals) }
    // Minutes that one old shard had dropped and another had not are whole again.
    for (minute, clicks) in old.totals where totals[minute] ?? 0 < clicks {
      throw Refusal.differs("\(minute) has \(totals[minute] ?? 0) clicks of \(clicks)")
    }
    for (minute, clicks) in totals where minute.index >= old.minutesFrom || old.minutesFrom == .min {
      guard old.totals[minute] == clicks else {
        throw Refusal.differs("\(minute) has \(clicks) clicks of \(old.totals[minute] ?? 0)")
      }
    }
    // Repeats that were carried have positions, and count no more than before.
    let clicks = try store.shards.reduce(0) { $0 + $1.position - (try $1.live.version.removedRepeats($1.state)) }
    let due = old.clicks - (try removedRepeats(old))
    guard clicks == due else { throw Refusal.differs("\(clicks) clicks of \(due)") }
  }

  /// Clicks that recounts of the old shards took away.
  private func removedRepeats(_ old: Old) throws -> UInt64 {
    var count: UInt64 = 0
    for shard in 0..<old.identity.shards {
      let recovery = try Store.read(environment, path, old.identity, shard: shard, options: options)
      count += try recovery.version.removedRepeats(recovery.manifest?.state ?? ManifestState())
    }
    return count
  }

  /// Rows of external tables, under the names they have. Verdicts are kept as sums of their own, whose later versions are
  /// positions of the new shards, so theirs begin at zero.
  private func copyExternal(_ old: Old, _ table: RouteTable, _ store: Store) throws {
    for shard in 0..<old.identity.shards {
      let recovery = try Store.read(environment, path, old.identity, shard: shard, options: options)
      let state = recovery.manifest?.state ?? ManifestState()
      let keys = state.tables.keys.sorted().flatMap { number in
        [UInt32(60), UInt32(3_600)].map { RunTableKey(kind: .external, table: number, bucketSeconds: $0) }
      }
      for key in keys {
        let (name, width) = (state.tables[key.table]!, key.bucketSeconds)
        let runs = recovery.version.table(key).runs
        let keepsVersions = !name.hasPrefix("verdict.")
        var rows = [[ExternalRow]](repeating: [], count: table.shards)
        func flush(_ home: Int) throws {
          if !rows[home].isEmpty { try store.shards[home].maintenance.upsert(name, rows[home], bucketSeconds: width) }
          rows[home] = []
        }
        var cursor = try MergeCursor(runs)
        try cursor.advance()
        while let row = cursor.row {
          let ad = recovery.minutes.ads.key(row.code)
          let home = table.home(of: ad)
          rows[home].append(
            ExternalRow(
              ad: ad, minute: Minute(index: row.bucket * Int64(width / 60)), value: row.value,
              version: keepsVersions ? row.version : 0))
          if rows[home].count == 1 << 18 { try flush(home) }
          try cursor.advance()
        }
        for home in rows.indices { try flush(home) }
      }
    }
  }
}
