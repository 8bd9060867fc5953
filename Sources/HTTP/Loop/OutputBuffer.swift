import Bytes
import Glibc

/// Bytes on their way to a client: appended at the end, sent from the start. Holds memory only while it holds bytes;
/// its owner calls `release`.
@safe struct OutputBuffer {
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  private var start = 0
  private var end = 0

  /// Bytes that wait.
  var count: Int { end - start }

  /// Bytes of memory that it has.
  var held: Int { unsafe base == nil ? 0 : capacity }

  /// The bytes that wait.
  var bytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base.map { unsafe UnsafeRawPointer($0 + start) }, count: count)
  }

  /// Drops the first `count` bytes; an empty buffer gives its memory back.
  mutating func consume(_ count: Int, _ blocks: BlockPool) {
    precondition(count <= self.count)
    start += count
    if start == end { release(blocks) }
  }

  /// Drops everything.
  mutating func release(_ blocks: BlockPool) {
    if let base = unsafe base { unsafe blocks.give(base, capacity) }
    self = OutputBuffer()
  }

  @inline(__always)
  mutating func append(_ source: UnsafeRawBufferPointer, _ blocks: BlockPool) {
    guard source.count > 0, let from = source.baseAddress else { return }
    unsafe memcpy(room(source.count, blocks), from, source.count)
    end += source.count
  }

  /// Appends `value` with every control byte but a tab replaced by a space.
  mutating func appendFieldValue(_ value: UnsafeRawBufferPointer, _ blocks: BlockPool) {
    guard value.count > 0, let from = value.baseAddress else { return }
    let to = unsafe room(value.count, blocks).assumingMemoryBound(to: UInt8.self)
    unsafe memcpy(to, from, value.count)
    var p = unsafe scanFieldValue(to, 0, value.count)
    while p < value.count {
      unsafe to[p] = ASCII.space
      p = unsafe scanFieldValue(to, p + 1, value.count)
    }
    end += value.count
  }

  /// Appends `value`, which is not negative, in decimal digits.
  mutating func appendDecimal(_ value: Int, _ blocks: BlockPool) {
    precondition(value >= 0)
    var digits = 1
    var scale = value
    while scale >= 10 {
      scale /= 10
      digits += 1
    }
    let to = unsafe room(digits, blocks).assumingMemoryBound(to: UInt8.self)
    var rest = value
    for i in (0..<digits).reversed() {
      unsafe to[i] = ASCII.zero + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    end += digits
  }

  /// Appends `value`, which is not negative, in hexadecimal digits.
  mutating func appendHexadecimal(_ value: Int, _ blocks: BlockPool) {
    precondition(value >= 0)
    let digits = max(1, (Int.bitWidth - value.leadingZeroBitCount + 3) / 4)
    let to = unsafe room(digits, blocks).assumingMemoryBound(to: UInt8.self)
    for i in 0..<digits {
      unsafe to[i] = Hex.digit(UInt8(truncatingIfNeeded: value >> (4 * (digits - 1 - i)) & 15))
    }
    end += digits
  }

  /// Appends text of ours.
  mutating func append(_ text: StaticString, _ blocks: BlockPool) {
    unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), blocks)
  }

  /// Where the next `count` bytes go.
  @inline(__always)
  private mutating func room(_ count: Int, _ blocks: BlockPool) -> UnsafeMutableRawPointer {
    if capacity - end < count { makeRoom(count, blocks) }
    return unsafe base.unsafelyUnwrapped + end
  }

  private mutating func makeRoom(_ needed: Int, _ blocks: BlockPool) {
    let count = self.count
    guard let old = unsafe base else {
      capacity = max(needed, BlockPool.blockSize)
      unsafe base = blocks.take(capacity)
      return
    }
    if start >= capacity / 2, capacity - count >= needed {
      unsafe memmove(old, old + start, count)
    } else {
      let larger = max(capacity * 2, count + needed)
      let fresh = unsafe blocks.take(larger)
      unsafe memcpy(fresh, old + start, count)
      unsafe blocks.give(old, capacity)
      unsafe base = fresh
      capacity = larger
    }
    start = 0
    end = count
  }
}
