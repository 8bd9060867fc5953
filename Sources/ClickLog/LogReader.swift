import Bytes
import Files
import Platform

// Reading a generation back, and telling a torn tail from damage.
//
// Frames are walked by their chain: kind, generation, epoch, index, position and the checksum of the frame before must
// all continue. At the first place O where they do not, one question decides: did anything ever promise that bytes
// beyond O are durable? Promises stand in the valid frames before O, in any valid frame of this generation found behind O
// (its own start is a promise), and in the manifest. A promise beyond O means that acknowledged clicks are damaged, and
// nothing may be cut off; none means that the last write did not finish, which is what crashes do.
// [Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018]

/// Where a walk ended, and what the last frame said.
package struct LogTail: Equatable, Sendable {
  /// The first byte after the last good frame.
  package var offset: Int
  /// Position after the last record.
  package var nextPosition: UInt64
  /// Checksum of the last frame: where the chain goes on.
  package var checksum: UInt32
  /// Frames walked.
  package var frames: UInt32
  /// The last frame's times; of the slot's header and zero where there is no frame.
  package var logicalTime: Int64
  package var runningTime: UInt64
  /// The highest manifest sequence that a frame named.
  package var manifestSequence: UInt64
  /// The highest promise that a frame made, as a byte offset in this slot.
  package var promised: Int
  /// Whether the last frame closes the generation.
  package var closed: Bool
  /// Why there is no frame at `offset`.
  package var reason: String
}

/// Walks the frames of one slot.
package struct LogReader {
  /// The open slot.
  package let file: any File
  /// Page 0, read and checked.
  package let header: SlotHeader

  /// Opens a slot and checks that it is the one `extent` means.
  package init(_ files: any FileSystem, _ path: String, extent: LogExtent, store: StoreID) throws {
    guard files.exists(path) else {
      throw FormatError(
        file: path, offset: 0,
        reason: "the log slot of generation \(extent.generation) is missing: acknowledged clicks from "
          + "position \(extent.firstPosition) on are in it")
    }
    file = try files.open(path, .readDirect)
    header = try Self.readHeader(file)
    guard header.store == store else {
      throw FormatError(file: path, offset: 16, reason: "the slot belongs to store \(header.store), not \(store)")
    }
    guard header.generation == extent.generation, header.firstPosition == extent.firstPosition,
      header.slot == extent.slot, header.previousGeneration == extent.previousGeneration
    else {
      throw FormatError(
        file: path, offset: 56,
        reason: "the slot holds generation \(header.generation) from position "
          + "\(header.firstPosition), the manifest says generation \(extent.generation) from \(extent.firstPosition)")
    }
    guard try file.size() == header.slotBytes else {
      throw FormatError(
        file: path, offset: try file.size(),
        reason: "the slot is \(try file.size()) bytes long, its header says "
          + "\(header.slotBytes)")
    }
  }

  /// Any slot file, as it stands.
  package init(_ file: any File) throws {
    self.file = file
    header = try Self.readHeader(file)
  }

  /// Reads page 0 of a slot.
  package static func readHeader(_ file: any File) throws -> SlotHeader {
    var page = AlignedBuffer(capacity: FileHeader.size)
    let n = unsafe try file.readFully(into: page.mutableBytes(FileHeader.size), at: 0)
    return try SlotHeader(page: unsafe Array(page.bytes(n)), path: file.path)
  }

  /// Walks from the first frame up to `end` (to the end of the chain where nil). `visit` gets each frame; what it throws ends
  /// the walk.
  package func walk(to end: Int? = nil, _ visit: (borrowing LogFrame) throws -> Void) throws -> LogTail {
    var tail = LogTail(
      offset: SlotHeader.framesStart, nextPosition: header.firstPosition, checksum: header.previousChecksum, frames: 0,
      logicalTime: header.created, runningTime: 0, manifestSequence: 0, promised: 0, closed: false, reason: "")
    let limit = end ?? Int(header.slotBytes)
    var window = FrameWindow(file, limit: Int(header.slotBytes))
    while tail.offset < limit {
      if tail.closed {
        tail.reason = "the generation is closed"
        break
      }
      switch try window.frame(at: tail.offset, generation: header.generation) {
      case .invalid(let reason):
        tail.reason = reason
        return tail
      case .frame(let frame, let checksum):
        if let fault = fault(of: frame, after: tail) {
          tail.reason = fault
          return tail
        }
        try visit(unsafe LogFrame(frame, window.payload(of: frame, at: tail.offset), at: tail.offset, of: file))
        tail.offset += frame.frameBytes
        tail.nextPosition += UInt64(frame.records)
        tail.checksum = checksum
        tail.frames += 1
        tail.logicalTime = frame.logicalTime
        tail.runningTime = frame.runningTime
        tail.manifestSequence = max(tail.manifestSequence, frame.manifestSequence)
        if frame.promise.generation == header.generation { tail.promised = max(tail.promised, frame.promise.offset) }
        tail.closed = frame.kind == .close
      }
    }
    if tail.reason.isEmpty { tail.reason = "the slot is full" }
    return tail
  }

  /// What keeps a frame with a good checksum from being the next of the chain.
  private func fault(of frame: FrameHeader, after tail: LogTail) -> String? {
    guard frame.kind == .data || frame.kind == .mark || frame.kind == .close else { return "a manifest's frame" }
    guard frame.schema == RecordFormat.schema else { return "records of unknown schema \(frame.schema)" }
    guard frame.epoch == header.epoch else { return "a frame of epoch \(frame.epoch), not \(header.epoch)" }
    guard frame.index == tail.frames else { return "frame \(frame.index) where frame \(tail.frames) is due" }
    guard frame.firstPosition == tail.nextPosition else {
      return "position \(frame.firstPosition) where \(tail.nextPosition) is due"
    }
    guard frame.previousChecksum == tail.checksum else { return "the chain of checksums is broken" }
    guard Int(frame.payloadBytes) >= Int(frame.records) * RecordFormat.size else {
      return "records do not fit into the payload"
    }
    guard frame.kind == .data || frame.payloadBytes == 0 else { return "records in a frame that has none" }
    return nil
  }

  /// Decides what an end of the chain before `extent`'s end means. Returns where the extent really ends; throws where
  /// acknowledged data is damaged.
  package func judge(_ tail: LogTail, of extent: LogExtent) throws -> LogExtent.End {
    if let end = extent.end {
      guard tail.offset == Int(end.offset), tail.nextPosition == end.position else {
        throw damage(tail, until: end.position, promised: Int(end.offset))
      }
      return end
    }
    var promised = max(tail.promised, Int(extent.durable))
    if !tail.closed { promised = max(promised, try promiseBehind(tail.offset)) }
    guard promised <= tail.offset || sabotaged(.ignorePromise) else {
      throw damage(tail, until: nil, promised: promised)
    }
    return LogExtent.End(offset: UInt64(tail.offset), position: tail.nextPosition)
  }

  /// The highest promise of a valid frame of this generation behind `offset`; 0 where there is none.
  private func promiseBehind(_ offset: Int) throws -> Int {
    var window = FrameWindow(file, limit: Int(header.slotBytes))
    var promised = 0
    var at = offset + FrameHeader.alignment
    while at < Int(header.slotBytes) {
      if case .frame(let frame, _) = try window.frame(at: at, generation: header.generation),
        frame.epoch == header.epoch
      {
        promised = max(promised, max(at, frame.promise.offset))
      }
      at += FrameHeader.alignment
    }
    return promised
  }

  private func damage(_ tail: LogTail, until position: UInt64?, promised: Int) -> FormatError {
    let range = position.map { "\(tail.nextPosition) ..< \($0)" } ?? "\(tail.nextPosition) and later"
    return FormatError(
      file: file.path, offset: UInt64(tail.offset),
      reason:
        "acknowledged clicks are damaged: positions \(range) (generation \(header.generation), known durable up to byte "
        + "\(promised)): \(tail.reason)")
  }
}

