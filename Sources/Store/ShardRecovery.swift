import Bytes
import ClickLog
import Clicks
import Dedup
import Files
import Minutes
import Platform

/// A shard as its files say it is: the manifest's state, and everything the log folds into. Reading changes nothing on
/// disk, so that `query`, `verify` and `inspect` can do it too; `Shard` fences and goes on from here.
package struct ShardRecovery: ~Copyable {
  package let directory: String
  /// The newest manifest; nil for a shard that was never opened.
  package private(set) var manifest: ManifestReading?
  /// Where each live generation really ends.
  package private(set) var tails: [(extent: LogExtent, end: LogExtent.End, tail: LogTail)] = []
  package private(set) var minutes = LiveMinutes()
  /// Newest logical time in log and manifest, ms since 1970.
  package private(set) var logicalTime: Int64 = 0
  /// Running time of the last frame, ms.
  package private(set) var runningTime: UInt64 = 0
  /// What was wrong and is repaired by going on: one copy of a manifest, a torn tail.
  package private(set) var notes: [String] = []

  var index = LogIndex()
  var dedup: DedupIndex
  var horizon: HorizonWatermark
  let hasher: SipHash

  /// Position of the next click.
  package var nextPosition: UInt64 { minutes.position }

  /// What readers would see of the shard, for queries on a directory that no server holds.
  package var live: LiveTable { LiveTable(minutes, closedThrough: manifest?.state.closedThrough ?? .min) }

  /// Reads the shard in `directory`. Throws `FormatError` where acknowledged data is damaged or foreign, `SystemError` where
  /// the disk does not answer.
  package static func read(
    _ environment: Environment, directory: String, store: StoreID, options: ShardOptions
  ) throws -> ShardRecovery {
    let dedup = try DedupIndex.create(expectedKeys: options.expectedImpressions, maxBytes: options.dedupLimit)
    var recovery = ShardRecovery(
      directory: directory, dedup: dedup, horizon: HorizonWatermark(timeToLive: options.dedupHorizon),
      hasher: SipHash(key: (environment.chance.next(), environment.chance.next())))
    try recovery.replay(environment.files, store)
    return recovery
  }

  private init(directory: String, dedup: consuming DedupIndex, horizon: HorizonWatermark, hasher: SipHash) {
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
      for extent in manifest.state.extents { try replay(extent, files, store) }
    }
    try checkNothingNewer(files, store)
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
    let tail = unsafe try reader.walk(to: extent.end.map { Int($0.offset) }) { frame, payload, offset in
      unsafe try apply(frame, payload, path, offset)
      if frame.records > 0 {
        index.add(
          firstPosition: frame.firstPosition, records: frame.records, generation: frame.generation, offset: offset,
          file: readFile)
      }
    }
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

  private mutating func apply(
    _ frame: FrameHeader, _ payload: UnsafeRawBufferPointer, _ path: String, _ offset: Int
  ) throws {
    guard frame.records > 0 else { return }
    guard frame.runningTime >= runningTime else {
      throw FormatError(file: path, offset: UInt64(offset), reason: "running time goes back to \(frame.runningTime)")
    }
    runningTime = frame.runningTime
    let positions = frame.firstPosition..<(frame.firstPosition + UInt64(frame.records))
    if minutes.position == 0, positions.lowerBound > 0 {
      throw FormatError(
        file: path, offset: UInt64(offset), reason: "the log starts at position \(positions.lowerBound)")
    }
    let running = Int64(frame.runningTime)
    horizon.note(positions, at: running)
    dedup.expire(below: horizon.watermark(at: running))
    let base = payload.baseAddress!
    for i in 0..<Int(frame.records) {
      guard let click = unsafe RecordFormat.read(base + i * RecordFormat.size, base: frame.logicalTime) else {
        throw FormatError(
          file: path, offset: UInt64(offset + FrameHeader.size + i * RecordFormat.size),
          reason: "an unknown source or flag")
      }
      // Every click in the log was new when it was written: nothing needs comparing.
      let hash = hasher.hash(click.ad.rawValue, click.impression.high, click.impression.low)
      let outcome = dedup.put(hash, position: positions.lowerBound + UInt64(i)) { _ in false }
      if case .refused(let refusal) = outcome { throw ShardError.dedupTooSmall("\(refusal)") }
      minutes.apply(ad: click.ad, minute: click.minute)
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
      let tail = unsafe try reader.walk { _, _, _ in }
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

/// Why a shard cannot be opened, beyond damage and the disk.
package enum ShardError: Error, CustomStringConvertible {
  case dedupTooSmall(String)

  package var description: String {
    switch self {
    case .dedupTooSmall(let reason): "the dedup horizon does not fit its limits: \(reason)"
    }
  }
}
