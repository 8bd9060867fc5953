import Clicks
import Platform

/// Where each record of the log stands: the first position and the place of every frame, so that a position is found by a
/// binary search and one read. 24 bytes a frame; frames below the dedup watermark are forgotten.
package struct LogIndex {
  private struct Frame {
    var firstPosition: UInt64
    var generation: UInt64
    var offset: UInt32
    var records: UInt32
  }

  private var frames: [Frame] = []
  private var head = 0
  private var slots: [UInt64: any File] = [:]

  package init() {}

  /// Adds the next frame; positions ascend.
  package mutating func add(firstPosition: UInt64, records: UInt32, generation: UInt64, offset: Int, file: any File) {
    if let last = frames.last { precondition(firstPosition >= last.firstPosition + UInt64(last.records)) }
    if slots[generation] == nil { slots[generation] = file }
    frames.append(
      Frame(firstPosition: firstPosition, generation: generation, offset: UInt32(offset), records: records))
  }

  /// Becomes `other` up to `position`: what comes from there on was moved and is added anew.
  package mutating func replace(_ other: LogIndex, from position: UInt64) {
    self = other
    frames.removeAll { $0.firstPosition >= position }
    head = min(head, frames.count)
  }

  /// Forgets frames whose every record lies below `watermark`.
  package mutating func forget(below watermark: UInt64) {
    while head < frames.count, frames[head].firstPosition + UInt64(frames[head].records) <= watermark { head += 1 }
    // Moved down only when half of it is gone, so that forgetting costs each frame once.
    guard head > 0, head * 2 >= frames.count else { return }
    frames.removeFirst(head)
    head = 0
    guard let oldest = frames.first?.generation else { return slots.removeAll() }
    // A slot that no frame needs gives its descriptor back.
    for generation in slots.keys.sorted() where generation < oldest { slots[generation] = nil }
  }

  /// The click at `position`, read from its slot; nil where the index does not reach.
  package func click(at position: UInt64) throws(SystemError) -> Click? {
    var low = head
    var high = frames.count
    while low < high {
      let middle = (low + high) / 2
      if frames[middle].firstPosition <= position { low = middle + 1 } else { high = middle }
    }
    guard low > head else { return nil }
    let frame = frames[low - 1]
    guard position < frame.firstPosition + UInt64(frame.records), let file = slots[frame.generation] else { return nil }
    let offset = Int(frame.offset) + FrameHeader.size + Int(position - frame.firstPosition) * RecordFormat.size
    var record: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
    var failure: SystemError?
    let click = unsafe withUnsafeMutableBytes(of: &record) { bytes -> Click? in
      do throws(SystemError) {
        guard unsafe try file.readFully(into: bytes, at: UInt64(offset)) == RecordFormat.size else { return nil }
      } catch { failure = error }
      return unsafe RecordFormat.read(UnsafeRawPointer(bytes.baseAddress!), base: 0)
    }
    if let failure { throw failure }
    return click
  }
}
