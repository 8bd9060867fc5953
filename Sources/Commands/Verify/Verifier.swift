import Bytes
import Catalog
import ClickLog
import Clicks
import Files
import Platform
import Store

// What is checked, in this order, each on the ground of the one before:
//
//   STORE ─▶ both manifest copies ─▶ every live slot: header, frames, chain, positions ─▶ the fold ─▶ catalog
//
// The fold is counted twice: by a plain dictionary over the frames here, and by the code that a start runs. Both must give
// the same rows. Damage ends the check of its file, never of the others.

/// Checks a data directory that no server holds.
package struct Verifier {
  private let environment: Environment
  private let path: String
  private var files: any FileSystem { environment.files }

  /// What was found so far.
  package private(set) var report = VerifyReport()

  package init(_ environment: Environment, _ path: String) {
    self.environment = environment
    self.path = path
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
      try check(shard: "\(path)/\(StoreFiles.shard(number))", identity.id)
      if report.damage.isEmpty { try compare(shard: number, identity.id) }
    }
    try checkCatalog()
  }

  private mutating func check(shard directory: String, _ store: StoreID) throws {
    let reading: ManifestReading
    do {
      guard let found = try Manifest.read(files, directory: directory, store: store) else {
        report.note("\(directory): no manifest: the shard was never opened")
        return
      }
      reading = found
    } catch {
      try report.damaged(by: error)
      return
    }
    var chain = SlotChain()
    for extent in reading.state.extents {
      do { try check(extent, in: directory, store, &chain) } catch { try report.damaged(by: error) }
    }
    try checkCopies(reading, directory, store, named: chain.manifestSequence)
    try listFreeSlots(reading.state, directory)
  }

  // MARK: - Log

  /// What one slot hands to the next.
  private struct SlotChain {
    var previous: (generation: UInt64, checksum: UInt32, position: UInt64)?
    /// The highest manifest record that a frame names as durable.
    var manifestSequence: UInt64 = 0
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
    let tail = unsafe try reader.walk(to: extent.end.map { Int($0.offset) }) { frame, payload, offset in
      frames += 1
      for i in 0..<Int(frame.records) {
        let at = i * RecordFormat.size
        guard let click = unsafe RecordFormat.read(payload.baseAddress! + at, base: frame.logicalTime) else {
          throw FormatError(
            file: path, offset: UInt64(offset + FrameHeader.size + at), reason: "an unknown source or flag")
        }
        _ = click
        clicks += 1
      }
    }
    let end = try reader.judge(tail, of: extent)
    report.add(
      .init(path: path, kind: "log slot", bytes: try reader.file.size(), frames: frames, clicks: clicks))
    report.clicks += clicks
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

  // MARK: - Fold, catalog

  private mutating func compare(shard number: Int, _ identity: StoreID) throws {
    var findings: [String] = []
    var rows = 0
    var counts: [AdKey: [Minute: UInt64]] = [:]
    do {
      _ = try Store.read(environment, path) { shard, recovery in
        guard shard == number else { return }
        try recovery.forEachClick(files, store: identity) { _, click in
          counts[click.ad, default: [:]][click.minute, default: 0] += 1
        }
        for (ad, minute, clicks) in try recovery.live.rows() {
          rows += 1
          let due = counts[ad]?.removeValue(forKey: minute) ?? 0
          if due != clicks {
            findings.append("ad key \(ad), minute \(minute): the table has \(clicks), the log \(due)")
          }
        }
      }
    } catch {
      try report.damaged(by: error)
      return
    }
    for (ad, minutes) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      for (minute, due) in minutes.sorted(by: { $0.key < $1.key }) {
        findings.append("ad key \(ad), minute \(minute): the table has 0, the log \(due)")
      }
    }
    report.rows += rows
    for finding in findings { report.damaged("\(path)/\(StoreFiles.shard(number))", nil, finding) }
  }

  private mutating func checkCatalog() throws {
    let file = "\(path)/\(StoreFiles.catalog)"
    guard files.exists(file) else { return report.note("\(file): missing; the next start makes an empty one") }
    do throws(CatalogError) {
      // Opening checks the whole file.
      let catalog = try Catalog.open(file, .readOnly, in: environment)
      _ = (try catalog.countAds(), try catalog.keys(), try catalog.tokens())
    } catch {
      guard case .damaged(_, let doing, let text) = error else { throw error }
      return report.damaged(file, nil, "found while \(doing): \(text)")
    }
    report.add(.init(path: file, kind: "catalog", bytes: try files.open(file, .read).size()))
  }
}