/// A sliding view of a slot: reads ahead in large aligned pieces, so that frames can be looked at one by one.
struct FrameWindow: ~Copyable {
  enum Found {
    case frame(FrameHeader, checksum: UInt32)
    case invalid(String)
  }

  private let file: any File
  private let limit: Int
  private var buffer: AlignedBuffer
  private var start = 0
  private var count = 0

  /// Bytes read at once.
  private static let step = 1 << 20

  init(_ file: any File, limit: Int) {
    self.file = file
    self.limit = limit
    buffer = AlignedBuffer(capacity: min(Self.step, max(limit, FrameHeader.alignment)))
  }

  /// The frame at `offset`, if one is there.
  mutating func frame(at offset: Int, generation: UInt64?) throws(SystemError) -> Found {
    var wanted = FrameHeader.alignment
    while true {
      if offset < start || offset + wanted > start + count { try fill(from: offset, wanted: wanted) }
      let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer.bytes(count)[min(count, offset - start)...])
      switch unsafe FrameHeader.scan(bytes, generation: generation, limit: limit - offset) {
      case .valid(let header, let checksum): return .frame(header, checksum: checksum)
      case .invalid(let reason): return .invalid(reason)
      case .needs(let needed):
        guard needed > wanted else { return .invalid("the file ends inside a frame") }
        wanted = needed
      }
    }
  }

  /// The payload of a frame that `frame(at:)` has just found at `offset`.
  func payload(of frame: FrameHeader, at offset: Int) -> UnsafeRawBufferPointer {
    let first = offset - start + FrameHeader.size
    return unsafe UnsafeRawBufferPointer(rebasing: buffer.bytes(count)[first..<(first + Int(frame.payloadBytes))])
  }

  private mutating func fill(from offset: Int, wanted: Int) throws(SystemError) {
    let size = AlignedBuffer.roundUp(min(max(wanted, Self.step), max(limit - offset, FrameHeader.alignment)))
    buffer.reserve(size, keeping: 0)
    start = offset
    count = 0
    count = unsafe try file.readFully(into: buffer.mutableBytes(size), at: UInt64(offset))
  }
}
