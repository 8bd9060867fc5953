import Bytes
import Platform

// The frame: the unit in which log and manifest are written, synced and checked. See Formats/conventions.md.
//
//   ┌ 4 KiB boundary
//   │ 0  u32 crc32c of bytes 4 ..< end of padding, seeded with the generation
//   │ 4  u16 magic 0xC11C         6 u8 kind           7 u8 schema of the payload
//   │ 8  u64 generation           of the slot, or number of the manifest
//   │ 16 u64 first position       of the records; a manifest's: sequence number of the record
//   │ 24 u32 records              28 u32 payload bytes
//   │ 32 u64 promise              log address up to which everything is known durable
//   │ 40 u32 crc of the frame before       44 u32 index of the frame in its generation, from 0
//   │ 48 u64 manifest sequence    newest manifest record known durable when this was written
//   │ 56 u32 epoch                60 u32 zero
//   │ 64 i64 logical time, ms     72 u64 running time, ms
//   │ 80 payload, then zeros to the next 4 KiB boundary
//
// The generation stands in the frame and in the seed of its checksum, so a frame that an earlier use of the slot left
// behind can never be taken for one of this use. The checksum of the frame before makes each generation a chain.

/// What a frame is.
package enum FrameKind: UInt8, Sendable {
  /// Click records.
  case data = 1
  /// No records: only the promise, written when the log falls idle.
  case mark = 2
  /// No records: the generation ended here in good order.
  case close = 3
  /// The whole state of a shard; the first frame of a manifest.
  case snapshot = 4
  /// A change of that state.
  case edit = 5
}

/// A place in a shard's log: generation and byte offset in its slot, ordered as the log is.
package struct LogAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// `generation << 32 | offset`.
  package var rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package init(generation: UInt64, offset: Int) {
    precondition(generation >> 32 == 0 && offset >> 32 == 0, "log address out of range")
    rawValue = generation << 32 | UInt64(offset)
  }

  package var generation: UInt64 { rawValue >> 32 }
  package var offset: Int { Int(rawValue & 0xFFFF_FFFF) }

  package static func < (a: LogAddress, b: LogAddress) -> Bool { a.rawValue < b.rawValue }
  package var description: String { "\(generation):\(offset)" }
}

/// The head of a frame, as fields.
package struct FrameHeader: Equatable, Sendable {
  package var kind: FrameKind
  package var schema: UInt8
  package var generation: UInt64
  package var firstPosition: UInt64
  package var records: UInt32
  package var payloadBytes: UInt32
  package var promise: LogAddress
  package var previousChecksum: UInt32
  package var index: UInt32
  package var manifestSequence: UInt64
  package var epoch: UInt32
  package var logicalTime: Int64
  package var runningTime: UInt64

  /// Bytes before the payload.
  package static let size = 80
  /// Frames start at multiples of this, and are padded to it.
  package static let alignment = 4096
  package static let magic: UInt16 = 0xC11C

  package init(
    kind: FrameKind, schema: UInt8 = 1, generation: UInt64, firstPosition: UInt64, records: UInt32 = 0,
    payloadBytes: UInt32 = 0, promise: LogAddress, previousChecksum: UInt32, index: UInt32, manifestSequence: UInt64,
    epoch: UInt32, logicalTime: Int64, runningTime: UInt64
  ) {
    self.kind = kind
    self.schema = schema
    self.generation = generation
    self.firstPosition = firstPosition
    self.records = records
    self.payloadBytes = payloadBytes
    self.promise = promise
    self.previousChecksum = previousChecksum
    self.index = index
    self.manifestSequence = manifestSequence
    self.epoch = epoch
    self.logicalTime = logicalTime
    self.runningTime = runningTime
  }

  /// Bytes of the whole frame with its padding.
  package var frameBytes: Int { Self.frameBytes(payload: Int(payloadBytes)) }

  /// Bytes of a frame that carries `payload` bytes.
  package static func frameBytes(payload: Int) -> Int { AlignedBuffer.roundUp(size + payload) }

  /// Finishes a frame whose payload already stands at byte 80 of `frame`: writes the head, zeros the padding, and
  /// returns the checksum. `frame` is exactly `frameBytes` long.
  package func seal(_ frame: UnsafeMutableRawBufferPointer) -> UInt32 {
    precondition(frame.count == frameBytes)
    let base = frame.baseAddress!
    unsafe base.unsafeStoreLE(Self.magic, 4)
    unsafe base.unsafeStoreLE(kind.rawValue, 6)
    unsafe base.unsafeStoreLE(schema, 7)
    unsafe base.unsafeStoreLE(generation, 8)
    unsafe base.unsafeStoreLE(firstPosition, 16)
    unsafe base.unsafeStoreLE(records, 24)
    unsafe base.unsafeStoreLE(payloadBytes, 28)
    unsafe base.unsafeStoreLE(promise.rawValue, 32)
    unsafe base.unsafeStoreLE(previousChecksum, 40)
    unsafe base.unsafeStoreLE(index, 44)
    unsafe base.unsafeStoreLE(manifestSequence, 48)
    unsafe base.unsafeStoreLE(epoch, 56)
    unsafe base.unsafeStoreLE(UInt32(0), 60)
    unsafe base.unsafeStoreLE(logicalTime, 64)
    unsafe base.unsafeStoreLE(runningTime, 72)
    let used = Self.size + Int(payloadBytes)
    unsafe UnsafeMutableRawBufferPointer(rebasing: frame[used...]).initializeMemory(as: UInt8.self, repeating: 0)
    let checksum = unsafe Self.checksum(UnsafeRawBufferPointer(frame), generation: generation)
    unsafe base.unsafeStoreLE(checksum, 0)
    return checksum
  }

  /// The checksum that a frame of `generation` with these bytes must carry.
  static func checksum(_ frame: UnsafeRawBufferPointer, generation: UInt64) -> UInt32 {
    let seed = sabotaged(.noGenerationSeed) ? 0 : CRC32C.seed(generation)
    return unsafe CRC32C.checksum(UnsafeRawBufferPointer(rebasing: frame[4...]), seed: seed)
  }
}

