import Bytes
import Clicks
import Platform

/// What a frame says about the moment it was written.
package struct FrameStamp: Equatable, Sendable {
  /// Milliseconds since 1970 of the logical clock (R10).
  package var logicalTime: Int64
  /// Milliseconds this store has been running, over all its runs.
  package var runningTime: UInt64
  /// Newest manifest record known durable.
  package var manifestSequence: UInt64

  package init(logicalTime: Int64, runningTime: UInt64, manifestSequence: UInt64) {
    self.logicalTime = logicalTime
    self.runningTime = runningTime
    self.manifestSequence = manifestSequence
  }
}

/// The end of the log that grows: one frame at a time, each written and synced before the next.
///
///     durable ≤ offset, and nothing is in flight between two calls: every byte below `offset` has been synced.
///
/// So each frame can promise its own start as the durable end of the log (engine §4.1), and no page that holds
/// acknowledged bytes is ever written again. After an error the writer is poisoned: what the device holds is unknown
/// then, a sync is never tried again, and every further call throws the first error (K8).
package struct LogWriter: ~Copyable {
  /// The slot that is being filled; nil where none could be had yet: then there is no room.
  package private(set) var slot: (file: any File, header: SlotHeader)?
  /// Where the next frame starts; everything before it is durable.
  package private(set) var offset: Int
  /// Position of the next record.
  package private(set) var nextPosition: UInt64
  /// Checksum of the last frame, where the chain goes on.
  package private(set) var checksum: UInt32
  /// The first error, if there was one.
  package private(set) var failure: SystemError?

  private var frameIndex: UInt32
  private var lastIsPromised: Bool
  private var buffer: AlignedBuffer
  private var pending = 0
  private var annex: [UInt8] = []
  /// The captured strings of the pending records.
  private var strings: CapturedStrings?
  private var base: Int64 = 0
  private var recent = RecentRecords()

  /// Most records in one frame.
  package static let maximumRecords = 4096

  /// A writer at `offset` of a slot whose header and frames before it are durable.
  package init(
    file: any File, header: SlotHeader, offset: Int, nextPosition: UInt64, checksum: UInt32, frameIndex: UInt32
  ) {
    slot = (file, header)
    self.offset = offset
    self.nextPosition = nextPosition
    self.checksum = checksum
    self.frameIndex = frameIndex
    lastIsPromised = true
    buffer = AlignedBuffer(capacity: FrameHeader.frameBytes(payload: 64 * RecordFormat.size))
  }

  /// A writer without a slot, which goes on at `nextPosition` behind the frame with `checksum` once it gets one.
  package init(withoutSlotAt nextPosition: UInt64, checksum: UInt32) {
    slot = nil
    offset = 0
    self.nextPosition = nextPosition
    self.checksum = checksum
    frameIndex = 0
    lastIsPromised = true
    buffer = AlignedBuffer(capacity: FrameHeader.frameBytes(payload: 64 * RecordFormat.size))
  }

  /// Goes on in another slot, whose header is durable and which has no frame yet.
  package mutating func move(to file: any File, header: SlotHeader) {
    precondition(pending == 0 && failure == nil && header.firstPosition == nextPosition)
    slot = (file, header)
    offset = SlotHeader.framesStart
    frameIndex = 0
    lastIsPromised = true
  }

  /// Whether a frame of `records` and an annex fits into the slot, with the page that closes it kept free.
  package func hasRoom(for records: Int, annex: Int = 0) -> Bool {
    guard let slot else { return false }
    return offset + FrameHeader.frameBytes(payload: records * RecordFormat.size + annex) + FrameHeader.alignment
      <= Int(slot.header.slotBytes)
  }

  /// Records added since the last commit.
  package var pendingRecords: Int { pending }

  /// Adds a click to the frame that the next `commit` writes, and returns its position. All clicks of one frame share
  /// `receiveTime` or come after it. Its captured strings are those of `captured` at `index`; all clicks of one frame have
  /// some, of one set, or none.
  package mutating func append(_ click: Click, captured: CapturedStrings? = nil, at index: Int = 0) -> UInt64 {
    precondition(pending < Self.maximumRecords)
    if pending == 0 { base = click.receiveTime }
    if let captured { append(captured, at: sabotaged(.stringsOfOthers) ? pending : index) }
    let at = FrameHeader.size + pending * RecordFormat.size
    buffer.reserve(at + RecordFormat.size, keeping: at)
    unsafe RecordFormat.write(click, base: base, to: buffer.base + at)
    pending += 1
    return nextPosition + UInt64(pending - 1)
  }

  private mutating func append(_ captured: CapturedStrings, at index: Int) {
    if strings?.set != captured.set {
      precondition(pending == 0, "strings of another set in one frame")
      strings = CapturedStrings(captured.set)
    }
    strings!.append(captured, at: index)
  }

  /// Bytes of captured strings that the pending records have.
  package var pendingStrings: Int { strings?.bytes.count ?? 0 }

  /// The pending click at `position`, which the frame in memory holds.
  package func pendingClick(at position: UInt64) -> Click? {
    guard position >= nextPosition, position < nextPosition + UInt64(pending) else { return nil }
    let at = FrameHeader.size + Int(position - nextPosition) * RecordFormat.size
    return unsafe RecordFormat.read(UnsafeRawPointer(buffer.base + at), base: base)
  }

  /// The click at `position` where it is pending or among the newest that were written: then without the time at which it was
  /// received. Nil for all others.
  package func recentClick(at position: UInt64) -> Click? {
    position < nextPosition ? recent.click(at: position) : pendingClick(at: position)
  }

  /// The frame that the next `commit` writes carries `annex` behind its records, and behind it their captured strings.
  package mutating func attach(_ annex: FrameAnnex) { self.annex = annex.bytes }

  /// Writes the pending records, or an annex alone, as one frame and syncs it. Returns where the frame starts.
  package mutating func commit(_ stamp: FrameStamp) throws(SystemError) -> Int {
    precondition(pending > 0 || !annex.isEmpty)
    var stamp = stamp
    if pending > 0 { stamp.logicalTime = base }
    let start = offset
    if let strings, strings.count > 0 {
      precondition(strings.count == pending, "a record without its strings")
      FrameAnnex.append(strings, to: &annex)
    }
    try write(.data, records: pending, stamp)
    if pending > 0 { unsafe recent.add(UnsafeRawPointer(buffer.base + FrameHeader.size), pending, at: nextPosition) }
    nextPosition += UInt64(pending)
    discard()
    lastIsPromised = false
    return start
  }

  /// Forgets the pending records: their positions will be given again.
  package mutating func discard() {
    pending = 0
    annex.removeAll(keepingCapacity: true)
    strings?.removeAll()
  }

  /// Writes a frame without records whose promise covers everything before it, unless the last frame did so already or
  /// the slot has no room. It bounds the doubt whether a damaged last frame was ever acknowledged.
  package mutating func mark(_ stamp: FrameStamp) throws(SystemError) {
    guard !lastIsPromised, pending == 0, hasRoom(for: 0) else { return }
    try write(.mark, records: 0, stamp)
    lastIsPromised = true
  }

  /// Writes the frame that ends this generation in good order. There is always room for it.
  package mutating func close(_ stamp: FrameStamp) throws(SystemError) {
    precondition(pending == 0)
    try write(.close, records: 0, stamp)
  }

  private mutating func write(_ kind: FrameKind, records: Int, _ stamp: FrameStamp) throws(SystemError) {
    if let failure { throw failure }
    guard let (file, header) = slot else { preconditionFailure("a writer without a slot has no room") }
    let recordBytes = records * RecordFormat.size
    let payload = recordBytes + (kind == .data ? annex.count : 0)
    var frame = FrameHeader(
      kind: kind, schema: RecordFormat.schema, generation: header.generation, firstPosition: nextPosition,
      records: UInt32(records), payloadBytes: UInt32(payload),
      promise: LogAddress(generation: header.generation, offset: offset), previousChecksum: checksum, index: frameIndex,
      manifestSequence: stamp.manifestSequence, epoch: header.epoch, logicalTime: stamp.logicalTime,
      runningTime: stamp.runningTime)
    let size = frame.frameBytes
    precondition(offset + size <= Int(header.slotBytes), "frame beyond the slot's end")
    if sabotaged(.promiseTooHigh) {
      frame.promise = LogAddress(generation: header.generation, offset: offset + size + FrameHeader.alignment)
    }
    buffer.reserve(size, keeping: FrameHeader.size + recordBytes)
    if kind == .data, !annex.isEmpty {
      let place = unsafe buffer.base + FrameHeader.size + recordBytes
      unsafe annex.withUnsafeBytes { unsafe place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
    let sealed = unsafe frame.seal(buffer.mutableBytes(size))
    do throws(SystemError) {
      unsafe try Self.persist(file, buffer.bytes(size), at: UInt64(offset))
    } catch {
      failure = error
      throw error
    }
    checksum = sealed
    offset += size
    frameIndex += 1
  }

  private static func persist(
    _ file: any File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
  ) throws(SystemError) {
    if sabotaged(.ignoreShortWrite) {
      _ = unsafe try file.write(bytes, at: offset)
    } else {
      unsafe try file.writeAll(bytes, at: offset)
    }
    do throws(SystemError) { try file.synchronizeData() } catch {
      if sabotaged(.ignoreSyncError) { return }
      if sabotaged(.retrySync) { return try file.synchronizeData() }
      throw error
    }
  }
}
