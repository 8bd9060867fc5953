import Bytes
import Platform

/// Copies the clicks of a slot that a crash fenced into a fresh one, so that the fenced slot can be used again (R1). The
/// copies keep their positions and times; generation, epoch, chain and checksum are the new slot's.
///
/// Nothing of the new slot is durable before the caller syncs it, so the copies promise nothing: their promise is the
/// slot's first frame. What makes them count is the manifest record that puts the new extent in the place of the old.
package enum LogCopy {
  /// Where the copy ended, for the writer that goes on behind it.
  package struct End {
    package var offset: Int
    package var checksum: UInt32
    package var frames: UInt32

    package init(offset: Int, checksum: UInt32, frames: UInt32) {
      self.offset = offset
      self.checksum = checksum
      self.frames = frames
    }
  }

  /// Copies the data frames of `source` before byte `end` into `target`. `placed` gets each copy's first position, its
  /// records and its offset.
  package static func run(
    from source: LogReader, to end: Int, into target: any File, header: SlotHeader,
    placed: (_ firstPosition: UInt64, _ records: UInt32, _ offset: Int) -> Void
  ) throws -> End {
    var copy = End(offset: SlotHeader.framesStart, checksum: header.previousChecksum, frames: 0)
    var buffer = AlignedBuffer(
      capacity: FrameHeader.frameBytes(payload: LogWriter.maximumRecords * RecordFormat.size + 4096))
    _ = try source.walk(to: end) { frame in
      guard frame.header.kind == .data else { return }
      var renewed = frame.header
      renewed.generation = header.generation
      renewed.epoch = header.epoch
      renewed.promise = LogAddress(generation: header.generation, offset: SlotHeader.framesStart)
      renewed.previousChecksum = copy.checksum
      renewed.index = copy.frames
      let size = renewed.frameBytes
      buffer.reserve(size, keeping: 0)
      unsafe (buffer.base + FrameHeader.size).copyMemory(
        from: frame.payload.baseAddress!, byteCount: frame.payload.count)
      copy.checksum = unsafe renewed.seal(buffer.mutableBytes(size))
      unsafe try target.writeAll(buffer.bytes(size), at: UInt64(copy.offset))
      if renewed.records > 0 { placed(renewed.firstPosition, renewed.records, copy.offset) }
      copy.offset += size
      copy.frames += 1
    }
    return copy
  }
}