/// A frame that was found whole, or why there is none.
package enum FrameScan: Equatable {
  /// The checksum holds; it covers `frameBytes` bytes from the start.
  case valid(FrameHeader, checksum: UInt32)
  /// More bytes are needed before anything can be said: this many from the frame's start.
  case needs(Int)
  /// Not a frame, for this reason.
  case invalid(String)
}

extension FrameHeader {
  /// Looks at the start of `bytes` for a frame of `generation` (of any generation where nil) that is at most `limit`
  /// bytes long.
  package static func scan(_ bytes: UnsafeRawBufferPointer, generation: UInt64?, limit: Int) -> FrameScan {
    guard limit >= alignment else { return .invalid("no room for a frame") }
    guard bytes.count >= alignment else { return .needs(alignment) }
    let base = bytes.baseAddress!
    let magic = unsafe base.unsafeLoadLE(4, as: UInt16.self)
    guard magic == Self.magic else { return .invalid("no frame magic (0x\(String(magic, radix: 16)))") }
    let kindByte = unsafe base.unsafeLoadLE(6, as: UInt8.self)
    guard let kind = FrameKind(rawValue: kindByte) else { return .invalid("unknown frame kind \(kindByte)") }
    let header = FrameHeader(
      kind: kind, schema: unsafe base.unsafeLoadLE(7), generation: unsafe base.unsafeLoadLE(8),
      firstPosition: unsafe base.unsafeLoadLE(16), records: unsafe base.unsafeLoadLE(24),
      payloadBytes: unsafe base.unsafeLoadLE(28), promise: LogAddress(rawValue: unsafe base.unsafeLoadLE(32)),
      previousChecksum: unsafe base.unsafeLoadLE(40), index: unsafe base.unsafeLoadLE(44),
      manifestSequence: unsafe base.unsafeLoadLE(48), epoch: unsafe base.unsafeLoadLE(56),
      logicalTime: unsafe base.unsafeLoadLE(64), runningTime: unsafe base.unsafeLoadLE(72))
    if let generation, header.generation != generation {
      return .invalid("a frame of generation \(header.generation), not \(generation)")
    }
    guard header.frameBytes <= limit else { return .invalid("a frame of \(header.frameBytes) bytes does not fit") }
    guard bytes.count >= header.frameBytes else { return .needs(header.frameBytes) }
    let frame = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<header.frameBytes])
    let stored = unsafe base.unsafeLoadLE(0, as: UInt32.self)
    let computed = unsafe checksum(frame, generation: header.generation)
    guard stored == computed || sabotaged(.trustTornFrame) else {
      return .invalid("checksum \(Hex.encode(stored)) stands where \(Hex.encode(computed)) is due")
    }
    return .valid(header, checksum: stored)
  }
}
