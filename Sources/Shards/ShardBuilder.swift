import ClickLog
import Clicks
import Files
import Minutes
import Platform
import Segments
import Store

// The files of a new shard, from its raw clicks in the order in which they were received:
//
//     positions   0 …… retired │ retired …… tail │ tail …… end
//                 BASE rows     segments          log slots
//
// `tail` is the first click of a minute that is not closed: such a minute is in no run, so its clicks have to be replayed, and
// with them all that came later. Runs are made afterwards, as a repair makes them (`Rebuild.swift`).
//
// Clicks that recounts took away keep their marks, so that a later copy of theirs is known as a repeat (R20 d). The log has no
// marks: what was taken away behind `tail`, a few minutes at most, stays behind.

/// Writes the segments, the log and the manifest of one shard.
struct ShardBuilder {
  let environment: Environment
  let directory: String
  let store: StoreID
  let options: ShardOptions
  /// What the new shard is told of the old ones.
  let closedThrough: Int64
  let rolledUp: Int64
  let logicalTime: Int64
  /// Clicks that BASE rows stand for.
  let retired: UInt64
  /// How far imports are.
  let sources: [SourceProgress]

  private var codes = AdCodes()
  private var changes: [ManifestChange] = []
  private var lastFile: UInt64 = 0

  init(
    _ environment: Environment, directory: String, store: StoreID, options: ShardOptions, closedThrough: Int64,
    rolledUp: Int64, logicalTime: Int64, retired: UInt64, sources: [SourceProgress]
  ) {
    self.environment = environment
    self.directory = directory
    self.store = store
    self.options = options
    self.closedThrough = closedThrough
    self.rolledUp = rolledUp
    self.logicalTime = logicalTime
    self.retired = retired
    self.sources = sources
  }

  /// Builds the shard from `clicks`; its directories are there. `step` is called for each click.
  mutating func build(_ clicks: inout SpoolMerge, step: () -> Void) throws {
    var next = try clicks.next()
    var builder = SegmentBuilder(first: retired)
    // Repeats of the builder that are the last copies of their identities.
    var lastCopies: UInt64 = 0
    while let spooled = next, spooled.click.minute.index < closedThrough {
      let click = spooled.click
      builder.step(receiveTime: click.receiveTime, runningTime: spooled.runningTime)
      builder.add(
        click.impression, code: codes.assign(click.ad), eventTime: click.eventTime, source: click.source,
        isRepeat: spooled.standing != .counts, strings: spooled.strings)
      if spooled.standing == .isLastCopy { lastCopies += 1 }
      if builder.count == options.segmentRows || builder.stringBytes >= options.segmentStrings {
        let end = builder.next
        try seal(builder, &lastCopies)
        builder = SegmentBuilder(first: end)
      }
      step()
      next = try clicks.next()
    }
    let tail = builder.next
    if builder.count > 0 { try seal(builder, &lastCopies) }
    var log = LogTail(self, at: tail)
    while let spooled = next {
      if spooled.standing == .counts {
        _ = codes.assign(spooled.click.ad)
        try log.add(spooled)
      }
      step()
      next = try clicks.next()
    }
    let (extents, end) = try log.finish()
    try writeDictionary()
    try writeManifest(extents, tail: tail, end: end)
  }

  private mutating func file(_ kind: StoreFile.Kind) -> (number: UInt64, path: String, temporary: String) {
    lastFile += 1
    let name = StoreFiles.path(kind, lastFile)
    return (
      lastFile, "\(directory)/\(name)",
      "\(directory)/\(StoreFiles.temporary)/\(name[name.index(after: name.lastIndex(of: "/")!)...])"
    )
  }

  private mutating func seal(_ builder: consuming SegmentBuilder, _ lastCopies: inout UInt64) throws {
    let file = file(.segment)
    let end = builder.next
    let target = SegmentTarget(
      files: environment.files, path: file.path, temporary: file.temporary, store: store, number: file.number,
      created: logicalTime)
    let (reference, _) = try builder.seal(to: target)
    changes.append(.addFile(StoreFile(kind: .segment, reference: reference)))
    if lastCopies > 0 {
      changes.append(.earlierCopies(EarlierCopies.List(end: end, parts: [.init(end: retired, count: lastCopies)])))
    }
    lastCopies = 0
  }

  private mutating func writeDictionary() throws {
    guard codes.count > 0 else { return }
    let file = file(.dictionary)
    let reference = try AdDictionary.write(
      codes.keys(from: 0), firstCode: 0, files: environment.files, path: file.path, temporary: file.temporary,
      store: store, number: file.number, created: logicalTime)
    changes.append(.addFile(StoreFile(kind: .dictionary, reference: reference)))
  }

