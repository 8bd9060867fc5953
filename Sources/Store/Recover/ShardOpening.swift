import Bytes
import ClickLog
import Files
import Platform

// Going on after a recovery. Nothing is ever appended behind a crash: every opening has a new epoch, a new generation in a
// free slot and a new manifest, and the order below lets a crash at any point be followed by the same again.
//
//   1. a new manifest says what was read; synced under its name
//   2. the open generation ends where its valid frames end
//   3. a free slot gets the next generation's header (and, where that frees a slot, the clicks of the ended one); synced
//   4. a record says all this; only now does the new generation exist
//   5. files that the manifest does not name are removed, since a crash left them, and the slot that was copied forward is free
//
// Why 1: what was read may stand in the page cache alone. A process may have been killed before a sync; or its sync has failed,
// and then Linux keeps the pages, marks them clean, and lets the next sync succeed without writing them. The record read last
// may have freed a slot, and nobody knows whether the device has it. If step 3 used that slot, a power cut before step 4
// could bring the record before it back, which needs the clicks that were there. A sync is no remedy, for it says nothing
// about pages that were marked clean; bytes that are written anew to a new file, synced and named, are. Log slots are read
// past the cache, and what is read there is synced or copied in step 3; immutable files have their names only after their sync.

extension Shard {
  /// Opens a shard for clicks. `clock` is the store's, started from the newest recovered time; `start` is the opening's number, and
  /// which of the store's shards this is.
  package static func open(
    _ recovery: consuming ShardRecovery, _ environment: Environment, store: StoreID,
    start: (number: UInt64, shard: Int),
    options: ShardOptions, clock: LogicalClock, budget: StoreBudget
  ) throws -> Shard {
    let directory = recovery.directory
    let log = "\(directory)/\(StoreFiles.log)"
    let temporary = "\(directory)/\(StoreFiles.temporary)"
    var state = recovery.manifest?.state ?? ManifestState()
    let (number, sequence) = ((recovery.manifest?.number ?? 0) + 1, (recovery.manifest?.sequence ?? 0) + 1)
    var manifest: Manifest?
    if recovery.manifest != nil, !sabotaged(.believePageCache) {
      manifest = try Manifest(
        files: environment.files, directory: directory, store: store, number: number, state: state, sequence: sequence,
        bytes: options.manifestBytes)
    }
    let live = sabotaged(.recycleEarly) ? Set(state.extents.filter { $0.end != nil }.map(\.slot)) : state.liveSlots
    let slots = try SlotPool(
      files: environment.files, logDirectory: log, temporaryDirectory: temporary, slotBytes: options.slotBytes,
      reserve: options.diskReserve, live: live)
    if slots.needsPreparation {
      do throws(SystemError) { try slots.prepare() } catch { guard error.isShortage else { throw error } }
    }

    var opening = try Opening(recovery, environment, store: store, options: options, clock: clock, log: log)
    let changes =
      try [.started(number: start.number, shard: UInt32(start.shard))] + opening.plan(&state, slots)
    for change in changes { try state.apply(change) }
    if manifest == nil {
      manifest = try Manifest(
        files: environment.files, directory: directory, store: store, number: number, state: state, sequence: sequence,
        bytes: options.manifestBytes)
    } else {
      try manifest!.append(changes)
    }
    try sweep(environment.files, directory, state)
    if let freed = opening.freed { slots.release(freed) }
    let core = ShardCore(
      environment: environment, directory: directory, store: store, options: options, clock: clock,
      budget: budget, manifest: SharedManifest(manifest.take()!),
      live: LiveTable(
        recovery.minutes, version: recovery.version, closedThrough: state.closedThrough, mark: state.recounted,
        changed: recovery.changed, seals: SealedMonths(state.seals),
        // No two openings have the same number, and none has as many revisions.
        revision: state.start &<< 32), slots: slots,
      recoveredRunning: recovery.runningTime, watermark: recovery.watermark,
      sources: recovery.sources)
    if options.keepsVerdicts { core.verdicts.markLost(recovery.lostVerdicts(now: clock.now())) }
    let index = opening.index
    let damaged = recovery.damaged
    let shard = Shard(recovery, core: core, writer: opening.writer, index: index)
    // Runs that are damaged are left out of the version already.
    if options.rebuild, damaged.contains(where: { $0.file.kind == .run }) { try shard.maintenance.rebuildRuns() }
    return shard
  }

  /// Removes immutable files that the manifest does not list, and syncs the directories, since a killed process may have
  /// named a file and got no further.
  private static func sweep(_ files: any FileSystem, _ directory: String, _ state: ManifestState) throws(SystemError) {
    for kind in StoreFile.Kind.allCases {
      let folder = "\(directory)/\(kind.directory)"
      let listed = Set(state.files(kind).map(\.reference.number))
      for name in try files.list(folder) {
        guard let number = StoreFiles.number(of: name, kind), !listed.contains(number) else { continue }
        try files.remove("\(folder)/\(name)")
      }
      if !sabotaged(.trustUnsyncedNames) { try files.synchronizeDirectory(folder) }
    }
  }
}

/// The steps before the manifest.
private struct Opening: ~Copyable {
  let environment: Environment
  let store: StoreID
  let options: ShardOptions
  let clock: LogicalClock
  let log: String
  let last: (extent: LogExtent, end: LogExtent.End, tail: LogTail)?
  let nextPosition: UInt64
  let manifestSequence: UInt64
  let sources: SourceTable
  let sourceGeneration: UInt64
  var index: LogIndex
  /// The end of the chain that the new generation continues.
  var previous: (generation: UInt64, checksum: UInt32) = (0, 0)
  /// The chain before `last`, for a copy that takes its place.
  let beforeLast: (generation: UInt64, checksum: UInt32)
  var writer: LogWriter
  var freed: UInt32?

