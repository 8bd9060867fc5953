import Bytes
import ClickLog
import Clicks
import Dedup
import Files
import Minutes
import Platform
import Segments
import Synchronization

// One shard: the whole way of a click behind the HTTP door, as a state machine that one thread drives.
//
//   commit(batch):  watermark ─▶ dedup ─▶ one frame: write, sync ─▶ fold ─▶ answers
//
// K1: no answer leaves before the frame of its batch is durable, a duplicate's neither, and readers see durable batches
// only. K8: after a failed write or sync of log or manifest nothing is acknowledged any more. Threads, rings and sockets
// are the service's; time, chance and disk come in with the environment.

/// One shard of a store, open for clicks.
package final class Shard {
  /// What the committer shares with maintenance and with readers.
  package let core: ShardCore
  /// What makes files of the clicks; any thread may ask for a step of it.
  package let maintenance: Maintenance

  private let recoveredRunning: UInt64
  private let wallAtStart: Int64
  private var wallHighest: Int64

  private var writer: LogWriter
  private var index: LogIndex
  private var dedup: DedupIndex
  private var horizon: HorizonWatermark
  private var lookup: LifetimeLookup
  private var horizonLookup = HorizonLookup()
  private var receipts: ReceiptTimes
  /// Every click below is in a segment that readers have, or retired.
  private var sealedEnd: UInt64
  private let hasher: SipHash
  private var nextPosition: UInt64
  private var lastWork: Int64
  private var counters = ShardCounters()

  // Reused from batch to batch.
  private var hashes: [UInt64] = []
  private var decided: [ClickAnswer] = []
  private var accepted: [(ad: AdKey, minute: Minute)] = []
  private var newestEvent = Int64.min

  /// Most clicks in one batch of any shard.
  package static let maximumBatch = LogWriter.maximumRecords

  /// Most clicks in one batch of this shard: a new slot holds them in one frame, beside its header and the page that
  /// closes it.
  package var batchLimit: Int {
    min(Self.maximumBatch, (payloadLimit - FrameAnnex.progressBytes) / RecordFormat.size)
  }

  /// Bytes that a frame may carry in a new slot.
  private var payloadLimit: Int {
    slots.slotBytes - SlotHeader.framesStart - FrameHeader.alignment - FrameHeader.size
  }

  /// Whether one batch can have so many clicks with so many bytes of captured strings. One click always fits.
  package func takes(_ clicks: Int, strings: Int) -> Bool {
    clicks <= batchLimit && strings <= FrameAnnex.maximumStrings
      && clicks * RecordFormat.size + FrameAnnex.progressBytes + FrameAnnex.stringsBytes(strings) <= payloadLimit
  }

  init(
    _ recovery: consuming ShardRecovery, core: ShardCore, writer: consuming LogWriter, index: LogIndex
  ) {
    self.core = core
    maintenance = Maintenance(core, dictionaries: recovery.dictionaries)
    recoveredRunning = recovery.runningTime
    wallAtStart = core.environment.time.wall()
    wallHighest = wallAtStart
    nextPosition = recovery.nextPosition
    horizon = recovery.horizon
    receipts = recovery.receipts
    lookup = LifetimeLookup(maxFuture: core.options.maxFuture)
    sealedEnd = core.manifest.state.sealed
    hasher = recovery.hasher
    self.writer = writer
    self.index = index
    lastWork = core.environment.time.monotonic()
    dedup = recovery.dedup
    if self.writer.slot == nil {
      condition.set(.waiting("no log slot is free: \(slots.lastError ?? "none is prepared")"))
    }
  }

  package var live: LiveTable { core.live }
  package var slots: SlotPool { core.slots }
  package var condition: ShardCondition { core.condition }
  package var environment: Environment { core.environment }
  package var options: ShardOptions { core.options }
  private var clock: LogicalClock { core.clock }

  /// Position after the last durable click.
  package var position: UInt64 { nextPosition }

  /// The manifest's state, for inspection.
  package var state: ManifestState { core.manifest.state }

  /// Milliseconds this store has been running, over all its runs. Drives the dedup horizon: no wall clock has a say.
  private var runningTime: UInt64 {
    if sabotaged(.wallClockHorizon) {
      wallHighest = max(wallHighest, environment.time.wall())
      return recoveredRunning + UInt64(wallHighest - wallAtStart)
    }
    return core.runningTime
  }

  // MARK: - Clicks

  /// Decides, writes, syncs, counts and answers a batch of at most `batchLimit` clicks. `answer` is called once for each
  /// index, after the barrier. `captured`, which the batch `takes`, has the strings of each of its clicks; those of the new
  /// ones are kept. `progress`, which the batch completes, becomes durable with it, unless a click of it could not be
  /// recorded.
  package func commit(
    _ batch: Span<ClickRequest>, captured: CapturedStrings? = nil, progress: SourceProgress? = nil,
    answer: (Int, ClickAnswer) -> Void
  ) {
    precondition(batch.count <= batchLimit && options.takesClicks)
    var annex = progress == nil ? 0 : FrameAnnex.progressBytes
    if let captured {
      precondition(captured.count == batch.count && takes(batch.count, strings: captured.bytes.count))
      annex += FrameAnnex.stringsBytes(captured.bytes.count)
    }
    guard ready(for: batch.count, annex: annex) else {
      for i in 0..<batch.count { answer(i, ClickAnswer(.unrecorded)) }
      counters.unrecorded += UInt64(batch.count)
      condition.publish(counters)
      return
    }
    let stamp = FrameStamp(logicalTime: clock.now(), runningTime: runningTime, manifestSequence: core.manifest.sequence)
    decide(batch, captured, stamp)
    if sabotaged(.duplicateBeforeBarrier) {
      for i in 0..<batch.count where decided[i].verdict == .duplicate { answer(i, decided[i]) }
    }
    if sabotaged(.answerBeforeSync) { for i in 0..<batch.count { answer(i, decided[i]) } }
    if sabotaged(.foldBeforeSync) { counters.late += live.apply(accepted) }
    let carried = decided.contains { $0.verdict == .unrecorded } && !sabotaged(.progressOfUnrecorded) ? nil : progress
    if let carried {
      writer.attach(FrameAnnex(progress: [carried]))
      if sabotaged(.progressBeforeSync) { core.sources.withLock { $0.note(carried) } }
    }
    if !accepted.isEmpty || carried != nil, !write(stamp) {
      for i in 0..<batch.count {
        let isSpared = sabotaged(.answerRepeatsAfterFailure) && decided[i].verdict == .duplicate
        answer(i, isSpared ? decided[i] : ClickAnswer(.unknown))
      }
      counters.unknown += UInt64(batch.count)
      condition.publish(counters)
      return
    }
    if !sabotaged(.foldBeforeSync) { counters.late += live.apply(accepted) }
    if let carried { core.sources.withLock { $0.note(carried) } }
    if !accepted.isEmpty { core.watermark.note(newestEvent, at: stamp.logicalTime) }
    count()
    for i in 0..<batch.count { answer(i, decided[i]) }
  }

  /// What `commit` would answer to this click now, `valid` or `duplicate`; nothing is written or remembered. `unrecorded`: what
  /// would have to be read for it cannot be.
  package func judge(_ request: ClickRequest) -> ClickAnswer {
    let version = live.version
    let horizonEnd = expire(at: runningTime, version)
    let batch = [request]
    lookup.run(
      batch.span, live, version, known: dedup.watermark, knownTime: receipts.latest(before: dedup.watermark),
      now: clock.now())
    horizonLookup.clear()
    if horizonEnd < dedup.watermark {
      horizonLookup.run(batch.span, live, version.segments, in: horizonEnd..<dedup.watermark) { lookup.isPlain($0) }
    }
    switch earlier(0) {
    case .counted(let time): return ClickAnswer(.duplicate, eventTime: time)
    case .unreadable: return ClickAnswer(.unrecorded)
    case .none: break
    }
    let hash = hashed(request.identity)
    let end = lookup.isPlain(request) ? horizonEnd : 0
    var first: Click?
    do {
      let found = try dedup.find(hash) { candidate throws -> Bool in
        if candidate < end { return false }
        first = try recall(candidate, hash, request.identity, writer)
        return first != nil
      }
      return found == nil ? ClickAnswer(.valid) : ClickAnswer(.duplicate, eventTime: first?.eventTime ?? 0)
    } catch {
      counters.readErrors += 1
      condition.note(readError: error)
      return ClickAnswer(.unrecorded)
    }
  }

  /// Whether a batch can be written; goes to the next slot where this one is full.
  private func ready(for count: Int, annex: Int) -> Bool {
    if case .failed = condition.state { return false }
    return writer.hasRoom(for: count, annex: annex) || switchSlot()
  }

  private func decide(_ batch: Span<ClickRequest>, _ captured: CapturedStrings?, _ stamp: FrameStamp) {
    hashes.removeAll(keepingCapacity: true)
    decided.removeAll(keepingCapacity: true)
    accepted.removeAll(keepingCapacity: true)
    let version = live.version
    let horizonEnd = expire(at: stamp.runningTime, version)
    lookup.run(
      batch, live, version, known: dedup.watermark, knownTime: receipts.latest(before: dedup.watermark),
      now: stamp.logicalTime)
    // Only for as long after an opening as the horizon is.
    if horizonEnd < dedup.watermark {
      horizonLookup.run(batch, live, version.segments, in: horizonEnd..<dedup.watermark) { lookup.isPlain($0) }
    } else {
      horizonLookup.clear()
    }
    let isSearched = !lookup.earlier.isEmpty || !horizonLookup.earlier.isEmpty
    // In locals, so that not every click asks whether somebody else is at them.
    var (hashes, decided, accepted) = ([UInt64](), [ClickAnswer](), [(ad: AdKey, minute: Minute)]())
    swap(&hashes, &self.hashes)
    swap(&decided, &self.decided)
    swap(&accepted, &self.accepted)
    decideAll(batch, captured, stamp, horizonEnd, isSearched, &dedup, &writer, &hashes, &decided, &accepted)
    swap(&hashes, &self.hashes)
    swap(&decided, &self.decided)
    swap(&accepted, &self.accepted)
  }

  /// The clicks of a batch, one after the other. `dedup` and `writer` are this shard's own, asked for once a batch.
  private func decideAll(
    _ batch: Span<ClickRequest>, _ captured: CapturedStrings?, _ stamp: FrameStamp, _ horizonEnd: UInt64,
    _ isSearched: Bool, _ dedup: inout DedupIndex, _ writer: inout LogWriter, _ hashes: inout [UInt64],
    _ decided: inout [ClickAnswer], _ accepted: inout [(ad: AdKey, minute: Minute)]
  ) {
    for i in 0..<batch.count {
      let hash = hashed(batch[i].identity)
      dedup.prefetch(hash)
      hashes.append(hash)
    }
    let latest = lookup.latest
    let first = nextPosition
    var newest = Int64.min
    for i in 0..<batch.count {
      switch isSearched ? earlier(i) : .none {
      case .none:
        let answer = decide(
          batch[i], captured, i, stamp, hash: hashes[i], position: first + UInt64(accepted.count),
          horizonEnd: LifetimeLookup.isPlain(batch[i], latest: latest) ? horizonEnd : 0, &dedup, &writer)
        if answer.verdict == .valid {
          accepted.append((batch[i].identity.ad, Minute(containing: answer.eventTime)))
          newest = max(newest, answer.eventTime)
        }
        decided.append(answer)
      case .counted(let time): decided.append(ClickAnswer(.duplicate, eventTime: time))
      case .unreadable: decided.append(ClickAnswer(.unrecorded))
      }
    }
    newestEvent = newest
  }

  /// What the segments say of the click at `index` of the batch.
  private func earlier(_ index: Int) -> LifetimeLookup.Earlier {
    if !lookup.earlier.isEmpty, lookup.earlier[index] != .none { return lookup.earlier[index] }
    return horizonLookup.earlier.isEmpty ? .none : horizonLookup.earlier[index]
  }

  /// Lets the index forget what is beyond the horizon and in a segment of `version`, so that there is no gap between the two.
  /// Returns the position where the horizon begins.
  private func expire(at running: UInt64, _ version: Version) -> UInt64 {
    sealedEnd = max(sealedEnd, version.segments.last?.summary.positions.upperBound ?? 0)
    let horizonEnd = horizon.watermark(at: Int64(running))
    dedup.expire(below: sabotaged(.expireBeforeSeal) ? horizonEnd : min(horizonEnd, sealedEnd))
    return horizonEnd
  }

  /// Decides the click at `index` of the batch, whose strings are there in `captured`; a new one gets `position`. Clicks before
  /// `horizonEnd` are not its first copy: an id from /click without a minting time is a repeat inside the horizon alone.
  @inline(__always)
  private func decide(
    _ request: ClickRequest, _ captured: CapturedStrings?, _ index: Int, _ stamp: FrameStamp, hash: UInt64,
    position: UInt64, horizonEnd: UInt64, _ dedup: inout DedupIndex, _ writer: inout LogWriter
  ) -> ClickAnswer {
    var first: Click?
    let outcome: DedupIndex.Outcome
    do {
      outcome = try dedup.put(hash, position: position) { candidate throws -> Bool in
        if candidate < horizonEnd { return false }
        first = try recall(candidate, hash, request.identity, writer)
        return first != nil || sabotaged(.trustTag)
      }
    } catch {
      // The log could not be read back: whether this is a repeat is not known, so it is not counted.
      counters.readErrors += 1
      condition.note(readError: error)
      return ClickAnswer(.unrecorded)
    }
    switch outcome {
    case .duplicate: return ClickAnswer(.duplicate, eventTime: first?.eventTime ?? 0)
    case .refused: return ClickAnswer(.unrecorded)
    case .new:
      let click = Click(
        impression: request.identity.impression, ad: request.identity.ad,
        eventTime: request.eventTime == ClickRequest.onReceipt ? stamp.logicalTime : request.eventTime,
        receiveTime: stamp.logicalTime, source: Click.Source(rawValue: request.source) ?? .browser)
      let written = writer.append(click, captured: captured, at: index)
      precondition(written == position)
      return ClickAnswer(.valid, eventTime: click.eventTime)
    }
  }

  /// The click at `position`, which the index says has the tag of `hash`, if it is the one of `identity`. It is in
  /// memory where it is new, in the log, or in a segment.
  ///
  /// A log record that cannot be it has rotted since it was written: then nobody knows whether the click that is looked for
  /// was counted. Frame checksums are not looked at here, so rot that leaves the tag (one of 65,536) is seen only by the next
  /// opening; segments are verified.
  private func recall(
    _ position: UInt64, _ hash: UInt64, _ identity: ClickIdentity, _ writer: borrowing LogWriter
  ) throws -> Click? {
    var found = writer.recentClick(at: position)
    if found == nil { found = try index.click(at: position) }
    if let click = found, DedupIndex.haveSameTag(hashed(click.identity), hash) {
      return click.identity == identity ? click : nil
    }
    if found == nil, let segment = live.version.segment(at: position) {
      return try Self.recall(identity, at: position, in: segment, code: live.code(of: identity.ad))
    }
    throw ShardError.corrupt(
      "\(core.directory)/\(StoreFiles.log)",
      what: "the click at position \(position) is not the one that was written there",
      remedy: "a restart reads the log again and names the place")
  }

  private func hashed(_ identity: ClickIdentity) -> UInt64 {
    hasher.hash(identity.ad.rawValue, identity.impression.high, identity.impression.low)
  }

  /// Writes and syncs the frame. False: the log has failed for good.
  private func write(_ stamp: FrameStamp) -> Bool {
    let records = UInt32(accepted.count)
    let began = environment.time.monotonic()
    let offset: Int
    do throws(SystemError) { offset = try writer.commit(stamp) } catch {
      fail(error)
      return false
    }
    lastWork = environment.time.monotonic()
    let (file, header) = writer.slot!
    if records > 0 {
      index.add(
        firstPosition: nextPosition, records: records, generation: header.generation, offset: offset, file: file)
    }
    horizon.note(nextPosition..<(nextPosition + UInt64(records)), at: Int64(stamp.runningTime))
    nextPosition += UInt64(records)
    receipts.note(nextPosition, at: stamp.logicalTime)
    counters.commits += 1
    counters.bytesWritten += UInt64(writer.offset - offset)
    counters.commitNanoseconds.add(lastWork - began)
    return true
  }

  private func count() {
    counters.accepted += UInt64(accepted.count)
    for answer in decided where answer.verdict == .duplicate { counters.duplicates += 1 }
    for answer in decided where answer.verdict == .unrecorded { counters.unrecorded += 1 }
    counters.logOffset = UInt64(writer.offset)
    counters.lookups = lookup.lookups
    counters.lookupHits = lookup.hits
    counters.lookupErrors = lookup.failures + horizonLookup.failures
    condition.publish(counters)
  }

  // MARK: - Slots

  /// Ends the generation and begins the next. False: no slot can be had now, or the log has failed.
  private func switchSlot() -> Bool {
    do throws(SystemError) {
      reclaim()
      do throws(SystemError) { try core.manifest.makeRoom() } catch {
        guard error.isShortage, !core.manifest.hasFailed else { throw error }
        return wait("the manifest cannot grow: \(error)")
      }
      guard let (slot, file) = try slots.take() else {
        return wait("no log slot is free: \(slots.lastError ?? "the next one is being prepared")")
      }
      try begin(slot, file)
    } catch {
      fail(error)
      return false
    }
    condition.set(.recording)
    return true
  }

  private func begin(_ slot: UInt32, _ file: any File) throws(SystemError) {
    let now = clock.now()
    let state = core.manifest.state
    var changes: [ManifestChange] = []
    var previous = (generation: UInt64(0), checksum: UInt32(0))
    if let old = state.extents.last {
      if old.end == nil {
        try writer.close(
          FrameStamp(logicalTime: now, runningTime: runningTime, manifestSequence: core.manifest.sequence))
        changes.append(
          .close(
            generation: old.generation, LogExtent.End(offset: UInt64(writer.offset), position: writer.nextPosition)))
      }
      previous = (old.generation, writer.checksum)
    }
    let generation = state.lastGeneration + 1
    let header = SlotHeader(
      store: core.store, slot: slot, generation: generation, firstPosition: nextPosition, epoch: state.epoch,
      previousChecksum: previous.checksum, previousGeneration: previous.generation, slotBytes: UInt64(slots.slotBytes),
      created: now)
    try file.writeAll(header.page, at: 0)
    if !sabotaged(.noHeaderSync) { try file.synchronizeData() }
    changes.append(
      .open(
        LogExtent(
          generation: generation, slot: slot, firstPosition: nextPosition, previousGeneration: previous.generation,
          durable: UInt64(SlotHeader.framesStart))))
    changes.append(.logicalTime(now))
    try core.manifest.change { _ in changes }
    writer.move(to: file, header: header)
  }

  private func wait(_ reason: String) -> Bool {
    condition.set(.waiting(reason))
    return false
  }

  private func fail(_ error: SystemError) { core.fail(error) }

  // MARK: - Between batches

  /// What has to happen when no clicks come: the mark that ends all doubt about the last frame, slots that maintenance
  /// has freed, and a slot where there was none. To be called about every `markAfter` ms, and cheap when nothing is due.
  package func maintain() {
    if case .failed = condition.state { return }
    reclaim()
    // Without a free slot this tells anew what keeps it from being made.
    if case .waiting = condition.state, !writer.hasRoom(for: batchLimit, annex: FrameAnnex.progressBytes) {
      _ = switchSlot()
    }
    do throws(SystemError) { try mark() } catch { fail(error) }
    _ = expire(at: runningTime, live.version)
    index.forget(below: dedup.watermark)
    let floor = core.floor.load(ordering: .relaxed)
    counters.floorTime = floor < nextPosition ? receipts.time(of: floor) : nil
    receipts.forget(below: min(floor, dedup.watermark))
    let figures = dedup.statistics
    counters.dedupKeys = figures.liveKeys
    counters.dedupBytes = figures.bytes
    condition.publish(counters)
  }

  private func mark() throws(SystemError) {
    guard environment.time.monotonic() - lastWork >= options.markAfter * 1_000_000 else { return }
    try writer.mark(
      FrameStamp(logicalTime: clock.now(), runningTime: runningTime, manifestSequence: core.manifest.sequence))
  }

  /// Takes back the slots that maintenance has emptied, once nothing here reads them any more.
  private func reclaim() {
    guard let (freed, logStart) = core.takeLeaving() else { return }
    index.forget(below: logStart)
    for slot in freed { slots.release(slot) }
  }

  /// Ends in good order: everything that was committed is promised.
  package func close() {
    if case .failed = condition.state { return }
    guard writer.slot != nil else {
      core.ended.withLock { $0 = nextPosition }
      return
    }
    do throws(SystemError) {
      try writer.close(
        FrameStamp(logicalTime: clock.now(), runningTime: runningTime, manifestSequence: core.manifest.sequence))
    } catch { fail(error) }
    if case .failed = condition.state { return }
    core.ended.withLock { $0 = nextPosition }
    condition.set(.failed("the shard is closed"))
  }
}
