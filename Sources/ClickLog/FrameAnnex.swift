import Bytes
import Clicks
import Files

// What a data frame carries besides clicks: the annex, behind the records.
//
//   payload = records × 40 bytes, then items until the payload ends
//   item    = u16 type      u16 zero      u32 bytes of its body, a multiple of 8      body
//
// An item is durable with the clicks of its frame, or not at all. A reader that does not know a type refuses the frame, since
// passing over it could lose what a newer version relies on.
//
//   type 1, progress (32 or 64 bytes): u128 source, u64 lines, u64 bytes. Of the source's first so many lines, which take so
//   many bytes, every click that belongs to this shard is durable here. In 64 bytes, what proves it: u128 digest, the first
//   half of the SHA-256 of these bytes; u64 since, the shard's position when the reading began; u64 lines rejected.
//
//   type 2, strings: u16 set of columns, u16 zero, u32 bytes, then so many bytes: for each record, in order, its captured
//   strings (Clicks/CapturedStrings.swift), zeros up to a multiple of 8. At most one, in a frame with records.
//
// Types ascend.

/// How far a source of clicks, such as an imported file, is durable in one shard.
package struct SourceProgress: Hashable, Sendable {
  /// Which source, 128 bits.
  package var high: UInt64
  package var low: UInt64
  /// Its first lines: every click of them that belongs to the shard is durable.
  package var lines: UInt64
  /// The bytes that these lines take.
  package var bytes: UInt64
  /// What proves that a source still begins with them; nil where a version before it said this, or nothing is to be proven.
  package var proof: SourceProof?

  package init(high: UInt64, low: UInt64, lines: UInt64, bytes: UInt64, proof: SourceProof? = nil) {
    self.high = high
    self.low = low
    self.lines = lines
    self.bytes = bytes
    self.proof = proof
  }

  /// Bytes of its fields.
  package var fieldBytes: Int { proof == nil ? Self.plainBytes : Self.provenBytes }
  package static let plainBytes = 32
  package static let provenBytes = 64

  /// Appends its fields, as frames and manifests have them.
  package func write(to writer: inout ByteWriter) {
    writer.append(high.byteSwapped)
    writer.append(low.byteSwapped)
    writer.append(lines)
    writer.append(bytes)
    guard let proof else { return }
    writer.append(proof.digestHigh.byteSwapped)
    writer.append(proof.digestLow.byteSwapped)
    writer.append(proof.since)
    writer.append(proof.rejected)
  }

  /// Reads fields that are all that is left; nil where they are not that.
  package init?(_ fields: inout ByteReader) {
    let isProven = fields.remaining == Self.provenBytes
    guard isProven || fields.remaining == Self.plainBytes, let high: UInt64 = fields.next(),
      let low: UInt64 = fields.next(), let lines: UInt64 = fields.next(), let bytes: UInt64 = fields.next()
    else { return nil }
    self.init(high: high.byteSwapped, low: low.byteSwapped, lines: lines, bytes: bytes)
    guard isProven else { return }
    guard let digestHigh: UInt64 = fields.next(), let digestLow: UInt64 = fields.next(),
      let since: UInt64 = fields.next(), let rejected: UInt64 = fields.next()
    else { return nil }
    proof = SourceProof(
      digestHigh: digestHigh.byteSwapped, digestLow: digestLow.byteSwapped, since: since, rejected: rejected)
  }

  /// Whether both speak of one source.
  package func isOfSame(_ other: SourceProgress) -> Bool { high == other.high && low == other.low }
}

/// What proves that a source still begins with the lines that were read of it.
package struct SourceProof: Hashable, Sendable {
  /// The first half of the SHA-256 of the bytes of these lines.
  package var digestHigh: UInt64
  package var digestLow: UInt64
  /// The shard's position when the reading began: every click of the source is at or behind it.
  package var since: UInt64
  /// Lines of them that were not counted.
  package var rejected: UInt64

  package init(digestHigh: UInt64, digestLow: UInt64, since: UInt64, rejected: UInt64) {
    self.digestHigh = digestHigh
    self.digestLow = digestLow
    self.since = since
    self.rejected = rejected
  }
}

