import Bytes

// What a data frame carries besides clicks: the annex, behind the records.
//
//   payload = records × 40 bytes, then items until the payload ends
//   item    = u16 type      u16 zero      u32 bytes of its body, a multiple of 8      body
//
// An item is durable with the clicks of its frame, or not at all. A reader that does not know a type refuses the frame, since
// passing over it could lose what a newer version relies on.
//
//   type 1, progress (32 bytes): u128 source, u64 lines, u64 bytes. Of the source's first so many lines, which take so many
//   bytes, every click that belongs to this shard is durable here.

/// How far a source of clicks, such as an imported file, is durable in one shard.
package struct SourceProgress: Hashable, Sendable {
  /// Which source, 128 bits.
  package var high: UInt64
  package var low: UInt64
  /// Its first lines: every click of them that belongs to the shard is durable.
  package var lines: UInt64
  /// The bytes that these lines take.
  package var bytes: UInt64

  package init(high: UInt64, low: UInt64, lines: UInt64, bytes: UInt64) {
    self.high = high
    self.low = low
    self.lines = lines
    self.bytes = bytes
  }

  /// Whether both speak of one source.
  package func isOfSame(_ other: SourceProgress) -> Bool { high == other.high && low == other.low }
}

/// The items behind a frame's records.
package struct FrameAnnex: Equatable, Sendable {
  /// How far sources are.
  package var progress: [SourceProgress]

  package init(progress: [SourceProgress] = []) { self.progress = progress }

  package static let progressType: UInt16 = 1
  /// Bytes before an item's body.
  package static let itemHead = 8
  /// Bytes of an item that tells of progress.
  package static let progressBytes = itemHead + 32

  /// The items as they stand in a frame.
  package var bytes: [UInt8] {
    var writer = ByteWriter()
    for one in progress {
      writer.append(Self.progressType)
      writer.append(UInt16(0))
      writer.append(UInt32(Self.progressBytes - Self.itemHead))
      writer.append(one.high.byteSwapped)
      writer.append(one.low.byteSwapped)
      writer.append(one.lines)
      writer.append(one.bytes)
    }
    return writer.bytes
  }

  /// Reads what stands behind the records of a frame; throws where that is no list of items that this version knows.
  package init(_ payload: UnsafeRawBufferPointer, records: UInt32) throws(AnnexFault) {
    progress = []
    let start = Int(records) * RecordFormat.size
    guard payload.count > start else { return }
    var reader = ByteReader(unsafe Array(payload[start...]))
    while reader.remaining > 0 {
      guard let type = reader.next(UInt16.self), reader.next(UInt16.self) == 0, let size = reader.next(UInt32.self),
        size % 8 == 0, let body = reader.next(bytes: Int(size))
      else { throw AnnexFault("an item behind the records ends early") }
      guard type == Self.progressType else {
        throw AnnexFault("item \(type) behind the records is unknown: written by a newer version")
      }
      var fields = ByteReader(body)
      guard let high: UInt64 = fields.next(), let low: UInt64 = fields.next(), let lines: UInt64 = fields.next(),
        let bytes: UInt64 = fields.next(), fields.remaining == 0
      else { throw AnnexFault("a progress of \(size) bytes") }
      progress.append(
        SourceProgress(high: high.byteSwapped, low: low.byteSwapped, lines: lines, bytes: bytes))
    }
  }
}

/// Why the bytes behind a frame's records make no sense.
package struct AnnexFault: Error, Equatable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}
