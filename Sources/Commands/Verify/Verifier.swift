import Bytes
import Catalog
import ClickLog
import Clicks
import Corrections
import Files
import Minutes
import Platform
import Runs
import Segments
import Service
import Shards
import Store

// What is checked, in this order, each on the ground of the one before:
//
//   STORE, and whether the shards are its own (Verifier+Identity.swift) ─▶ both manifest copies ─▶ every live slot: header, frames, chain, positions
//         ─▶ every immutable file: blocks, rows, order, sums ─▶ the tables (Verifier+Table.swift) ─▶ catalog
//
// Damage ends the check of its file, never of the others.

/// Checks a data directory that no server holds.
package struct Verifier {
  let environment: Environment
  let path: String
  var files: any FileSystem { environment.files }

  /// The ads of each shard that could be read.
  var ads: [Int: [UInt64]] = [:]

  /// What was found so far.
  package internal(set) var report = VerifyReport()

  /// Whether every raw click is compared with all others as well.
  private let isDeep: Bool

  package init(_ environment: Environment, _ path: String, isDeep: Bool = false) {
    self.environment = environment
    self.path = path
    self.isDeep = isDeep
  }

  /// Checks everything. Throws `NoStore` where there is nothing to check, and what the disk refuses.
  package mutating func run() throws {
    let identity: StoreIdentity
    do {
      guard let found = try Store.identify(files, path) else { throw NoStore(path: path) }
      identity = found
    } catch {
      try report.damaged(by: error)
      return
    }
    let store = "\(path)/\(StoreFiles.store)"
    report.add(.init(path: store, kind: "store identity", bytes: try files.open(store, .read).size()))
    for number in 0..<identity.shards {
      // Damage of one shard says nothing about the others.
      let before = report.damage.count
      guard try checkMark(shard: number, of: identity) else { continue }
      let log = try check(shard: identity.directory(of: number, in: path), identity.id)
      if report.damage.count == before {
        // Rows that differ may be of a sealed month, and are repaired otherwise then.
        try compare(shard: number, of: identity, log)
        try checkSeals(shard: number, of: identity)
      }
      if isDeep, report.damage.count == before { try recount(shard: number, of: identity) }
    }
    try checkShards(identity)
    try checkRoutes(identity)
    try checkImports(identity)
    try checkCatalog(identity)
  }

  /// Which imports were finished.
  private mutating func checkImports(_ identity: StoreIdentity) throws {
    let file = "\(path)/\(StoreFiles.imports)"
    guard files.exists(file) else { return }
    do {
      let reading = try ImportsFile.read(files, path, store: identity.id)
      for fault in reading.repaired { report.note("repaired from the other copy: \(fault)") }
      report.add(.init(path: file, kind: "finished imports", bytes: try files.open(file, .read).size()))
    } catch { try report.damaged(by: error) }
  }

  /// Returns the clicks of the log that are in no segment.
  private mutating func check(shard directory: String, _ store: StoreID) throws -> [AdMinute: UInt64] {
    let reading: ManifestReading
    do {
      guard let found = try Manifest.read(files, directory: directory, store: store) else {
        report.note("\(directory): no manifest: the shard was never opened")
        return [:]
      }
      reading = found
    } catch {
      try report.damaged(by: error)
      return [:]
    }
    var chain = SlotChain(sealed: reading.state.sealed)
    for extent in reading.state.extents {
      do { try check(extent, in: directory, store, &chain) } catch { try report.damaged(by: error) }
    }
    try checkCopies(reading, directory, store, named: chain.manifestSequence)
    try listFreeSlots(reading.state, directory)
    for file in reading.state.files { try check(file, in: directory, store) }
    try listOthers(reading.state, directory)
    return chain.unsealed
  }

  // MARK: - Log

  /// What one slot hands to the next.
  private struct SlotChain {
    var previous: (generation: UInt64, checksum: UInt32, position: UInt64)?
    /// The highest manifest record that a frame names as durable.
    var manifestSequence: UInt64 = 0
    /// Clicks below this position are in segments.
    var sealed: UInt64
    /// The others.
    var unsealed: [AdMinute: UInt64] = [:]

    init(sealed: UInt64) { self.sealed = sealed }
  }

  private mutating func check(
    _ extent: LogExtent, in directory: String, _ store: StoreID, _ chain: inout SlotChain
  ) throws {
    let path = "\(directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
    defer { chain.previous = nil }
    let reader = try LogReader(files, path, extent: extent, store: store)
    if let before = chain.previous {
      guard reader.header.previousGeneration == before.generation, reader.header.previousChecksum == before.checksum,
        reader.header.firstPosition == before.position
      else { throw FormatError(file: path, offset: 64, reason: "the slot does not continue the generation before it") }
    }
    var frames: UInt64 = 0
    var clicks: UInt64 = 0
    let tail = try reader.walk(to: extent.end.map { Int($0.offset) }) { frame in
      frames += 1
      _ = try frame.annex()
      try frame.forEachClick { position, click in
        clicks += 1
        if position >= chain.sealed {
          chain.unsealed[AdMinute(ad: click.ad, minute: click.minute), default: 0] += 1
          report.clicks += 1
        }
      }
    }
    let end = try reader.judge(tail, of: extent)
    report.add(
      .init(path: path, kind: "log slot", bytes: try reader.file.size(), frames: frames, clicks: clicks))
    guard end.position - extent.firstPosition == clicks else {
      throw FormatError(file: path, offset: end.offset, reason: "\(clicks) clicks up to position \(end.position)")
    }
    if extent.end == nil, !tail.closed, tail.offset < Int(reader.header.slotBytes) {
      report.note("\(path): the log ends at byte \(tail.offset), position \(tail.nextPosition) (\(tail.reason))")
    }
    chain.manifestSequence = max(chain.manifestSequence, tail.manifestSequence)
    chain.previous = (extent.generation, tail.checksum, end.position)
  }

  private mutating func listFreeSlots(_ state: ManifestState, _ directory: String) throws {
    let log = "\(directory)/\(StoreFiles.log)"
    for name in try files.list(log) {
      guard let slot = SlotHeader.number(of: name) else {
        report.note("\(log)/\(name): not one of Tally's files")
        continue
      }
      if state.liveSlots.contains(slot) { continue }
      report.add(
        .init(path: "\(log)/\(name)", kind: "free slot", bytes: try files.open("\(log)/\(name)", .read).size()))
    }
  }

  // MARK: - Manifest

  /// Whether each copy has what the two have together. A record is written and synced in copy a before copy b is touched,
  /// so only the newest record of copy b may be missing, and only where no frame of the log knows it as durable.
  private mutating func checkCopies(
    _ reading: ManifestReading, _ directory: String, _ store: StoreID, named: UInt64
  ) throws {
    let numbers = try files.list(directory).compactMap { StoreFiles.manifest(of: $0) }
    let older = numbers.filter { $0.number < reading.number }
    for (number, copy) in older {
      report.note("\(directory)/\(StoreFiles.manifest(number, copy: copy)): left over; the next start removes it")
    }
    for copy in ManifestCopy.allCases {
      let path = "\(directory)/\(StoreFiles.manifest(reading.number, copy: copy))"
      guard files.exists(path) else {
        // The older one goes only when both new names are durable.
        if older.isEmpty { report.damaged(path, nil, "missing") } else { report.note("\(path): not there yet") }
        continue
      }
      do {
        let walk = try ManifestWalk(files, path, number: reading.number, store: store)
        report.add(
          .init(
            path: path, kind: "manifest copy", bytes: try files.open(path, .read).size(), frames: UInt64(walk.records)))
        let missing = reading.records - walk.records
        guard missing > 0 || walk.hasMore else { continue }
        let isUnfinished = copy == .b && missing == 1 && walk.records > 0 && !walk.hasMore && named < reading.sequence
        if isUnfinished {
          report.note("\(path): its last record was not finished (\(walk.reason)); copy a has it")
        } else {
          report.damaged(path, UInt64(walk.offset), "\(walk.reason); the other copy has the record")
        }
      } catch { try report.damaged(by: error) }
    }
  }

  // MARK: - Immutable files

  /// One file as a whole. What is derived can be made again.
  private mutating func check(_ file: StoreFile, in directory: String, _ store: StoreID) throws {
    let path = "\(directory)/\(StoreFiles.path(file.kind, file.reference.number))"
    var entry = VerifyReport.FileEntry(path: path, kind: file.kind.name, bytes: file.reference.bytes)
    do {
      switch file.kind {
      case .segment:
        let segment = try Segment.open(files, path, store: store, reference: file.reference, access: .read)
        try segment.verify()
        entry.clicks = UInt64(segment.summary.rows)
        report.clicks += entry.clicks
      case .run, .base, .external:
        let run = try Run.open(files, path, store: store, reference: file.reference, access: .read)
        try run.verify()
        entry.rows = run.descriptor.rows
      case .corrections:
        let found = try CorrectionFile.open(files, path, store: store, reference: file.reference, access: .read)
        try found.verify()
        entry.rows = UInt64(found.rowCount + found.repeatCount)
      case .dictionary:
        let sealed = try SealedFile.open(
          files, path, as: .dictionary, store: store, reference: file.reference, access: .read)
        try sealed.verify()
        entry.rows = UInt64(try AdDictionary.read(files, path, store: store, reference: file.reference).keys.count)
      }
    } catch {
      try report.damaged(by: error)
      if file.kind == .run { report.isDerived(path) }
      return
    }
    report.add(entry)
  }

  /// Files that no manifest lists: a crash left them, and the next opening removes them.
  private mutating func listOthers(_ state: ManifestState, _ directory: String) throws {
    for kind in StoreFile.Kind.allCases where files.exists("\(directory)/\(kind.directory)") {
      let listed = Set(state.files(kind).map(\.reference.number))
      for name in try files.list("\(directory)/\(kind.directory)").sorted() {
        let path = "\(directory)/\(kind.directory)/\(name)"
        guard let number = StoreFiles.number(of: name, kind) else {
          report.note("\(path): not one of Tally's files")
          continue
        }
        if !listed.contains(number) { report.note("\(path): no manifest lists it; the next start removes it") }
      }
    }
    let temporary = "\(directory)/\(StoreFiles.temporary)"
    guard files.exists(temporary) else { return }
    for name in try files.list(temporary).sorted() {
      report.note("\(temporary)/\(name): never finished; the next start removes it")
    }
  }

  // MARK: - Catalog

  /// The catalog's file, its indexes, every row's checksum, and that it is this store's.
  private mutating func checkCatalog(_ identity: StoreIdentity) throws {
    let file = StoreCatalog.path(in: path)
    let hasClicks = report.clicks > 0 || StoreCatalog.hasClicks(path, identity, environment)
    guard files.exists(file) else {
      if hasClicks { return report.damaged(file, nil, "missing, though the store has clicks; take it from a backup") }
      return report.note("\(file): missing; the next start makes an empty one")
    }
    do throws(CatalogError) {
      let catalog = try StoreCatalog.open(
        path, .readOnly, store: identity, hasClicks: { hasClicks }, in: environment)
      for copy in catalog.damagedCopies { report.damaged(file, nil, "copy \(copy) of its identity is damaged") }
      try catalog.holdPages()
      if let fault = try catalog.structuralFault() { report.damaged(file, nil, fault) }
      for row in try catalog.damagedRows() {
        report.damaged(
          file, nil,
          "\(row) is not what was written; `tally catalog accept --kind \(row.table.kind) \(row.name)` shows it")
      }
    } catch {
      switch error {
      case .damaged(_, let doing, let text): return report.damaged(file, nil, "found while \(doing): \(text)")
      case .otherStore(_, let found, let store):
        return report.damaged(
          file, nil,
          "belongs to \(found.map { "store \($0)" } ?? "no store"), and this is store \(store); take its own from a backup"
        )
      case .version(_, 0, _): return report.damaged(file, nil, "empty, though the store has clicks")
      case .version(_, let found, let known) where found < known:
        report.note("\(file): its rows have no checksums yet; the next start signs them")
      case .foreign, .version: return report.damaged(file, nil, "\(error)")
      // SQLite does not understand its own tables.
      case .sqlite(_, let doing, 1, let text): return report.damaged(file, nil, "found while \(doing): \(text)")
      default: throw error
      }
    }
    report.add(.init(path: file, kind: "catalog", bytes: try files.open(file, .read).size()))
  }
}
