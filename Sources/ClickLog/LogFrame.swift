import Bytes
import Clicks
import Platform

// One frame as a walk of its slot meets it, and the only way from its bytes to clicks:
//
//   walk ─▶ LogFrame ─▶ click at position = first position + index, schema 1, 40 bytes each
//                   └─▶ annex behind the records
//
// The bytes are the walk's read buffer, so a frame is lent to the visitor: it cannot be copied, nor kept.

/// A frame of the log with its payload, lent by a walk.
@safe package struct LogFrame: ~Copyable {
  package let header: FrameHeader
  /// Bytes from the start of the slot to the frame.
  package let offset: Int
  /// What stands behind the head: records, then the annex.
  let payload: UnsafeRawBufferPointer
  /// The slot, for errors.
  private let file: any File

  init(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer, at offset: Int, of file: any File) {
    self.header = header
    self.offset = offset
    unsafe self.payload = payload
    self.file = file
  }

  /// The positions of its records.
  package var positions: Range<UInt64> { header.firstPosition..<(header.firstPosition + UInt64(header.records)) }

  /// The checksum that its head has, which the walk has found to be right.
  package var checksum: UInt32 { unsafe (payload.baseAddress! - FrameHeader.size).unsafeLoadLE(0) }

  /// Hands over its clicks with positions in `wanted`, ascending. Throws `FormatError` at the first of them that cannot be
  /// read. Nothing is allocated.
  package func forEachClick(
    in wanted: Range<UInt64> = 0..<UInt64.max, _ visit: (_ position: UInt64, Click) throws -> Void
  ) throws {
    for position in positions.clamped(to: wanted) {
      let i = Int(position - header.firstPosition)
      guard let click = click(i) else {
        throw FormatError(
          file: file.path, offset: UInt64(recordOffset(i)), reason: "an unknown source or flag")
      }
      try visit(position, click)
    }
  }

  /// Record `i`; nil where it names an unknown source or flag.
  package func click(_ i: Int) -> Click? {
    precondition(i < Int(header.records), "a frame of \(header.records) records has no record \(i)")
    return unsafe RecordFormat.read(payload.baseAddress! + i * RecordFormat.size, base: header.logicalTime)
  }

  /// Bytes from the start of the slot to record `i`.
  package func recordOffset(_ i: Int) -> Int { offset + FrameHeader.size + i * RecordFormat.size }

  /// What stands behind its records. Throws `FormatError` where that makes no sense.
  package func annex() throws(FormatError) -> FrameAnnex {
    do throws(AnnexFault) { return try items() } catch {
      throw FormatError(
        file: file.path, offset: UInt64(recordOffset(Int(header.records))), reason: error.description)
    }
  }

  /// The same, for who goes on where it makes none.
  package func items() throws(AnnexFault) -> FrameAnnex { try unsafe FrameAnnex(payload, records: header.records) }
}
