import Bytes
import ClickLog
import Clicks
import Dedup
import Files
import Minutes
import Platform
import Segments

// Reading a shard back (K3):
//
//   1. the newest manifest: files, positions, log generations
//   2. dictionaries give the codes, runs and segments become a version
//   3. dedup: the identities of segments, as far back as the horizon reaches, then those of the log
//   4. the log is replayed from the floor. A click at or above the applied position is counted; one below it only if its
//      minute was not closed at the checkpoint, since closed minutes hold exactly the clicks below

/// A shard as its files say it is: the manifest's state, its version, and what the log folds into beyond. Reading changes
/// nothing on disk, so that `query`, `verify` and `inspect` can do it too; `Shard` fences and goes on from here.
package struct ShardRecovery: ~Copyable {
  package let directory: String
  /// The newest manifest; nil for a shard that was never opened.
  package private(set) var manifest: ManifestReading?
  /// Where each live generation really ends.
  package private(set) var tails: [(extent: LogExtent, end: LogExtent.End, tail: LogTail)] = []
  /// What no run holds yet.
  package private(set) var minutes = LiveMinutes()
  /// The immutable files.
  package private(set) var version = Version()
  /// Rows that were recounted and have changed since, as far as runs hold them.
  private(set) var changed = ChangedRows()
  /// Derived files that are damaged and left out; only where the options ask for that.
  package private(set) var damaged: [(file: StoreFile, reason: String)] = []
  /// Newest logical time in log and manifest, ms since 1970.
  package private(set) var logicalTime: Int64 = 0
  /// The latest minting time of any raw click that is there and was not early, ms since 1970; `.min` without one.
  package private(set) var newestMinting: Int64 = .min
  /// The early raw clicks that are there, as far as segments list them.
  package private(set) var early: [EarlyClick] = []
  /// The times in the bits of those that no segment lists; nil where all are listed.
  package private(set) var unlistedEarly: ClosedRange<Int64>?
  /// Running time of the last frame, ms.
  package private(set) var runningTime: UInt64 = 0
  /// What was wrong and is repaired by going on: one copy of a manifest, a torn tail.
  package private(set) var notes: [String] = []

  var index = LogIndex()
  var dedup: DedupIndex
  var horizon: HorizonWatermark
  var receipts = ReceiptTimes()
  /// How far sources of clicks are durable.
  package private(set) var sources = SourceTable()
  /// The newest generation with a frame that speaks of a source.
  private(set) var sourceGeneration: UInt64 = 0
  /// Newest event time in the log that is replayed, each capped by its receive time.
  private var newestEvent = Int64.min
  /// Clicks on their way into the index; at most `fetched`.
  private var waiting: [(hash: UInt64, position: UInt64)] = []
  private static let fetched = 32
  let hasher: SipHash
  var dictionaries: [DictionaryPart] = []
  private let options: ShardOptions

  /// Position of the next click.
  package var nextPosition: UInt64 { minutes.position }

  /// Where event time goes on from: the clicks that were replayed, and what was closed before.
  var watermark: Int64 {
    let closed = manifest?.state.closedThrough ?? .min
    return max(newestEvent, closed > .min ? closed * 60_000 + options.allowedLateness : .min)
  }

  /// What readers would see of the shard, for queries on a directory that no server holds.
  package var live: LiveTable {
    let live = LiveTable(
      minutes, version: version, closedThrough: manifest?.state.closedThrough ?? .min,
      mark: manifest?.state.recounted ?? RecountMark(), changed: changed,
      seals: SealedMonths(manifest?.state.seals ?? []))
    live.verdicts.markLost(lostVerdicts(now: logicalTime))
    return live
  }

  /// The minutes whose verdicts went with the process that wrote the shard: those that were open at its end, which may have been
  /// any time up to `now`.
  func lostVerdicts(now: Int64) -> Range<Int64> {
    let closed = manifest?.state.closedThrough ?? .min
    guard let first = closed > .min ? closed : minutes.oldest?.index else { return 0..<0 }
    return first..<max(first, Minute(containing: now).index + 1)
  }

  /// Reads the shard in `directory`; without `identities` for readers alone, who need no dedup index. Throws `FormatError` where acknowledged data is damaged or foreign, `SystemError` where
  /// the disk does not answer.
  package static func read(
    _ environment: Environment, directory: String, store: StoreID, options: ShardOptions, identities: Bool = true
  ) throws -> ShardRecovery {
    let identities = identities && options.takesClicks
    let dedup = try DedupIndex.create(
      expectedKeys: identities ? options.expectedImpressions : 0, maxBytes: options.dedupLimit)
    var recovery = ShardRecovery(
      directory: directory, dedup: dedup, horizon: HorizonWatermark(timeToLive: options.dedupHorizon),
      hasher: SipHash(key: (environment.chance.next(), environment.chance.next())), options: options,
      identities: identities)
    try recovery.replay(environment.files, store)
    return recovery
  }

  private let identities: Bool

  private init(
    directory: String, dedup: consuming DedupIndex, horizon: HorizonWatermark, hasher: SipHash, options: ShardOptions,
    identities: Bool
  ) {
    self.options = options
    self.identities = identities
    self.directory = directory
    self.dedup = dedup
    self.horizon = horizon
    self.hasher = hasher
  }

  private mutating func replay(_ files: any FileSystem, _ store: StoreID) throws {
    manifest = try Manifest.read(files, directory: directory, store: store)
    if let manifest {
      notes += manifest.repaired.map { "repaired from the other copy: " + $0 }
      logicalTime = manifest.state.logicalTime
      sources = manifest.state.sources
      try open(manifest.state, files, store)
      for extent in manifest.state.extents { try replay(extent, files, store) }
      guard minutes.position >= manifest.state.applied || sabotaged(.ignorePromise) else {
        throw FormatError(
          file: tails.last.map { "\(directory)/\(StoreFiles.log)/\(SlotHeader.name($0.extent.slot))" }
            ?? "\(directory)/\(StoreFiles.log)", offset: tails.last.map { $0.end.offset } ?? 0,
          reason: "acknowledged clicks are damaged: the log ends at position \(minutes.position), but clicks up to "
            + "\(manifest.state.applied) were counted")
      }
    }
    try checkNothingNewer(files, store)
  }

  /// Opens the files, and takes the identities of sealed clicks that the horizon may still reach.
  private mutating func open(_ state: ManifestState, _ files: any FileSystem, _ store: StoreID) throws {
    let opened = try Version.open(
      files, directory: directory, store: store, state: state, access: options.access, sparing: options.rebuild)
    version = opened.version
    newestMinting = version.segments.compactMap(\.summary.mintingTimes?.upperBound).max() ?? .min
    for segment in version.segments {
      for entry in segment.early.entries where Int(entry.code) < opened.ads.count {
        let identity = ClickIdentity(ad: opened.ads.key(entry.code), impression: entry.impression)
        early.append(EarlyClick(identity: identity, received: segment.summary.receiveTimes.upperBound))
      }
      guard segment.file.header.version >= 2, let times = segment.early.unlisted else { continue }
      unlistedEarly =
        unlistedEarly.map { min($0.lowerBound, times.lowerBound)...max($0.upperBound, times.upperBound) } ?? times
    }
    dictionaries = opened.dictionaries
    damaged = opened.damaged
    let start = state.extents.first?.firstPosition ?? state.applied
    guard start <= state.logFloor || state.extents.isEmpty else {
      throw FormatError(
        file: "\(directory)/\(StoreFiles.log)", offset: 0,
        reason: "the log starts at position \(start), but clicks from \(state.logFloor) on are nowhere else")
    }
    minutes = LiveMinutes(ads: opened.ads, position: start)
    changed = try version.changedRows(since: state.recounted)
    for segment in version.segments {
      receipts.note(segment.summary.positions.upperBound, at: segment.summary.receiveTimes.upperBound)
    }
    if identities { try remember(version.segments, state) }
  }

  private mutating func remember(_ segments: [Segment], _ state: ManifestState) throws {
    // Whatever was received longer ago than the horizon when the newest segment ended has expired since.
    let newest = segments.last?.summary.runningTimes.upperBound ?? 0
    let reach = Int64(newest) - options.dedupHorizon - 2_000
    let recent = segments.drop { Int64($0.summary.runningTimes.upperBound) < reach }
    // The index takes back the newest of them and knows every click from there on, and none before.
    var recalled = recent[recent.endIndex...]
    var rows = 0
    while let segment = recent[..<recalled.startIndex].last, rows + segment.summary.rows <= options.recallLimit {
      rows += segment.summary.rows
      recalled = recent[(recalled.startIndex - 1)...]
    }
    horizon = HorizonWatermark(
      timeToLive: options.dedupHorizon, from: recent.first?.summary.positions.lowerBound ?? state.sealed)
    // A table that they all go into is smaller than those that one grows to, where the limit allows it.
    let limit = options.dedupLimit
    if rows > options.expectedImpressions, let larger = try? DedupIndex.create(expectedKeys: rows, maxBytes: limit) {
      dedup = larger
    }
    runningTime = max(runningTime, newest)
    for segment in recent { try noteTimes(of: segment) }
    let first = recalled.first?.summary.positions.lowerBound ?? state.sealed
    dedup.expire(below: max(first, horizon.watermark(at: Int64(newest))))
    for segment in recalled {
      if dedup.reserve(segment.summary.positions) {
        try restore(segment)
      } else {
        try segment.forEachInLogOrder(from: dedup.watermark) { row in
          try put(hash(row.code, row.impression), at: row.position)
        }
        try putWaiting()
      }
      segment.file.release()
    }
  }

  private func hash(_ code: UInt32, _ impression: ImpressionID) -> UInt64 {
    hasher.hash(minutes.ads.key(code).rawValue, impression.high, impression.low)
  }

  /// Takes the identities of a segment into the index, for which there is room, as they lie.
  private mutating func restore(_ segment: Segment) throws {
    let start = segment.summary.positions.lowerBound
    let cursor = segment.cursor([.code, .position])
    while try cursor.nextPage() {
      let rows = cursor.rows
      for i in cursor.range {
        let position = unsafe start + rows.position[i]
        guard position >= dedup.watermark else { continue }
        let hash = unsafe hash(rows.code[i], ImpressionID(high: rows.high[i], low: rows.low[i]))
        dedup.prefetch(hash)
        waiting.append((hash, position))
        if waiting.count == Self.fetched { restoreWaiting() }
      }
    }
    restoreWaiting()
  }

  private mutating func restoreWaiting() {
    for (hash, position) in waiting { dedup.restore(hash, position: position) }
    waiting.removeAll(keepingCapacity: true)
  }

  /// Takes a click into the index with those after it, so that what the index touches for it is near by then. Every click was new
  /// when it was written: nothing needs comparing.
  private mutating func put(_ hash: UInt64, at position: UInt64) throws(ShardError) {
    dedup.prefetch(hash)
    waiting.append((hash, position))
    if waiting.count == Self.fetched { try putWaiting() }
  }

  /// Takes the clicks that wait for it into the index, which forgets nothing before that.
  private mutating func putWaiting() throws(ShardError) {
    for (hash, position) in waiting {
      let outcome = dedup.put(hash, position: position) { _ in false }
      if case .refused(let refusal) = outcome { throw .dedupTooSmall("\(refusal)") }
    }
    waiting.removeAll(keepingCapacity: true)
  }

  /// Lets the horizon know when the clicks of a segment came.
  private mutating func noteTimes(of segment: Segment) throws {
    var last: SegmentStep?
    func note(until end: UInt64) {
      if let step = last, end > step.position { horizon.note(step.position..<end, at: Int64(step.runningTime)) }
    }
    try segment.forEachStep { step in
      note(until: step.position)
      last = step
    }
    note(until: segment.summary.positions.upperBound)
  }

  /// Folds one generation.
  private mutating func replay(_ extent: LogExtent, _ files: any FileSystem, _ store: StoreID) throws {
    let path = "\(directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
    let reader = try LogReader(files, path, extent: extent, store: store)
    let chained = tails.last.map { ($0.extent.generation, $0.tail.checksum, $0.end.position) }
    guard extent.firstPosition == chained?.2 ?? extent.firstPosition,
      reader.header.previousGeneration == chained?.0 ?? reader.header.previousGeneration,
      reader.header.previousChecksum == chained?.1 ?? reader.header.previousChecksum
    else {
      throw FormatError(file: path, offset: 64, reason: "the slot does not continue the generation before it")
    }
    let readFile = try files.open(path, .read)
    let tail = try reader.walk(to: extent.end.map { Int($0.offset) }) { frame in
      try apply(frame, path)
      let header = frame.header
      if header.records > 0 {
        index.add(
          firstPosition: header.firstPosition, records: header.records, generation: header.generation,
          offset: frame.offset, file: readFile)
      }
    }
    try putWaiting()
    let end = try reader.judge(tail, of: extent)
    if extent.end == nil, !tail.closed, tail.offset < Int(reader.header.slotBytes) {
      notes.append("\(path): the log ends at byte \(tail.offset), position \(tail.nextPosition) (\(tail.reason))")
    }
    guard tail.manifestSequence <= manifest!.sequence || sabotaged(.acceptOlderManifest) else {
      throw lost(tail.manifestSequence, path)
    }
    tails.append((extent, end, tail))
    index.forget(below: dedup.watermark)
    logicalTime = max(logicalTime, tail.logicalTime)
    runningTime = max(runningTime, tail.runningTime)
  }

  private mutating func apply(_ frame: borrowing LogFrame, _ path: String) throws {
    let header = frame.header
    for progress in try frame.annex().progress {
      sources.note(progress)
      sourceGeneration = header.generation
    }
    guard header.records > 0 else { return }
    let state = manifest!.state
    // Sealed clicks were received before: their running times are known already.
    guard header.runningTime >= runningTime || header.firstPosition < state.sealed else {
      throw FormatError(
        file: path, offset: UInt64(frame.offset), reason: "running time goes back to \(header.runningTime)")
    }
    runningTime = max(runningTime, header.runningTime)
    let positions = frame.positions
    receipts.note(positions.upperBound, at: header.logicalTime)
    let running = Int64(header.runningTime)
    let unsealed = positions.clamped(to: state.sealed..<UInt64.max)
    if !unsealed.isEmpty {
      horizon.note(unsealed, at: running)
      let watermark = min(horizon.watermark(at: running), state.sealed)
      if watermark > dedup.watermark {
        try putWaiting()
        dedup.expire(below: watermark)
      }
    }
    try frame.forEachClick { position, click in
      if EarlyClick.isEarly(click.impression, received: click.receiveTime) {
        // Those below are in a segment's list.
        if position >= state.sealed {
          early.append(EarlyClick(identity: click.identity, received: click.receiveTime))
        }
      } else if let minted = click.impression.timeInBits {
        newestMinting = max(newestMinting, minted)
      }
      newestEvent = max(newestEvent, min(click.eventTime, click.receiveTime))
      let isWritten = position < state.applied && click.minute.index < state.closedThrough
      let isAgain = sabotaged(.creditAgain) && SealedMonths(state.seals).contains(minute: click.minute.index)
      if isWritten && !sabotaged(.replayClosed) && !isAgain {
        minutes.skip()
        let mark = state.recounted
        if position >= mark.position, click.minute.index < mark.through, let code = minutes.ads.code(of: click.ad) {
          changed.insert(code, click.minute.index)
        }
      } else {
        minutes.apply(ad: click.ad, minute: click.minute)
      }
      guard identities, position >= state.sealed else { return }
      try put(hasher.hash(click.ad.rawValue, click.impression.high, click.impression.low), at: position)
    }
  }

  /// A slot that the manifest does not name may hold anything, except frames that were acknowledged under a manifest
  /// record that is gone.
  private func checkNothingNewer(_ files: any FileSystem, _ store: StoreID) throws {
    let log = "\(directory)/\(StoreFiles.log)"
    guard files.exists(log) else { return }
    let live = manifest?.state.liveSlots ?? []
    for name in try files.list(log) {
      guard let slot = SlotHeader.number(of: name), !live.contains(slot) else { continue }
      let path = "\(log)/\(name)"
      let reader: LogReader
      do { reader = try LogReader(try files.open(path, .read)) } catch is FormatError { continue }
      guard reader.header.store == store, reader.header.generation > manifest?.state.lastGeneration ?? 0 else {
        continue
      }
      let tail = try reader.walk { _ in }
      guard tail.manifestSequence <= manifest?.sequence ?? 0 || sabotaged(.acceptOlderManifest) else {
        throw lost(tail.manifestSequence, path)
      }
    }
  }

  private func lost(_ sequence: UInt64, _ path: String) -> FormatError {
    let manifest =
      manifest.map { "\(directory)/\(StoreFiles.manifest($0.number, copy: .a))" } ?? "\(directory)/MANIFEST"
    return FormatError(
      file: manifest, offset: 0,
      reason: "manifest records are lost: the log (\(path)) was written under record \(sequence), the newest left is "
        + "\(self.manifest?.sequence ?? 0)")
  }
}