  private func writeManifest(_ extents: [LogExtent], tail: UInt64, end: UInt64) throws {
    var state = ManifestState()
    var record: [ManifestChange] = [.epoch(LogTail.epoch)]
    for extent in extents {
      var opened = extent
      opened.end = nil
      record += [.open(opened), .close(generation: extent.generation, extent.end!)]
    }
    record.append(.logicalTime(logicalTime))
    if closedThrough > .min { record.append(.closedThrough(minute: closedThrough)) }
    if end > 0 { record.append(.checkpoint(applied: end, floor: tail)) }
    if tail > 0 { record.append(.sealed(to: tail)) }
    if retired > 0 { record.append(.retired(to: retired)) }
    if rolledUp > .min { record.append(.rolledUp(before: rolledUp)) }
    for source in sources { record.append(.progress(source)) }
    for change in record + changes { try state.apply(change) }
    _ = try Manifest(
      files: environment.files, directory: directory, store: store, number: 1, state: state,
      sequence: LogTail.sequence, bytes: options.manifestBytes)
  }
}

/// The end of the log: frames as a committer would have written them, each with the times of its clicks.
private struct LogTail: ~Copyable {
  static let epoch: UInt32 = 1
  /// The manifest record that the frames name.
  static let sequence: UInt64 = 1
  /// Clicks of one frame were received within so many ms.
  private static let span: UInt64 = 100

  private let shard: ShardBuilder
  private var pool: SlotPool?
  private var writer: LogWriter
  private var extents: [LogExtent] = []
  private var base: Int64 = 0
  private var running: (first: UInt64, last: UInt64) = (0, 0)
  /// What is captured of the pending clicks.
  private var captured: CaptureSet = []

  init(_ shard: ShardBuilder, at position: UInt64) {
    self.shard = shard
    writer = LogWriter(withoutSlotAt: position, checksum: 0)
  }

  mutating func add(_ spooled: SpooledClick) throws {
    let click = spooled.click
    let set = spooled.strings?.set ?? []
    let belongs =
      writer.pendingRecords < LogWriter.maximumRecords && click.receiveTime >= base
      && click.receiveTime - base < 86_400_000 && spooled.runningTime - running.first <= Self.span
      && set == captured && hasRoom(for: spooled)
    if writer.pendingRecords > 0, !belongs { try commit() }
    if writer.pendingRecords == 0 {
      if !hasRoom(for: spooled) { try nextSlot() }
      base = click.receiveTime
      running.first = spooled.runningTime
      captured = set
    }
    running.last = spooled.runningTime
    _ = writer.append(click, captured: spooled.strings)
  }

  /// Whether the frame takes this click too.
  private func hasRoom(for spooled: SpooledClick) -> Bool {
    let strings = spooled.strings.map { writer.pendingStrings + $0.bytes.count }
    return strings ?? 0 <= FrameAnnex.maximumStrings
      && writer.hasRoom(
        for: writer.pendingRecords + 1, annex: strings.map { FrameAnnex.stringsBytes($0) } ?? 0)
  }

  private mutating func commit() throws {
    _ = try writer.commit(stamp)
  }

  private var stamp: FrameStamp {
    FrameStamp(logicalTime: base, runningTime: running.last, manifestSequence: Self.sequence)
  }

  /// The generations that were written, and the position behind the last click.
  mutating func finish() throws -> (extents: [LogExtent], end: UInt64) {
    if writer.pendingRecords > 0 { try commit() }
    if writer.slot != nil { try close() }
    return (extents, writer.nextPosition)
  }

  private mutating func close() throws {
    try writer.close(stamp)
    extents[extents.count - 1].end = LogExtent.End(offset: UInt64(writer.offset), position: writer.nextPosition)
  }

  private mutating func nextSlot() throws {
    let (files, directory) = (shard.environment.files, shard.directory)
    if pool == nil {
      pool = try SlotPool(
        files: files, logDirectory: "\(directory)/\(StoreFiles.log)",
        temporaryDirectory: "\(directory)/\(StoreFiles.temporary)", slotBytes: shard.options.slotBytes,
        reserve: shard.options.diskReserve, live: [])
    }
    try pool!.prepare()
    guard let (slot, file) = try pool!.take() else {
      throw ShardError.insufficientSpace(
        directory, available: try files.availableSpace(at: directory),
        wanted: UInt64(shard.options.slotBytes) + shard.options.diskReserve)
    }
    if writer.slot != nil { try close() }
    let last = extents.last?.generation ?? 0
    let header = SlotHeader(
      store: shard.store, slot: slot, generation: last + 1, firstPosition: writer.nextPosition, epoch: Self.epoch,
      previousChecksum: writer.checksum, previousGeneration: last, slotBytes: UInt64(shard.options.slotBytes),
      created: shard.logicalTime)
    try file.writeAll(header.page, at: 0)
    try file.synchronizeData()
    extents.append(
      LogExtent(
        generation: header.generation, slot: slot, firstPosition: header.firstPosition, previousGeneration: last,
        durable: UInt64(SlotHeader.framesStart)))
    writer.move(to: file, header: header)
  }
}