  init(
    _ recovery: borrowing ShardRecovery, _ environment: Environment, store: StoreID, options: ShardOptions,
    clock: LogicalClock, log: String
  ) throws {
    self.environment = environment
    self.store = store
    self.options = options
    self.clock = clock
    self.log = log
    last = recovery.tails.last
    nextPosition = recovery.nextPosition
    manifestSequence = recovery.manifest?.sequence ?? 0
    sources = recovery.sources
    sourceGeneration = recovery.sourceGeneration
    index = recovery.index
    let chain = recovery.tails.dropLast().last
    beforeLast = (chain?.extent.generation ?? 0, chain?.tail.checksum ?? 0)
    writer = LogWriter(withoutSlotAt: recovery.nextPosition, checksum: 0)
  }

  /// What becomes of the ended generation.
  private enum Fate {
    /// It stays as it is, closed.
    case keep
    /// It holds no click, and nothing of sources: its slot is free.
    case drop
    /// It holds few: they move into the new slot, and its own is free.
    case copy
  }

  private func fate(of state: ManifestState) -> Fate {
    guard let last, last.extent.end == nil else { return .keep }
    // What it says of sources would be gone, and what older frames say would count again.
    if last.end.position == last.extent.firstPosition, sourceGeneration != last.extent.generation { return .drop }
    return Int(last.end.offset) <= options.slotBytes / 2 ? .copy : .keep
  }

  /// Prepares the new generation and returns the changes that make it exist.
  mutating func plan(_ state: inout ManifestState, _ slots: SlotPool) throws -> [ManifestChange] {
    let epoch = state.epoch + (sabotaged(.noNewEpoch) && state.epoch > 0 ? 0 : 1)
    var changes: [ManifestChange] = epoch > state.epoch ? [.epoch(epoch)] : []
    changes.append(.logicalTime(clock.now()))
    changes += sources.changes(since: state.sources)
    // Whatever was recognised before: of a new shard nothing.
    if state.copiesCounted == nil { changes.append(.copiesCounted(from: state.sealed)) }
    if sabotaged(.appendBehindCrash), let last, last.extent.end == nil {
      try goOn(in: last)
      return changes
    }
    let taken = try slots.take()
    var fate = fate(of: state)
    if taken == nil, fate == .copy { fate = .keep }
    previous = last.map { ($0.extent.generation, $0.tail.checksum) } ?? (0, 0)
    if let last, last.extent.end == nil {
      let generation = last.extent.generation
      switch fate {
      case .keep:
        try persist(last.extent.slot)
        changes.append(.close(generation: generation, last.end))
      case .drop, .copy:
        previous = beforeLast
        changes.append(.remove(generation: generation))
        freed = last.extent.slot
      }
    }
    guard let (slot, file) = taken else {
      writer = LogWriter(withoutSlotAt: nextPosition, checksum: previous.checksum)
      return changes
    }
    let header = SlotHeader(
      store: store, slot: slot, generation: state.lastGeneration + 1,
      firstPosition: fate == .copy ? last!.extent.firstPosition : nextPosition, epoch: epoch,
      previousChecksum: previous.checksum, previousGeneration: previous.generation, slotBytes: UInt64(slots.slotBytes),
      created: clock.now())
    let durable = try begin(header, file, copying: fate == .copy)
    changes.append(
      .open(
        LogExtent(
          generation: header.generation, slot: slot, firstPosition: header.firstPosition,
          previousGeneration: previous.generation, durable: UInt64(durable))))
    return changes
  }

  /// Makes a slot's frames durable before the manifest says that they are: the last one may stand in the page cache only,
  /// where a process was killed between its write and its sync.
  private func persist(_ slot: UInt32) throws {
    if sabotaged(.trustUnsyncedTail) { return }
    try environment.files.open("\(log)/\(SlotHeader.name(slot))", .readWrite).synchronizeData()
  }

  /// Writes the header, and the copied clicks behind it, and syncs. Returns the bytes that are durable then.
  private mutating func begin(_ header: SlotHeader, _ file: any File, copying: Bool) throws -> Int {
    try file.writeAll(header.page, at: 0)
    var end = LogCopy.End(offset: SlotHeader.framesStart, checksum: header.previousChecksum, frames: 0)
    if copying, let last {
      let source = try LogReader(
        environment.files, "\(log)/\(SlotHeader.name(last.extent.slot))", extent: last.extent, store: store)
      var placed = LogIndex()
      placed.replace(index, from: last.extent.firstPosition)
      end = try LogCopy.run(from: source, to: Int(last.end.offset), into: file, header: header) {
        placed.add(firstPosition: $0, records: $1, generation: header.generation, offset: $2, file: file)
      }
      index = placed
    }
    try file.synchronizeData()
    writer = LogWriter(
      file: file, header: header, offset: end.offset, nextPosition: nextPosition, checksum: end.checksum,
      frameIndex: end.frames)
    return end.offset
  }

  private mutating func goOn(in last: (extent: LogExtent, end: LogExtent.End, tail: LogTail)) throws {
    let file = try environment.files.open("\(log)/\(SlotHeader.name(last.extent.slot))", .readWrite)
    let header = try LogReader.readHeader(file)
    writer = LogWriter(
      file: file, header: header, offset: last.tail.offset, nextPosition: nextPosition, checksum: last.tail.checksum,
      frameIndex: last.tail.frames)
  }
}