/// The items behind a frame's records.
package struct FrameAnnex: Equatable, Sendable {
  /// How far sources are.
  package var progress: [SourceProgress]
  /// The captured strings of the frame's clicks, of each one; nil where none were captured.
  package private(set) var strings: CapturedStrings?

  package init(progress: [SourceProgress] = [], strings: CapturedStrings? = nil) {
    self.progress = progress
    self.strings = strings
  }

  package static let progressType: UInt16 = 1
  package static let stringsType: UInt16 = 2
  /// Most bytes of the strings of one frame.
  package static let maximumStrings = 1 << 20
  /// Bytes before an item's body.
  package static let itemHead = 8
  /// Most bytes of an item that tells of progress.
  package static let progressBytes = itemHead + SourceProgress.provenBytes
  /// Bytes of an item with so many bytes of strings.
  package static func stringsBytes(_ bytes: Int) -> Int { 2 * itemHead + (bytes + 7) / 8 * 8 }

  /// The items as they stand in a frame.
  package var bytes: [UInt8] {
    var writer = ByteWriter()
    for one in progress {
      writer.append(Self.progressType)
      writer.append(UInt16(0))
      writer.append(UInt32(one.fieldBytes))
      one.write(to: &writer)
    }
    var bytes = writer.bytes
    if let strings { Self.append(strings, to: &bytes) }
    return bytes
  }

  /// Appends the item of captured strings.
  static func append(_ strings: CapturedStrings, to bytes: inout [UInt8]) {
    let size = stringsBytes(strings.bytes.count)
    let end = bytes.count + size
    var head = ByteWriter()
    head.append(stringsType)
    head.append(UInt16(0))
    head.append(UInt32(size - itemHead))
    head.append(strings.set.rawValue)
    head.append(UInt16(0))
    head.append(UInt32(strings.bytes.count))
    bytes.append(contentsOf: head.bytes)
    bytes.append(contentsOf: strings.bytes)
    bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
  }

  /// Reads what stands behind the records of a frame; throws where that is no list of items that this version knows.
  package init(_ payload: UnsafeRawBufferPointer, records: UInt32) throws(AnnexFault) {
    progress = []
    let start = Int(records) * RecordFormat.size
    guard payload.count > start else { return }
    var reader = ByteReader(unsafe Array(payload[start...]))
    var last: UInt16 = 0
    while reader.remaining > 0 {
      guard let type = reader.next(UInt16.self), reader.next(UInt16.self) == 0, let size = reader.next(UInt32.self),
        size % 8 == 0, let body = reader.next(bytes: Int(size))
      else { throw AnnexFault("an item behind the records ends early") }
      guard type >= last else { throw AnnexFault("item \(type) behind item \(last)") }
      last = type
      switch type {
      case Self.progressType: progress.append(try Self.progress(body))
      case Self.stringsType:
        guard strings == nil, records > 0 else { throw AnnexFault("strings of no records, or twice") }
        strings = try Self.strings(body, records: records)
      default: throw AnnexFault("item \(type) behind the records is unknown: written by a newer version")
      }
    }
  }

  private static func progress(_ body: ArraySlice<UInt8>) throws(AnnexFault) -> SourceProgress {
    var fields = ByteReader(body)
    guard let progress = SourceProgress(&fields) else { throw AnnexFault("a progress of \(body.count) bytes") }
    return progress
  }

  private static func strings(_ body: ArraySlice<UInt8>, records: UInt32) throws(AnnexFault) -> CapturedStrings {
    var fields = ByteReader(body)
    guard let set = fields.next(UInt16.self).map({ CaptureSet(rawValue: $0) }), fields.next(UInt16.self) == 0,
      let count = fields.next(UInt32.self), let bytes = fields.next(bytes: Int(count)), fields.remaining < 8,
      let rest = fields.next(bytes: fields.remaining), rest.allSatisfy({ $0 == 0 })
    else { throw AnnexFault("strings of \(body.count) bytes") }
    guard !set.isEmpty, set.isSubset(of: .all) else {
      throw AnnexFault("strings of the columns 0x\(Hex.encode(set.rawValue)): written by a newer version")
    }
    guard let strings = CapturedStrings(set, Array(bytes), count: Int(records)) else {
      throw AnnexFault("the strings are not those of \(records) records")
    }
    return strings
  }
}

/// Why the bytes behind a frame's records make no sense.
package struct AnnexFault: Error, Equatable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}
